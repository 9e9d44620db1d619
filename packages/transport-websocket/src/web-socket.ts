/**
 * The transport for Node.js: listens and dials with `ws`.
 */
import { links } from '@paxos/adapter-kit/links'
import type { LinkMedium, LinkTransport, OpenChannel } from '@paxos/adapter-kit/links'
import { makeSockets, requireUrl } from '@paxos/adapter-kit/sockets'
import type { Sockets, TlsOptions } from '@paxos/adapter-kit/sockets'
import { requireOptions } from '@paxos/core'
import type { NodeId, Transport } from '@paxos/core'
import { WebSocket } from 'ws'
import { ADDRESS_HINT, SCHEME } from './address.ts'
import { makeServer } from './server.ts'
import { maxPayload, wsChannel } from './ws-channel.ts'

/** How a transport is made. */
export interface WebSocketOptions {
  /** For `wss:` addresses, and only for them. Default: none, and everything is in the clear. */
  readonly tls?: TlsOptions
  /**
   * Milliseconds between two pings, a whole number from 10 to 3,600,000. Default 5,000. A peer that
   * answers none for three intervals is given up, and connected to again. Nodes may differ.
   */
  readonly pingIntervalMs?: number
}

/** A transport whose certificates can be replaced. */
export interface NodeWebSocketTransport extends LinkTransport {
  /**
   * Shows and asks for other certificates from now on. Connections that stand go on with those that
   * they began with, until the peer's ends. Throws TransportError (ERR_PAXOS_CREDENTIALS) for
   * certificates that cannot be used and where there were none, and InvalidArgumentError for another
   * `mutual`: then nothing changes.
   */
  reload(tls: TlsOptions): void
}

/**
 * A transport that is not open yet. Throws InvalidArgumentError for options that cannot work, or are
 * not known.
 */
export function webSocket(options: WebSocketOptions = {}): NodeWebSocketTransport {
  requireOptions('webSocket()', options, ['tls', 'pingIntervalMs'])
  const { tls, pingIntervalMs } = options
  const sockets = makeSockets({ scheme: SCHEME, tls })
  const medium: LinkMedium = {
    addressHint: ADDRESS_HINT,
    listen: (address, host) => sockets.listen(address, host, makeServer(host)),
    dial: (address, peer) => opener(sockets, address, peer),
  }
  const transport = links(medium, { pingIntervalMs })
  return Object.assign(transport, { reload: (next: TlsOptions) => sockets.reload(next) })
}

/** How `peer` is dialled at `address`; `null` when it cannot be. */
function opener(sockets: Sockets, address: string, peer: NodeId): OpenChannel | null {
  const target = sockets.target(address)
  if (target === null) return null
  return (events) => {
    const { socket } = sockets.dial(target, peer, (problem) => events.onProblem(problem))
    const ws = new WebSocket(SCHEME.format(target), {
      createConnection: () => socket,
      perMessageDeflate: false,
      autoPong: false,
      maxPayload,
    })
    return wsChannel({ ws, socket, events })
  }
}

/**
 * What `openTransport` of @paxos/replica/url calls for `ws:` and `wss:`. The address is where open()
 * will listen, so that only its scheme matters here. Throws InvalidArgumentError as webSocket()
 * does, and TransportError for another scheme, for `wss:` without the option `tls`, and for `ws:`
 * with it.
 */
export function fromUrl(url: string, options: WebSocketOptions = {}): Transport {
  requireUrl(SCHEME, url, options.tls)
  return webSocket(options)
}
