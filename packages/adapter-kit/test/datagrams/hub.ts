/**
 * A medium of datagrams in memory, for tests: addresses are names, and what becomes of a datagram is
 * up to the test. Nothing is delivered inside send.
 */
import { TransportError } from '@paxos/core'
import type { PeerProblem } from '@paxos/core'
import type { DatagramMedium, DatagramPort } from '@paxos/adapter-kit/datagrams'

/** A datagram on its way. */
export interface Flight {
  readonly from: string
  readonly to: string
  readonly datagram: Uint8Array
}

/** What a hub is made with. */
export interface HubOptions {
  /** Calls `deliver` as often, and when, the datagram arrives. Default: once, soon, in order. */
  readonly carry?: (flight: Flight, deliver: () => void) => void
  /** Larger ones do not pass. Default: any size does. */
  readonly largest?: number
}

/** The network of a test. */
export interface Hub {
  readonly medium: DatagramMedium
  /** As a port of the medium, but told who sent what comes. */
  attach(address: string, receive: (datagram: Uint8Array, from: string) => void): HubPort
}

/** Where something listens. */
export interface HubPort {
  readonly address: string
  post(datagram: Uint8Array, to: string): void
  detach(): void
}

/** What a harness says of addresses. */
export const hubAddresses = {
  listen: () => 'hub://*',
  deserted: 'hub://nobody',
  malformed: ['', 'nobody', 'hub://', 'hub://a/b', 'udp://127.0.0.1:7000'],
}

const TOO_LARGE: PeerProblem = { reason: 'failed', message: 'It is too large.' }

export function hubOf({ carry = soon, largest = Infinity }: HubOptions = {}): Hub {
  const listeners = new Map<string, (datagram: Uint8Array, from: string) => void>()
  let free = 0

  function attach(wanted: string, receive: (datagram: Uint8Array, from: string) => void): HubPort {
    if (!/^hub:\/\/[\w*]+$/.test(wanted)) {
      throw new TransportError('ERR_PAXOS_ADDRESS_MALFORMED', `'${wanted}' is no address here.`)
    }
    const address = wanted === 'hub://*' ? `hub://${(free += 1)}` : wanted
    if (listeners.has(address)) {
      throw new TransportError('ERR_PAXOS_ADDRESS_IN_USE', `'${address}' is taken.`)
    }
    listeners.set(address, receive)
    return {
      address,
      post(datagram, to) {
        const flight = { from: address, to, datagram: new Uint8Array(datagram) }
        carry(flight, () => {
          // Whoever keeps it without a copy keeps what is used again.
          const memory = Buffer.from(flight.datagram)
          listeners.get(to)?.(memory, address)
          memory.fill(0xff)
        })
      },
      detach() {
        if (listeners.get(address) === receive) listeners.delete(address)
      },
    }
  }

  function bound(port: HubPort): DatagramPort {
    return {
      address: port.address,
      route(to) {
        if (!/^hub:\/\/\w+$/.test(to)) return null
        return {
          send(datagram, done) {
            const fits = datagram.byteLength <= largest
            if (fits) port.post(datagram, to)
            done(fits ? null : TOO_LARGE)
          },
        }
      },
      async close() {
        port.detach()
      },
    }
  }

  const medium: DatagramMedium = {
    bind: async (address, receive) => bound(attach(address, (datagram) => receive(datagram))),
  }
  return { medium, attach }
}

function soon(_: Flight, deliver: () => void): void {
  setImmediate(deliver)
}
