/**
 * The messages that nodes exchange, as plain data. `V` is whatever is to be agreed on; on the wire
 * it is bytes. Messages carry no sender: the transport says who sent a frame.
 *
 * `Promise` is JavaScript's own word, so every message type ends in Message.
 */
import type { Ballot, NodeId } from './ballot.ts'
import type { LogMessage } from './multi/messages.ts'

/** Phase 1a: "may I use this ballot, and what have you accepted below it?" */
export interface PrepareMessage {
  readonly type: 'prepare'
  readonly ballot: Ballot
}

/** Phase 1b: "I accept nothing below `ballot` any more; this is what I had accepted." */
export interface PromiseMessage<V> {
  readonly type: 'promise'
  readonly ballot: Ballot
  /** The highest-numbered proposal that the acceptor has accepted; `null` when none. */
  readonly accepted: Proposal<V> | null
}

/** Phase 2a: "accept this value at this ballot." */
export interface AcceptMessage<V> {
  readonly type: 'accept'
  readonly ballot: Ballot
  readonly value: V
}

/** Phase 2b: "I have accepted this value at this ballot." Told to every learner. */
export interface AcceptedMessage<V> {
  readonly type: 'accepted'
  readonly ballot: Ballot
  readonly value: V
}

/** The refusal of a Prepare or an Accept, so that its proposer need not wait for a timeout. */
export interface NackMessage {
  readonly type: 'nack'
  /** The ballot that was refused. */
  readonly ballot: Ballot
  /** The higher ballot that the acceptor has promised. */
  readonly promised: Ballot
}

/** A node asks the leader to propose its value. */
export interface ProposeMessage<V> {
  readonly type: 'propose'
  readonly value: V
}

/** Sent at regular intervals by a leader, so that the others leave it in peace. */
export interface HeartbeatMessage {
  readonly type: 'heartbeat'
  readonly ballot: Ballot
  /** Whether the leader knows a chosen value; who does not asks for it with Learn. */
  readonly chosen: boolean
}

/** Sent by a new leader whose election was decided by a failure detector outside. */
export interface ProclamationMessage {
  readonly type: 'proclamation'
  readonly ballot: Ballot
  /** As in a heartbeat. */
  readonly chosen: boolean
}

/** "Tell me what was chosen." Answered with Chosen by a node that knows, else not at all. */
export interface LearnMessage {
  readonly type: 'learn'
}

/** `value` was accepted by a phase 2 quorum at `ballot`. */
export interface ChosenMessage<V> {
  readonly type: 'chosen'
  readonly ballot: Ballot
  readonly value: V
}

/** Everything that nodes of a single decree send each other. */
export type Message<V> =
  | PrepareMessage
  | PromiseMessage<V>
  | AcceptMessage<V>
  | AcceptedMessage<V>
  | NackMessage
  | ProposeMessage<V>
  | HeartbeatMessage
  | ProclamationMessage
  | LearnMessage
  | ChosenMessage<V>

/**
 * Says that a node is there, and by its envelope for which members. It asks for nothing, and belongs
 * to no engine: the host that receives it looks at the envelope.
 */
export interface HelloMessage {
  readonly type: 'hello'
}

/** A value and the ballot at which it was proposed. */
export interface Proposal<V> {
  readonly ballot: Ballot
  readonly value: V
}

/** The unit of the wire format: one message, from one node of one cluster. */
export interface Envelope<V = Uint8Array> {
  /** Frames of other clusters are dropped by the receiver. */
  readonly cluster: string
  readonly from: NodeId
  /**
   * A digest of the members that the sender's log or decree began with, 1 to 2^53 - 1. Absent: the
   * sender does not say, as releases before this field. The receiver drops frames of other members.
   */
  readonly membersDigest?: number | undefined
  readonly message: Message<V> | LogMessage | HelloMessage
}
