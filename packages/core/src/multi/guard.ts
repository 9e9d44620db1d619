/**
 * Which messages are believed, before anything is done with them. The codec has checked their form;
 * this checks what no honest node would say. It must never let through a ballot that speaks for
 * another node, nor a round that would use the rounds up.
 */
import type { Ballot, NodeId } from '../ballot.ts'
import type { Envelope } from '../message.ts'
import type { MultiPaxosMessage } from './effects.ts'
import { MAX_ROUNDS_AHEAD } from './limits.ts'

/** Every type of message that MultiPaxos understands. */
const TYPES: Readonly<Record<MultiPaxosMessage['type'], true>> = {
  nack: true,
  logPrepare: true,
  logPromise: true,
  logAccept: true,
  logAccepted: true,
  logHeartbeat: true,
  logHeartbeatAnswer: true,
  campaign: true,
  support: true,
  handOver: true,
  forward: true,
  readIndex: true,
  readIndexAnswer: true,
  fetchEntries: true,
  fetched: true,
  fetchSnapshot: true,
  snapshotChunk: true,
}

/** Whether a message off the wire is for MultiPaxos, and not for the engine of a single decree. */
export function isMultiPaxosMessage(message: Envelope['message']): message is MultiPaxosMessage {
  return Object.hasOwn(TYPES, message.type)
}

/** Whether `from` may say this, to a node that has seen no ballot above `seen`. */
export function isBelievable(
  from: NodeId,
  message: MultiPaxosMessage,
  seen: Ballot | null,
): boolean {
  const limit = (seen?.round ?? 0) + MAX_ROUNDS_AHEAD
  return isFromOwner(from, message) && ballotsOf(message).every(({ round }) => round <= limit)
}

/** These only the leader or candidate itself sends, and a ballot has one owner. */
const OWNERS_ONLY: ReadonlySet<string> = new Set([
  'logPrepare',
  'logAccept',
  'logHeartbeat',
  'handOver',
])

function isFromOwner(from: NodeId, message: MultiPaxosMessage): boolean {
  return !OWNERS_ONLY.has(message.type) || !('ballot' in message) || message.ballot.node === from
}

/** The ballots of a message, which its receiver may come to promise or to go above. */
function ballotsOf(message: MultiPaxosMessage): readonly Ballot[] {
  const ballots = 'entries' in message ? message.entries.map(({ ballot }) => ballot) : []
  if ('ballot' in message) ballots.push(message.ballot)
  if ('promised' in message && message.promised !== null) ballots.push(message.promised)
  return ballots
}
