/**
 * Frames in UDP datagrams: sockets and addresses are here, and everything else is the kit's. Must
 * never send to a peer that has left the address book, nor throw for an error of the system.
 */
import type { Socket } from 'node:dgram'
import { V4MAPPED } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { datagrams } from '@paxos/adapter-kit/datagrams'
import type {
  DatagramAuthentication,
  DatagramMedium,
  DatagramOptions,
  DatagramStats,
  DatagramTransport,
  Route,
} from '@paxos/adapter-kit/datagrams'
import { requireOptions } from '@paxos/core'
import type { PeerProblem } from '@paxos/core'
import { parseAddress, requireAddress } from './address.ts'
import type { UdpAddress } from './address.ts'
import { bind, closeSocket } from './bind.ts'
import type { Bound } from './bind.ts'
import { CLOSE_LOOKUP_MS } from './limits.ts'
import { nameOf } from './name.ts'

/** How a transport is made. */
export type UdpOptions = DatagramOptions

/** The keys that the nodes of one cluster share, each at least 32 random bytes. */
export type UdpAuthentication = DatagramAuthentication

/** A transport, and what it counted. */
export type UdpTransport = DatagramTransport

/** What has been dropped since the transport was made. */
export type UdpStats = DatagramStats

/**
 * A transport that is not open yet. Throws InvalidArgumentError for a size out of range, for keys
 * that cannot be used, and for an option that it does not know.
 */
export function udp(options: UdpOptions = {}): UdpTransport {
  requireOptions('udp()', options, ['maxDatagramBytes', 'authentication'])
  return datagrams(medium, options)
}

const medium: DatagramMedium = {
  async bind(listen, receive) {
    const { socket, family, address } = await bind(requireAddress(listen))
    socket.on('message', receive)
    const lookups = lookupsFor(family)
    return {
      address,
      route(peer) {
        const parsed = parseAddress(peer)
        return parsed === null || parsed.port === 0
          ? null
          : routeTo(parsed, { socket, family, lookups })
      },
      async close() {
        // A socket takes what it is given in the course of a turn, and forgets it when it is closed.
        await nextTurn()
        await closeSocket(socket)
        await lookups.ended()
      },
    }
  },
}

/** What the ways to all peers share. */
interface Shared extends Omit<Bound, 'address'> {
  readonly lookups: Lookups
}

function routeTo({ host, port }: UdpAddress, { socket, family, lookups }: Shared): Route {
  const name = nameOf({ host, family, lookup: lookups.start, now: () => performance.now() })
  const unknown: PeerProblem = {
    reason: 'address',
    message: `There is no address for '${host}'. Is the name right, and known here?`,
  }
  let isDropped = false
  return {
    send(datagram, done) {
      name.resolve((ip) => {
        if (ip === null || isDropped) done(unknown)
        else transmit(socket, datagram, port, ip, done)
      })
    },
    turn: () => name.turn(),
    drop() {
      isDropped = true
    },
  }
}

const UNSENT: PeerProblem = {
  reason: 'failed',
  message: 'The system did not send a datagram. Is the network up?',
}

function transmit(
  socket: Socket,
  datagram: Uint8Array,
  port: number,
  ip: string,
  done: (problem: PeerProblem | null) => void,
): void {
  try {
    socket.send(datagram, port, ip, (error) => {
      done(error === null ? null : UNSENT)
    })
  } catch {
    done(UNSENT)
  }
}

/** The look-ups that run: they cannot be cancelled, and keep the process alive. */
interface Lookups {
  readonly start: (host: string) => Promise<readonly string[]>
  /** Resolves when none runs any more, and at the latest after CLOSE_LOOKUP_MS. */
  readonly ended: () => Promise<void>
}

function lookupsFor(family: 4 | 6): Lookups {
  const running = new Set<Promise<unknown>>()
  const options = family === 6 ? ({ family, hints: V4MAPPED } as const) : { family }
  return {
    async start(host) {
      const found = lookup(host, { ...options, all: true })
      running.add(found)
      try {
        return (await found).map(({ address }) => address)
      } finally {
        running.delete(found)
      }
    },
    ended: () => atMost(CLOSE_LOOKUP_MS, Promise.allSettled(running)),
  }
}

/** Resolves when `promise` does, and at the latest after `delayMs`. */
async function atMost(delayMs: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, delayMs)
  })
  await Promise.race([promise, late])
  clearTimeout(timer)
}
