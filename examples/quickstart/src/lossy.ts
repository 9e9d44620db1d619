/**
 * A transport that loses some of what it is asked to send, to show that Paxos does not mind. It
 * must never lose anything else, and knows nothing of what it carries.
 */
import type { Transport } from '@paxos/core'

/** `transport`, but each frame is lost with probability `loss`, from 0 to below 1. */
export function lossy(transport: Transport, loss: number): Transport {
  return {
    open: (options) => transport.open(options),
    get address() {
      return transport.address
    },
    setPeers: (peers) => transport.setPeers(peers),
    send(to, frame) {
      if (Math.random() >= loss) transport.send(to, frame)
    },
    close: () => transport.close(),
  }
}
