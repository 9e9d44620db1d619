/**
 * A transport whose links can be cut, for a partition that needs no privileges: while they are, every frame
 * is lost, both ways. Must never lose anything else, and knows nothing of what it carries.
 */
import type { Transport } from '@paxos/core'

export interface CuttableTransport extends Transport {
  cut(): void
  heal(): void
}

export function cuttable(transport: Transport): CuttableTransport {
  let isCut = false
  return {
    open: ({ receive, ...options }) =>
      transport.open({
        ...options,
        receive(from, frame) {
          if (!isCut) receive(from, frame)
        },
      }),
    get address() {
      return transport.address
    },
    setPeers: (peers) => transport.setPeers(peers),
    send(to, frame) {
      if (!isCut) transport.send(to, frame)
    },
    close: () => transport.close(),
    cut() {
      isCut = true
    },
    heal() {
      isCut = false
    },
  }
}
