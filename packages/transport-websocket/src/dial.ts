/**
 * Dials a peer with `ws`, over TLS or not. Must never throw, nor reach anybody whose certificate
 * names another than the peer.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ChannelEvents, OpenChannel } from '@paxos/adapter-kit/links'
import type { NodeId } from '@paxos/core'
import { WebSocket } from 'ws'
import { formatAddress } from './address.ts'
import type { WebSocketAddress } from './address.ts'
import { ADDRESS_TIMEOUT_MS } from './limits.ts'
import type { Lookups } from './lookups.ts'
import { clientOptions } from './tls.ts'
import type { Credentials } from './tls.ts'
import { EXPIRED, watchPeer } from './validity.ts'
import { maxPayload, wsChannel } from './ws-channel.ts'

/** What a dialler needs. */
export interface DialOptions {
  readonly address: WebSocketAddress
  /** For `wss:`, and only then; those of now, as they may be replaced. */
  readonly credentials: () => Credentials | null
  readonly peer: NodeId
  readonly lookups: Lookups
}

/** Dials `address` when it is called. */
export function dialler(options: DialOptions): OpenChannel {
  const url = formatAddress(options.address)
  return (events) => {
    const socket = connectSocket(options, events)
    const ws = new WebSocket(url, {
      createConnection: () => socket,
      perMessageDeflate: false,
      autoPong: false,
      maxPayload,
    })
    return wsChannel({ ws, socket, events })
  }
}

function connectSocket(options: DialOptions, events: ChannelEvents): Socket {
  const { address, credentials, peer, lookups } = options
  const { host, port } = address
  const to = {
    host,
    port,
    lookup: lookups.lookup,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
  }
  const own = credentials()
  if (own === null) return connect(to)
  const onWrongCertificate = (): void => events.onUnproven()
  const socket = connectTls({ ...to, ...clientOptions(own, host, peer, onWrongCertificate) })
  socket.once('secureConnect', () => {
    watchPeer(socket, () => {
      events.onProblem(EXPIRED)
      socket.destroy()
    })
  })
  return socket
}
