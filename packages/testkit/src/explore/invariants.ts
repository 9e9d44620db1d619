/**
 * What must be true of all nodes together, in every state: agreement, validity, and that nobody
 * says that a value is chosen which is not. Chosen is what a quorum has durably accepted at one
 * ballot at any time, as the paper has it: not what some node believes.
 */
import { formatBallot } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import type { Acceptance, Learnt, Model, Vote } from './model.ts'

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
  const accepted = new Map<number, Map<string, Accepted>>()
  for (const { id, acceptances } of nodes) {
    for (const { slot, ballot, value, incarnation = '' } of acceptances) {
      const text = JSON.stringify(value)
      const inSlot = accepted.get(slot) ?? new Map<string, Accepted>()
      accepted.set(slot, inSlot)
      const at = formatBallot(ballot)
      const known = inSlot.get(at) ?? { text, votes: [] }
      inSlot.set(at, known)
      known.votes.push({ id, incarnation })
      if (known.text === text) continue
      return `a ballot has one value: ${known.text} and ${text} were accepted at slot ${slot}, ballot ${at}`
    }
  }
  // In ascending order: who decides a slot may follow from what is chosen below it.
  for (const slot of [...accepted.keys()].toSorted((a, b) => a - b)) {
    const broken = choose(model, slot, [...(accepted.get(slot)?.values() ?? [])], chosen)
    if (broken !== null) return broken
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

/** A value that was accepted at one ballot, and by whom. */
interface Accepted {
  readonly text: string
  readonly votes: Vote[]
}

/** Adds what is chosen in `slot`. Returns the promise that is broken there, or `null`. */
function choose(
  model: Model,
  slot: number,
  accepted: readonly Accepted[],
  chosen: Map<number, string>,
): string | null {
  for (const { text, votes } of accepted) {
    if (!isDecided(model, slot, votes, chosen)) continue
    const before = chosen.get(slot)
    if (before !== undefined && before !== text) {
      return `agreement: ${before} and ${text} are both chosen in slot ${slot}`
    }
    chosen.set(slot, text)
    if (!model.values.some((proposed) => JSON.stringify(proposed) === text)) {
      return `validity: ${text} is chosen, and nobody proposed it`
    }
  }
  return null
}

function isDecided(
  model: Model,
  slot: number,
  votes: readonly Vote[],
  chosen: ReadonlyMap<number, string>,
): boolean {
  if (model.decides === undefined) {
    return model.quorums.isPhase2Quorum(new Set(votes.map(({ id }) => id)))
  }
  const below: string[] = []
  for (let lower = 1; lower < slot; lower += 1) {
    const text = chosen.get(lower)
    // Who decides is not known yet. It will be looked at again in the states in which it is.
    if (text === undefined) return false
    below.push(text)
  }
  return model.decides(votes, below)
}
