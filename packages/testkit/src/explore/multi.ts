/**
 * MultiPaxos as a model: three nodes that lead when they are told to, and a log of a few slots. As
 * for the practical node, saves are durable later or never, and time stands still: what was sent may
 * be delivered again, so that nothing needs to be sent again.
 */
import { compareBallots, formatBallot, majority } from '@paxos/core'
import type { NodeId, QuorumSystem, Saved } from '@paxos/core'
import { MultiPaxos } from '@paxos/core/multi'
import type { LogEffects, MultiPaxosOptions } from '@paxos/core/multi'
import { counted, savedOf } from './model.ts'
import type { Acceptance, Engine, Input, Model, NodeModel, PlainObject } from './model.ts'
import type { Reaction, Sent, Stored } from './model.ts'
import { asLogMessage, asPlain, bytesOf } from './plain.ts'

/** What the model calls of a node. */
export type LogNode = Pick<
  MultiPaxos,
  | 'lead'
  | 'propose'
  | 'receive'
  | 'saved'
  | 'tick'
  | 'phase'
  | 'ballot'
  | 'room'
  | 'slotsInFlight'
  | 'promised'
  | 'chosenThrough'
>

export interface MultiOptions {
  /** How often each node may try to lead; one to three nodes, as many as numbers. Default: [1, 1, 0]. */
  readonly ballots?: readonly number[]
  /** How often each node may crash. Default: [0, 0, 1]. */
  readonly crashes?: readonly number[]
  /** How many slots may be filled; a new leader fills one by itself. Default: 2. */
  readonly slots?: number
  readonly quorums?: (acceptors: readonly NodeId[]) => QuorumSystem
  /** Makes a node. A test gives another, to see that the explorer finds what is wrong in it. */
  readonly node?: (options: MultiPaxosOptions) => LogNode
}

const IDS = ['a', 'b', 'c']
/** What a new leader proposes by itself, behind what it has recovered. */
export const NO_OP = { bytes: '\u0000' }

/** Nodes of a log. Each command of a node is another value: x1, x2 of the first, and so on. */
export function multiModel(options: MultiOptions = {}): Model {
  const { ballots = [1, 1, 0], crashes = [0, 0, 1], slots = 2 } = options
  const ids = IDS.slice(0, ballots.length)
  const quorums = (options.quorums ?? majority)(ids)
  const make = options.node ?? ((settings) => new MultiPaxos(settings))
  const nodes = ids.map((id, index): NodeModel => {
    const times = ballots[index] ?? 0
    return {
      id,
      commands: [
        { name: 'leads', times },
        { name: 'proposes', times: times > 0 ? slots : 0 },
      ],
      crashes: crashes[index] ?? 0,
      saves: 'later',
      create(stored: Stored) {
        const saved: Saved = savedOf(stored, bytesIn)
        const node = make({ id, quorums, saved, random: half, election: 'external' })
        node.tick(0)
        return running(node, slots, (count) => commandOf(index, count))
      },
    }
  })
  const commands = ids.flatMap((_, index) => {
    const count = (ballots[index] ?? 0) > 0 ? slots : 0
    return Array.from({ length: count }, (__, each) => ({ bytes: commandOf(index, each) }))
  })
  return {
    name: 'multi',
    description:
      `${counted(ids.length, 'node')} of a log with ${counted(slots, 'slot')}, ${ballots.join(', ')} ballots and ` +
      `${crashes.join(', ')} crashes, saves that are durable later or never`,
    options: { ballots, crashes, slots },
    nodes,
    quorums,
    values: [NO_OP, ...commands],
    // Of the slots a new leader takes the first.
    choosable:
      slots > 1 ? [NO_OP, ...commands.filter(({ bytes }) => bytes.endsWith('1'))] : [NO_OP],
    interchangeable: [],
    constants: [quorums],
  }
}

function commandOf(index: number, count: number): string {
  return `${['x', 'y', 'z'][index] ?? ''}${count + 1}`
}

/** Nothing that this model does depends on chance. */
export function half(): number {
  return 0.5
}

export function bytesIn(value: unknown): Uint8Array {
  const isBytes = typeof value === 'object' && value !== null && 'bytes' in value
  return bytesOf(isBytes ? String(value.bytes) : '')
}

function running(node: LogNode, slots: number, valueOf: (count: number) => string): Engine {
  return {
    subject: node,
    ignores(_from, plain) {
      const message = asLogMessage(plain)
      if (message.type !== 'logPromise' && message.type !== 'logAccepted') return false
      // As in the practical node; and a leader that has resigned counts no acknowledgement.
      const order = compareBallots(message.ballot, node.ballot ?? node.promised)
      return order < 0 || (order === 0 && node.phase === 'idle')
    },
    react: (input) => reactionTo(effectsOf(node, input, valueOf)),
    canUse(command) {
      if (command !== 'proposes') return true
      const isOpen = node.phase === 'leading' && node.room.values > 0
      return isOpen && node.chosenThrough + node.slotsInFlight < slots
    },
    view: () =>
      `${node.phase}, promised ${formatBallot(node.promised)}, chosen ${node.chosenThrough}`,
  }
}

function effectsOf(node: LogNode, input: Input, valueOf: (count: number) => string): LogEffects {
  switch (input.type) {
    case 'command':
      if (input.name === 'leads') return node.lead()
      return node.propose([bytesOf(valueOf(input.count))]).effects
    case 'start':
      return node.tick(0)
    case 'saved':
      return node.saved()
    case 'receive':
      return node.receive(input.from, asLogMessage(input.message))
  }
}

export function reactionTo({ send, save, events }: LogEffects): Reaction {
  const learnt = events.flatMap((event) => {
    if (event.type !== 'chosen') return []
    return event.values.map((value, index) => ({
      slot: event.first + index,
      value: asPlain(value),
    }))
  })
  if (save === undefined) return { send: sent(send), save: null, learnt }
  const { promised, accepted, chosenThrough, admitted } = save.change
  const change = {
    ...(promised !== undefined && { promised }),
    ...(accepted !== undefined && { accepted: accepted.map(acceptance) }),
    ...(chosenThrough !== undefined && { chosenThrough }),
    ...(admitted !== undefined && { admitted }),
  }
  return { send: sent(send), save: { change, then: sent(save.then) }, learnt }
}

function acceptance({ slot, ballot, value }: Saved['accepted'][number]): Acceptance {
  const plain: PlainObject = asPlain(value)
  return { slot, ballot, value: plain }
}

function sent(messages: LogEffects['send']): Sent[] {
  return messages.map(({ to, message }) => ({ to, message: asPlain(message) }))
}
