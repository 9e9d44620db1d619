/** The transport: links over streams of gRPC, on the sockets that all transports over TCP share. */
import { requireUrl, socketLinks } from '@paxos/adapter-kit/sockets'
import type { SocketLinkOptions, SocketTransport } from '@paxos/adapter-kit/sockets'
import { dialler } from './dial.ts'
import { serve } from './serve.ts'
import { ALPN, GRPC } from './service.ts'

/**
 * A transport that is not open yet. Throws InvalidArgumentError for options that can never work, or
 * are not known.
 */
export function grpc(options: SocketLinkOptions = {}): SocketTransport {
  const medium = { name: 'grpc()', scheme: GRPC, protocol: ALPN, serve, opener: dialler }
  return socketLinks(medium, options)
}

/**
 * As grpc(); what `openTransport` of @paxos/replica/url calls for a grpc: or grpcs: address. Of the
 * address only that matters: open() is told where to listen. Throws TransportError for another
 * scheme (ERR_PAXOS_ADDRESS_MALFORMED) and for one that does not go with the options
 * (ERR_PAXOS_CREDENTIALS), and InvalidArgumentError for options that can never work.
 */
export function fromUrl(url: string, options: SocketLinkOptions = {}): SocketTransport {
  const transport = grpc(options)
  requireUrl(GRPC, url, options.tls)
  return transport
}
