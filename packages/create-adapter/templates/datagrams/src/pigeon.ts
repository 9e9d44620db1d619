/**
 * A transport over datagrams: what is particular to their medium. Who is let in, how frames are cut and
 * put together again, how fast they leave, and what becomes of them is the kit's.
 *
 * This medium is a stand-in, which reaches nobody but the nodes of this process. Put yours in its
 * place, and let the suite say what is missing: each part says what it must do.
 */
import { datagrams } from '@paxos/adapter-kit/datagrams'
import type {
  DatagramMedium,
  DatagramOptions,
  DatagramTransport,
} from '@paxos/adapter-kit/datagrams'
import { TransportError } from '@paxos/core'
import type { Transport } from '@paxos/core'

/** A transport that is not open yet. Addresses are `pigeon://name`. */
export function pigeon(options?: DatagramOptions): DatagramTransport {
  return datagrams(medium, options)
}

/** What `openTransport` of @paxos/replica/url calls, once the scheme is registered. */
export function fromUrl(_: string, options?: DatagramOptions): Transport {
  return pigeon(options)
}

/** The stand-in for a network: who listens where. */
const receivers = new Map<string, (datagram: Uint8Array) => void>()

const medium: DatagramMedium = {
  // Binds the address, and hands over whatever comes: what is late, damaged, repeated or foreign is
  // the kit's concern. Rejects with TransportError, and then has left nothing open.
  async bind(address, receive) {
    if (!isAddress(address)) {
      throw new TransportError(
        'ERR_PAXOS_ADDRESS_MALFORMED',
        `'${address}' is no address. Write pigeon://name.`,
      )
    }
    if (receivers.has(address)) {
      throw new TransportError(
        'ERR_PAXOS_ADDRESS_IN_USE',
        `'${address}' is taken. Close whoever listens there, or take another.`,
      )
    }
    receivers.set(address, receive)
    return {
      // The one that peers can reach: with the real port, where 0 asked for a free one.
      address,

      // The way to a peer; null for an address that there cannot be.
      route(to) {
        if (!isAddress(to)) return null
        return {
          // Sends one datagram, at best effort. Never throws: what went wrong, or null, is told by
          // done(), once. Until then the datagram stays as it is.
          send(datagram, done) {
            const copy = new Uint8Array(datagram)
            setImmediate(() => receivers.get(to)?.(copy))
            done(null)
          },
        }
      },

      // What was sent leaves first. After it nothing is received, and nothing keeps the process alive.
      async close() {
        receivers.delete(address)
      },
    }
  },
}

function isAddress(address: string): boolean {
  return /^pigeon:\/\/[\w.-]+$/.test(address)
}
