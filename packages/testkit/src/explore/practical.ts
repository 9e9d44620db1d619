/**
 * The practical node of core as a model: three of them, each in all roles, whose saves take their
 * time. Two want a value of their own chosen.
 */
import { majority } from '@paxos/core'
import type { Message, NodeId, QuorumSystem, Saved } from '@paxos/core'
import { Node } from '@paxos/core/practical'
import { ballotText, clusterModel } from './cluster.ts'
import type { Output } from './cluster.ts'
import type { Model } from './explore.ts'

export interface PracticalOptions {
  /** How many ballots each of the two proposers may begin. */
  readonly ballots: readonly [number, number]
  /** How many crashes there may be altogether. */
  readonly crashes: number
  /** What to explore in the place of core's class: for showing that mistakes are found. */
  readonly instead?:
    ((id: NodeId, quorums: QuorumSystem, saved: Saved<string>) => Node<string>) | undefined
}

const NODES = ['a', 'b', 'c'] as const
const VALUES = new Map([
  ['a', 'x'],
  ['b', 'y'],
])

export function practicalModel({ ballots, crashes, instead }: PracticalOptions): Model<object> {
  const quorums = majority(NODES)
  return clusterModel<string, Message<string>>({
    name: 'practical',
    configuration: `3 nodes, 2 of them with ${ballots.join(' and ')} ballots, ${crashes} crashes`,
    nodes: NODES,
    make(id, saved) {
      const node = instead?.(id, quorums, saved) ?? new Node({ id, quorums, saved })
      const wanted = VALUES.get(id)
      if (wanted !== undefined) node.propose(wanted)
      return {
        object: node,
        feed(input) {
          if (input.type === 'saved') return outputOf(node.saved())
          if (input.type === 'do') return outputOf(node.prepare())
          return outputOf(node.receive(input.from, input.message))
        },
      }
    },
    mayDo: ['a', 'b'].map((node, index) => ({
      node,
      what: 'prepares',
      times: ballots[index] ?? 0,
    })),
    crashes,
    savesAtOnce: false,
    alike: [],
    constants: ['#quorums', 'id', 'retransmitIntervalMs'],
    quorum: 2,
    valueOf: (value) => value,
    isValid: (value) => value === 'x' || value === 'y',
    describeMessage: (message) =>
      'ballot' in message ? `${message.type} ${ballotText(message.ballot)}` : message.type,
    promisedBy: (message) => (message.type === 'promise' ? message.ballot : null),
  })
}

function outputOf({
  send,
  save,
  events,
}: ReturnType<Node<string>['saved']>): Output<string, Message<string>> {
  const chosen = events.flatMap((event) =>
    event.type === 'chosen' ? [[1, event.value] as const] : [],
  )
  return save === undefined ? { send, chosen } : { send, save, chosen }
}
