/**
 * What a transport counts: each number starts at 0 and never goes back. What is counted as somebody
 * who was turned away is told and shown in the figures as well, from here and from nowhere else.
 */
import type { NodeId, PeerProblem } from '@paxos/core'
import { makeRecords } from './figures.ts'
import type { Records } from './figures.ts'

/** What went wrong since the transport was made. */
export interface WebSocketStats {
  /** Attempts to reach a peer that ended before it had said who it is. */
  readonly failedDials: number
  /** Accepted connections that got no further than TLS or HTTP. */
  readonly failedHandshakes: number
  /** Accepted connections that did not say in time who they are, or made room for others. */
  readonly unidentifiedConnections: number
  /**
   * Connections of somebody who is not in the address book, has our own id, means somebody else,
   * or is a page that claims the id of a peer with an address.
   */
  readonly strangerConnections: number
  /** Connections whose certificate does not name who the other side says, or should, be. */
  readonly wrongCertificates: number
  /** Text, messages that are too large, and first messages that are no hello of ours. */
  readonly malformedMessages: number
  /** Connections that were given up because no ping was answered. */
  readonly silentConnections: number
  /** Frames that made room for newer ones, or waited too long for a connection. */
  readonly droppedFrames: number
}

/** Counters of those who are turned away. */
export type Refusal =
  | 'failedHandshakes'
  | 'unidentifiedConnections'
  | 'strangerConnections'
  | 'wrongCertificates'
  | 'malformedMessages'

/** What it is, and the way out. */
export const REFUSALS: Readonly<Record<Refusal, PeerProblem>> = {
  failedHandshakes: {
    reason: 'protocol',
    message: 'A connection got no further than TLS or HTTP. Does something else dial this port?',
  },
  unidentifiedConnections: {
    reason: 'protocol',
    message: 'A connection did not say in time whose it is. Does something else dial this port?',
  },
  strangerConnections: {
    reason: 'identity',
    message:
      'A connection is of a node that is not in the address book, or meant for another. Are the ids right?',
  },
  wrongCertificates: {
    reason: 'credentials',
    message: 'The common name of a certificate is not the id of its node. Give it one that is.',
  },
  malformedMessages: {
    reason: 'protocol',
    message: 'A message is none of this protocol. Is it another program, or an older release?',
  },
}

/** Counts, tells and shows. */
export interface Tally {
  readonly counters: Counters
  readonly records: Records
  /** Somebody was turned away, who may be `peer`; `problem`, where more is known of it. */
  refuse(refusal: Refusal, peer: NodeId | null, problem?: PeerProblem): void
}

/** All at 0. */
export function newTally(): Tally {
  const counters = newCounters()
  const records = makeRecords()
  return {
    counters,
    records,
    refuse(refusal, peer, problem = REFUSALS[refusal]) {
      counters[refusal] += 1
      records.refuse(problem, peer)
    },
  }
}

/** The numbers, to be counted up. */
export type Counters = { -readonly [Name in keyof WebSocketStats]: number }

function newCounters(): Counters {
  return {
    failedDials: 0,
    failedHandshakes: 0,
    unidentifiedConnections: 0,
    strangerConnections: 0,
    wrongCertificates: 0,
    malformedMessages: 0,
    silentConnections: 0,
    droppedFrames: 0,
  }
}
