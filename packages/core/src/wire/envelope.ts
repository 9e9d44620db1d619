/**
 * The messages of proto/paxos.proto, field by field: the one place that knows a field number. The
 * two files must say the same; the tests hold them against each other. A number that was once
 * released must never change its meaning.
 */
import type { Ballot } from '../ballot.ts'
import type { Message, Proposal } from '../message.ts'
import { bytes, flag, implied, message, nodeId, NOT_SENT, optional, round } from './field.ts'
import type { Field } from './field.ts'

/** Envelope.cluster. */
export const CLUSTER = 1

/** Envelope.sender. */
export const SENDER = 2

/** Which message it is. */
export type MessageType = Message<Uint8Array>['type']

/** The message of one type. */
export type MessageOf<Type extends MessageType> = {
  [Each in MessageType]: Extract<Message<Uint8Array>, { readonly type: Each }>
}[Type]

const ballot = message<Ballot>({ round: [1, round], node: [2, nodeId] })
const proposal = message<Proposal<Uint8Array>>({ ballot: [1, ballot], value: [2, bytes] })

/** The oneof of Envelope: the field number of each message, and what it holds. */
export const MESSAGES: {
  readonly [Type in MessageType]: readonly [number: number, field: Field<MessageOf<Type>>]
} = {
  prepare: [10, message({ type: [NOT_SENT, implied('prepare')], ballot: [1, ballot] })],
  promise: [
    11,
    message({
      type: [NOT_SENT, implied('promise')],
      ballot: [1, ballot],
      accepted: [2, optional(proposal)],
    }),
  ],
  accept: [
    12,
    message({ type: [NOT_SENT, implied('accept')], ballot: [1, ballot], value: [2, bytes] }),
  ],
  accepted: [
    13,
    message({ type: [NOT_SENT, implied('accepted')], ballot: [1, ballot], value: [2, bytes] }),
  ],
  nack: [
    14,
    message({ type: [NOT_SENT, implied('nack')], ballot: [1, ballot], promised: [2, ballot] }),
  ],
  propose: [15, message({ type: [NOT_SENT, implied('propose')], value: [1, bytes] })],
  heartbeat: [
    16,
    message({ type: [NOT_SENT, implied('heartbeat')], ballot: [1, ballot], chosen: [2, flag] }),
  ],
  proclamation: [
    17,
    message({ type: [NOT_SENT, implied('proclamation')], ballot: [1, ballot], chosen: [2, flag] }),
  ],
  learn: [18, message({ type: [NOT_SENT, implied('learn')] })],
  chosen: [
    19,
    message({ type: [NOT_SENT, implied('chosen')], ballot: [1, ballot], value: [2, bytes] }),
  ],
}
