/**
 * Prints what happens in a cluster of logs, one line a thing, for people. It must not change what it
 * prints.
 */
import { formatBallot, type AcceptedEntry, type Change } from '@paxos/core'
import type { LogEvent, MultiPaxosMessage } from '@paxos/core/multi'
import { decodeEntry } from '@paxos/core/multi'

/** A value as text, where it is text; a large one by its length. */
export function showBytes(value: Uint8Array): string {
  if (value.length === 1 && value[0] === 0) return 'no-op'
  if (value.length > 40) return `<${value.length} bytes>`
  if (value.some((byte) => byte < 0x20 || byte > 0x7e)) return showEntry(value)
  return Buffer.from(value).toString()
}

function showEntry(value: Uint8Array): string {
  try {
    return decodeEntry(value).type
  } catch {
    return `<${Buffer.from(value).toString('hex')}>`
  }
}

const list = (values: readonly Uint8Array[]): string => values.map(showBytes).join(' ')

const entries = (accepted: readonly AcceptedEntry[]): string =>
  accepted.length === 0
    ? 'nothing'
    : accepted
        .map(({ slot, ballot, value }) => `${slot}: ${showBytes(value)} at ${formatBallot(ballot)}`)
        .join(', ')

const range = (first: number, count: number): string =>
  count === 1 ? `slot ${first}` : `slots ${first} to ${first + count - 1}`

export function showLogMessage(message: MultiPaxosMessage): string {
  switch (message.type) {
    case 'logPrepare':
      return `prepare ${formatBallot(message.ballot)} from slot ${message.from} on`
    case 'logPromise': {
      const next = message.next === 0 ? '' : `, more from ${message.next} on`
      return `promise ${formatBallot(message.ballot)}, accepted ${entries(message.entries)}${next}`
    }
    case 'logAccept': {
      const { ballot, first, values, chosenThrough } = message
      const what = `${range(first, values.length)}: ${list(values)}`
      return `accept ${formatBallot(ballot)} ${what}; chosen through ${chosenThrough}`
    }
    case 'logAccepted':
      return `accepted ${formatBallot(message.ballot)} through ${message.through}`
    case 'logHeartbeat':
      return `heartbeat ${formatBallot(message.ballot)}, chosen through ${message.chosenThrough}, read ${message.readId}`
    case 'logHeartbeatAnswer':
      return `answers heartbeat ${formatBallot(message.ballot)}, holds through ${message.through}, read ${message.readId}`
    case 'campaign':
      return `campaign ${message.number}`
    case 'support':
      return `${message.granted ? 'supports' : 'does not support'} campaign ${message.number}`
    case 'handOver':
      return `hands over ${formatBallot(message.ballot)}`
    case 'forward':
      return `forwards ${list(message.values)}`
    case 'forwardRefused':
      return `refuses ${list(message.heads)}`
    case 'readIndex':
      return `asks for a read index, request ${message.number}`
    case 'readIndexAnswer':
      return `read index of request ${message.number}: ${message.slot}`
    case 'fetchEntries':
      return `fetch from slot ${message.from} on`
    case 'fetched':
      return `fetched ${entries(message.entries)}; chosen through ${message.chosenThrough}`
    case 'fetchSnapshot':
      return `fetch snapshot ${message.through} from byte ${message.offset} on`
    case 'snapshotChunk':
      return `snapshot ${message.through}, ${message.bytes.length} of ${message.totalBytes} bytes from ${message.offset} on`
    case 'introduction':
      return `is ${message.incarnation}, stored through ${message.storedThrough}${message.asks ? ', asks' : ''}`
    case 'introductionAnswer':
      return `tells ${message.to} that it had ${message.hadVoted ? '' : 'not '}voted`
    case 'nack':
      return `nack ${formatBallot(message.ballot)}, promised ${formatBallot(message.promised)}`
  }
}

export function showLogChange(change: Change): string {
  const parts: string[] = []
  if (change.promised !== undefined) parts.push(`promised ${formatBallot(change.promised)}`)
  if (change.accepted !== undefined) parts.push(`accepted ${entries(change.accepted)}`)
  if (change.snapshot !== undefined) parts.push(`snapshot through ${change.snapshot.through}`)
  if (change.chosenThrough !== undefined) parts.push(`chosen through ${change.chosenThrough}`)
  if (change.admitted === true) parts.push('admitted')
  return parts.join('; ')
}

export function showLogEvent(event: LogEvent): string {
  switch (event.type) {
    case 'leadership-acquired':
      return `leads with ${formatBallot(event.ballot)}`
    case 'leadership-lost':
      return `no longer leads with ${formatBallot(event.ballot)}`
    case 'preempted':
      return `is preempted: ${formatBallot(event.ballot)} is below ${formatBallot(event.promised)}`
    case 'leader-changed':
      return `leader: ${event.leader ?? 'none known'}`
    case 'chosen':
      return `learns ${range(event.first, event.values.length)}: ${list(event.values)}`
    case 'snapshot-installed':
      return `installs a snapshot through ${event.snapshot.through}`
    case 'piece-wanted':
      return `wants ${event.piece.length} bytes of ${event.piece.staged.id} for ${event.piece.to}`
    case 'piece-received':
      return `receives ${event.bytes.length} bytes of transfer ${event.transfer}`
    case 'transfer-dropped':
      return `gives up transfer ${event.transfer}`
    case 'snapshot-unused':
      return `has no more use for ${event.staged.id}`
    case 'forwarded':
      return `takes over ${list(event.values)} from ${event.from}`
    case 'forward-refused':
      return `is refused ${list(event.heads)}`
    case 'transfer-failed':
      return `goes on leading: ${event.to ?? 'another'} has not taken over, ${event.reason}`
    case 'read-ready':
      return `may answer read ${event.id} at slot ${event.slot}`
    case 'read-failed':
      return `cannot answer read ${event.id}`
    case 'configuration-changed':
      return `members ${event.configuration.members.map(({ id, role }) => `${id} ${role}`).join(', ')} from slot ${event.configuration.version} on`
    case 'configuration-complete':
      return `members of slot ${event.version} are complete`
    case 'admitted':
      return 'may vote'
    case 'disbelieved':
      return `does not believe ${event.from}: ${event.reason}`
  }
}
