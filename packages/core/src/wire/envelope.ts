/**
 * The messages of proto/paxos.proto, field by field: the one place that knows a field number. The
 * two files must say the same; the tests hold them against each other. A number that was once
 * released must never change its meaning: a new field comes last.
 *
 * The fields of a message are numbered 1, 2, 3, … in the order in which they stand here.
 */
import type { Ballot } from '../ballot.ts'
import type { AcceptedEntry, Member } from '../durability.ts'
import type { HelloMessage, Message, Proposal } from '../message.ts'
import { MAX_BATCH_VALUES, MAX_MEMBERS } from '../multi/limits.ts'
import type { LogMessage } from '../multi/messages.ts'
import { address, bytes, bytesOrNothing, count, countOrNothing, flag, mark } from './field.ts'
import {
  message,
  messageOrNothing,
  nameOrNothing,
  nodeId,
  nonEmptyId,
  optional,
  positive,
  repeated,
} from './field.ts'
import { sentenceOrNothing, valueList } from './field.ts'
import type { Field } from './field.ts'

type AnyMessage = Message<Uint8Array> | LogMessage | HelloMessage

/** Envelope.cluster. */
export const CLUSTER = 1

/** Envelope.sender. */
export const SENDER = 2

/** Envelope.members_digest. */
export const MEMBERS_DIGEST = 3

/** Which message it is. */
export type MessageType = AnyMessage['type']

/** What a message of one type holds: the number of the message says which type it is. */
export type BodyOf<Type extends MessageType> = {
  [Each in MessageType]: Omit<Extract<AnyMessage, { readonly type: Each }>, 'type'>
}[Type]

const ballot = message<Ballot>({ round: positive, node: nodeId })
const proposal = message<Proposal<Uint8Array>>({ ballot, value: bytes })
const values = valueList(MAX_BATCH_VALUES)
const entries = repeated(
  message<AcceptedEntry>({ slot: positive, ballot, value: bytes }),
  MAX_BATCH_VALUES,
)
const members = repeated(message<Member>({ id: nodeId, address }), MAX_MEMBERS)

/** The oneof of Envelope: the field number of each message, and what it holds. */
export const MESSAGES: {
  readonly [Type in MessageType]: readonly [number: number, field: Field<BodyOf<Type>>]
} = {
  prepare: [10, message({ ballot })],
  promise: [11, message({ ballot, accepted: optional(proposal) })],
  accept: [12, message({ ballot, value: bytes })],
  accepted: [13, message({ ballot, value: bytes })],
  nack: [14, message({ ballot, promised: ballot })],
  propose: [15, message({ value: bytes })],
  heartbeat: [16, message({ ballot, chosen: flag })],
  proclamation: [17, message({ ballot, chosen: flag })],
  learn: [18, message({})],
  chosen: [19, message({ ballot, value: bytes })],
  logPrepare: [
    20,
    message({
      ballot,
      from: positive,
      version: countOrNothing,
      names: nameOrNothing,
      released: messageOrNothing(ballot),
    }),
  ],
  logPromise: [
    21,
    message({
      ballot,
      from: positive,
      entries,
      next: count,
      chosenThrough: count,
      compactedThrough: count,
      incarnation: nameOrNothing,
    }),
  ],
  logAccept: [
    22,
    message({
      ballot,
      base: positive,
      first: positive,
      values,
      chosenThrough: count,
    }),
  ],
  logAccepted: [23, message({ ballot, through: count, incarnation: nameOrNothing })],
  logHeartbeat: [
    24,
    message({
      ballot,
      base: positive,
      chosenThrough: count,
      readId: count,
      complete: countOrNothing,
      leaseAt: countOrNothing,
      leaseMs: countOrNothing,
      version: countOrNothing,
    }),
  ],
  logHeartbeatAnswer: [
    25,
    message({
      ballot,
      through: count,
      chosenThrough: count,
      readId: count,
      incarnation: nameOrNothing,
      storedThrough: countOrNothing,
      leaseAt: countOrNothing,
    }),
  ],
  campaign: [
    26,
    message({
      run: positive,
      number: positive,
      chosenThrough: count,
      version: countOrNothing,
    }),
  ],
  support: [
    27,
    message({
      run: positive,
      number: positive,
      granted: flag,
      promised: optional(ballot),
      chosenThrough: count,
    }),
  ],
  handOver: [28, message({ ballot })],
  forward: [29, message({ values, relayed: mark })],
  readIndex: [30, message({ run: positive, number: positive, relayed: mark, byLease: mark })],
  readIndexAnswer: [
    31,
    message({
      run: positive,
      number: positive,
      slot: count,
    }),
  ],
  fetchEntries: [32, message({ from: positive, maxBytes: countOrNothing })],
  fetched: [
    33,
    message({
      from: positive,
      entries,
      chosenThrough: count,
      complete: countOrNothing,
    }),
  ],
  fetchSnapshot: [34, message({ through: positive, offset: count, maxBytes: countOrNothing })],
  snapshotChunk: [
    35,
    message({
      ballot,
      through: positive,
      members,
      totalBytes: count,
      offset: count,
      bytes,
      configuration: bytesOrNothing,
    }),
  ],
  forwardRefused: [36, message({ heads: values, reason: sentenceOrNothing })],
  hello: [37, message({})],
  introduction: [38, message({ incarnation: nonEmptyId, storedThrough: count, asks: flag })],
  introductionAnswer: [
    39,
    message({ to: nonEmptyId, incarnation: nonEmptyId, hadVoted: flag, chosenThrough: count }),
  ],
}
