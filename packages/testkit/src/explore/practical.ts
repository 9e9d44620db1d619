/**
 * The practical node as a model: each node is proposer, acceptor and learner, and what it saves is
 * durable only in a later step, or never. Nobody calls tick(): as the network may deliver again
 * whatever was ever sent, sending it again adds nothing.
 */
import { compareBallots, formatBallot, majority, NO_EFFECTS } from '@paxos/core'
import type { Effects, NodeId, QuorumSystem, Saved } from '@paxos/core'
import { Node } from '@paxos/core/practical'
import { counted, savedOf, textIn } from './model.ts'
import type { Engine, Input, Model, NodeModel, PlainSave, Reaction, Sent, Stored } from './model.ts'
import { asMessage, asPlain } from './plain.ts'

/** What the model calls of a node. */
export type PracticalNode = Pick<
  Node<string>,
  | 'propose'
  | 'prepare'
  | 'receive'
  | 'saved'
  | 'promised'
  | 'accepted'
  | 'chosen'
  | 'wanted'
  | 'phase'
  | 'ballot'
>

export interface PracticalOptions {
  /** How many ballots each node may try; one to three nodes, as many as numbers. Default: [1, 1, 0]. */
  readonly ballots?: readonly number[]
  /** How often each node may crash. Default: [0, 0, 1]. */
  readonly crashes?: readonly number[]
  readonly quorums?: (acceptors: readonly NodeId[]) => QuorumSystem
  /** Makes a node. A test gives another, to see that the explorer finds what is wrong in it. */
  readonly node?: (id: NodeId, quorums: QuorumSystem, saved: Saved<string>) => PracticalNode
}

const IDS = ['a', 'b', 'c']

/** What a node wants at its first ballot, and at a later one if it has lost the first in a crash. */
function valueOf(node: number, attempt: number): string {
  return `${['x', 'y', 'z'][node] ?? ''}${attempt + 1}`
}

/**
 * Nodes, of which each that has ballots wants a value of its own; after a crash, another. Where a
 * node saves, others may go on, and it too, before the save is durable; a crash then loses it, or the
 * newest of them.
 */
export function practicalModel(options: PracticalOptions = {}): Model {
  const { ballots = [1, 1, 0], crashes = [0, 0, 1] } = options
  const ids = IDS.slice(0, ballots.length)
  const quorums = (options.quorums ?? majority)(ids)
  const make = options.node ?? ((id, system, saved) => new Node({ id, quorums: system, saved }))
  const nodes = ids.map((id, index): NodeModel => {
    const times = ballots[index] ?? 0
    return {
      id,
      commands: [{ name: 'prepares', times }],
      crashes: crashes[index] ?? 0,
      saves: 'later',
      learnsBy: quorums,
      create: (stored: Stored) => {
        const node = make(id, quorums, savedOf(stored, textIn))
        return running(node, (attempt) => valueOf(index, attempt))
      },
    }
  })
  const values = ballots.map((times, index) => {
    return Array.from({ length: times }, (_, attempt) => valueOf(index, attempt))
  })
  return {
    name: 'practical',
    description:
      `${counted(ids.length, 'node')} with ${ballots.join(', ')} ballots and ${crashes.join(', ')} crashes, ` +
      'saves that are durable later or never',
    options: { ballots, crashes },
    nodes,
    quorums,
    values: values.flat(),
    choosable: values.flatMap((ofNode) => ofNode.slice(0, 1)),
    interchangeable: [],
    constants: [quorums],
  }
}

function running(node: PracticalNode, wanted: (attempt: number) => string): Engine {
  return {
    subject: node,
    ignores(_from, plain) {
      const message = asMessage<string>(plain)
      if (message.type !== 'promise') return false
      // Promises matter to a node until it leads or gives up; one that starts again has promised
      // its own ballots as well.
      const order = compareBallots(message.ballot, node.ballot ?? node.promised)
      return order < 0 || (order === 0 && node.phase !== 'preparing')
    },
    react: (input) => reactionTo(effectsOf(node, input, wanted)),
    view() {
      const { promised, accepted, chosen } = node
      const held = accepted === null ? 'none' : `${formatBallot(accepted.ballot)}:${accepted.value}`
      const known = chosen === null ? '' : `, chosen ${chosen.value}`
      return `promised ${formatBallot(promised)}, accepted ${held}${known}`
    },
  }
}

function effectsOf(
  node: PracticalNode,
  input: Input,
  wanted: (attempt: number) => string,
): Effects<string> {
  switch (input.type) {
    case 'command':
      // It does not lead then, or it would want something already: nothing follows from it yet.
      if (node.wanted === null) node.propose(wanted(input.count))
      return node.prepare()
    case 'start':
      return NO_EFFECTS
    case 'saved':
      return node.saved()
    case 'receive':
      return node.receive(input.from, asMessage(input.message))
  }
}

function reactionTo({ send, save, events }: Effects<string>): Reaction {
  const learnt = events.flatMap((event) => {
    return event.type === 'chosen' ? [{ slot: 1, value: event.value }] : []
  })
  return { send: sent(send), save: save === undefined ? null : saving(save), learnt }
}

function saving({ change, then }: NonNullable<Effects<string>['save']>): PlainSave {
  const { promised, accepted, chosenThrough } = change
  return {
    change: {
      ...(promised !== undefined && { promised }),
      ...(accepted !== undefined && { accepted }),
      ...(chosenThrough !== undefined && { chosenThrough }),
    },
    then: sent(then),
  }
}

function sent(messages: Effects<string>['send']): Sent[] {
  return messages.map(({ to, message }) => ({ to, message: asPlain(message) }))
}
