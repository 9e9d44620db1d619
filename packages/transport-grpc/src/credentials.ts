/**
 * How grpc-js is told what a node shows and whom it accepts. "The subject alternative names say where
 * a node is, the common name says who it is." Must never reach a server whose certificate is not that
 * of the peer.
 */
import type { PeerCertificate } from 'node:tls'
import { credentials } from '@grpc/grpc-js'
import type { ChannelCredentials } from '@grpc/grpc-js'
import type { NodeId, PeerProblem } from '@paxos/core'
import { identityError, problemOf } from '@paxos/adapter-kit/sockets'
import type { Credentials } from '@paxos/adapter-kit/sockets'

/**
 * How to dial `peer`, which listens on `host`. `onMismatch` is called when the certificate is not
 * its own, and onCertificate with one that is.
 */
export function channelCredentials(
  own: Credentials | null,
  peer: NodeId,
  host: string,
  onMismatch: (problem: PeerProblem) => void,
  onCertificate: (certificate: PeerCertificate) => void,
): ChannelCredentials {
  if (own === null) return credentials.createInsecure()
  return credentials.createFromSecureContext(own.context, {
    // The name that grpc-js hands in may be a stand-in: see dial.ts.
    checkServerIdentity(_, certificate) {
      const mismatch = identityError(own, host, peer, certificate)
      if (mismatch === undefined) onCertificate(certificate)
      else onMismatch(problemOf(mismatch))
      return mismatch
    },
  })
}
