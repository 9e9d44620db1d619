/**
 * The transport for Node.js: listens and dials with `ws`.
 */
import type { OpenChannel } from '@paxos/adapter-kit/links'
import { requireUrl, socketLinks } from '@paxos/adapter-kit/sockets'
import type {
  HostAddress,
  SocketLinkOptions,
  Sockets,
  SocketTransport,
} from '@paxos/adapter-kit/sockets'
import type { NodeId, Transport } from '@paxos/core'
import { WebSocket } from 'ws'
import { SCHEME } from './address.ts'
import { makeServer } from './server.ts'
import { maxPayload, wsChannel } from './ws-channel.ts'

/**
 * A transport that is not open yet. Throws InvalidArgumentError for options that cannot work, or are
 * not known.
 */
export function webSocket(options: SocketLinkOptions = {}): SocketTransport {
  return socketLinks({ name: 'webSocket()', scheme: SCHEME, serve: makeServer, opener }, options)
}

/** How `peer` is dialled at `target`. */
function opener(sockets: Sockets, target: HostAddress, peer: NodeId): OpenChannel {
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
export function fromUrl(url: string, options: SocketLinkOptions = {}): Transport {
  requireUrl(SCHEME, url, options.tls)
  return webSocket(options)
}
