/**
 * A transport that shows the certificate of whatever id it is opened with. The conformance suite
 * names its nodes when it opens them, and a certificate has to be there before.
 */
import type { NodeId, Transport } from '@paxos/core'
import { grpc } from '@paxos/transport-grpc'
import type { TlsOptions } from '@paxos/transport-grpc'

/** `tlsOf` gives the options for a node. */
export function certified(tlsOf: (id: NodeId) => TlsOptions): Transport {
  let transport: Transport | null = null
  /** Before open() every transport is the same. */
  const unopened = grpc()
  return {
    open(options) {
      transport ??= grpc({ tls: tlsOf(options.id) })
      return transport.open(options)
    },
    get address() {
      return (transport ?? unopened).address
    },
    setPeers: (peers) => (transport ?? unopened).setPeers(peers),
    send: (to, frame) => (transport ?? unopened).send(to, frame),
    close: () => (transport ?? unopened).close(),
  }
}
