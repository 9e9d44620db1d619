/**
 * The replicated log of core as a model: three MultiPaxos engines and two slots, led from outside.
 * Two of the nodes may try to lead, and each proposes a value of its own when it leads.
 */
import { majority } from '@paxos/core'
import type { NodeId, QuorumSystem, Saved } from '@paxos/core'
import { MultiPaxos } from '@paxos/core/multi'
import type { LogEffects, MultiPaxosMessage } from '@paxos/core/multi'
import { ballotText, clusterModel } from './cluster.ts'
import type { Output } from './cluster.ts'
import type { Model } from './explore.ts'

export interface MultiOptions {
  /** How often each of the two may try to lead. */
  readonly ballots: readonly [number, number]
  /** How many values each of them may propose, each in a slot of its own. */
  readonly values: readonly [number, number]
  /** How many crashes there may be altogether. */
  readonly crashes: number
  /** What to explore in the place of core's class: for showing that mistakes are found. */
  readonly instead?: ((id: NodeId, quorums: QuorumSystem, saved: Saved) => MultiPaxos) | undefined
}

const NODES = ['a', 'b', 'c'] as const
const NO_OP = '0'

export function multiModel({ ballots, values, crashes, instead }: MultiOptions): Model<object> {
  const quorums = majority(NODES)
  return clusterModel<Uint8Array, MultiPaxosMessage>({
    name: 'multi',
    configuration:
      `3 nodes, 2 of them with ${ballots.join(' and ')} ballots and ` +
      `${values.join(' and ')} values, ${crashes} crashes`,
    nodes: NODES,
    make(id, saved) {
      const engine = instead?.(id, quorums, saved) ?? new MultiPaxos(optionsOf(id, quorums, saved))
      return {
        object: engine,
        feed(input) {
          if (input.type === 'saved') return outputOf(engine.saved())
          if (input.type === 'receive') return outputOf(engine.receive(input.from, input.message))
          if (input.what === 'tries to lead') return outputOf(engine.lead())
          return outputOf(engine.propose([Uint8Array.of(9, id.charCodeAt(0))]).effects)
        },
      }
    },
    mayDo: ['a', 'b'].flatMap((node, index) => [
      { node, what: 'tries to lead', times: ballots[index] ?? 0 },
      { node, what: 'proposes', times: values[index] ?? 0 },
    ]),
    crashes,
    savesAtOnce: false,
    alike: [],
    constants: ['#settings', '#quorums', '#random'],
    quorum: 2,
    valueOf: textOf,
    isValid: (value) => value === NO_OP || value.startsWith('9 '),
    describeMessage: (message) =>
      'ballot' in message ? `${message.type} ${ballotText(message.ballot)}` : message.type,
    promisedBy: (message) => (message.type === 'logPromise' ? message.ballot : null),
  })
}

/** What a model of MultiPaxos is made with: nothing in it waits for time. */
export function optionsOf(id: NodeId, quorums: QuorumSystem, saved: Saved) {
  return { id, quorums, saved, random: () => 0.5, election: 'external' } as const
}

function outputOf({ send, save, events }: LogEffects): Output<Uint8Array, MultiPaxosMessage> {
  const chosen = events.flatMap((event) =>
    event.type === 'chosen'
      ? event.values.map((value, index) => [event.first + index, textOf(value)] as const)
      : [],
  )
  return save === undefined ? { send, chosen } : { send, save, chosen }
}

function textOf(value: Uint8Array): string {
  return value.join(' ')
}
