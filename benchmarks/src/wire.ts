/**
 * A transport that counts the bytes of the frames which pass it. What a medium adds to a frame, such as
 * headers, encryption and what it sends twice, is not seen here.
 */
import type { Transport } from '@paxos/core'

/** The frames so far, in bytes. */
export interface Carried {
  sentBytes: number
  receivedBytes: number
}

export function countedTransport(transport: Transport, carried: Carried): Transport {
  return {
    open: (options) =>
      transport.open({
        ...options,
        receive(from, frame) {
          carried.receivedBytes += frame.length
          options.receive(from, frame)
        },
      }),
    get address() {
      return transport.address
    },
    setPeers: (peers) => transport.setPeers(peers),
    send(to, frame) {
      carried.sentBytes += frame.length
      transport.send(to, frame)
    },
    figures: () => transport.figures?.() ?? { peers: new Map(), refused: {} },
    close: () => transport.close(),
  }
}
