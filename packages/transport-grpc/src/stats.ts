/**
 * What the transport counts, and what an operator is told of each who was turned away.
 */
import type { PeerProblem } from '@paxos/core'
import type { Flaw } from './admission.ts'
import { BAD_CERTIFICATE } from './problem.ts'

/** What has been refused and dropped since the transport was made. */
export interface GrpcStats {
  /** Streams that did not say who dials whom. */
  readonly malformedHandshakes: number
  /** Streams that were meant for another node. */
  readonly misaddressedHandshakes: number
  /** Streams of nodes that are not in the address book. */
  readonly strangerHandshakes: number
  /** Certificates, of either side, that are not those of the node or of the host. */
  readonly mismatchedCertificates: number
  /** Connections of others on which TLS came to nothing. */
  readonly failedTlsHandshakes: number
  /** Connections of others that had no stream of a known peer for too long, or made room. */
  readonly expiredConnections: number
  /** Connections of others that brought more control frames than any peer needs, and were closed. */
  readonly floodedConnections: number
  /** Dials that did not become a stream, for whatever reason. */
  readonly failedDials: number
  /** Frames that made room for newer ones to a slow peer, or were out of date when it came back. */
  readonly droppedFrames: number
}

/** Counters of those who are turned away. */
export type RefusalCounter = Exclude<keyof GrpcStats, 'failedDials' | 'droppedFrames'>

/** What it is, and the way out. */
export const REFUSED: Readonly<Record<RefusalCounter, PeerProblem>> = {
  malformedHandshakes: {
    reason: 'protocol',
    message: 'A stream does not say who dials whom. Is it another program, or an older release?',
  },
  misaddressedHandshakes: {
    reason: 'identity',
    message: 'A stream is meant for another node. Is the address book of its sender right?',
  },
  strangerHandshakes: {
    reason: 'identity',
    message: 'A stream is of a node that is not in the address book. Is its id right?',
  },
  mismatchedCertificates: BAD_CERTIFICATE,
  failedTlsHandshakes: BAD_CERTIFICATE,
  expiredConnections: {
    reason: 'protocol',
    message: 'A connection had no stream of a known peer in time. Does something else dial here?',
  },
  floodedConnections: {
    reason: 'protocol',
    message: 'A connection brought more control frames than any peer needs. Who dials here?',
  },
}

/** What a flaw of a stream is counted as. */
export const COUNTER_OF = {
  malformed: 'malformedHandshakes',
  misaddressed: 'misaddressedHandshakes',
  stranger: 'strangerHandshakes',
  mismatch: 'mismatchedCertificates',
} as const satisfies Readonly<Record<Flaw, keyof GrpcStats>>

/** All at 0. */
export function noCounts(): { -readonly [Name in keyof GrpcStats]: number } {
  return {
    malformedHandshakes: 0,
    misaddressedHandshakes: 0,
    strangerHandshakes: 0,
    mismatchedCertificates: 0,
    failedTlsHandshakes: 0,
    expiredConnections: 0,
    floodedConnections: 0,
    failedDials: 0,
    droppedFrames: 0,
  }
}
