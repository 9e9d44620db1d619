/**
 * What must be true of all nodes together, in every state: agreement, validity, and that nobody
 * says that a value is chosen which is not. Chosen is what a quorum has durably accepted at one
 * ballot at any time, as the paper has it: not what some node believes.
 */
import { formatBallot } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import type { Acceptance, Learnt, Model } from './model.ts'

/** What nodes have accepted and said in all their lives. */
export interface Facts {
  readonly id: NodeId
  readonly acceptances: Iterable<Acceptance>
  readonly learnt: Iterable<Learnt>
}

/** What follows from the facts. */
export interface Verdict {
  /** The promise that is broken, or `null`. */
  readonly broken: string | null
  /** By slot, the values that are chosen, as JSON. */
  readonly chosen: ReadonlyMap<number, string>
}

/** Whether what nodes have done keeps every promise. */
export function judge(model: Model, nodes: readonly Facts[]): Verdict {
  const chosen = new Map<number, string>()
  return { broken: brokenBy(model, nodes, chosen), chosen }
}

function brokenBy(
  model: Model,
  nodes: readonly Facts[],
  chosen: Map<number, string>,
): string | null {
  const acceptors = new Map<string, Set<NodeId>>()
  const values = new Map<string, string>()
  for (const { id, acceptances } of nodes) {
    for (const { slot, ballot, value } of acceptances) {
      const at = `slot ${slot}, ballot ${formatBallot(ballot)}`
      const text = JSON.stringify(value)
      const other = values.get(at)
      if (other !== undefined && other !== text) {
        return `a ballot has one value: ${other} and ${text} were accepted at ${at}`
      }
      values.set(at, text)
      const by = acceptors.get(at) ?? new Set()
      acceptors.set(at, by.add(id))
      if (!model.quorums.isPhase2Quorum(by)) continue
      const before = chosen.get(slot)
      if (before !== undefined && before !== text) {
        return `agreement: ${before} and ${text} are both chosen in slot ${slot}`
      }
      chosen.set(slot, text)
      if (!model.values.some((proposed) => JSON.stringify(proposed) === text)) {
        return `validity: ${text} is chosen, and nobody proposed it`
      }
    }
  }
  for (const { id, learnt } of nodes) {
    for (const { slot, value } of learnt) {
      const text = JSON.stringify(value)
      const right = chosen.get(slot)
      if (right === text) continue
      const instead = right === undefined ? 'nothing is' : `${right} is`
      return `agreement: ${id} says that ${text} is chosen in slot ${slot}, and ${instead}`
    }
  }
  return null
}
