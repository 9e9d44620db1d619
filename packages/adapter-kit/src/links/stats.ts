/**
 * What a transport counts: each number starts at 0 and never goes back. What is counted as somebody
 * who was turned away is told and shown in the figures as well, from here and from nowhere else.
 */
import type { NodeId, PeerProblem } from '@paxos/core'
import { makeRecords } from './figures.ts'
import type { Records } from './figures.ts'
import type { Refusal } from './packet.ts'

/** What went wrong since the transport was made. */
export interface LinkStats {
  /** Attempts to reach a peer that ended before it had said who it is. */
  readonly failedDials: number
  /** Connections of others that ended before the medium had made a channel of them: no TLS, say. */
  readonly failedHandshakes: number
  /** Accepted connections that did not say in time who they are, or made room for others. */
  readonly unidentifiedConnections: number
  /**
   * Connections of somebody who is not in the address book, has our own id, means somebody else,
   * or is a page that claims the id of a peer with an address.
   */
  readonly strangerConnections: number
  /** Connections of nodes of another cluster. */
  readonly foreignConnections: number
  /** Connections on which one of the two is another incarnation than the other expects. */
  readonly wrongIncarnations: number
  /** Connections whose certificate does not name who the other side says, or should, be. */
  readonly wrongCertificates: number
  /** Messages that are too large or none of this protocol, and first messages that are no hello. */
  readonly malformedMessages: number
  /** Connections that were given up because no ping was answered. */
  readonly silentConnections: number
  /** Frames that made room for newer ones, or waited too long for a connection. */
  readonly droppedFrames: number
}

/** Counters of those who are turned away. */
export type RefusalCounter = Exclude<
  keyof LinkStats,
  'failedDials' | 'silentConnections' | 'droppedFrames'
>

/** What a refusal is counted as. */
export const COUNTER_OF: Readonly<Record<Refusal, RefusalCounter>> = {
  stranger: 'strangerConnections',
  receiver: 'strangerConnections',
  cluster: 'foreignConnections',
  incarnation: 'wrongIncarnations',
  unproven: 'wrongCertificates',
  protocol: 'malformedMessages',
}

/** A certificate that is trusted is another node's. */
export const WRONG_CERTIFICATE: PeerProblem = {
  reason: 'credentials',
  message: 'The common name of a certificate is not the id of its node. Give it one that is.',
}

/** What it is, and the way out. */
export const TURNED_AWAY: Readonly<Record<RefusalCounter, PeerProblem>> = {
  failedHandshakes: {
    reason: 'protocol',
    message: 'A connection ended before its first message. Does something else dial this address?',
  },
  unidentifiedConnections: {
    reason: 'protocol',
    message: 'A connection did not say in time whose it is. Does something else dial this address?',
  },
  strangerConnections: {
    reason: 'identity',
    message:
      'A connection is of a node that is not in the address book, or meant for another. Are the ids right?',
  },
  foreignConnections: {
    reason: 'identity',
    message: 'A connection is of a node of another cluster. Is the address in its book right?',
  },
  wrongIncarnations: {
    reason: 'identity',
    message:
      'A connection is of another incarnation of a node than is expected. Has one of them lost its disk?',
  },
  wrongCertificates: WRONG_CERTIFICATE,
  malformedMessages: {
    reason: 'protocol',
    message: 'A message is none of this protocol. Is it another program, or another release?',
  },
}

/** What a peer that turned this node away has said of the reason. */
export const REFUSED: Readonly<Record<Refusal | 'unknown', PeerProblem>> = {
  stranger: {
    reason: 'refused',
    message: 'The peer does not let this node in. Is it in the address book of the peer?',
  },
  receiver: {
    reason: 'identity',
    message: 'Another node is at the address of the peer. Is the address right?',
  },
  cluster: {
    reason: 'identity',
    message:
      'The peer belongs to another cluster. Are its address and the name of the cluster right?',
  },
  incarnation: {
    reason: 'identity',
    message:
      'The peer and this node expect other incarnations of each other. Has one of them lost its disk?',
  },
  unproven: {
    reason: 'credentials',
    message: 'The peer does not accept that this node is who it says. Is its certificate its own?',
  },
  protocol: {
    reason: 'protocol',
    message: 'The peer does not understand this node. Is it of another release?',
  },
  unknown: {
    reason: 'refused',
    message: 'The peer does not let this node in. Is it of a later release?',
  },
}

/** The problem with somebody who does not answer in time. */
export const SILENCE: PeerProblem = {
  reason: 'no-answer',
  message: 'Nobody answers in time. Is the peer up, and may connections pass?',
}

/** Counts, tells and shows. */
export interface Tally {
  readonly counters: Counters
  readonly records: Records
  /** Somebody was turned away, who may be `peer`; `problem`, where more is known of it. */
  refuse(counter: RefusalCounter, peer: NodeId | null, problem?: PeerProblem): void
}

/** All at 0. */
export function newTally(): Tally {
  const counters = newCounters()
  const records = makeRecords()
  return {
    counters,
    records,
    refuse(counter, peer, problem = TURNED_AWAY[counter]) {
      counters[counter] += 1
      records.refuse(problem, peer)
    },
  }
}

/** The numbers, to be counted up. */
export type Counters = { -readonly [Name in keyof LinkStats]: number }

function newCounters(): Counters {
  return {
    failedDials: 0,
    failedHandshakes: 0,
    unidentifiedConnections: 0,
    strangerConnections: 0,
    foreignConnections: 0,
    wrongIncarnations: 0,
    wrongCertificates: 0,
    malformedMessages: 0,
    silentConnections: 0,
    droppedFrames: 0,
  }
}
