/** What the end of a dial means to an operator. Must never show what somebody else wrote. */
import { status } from '@grpc/grpc-js'
import type { PeerProblem } from '@paxos/core'

/** Nobody was there in time, or at all. */
export const SILENCE: PeerProblem = {
  reason: 'no-answer',
  message: 'Nobody answers. Is the peer up, the address right, and may connections pass?',
}

/** The name of a host is not known. */
export const NO_ADDRESS: PeerProblem = {
  reason: 'address',
  message: 'There is no address for its host. Is the name right, and known here?',
}

/** Somebody else answers at a peer's address. */
export const ANOTHER_NODE: PeerProblem = {
  reason: 'identity',
  message: 'Another node than the peer answers at its address. Is the address book right?',
}

/** A certificate, of either side, was not accepted. */
export const BAD_CERTIFICATE: PeerProblem = {
  reason: 'credentials',
  message:
    'A certificate is not accepted. Is it of the right authority, host and node, and still valid?',
}

/** The problem that a stream ended with, before the peer had answered. */
export function problemOf(code: status, details: string): PeerProblem {
  if (code === status.NOT_FOUND) return ANOTHER_NODE
  if (code === status.PERMISSION_DENIED) {
    return {
      reason: 'refused',
      message: 'The peer does not let this node in. Does it know it, and its certificate?',
    }
  }
  if (code === status.INVALID_ARGUMENT || code === status.UNIMPLEMENTED) {
    return {
      reason: 'protocol',
      message: 'Whoever listens there speaks gRPC, and not this protocol. Is the address right?',
    }
  }
  return TLS_WORDS.test(details) ? BAD_CERTIFICATE : SILENCE
}

/** What Node.js says of certificates, which grpc-js passes on. */
const TLS_WORDS = /certificate|\bssl\b|\btls|self.signed|altname|issuer/i
