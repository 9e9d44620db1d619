/**
 * Dials a peer over TCP, with TLS or without. Must never throw, nor reach anybody whose certificate
 * names another than the peer.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { NodeId, PeerProblem } from '@paxos/core'
import type { HostAddress } from '../addresses/index.ts'
import { ADDRESS_TIMEOUT_MS } from './limits.ts'
import type { Lookups } from './lookups.ts'
import { EXPIRED, problemOf } from './problem.ts'
import { clientOptions } from './tls.ts'
import type { Credentials } from './tls.ts'
import { watchPeer } from './validity.ts'

/** What a dial needs. */
export interface DialOptions {
  readonly address: HostAddress
  readonly peer: NodeId
  /** For an address with TLS, and only then. */
  readonly credentials: Credentials | null
  /** The protocol that is offered by TLS (ALPN); `null` is none. */
  readonly protocol: string | null
  readonly lookups: Lookups
  /** What went wrong, for whoever has to say so; the socket closes. May be called several times. */
  readonly onProblem: (problem: PeerProblem) => void
}

/** A socket that is being connected. It has a listener for errors. */
export interface DialledSocket {
  readonly socket: Socket
  /** What `socket` emits once it can be used, and has been seen to be that of the peer. */
  readonly opensWith: 'connect' | 'secureConnect'
}

/** Begins to dial. All addresses of a name are tried, one after the other. */
export function dial(options: DialOptions): DialledSocket {
  const { address, peer, credentials, protocol, lookups, onProblem } = options
  const to = {
    host: address.host,
    port: address.port,
    noDelay: true,
    lookup: lookups.lookup,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
  }
  if (credentials === null) {
    const socket = connect(to)
    socket.on('error', (error) => onProblem(problemOf(error)))
    return { socket, opensWith: 'connect' }
  }
  const socket = connectTls({
    ...to,
    ...clientOptions(credentials, address.host, peer),
    ...(protocol === null ? {} : { ALPNProtocols: [protocol] }),
  })
  socket.on('error', (error) => onProblem(problemOf(error)))
  socket.once('secureConnect', () => {
    watchPeer(socket, () => {
      onProblem(EXPIRED)
      socket.destroy()
    })
  })
  return { socket, opensWith: 'secureConnect' }
}
