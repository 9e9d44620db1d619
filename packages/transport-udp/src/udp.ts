/**
 * Frames in UDP datagrams: sockets and addresses are here, and everything else is the kit's. Must
 * never send to a peer that has left the address book, nor throw for an error of the system.
 */
import type { Socket } from 'node:dgram'
import { V4MAPPED } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { datagrams } from '@paxos/adapter-kit/datagrams'
import { makeLookups } from '@paxos/adapter-kit/sockets'
import type { Lookups } from '@paxos/adapter-kit/sockets'
import type { HostAddress } from '@paxos/adapter-kit/addresses'
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
import { addresses } from './address.ts'
import { bind, closeSocket } from './bind.ts'
import type { Bound } from './bind.ts'
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
  async bind(listen, receive, signal) {
    const { socket, family, address } = await bind(addresses.require(listen), signal)
    socket.on('message', receive)
    const hints = family === 6 ? ({ family, hints: V4MAPPED } as const) : { family }
    const lookups = makeLookups((host) => lookup(host, { ...hints, all: true }))
    return {
      address,
      route(peer) {
        const parsed = addresses.parse(peer)
        return parsed === null || parsed.port === 0
          ? null
          : routeTo(parsed, { socket, family, lookups })
      },
      async close() {
        // A socket takes what it is given in the course of a turn, and forgets it when it is closed.
        await nextTurn()
        await closeSocket(socket)
        await lookups.close()
      },
    }
  },
}

/** What the ways to all peers share. */
interface Shared extends Omit<Bound, 'address'> {
  readonly lookups: Lookups
}

function routeTo({ host, port }: HostAddress, { socket, family, lookups }: Shared): Route {
  const name = nameOf({
    host,
    family,
    lookup: async () => (await lookups.addressesOf(host)).map(({ address }) => address),
    now: () => performance.now(),
  })
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
