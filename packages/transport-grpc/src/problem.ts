/** What the end of a stream means to an operator. Must never show what somebody else wrote. */
import { status } from '@grpc/grpc-js'
import type { PeerProblem } from '@paxos/core'

const SILENCE: PeerProblem = {
  reason: 'no-answer',
  message: 'Nobody answers. Is the peer up, the address right, and may connections pass?',
}

const BAD_CERTIFICATE: PeerProblem = {
  reason: 'credentials',
  message:
    'A certificate is not accepted. Is it of the right authority, host and node, and still valid?',
}

const ANOTHER_SERVICE: PeerProblem = {
  reason: 'protocol',
  message: 'Whoever listens there speaks gRPC, and not this protocol. Is the address right?',
}

/** A connection that costs more than any peer needs. */
export const FLOOD: PeerProblem = {
  reason: 'protocol',
  message: 'A connection brought more than any peer needs, and was closed. Who dials here?',
}

/** The problem that a stream ended with; `null` for a goodbye. */
export function problemOf(code: status, details: string): PeerProblem | null {
  if (code === status.OK || code === status.CANCELLED) return null
  if (code !== status.UNAVAILABLE && code !== status.INTERNAL && code !== status.UNKNOWN) {
    return ANOTHER_SERVICE
  }
  return TLS_WORDS.test(details) ? BAD_CERTIFICATE : SILENCE
}

/** What Node.js says of certificates, which grpc-js passes on. */
const TLS_WORDS = /certificate|\bssl\b|\btls|self.signed|altname|issuer/i
