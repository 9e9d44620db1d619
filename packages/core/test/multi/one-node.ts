/**
 * One engine, and the others as the test plays them: messages in few words, and nodes brought to
 * where a story begins. Must stay plain data, as `messages.ts` defines it.
 */
import { majority, NO_EFFECTS } from '@paxos/core'
import type { Ballot, Change, Disbelief, NodeId, Slot } from '@paxos/core'
import { MultiPaxos, type LogEffects, type LogEvent } from '@paxos/core/multi'
import type { MultiPaxosMessage, MultiPaxosOptions } from '@paxos/core/multi'
import { at } from '../messages.ts'

export const ABC = majority(['a', 'b', 'c'])

export const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text))
export const values = (...texts: readonly string[]): Uint8Array[] => texts.map(bytes)
export const noOp = Uint8Array.of(0)

export type MessageOf<Type extends MultiPaxosMessage['type']> = Extract<
  MultiPaxosMessage,
  { readonly type: Type }
>

export const prepare = (ballot: Ballot, from: Slot): MessageOf<'logPrepare'> => ({
  type: 'logPrepare',
  ballot,
  from,
})

export const promise = (
  ballot: Ballot,
  from: Slot,
  rest: Partial<MessageOf<'logPromise'>> = {},
): MessageOf<'logPromise'> => ({
  type: 'logPromise',
  ballot,
  from,
  entries: [],
  next: 0,
  chosenThrough: 0,
  compactedThrough: 0,
  ...rest,
})

export const accept = (
  ballot: Ballot,
  base: Slot,
  first: Slot,
  proposed: readonly string[],
  chosenThrough = 0,
): MessageOf<'logAccept'> => ({
  type: 'logAccept',
  ballot,
  base,
  first,
  values: values(...proposed),
  chosenThrough,
})

export const accepted = (ballot: Ballot, through: Slot): MessageOf<'logAccepted'> => ({
  type: 'logAccepted',
  ballot,
  through,
})

export const heartbeat = (
  ballot: Ballot,
  base: Slot,
  chosenThrough: Slot,
  readId = 0,
): MessageOf<'logHeartbeat'> => ({ type: 'logHeartbeat', ballot, base, chosenThrough, readId })

export const heartbeatAnswer = (
  ballot: Ballot,
  through: Slot,
  chosenThrough: Slot,
  readId = 0,
): MessageOf<'logHeartbeatAnswer'> => ({
  type: 'logHeartbeatAnswer',
  ballot,
  through,
  chosenThrough,
  readId,
})

export const entry = (slot: Slot, ballot: Ballot, text: string) => ({
  slot,
  ballot,
  value: bytes(text),
})

/** What a message leads to that is not believed. */
export const disbelieved = (from: NodeId, reason: Disbelief): LogEffects => ({
  send: [],
  events: [{ type: 'disbelieved', from, reason }],
})

/** `peer` says how much it knows, and is asked for it. */
export const knowsMore = (chosenThrough: Slot): MessageOf<'campaign'> => ({
  type: 'campaign',
  run: 1,
  number: 1,
  chosenThrough,
})

/** Node a of three, at 0 ms. */
export function nodeA(options: Partial<MultiPaxosOptions> = {}): MultiPaxos {
  const node = new MultiPaxos({ id: 'a', quorums: ABC, random: () => 0.5, ...options })
  node.tick(0)
  return node
}

/** Everything that one input led to, saves included, on a disk that is never slow. */
export interface Carried {
  readonly sent: readonly { readonly to: NodeId; readonly message: MultiPaxosMessage }[]
  readonly events: readonly LogEvent[]
  readonly changes: readonly Change[]
}

/** Completes the save of `effects`, and those that follow from it. */
export function instantly(node: MultiPaxos, { send, save, events }: LogEffects): Carried {
  if (save === undefined) return { sent: send, events, changes: [] }
  const later = instantly(node, node.saved())
  return {
    sent: [...send, ...save.then, ...later.sent],
    events: [...events, ...later.events],
    changes: [save.change, ...later.changes],
  }
}

/** Node a leads at 0 ms with 1.a and base 1; its first no-op is chosen and its window empty. */
export function leadingA(options: Partial<MultiPaxosOptions> = {}): MultiPaxos {
  const node = nodeA(options)
  instantly(node, node.lead())
  instantly(node, node.receive('b', promise(at(1), 1)))
  instantly(node, node.receive('b', accepted(at(1), 1)))
  if (node.phase !== 'leading' || node.chosenThrough !== 1) throw new Error('a does not lead')
  return node
}

/** The messages of one type, as they left. */
export function only<Type extends MultiPaxosMessage['type']>(
  sent: readonly { readonly to: NodeId; readonly message: MultiPaxosMessage }[],
  type: Type,
): { readonly to: NodeId; readonly message: MessageOf<Type> }[] {
  return sent.flatMap(({ to, message }) => (isOf(message, type) ? [{ to, message }] : []))
}

function isOf<Type extends MultiPaxosMessage['type']>(
  message: MultiPaxosMessage,
  type: Type,
): message is MessageOf<Type> {
  return message.type === type
}

export { NO_EFFECTS }
