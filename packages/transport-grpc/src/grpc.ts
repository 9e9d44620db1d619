/** The transport: links over streams of gRPC, on the sockets that all transports over TCP share. */
import { links } from '@paxos/adapter-kit/links'
import type { LinkTransport } from '@paxos/adapter-kit/links'
import { makeSockets, requireUrl } from '@paxos/adapter-kit/sockets'
import type { TlsOptions } from '@paxos/adapter-kit/sockets'
import { requireOptions } from '@paxos/core'
import { dialler } from './dial.ts'
import { serve } from './serve.ts'
import { ALPN, GRPC } from './service.ts'

/** How a transport is made. */
export interface GrpcOptions {
  /** Needed to listen on grpcs:, and refused with grpc:. Default: none. */
  readonly tls?: TlsOptions
  /**
   * Milliseconds between two pings, a whole number from 10 to 3,600,000. Default 5,000. A peer that
   * answers none for three intervals is given up, and connected to again. Nodes may differ.
   */
  readonly pingIntervalMs?: number
}

/** A transport, what it counted, and its certificates, which can be replaced. */
export interface GrpcTransport extends LinkTransport {
  /**
   * Shows and asks for other certificates from now on. Connections that stand go on with those that
   * they began with, until the peer's ends. Throws TransportError (ERR_PAXOS_CREDENTIALS) for
   * certificates that cannot be used and where there were none, and InvalidArgumentError for another
   * `mutual`: then nothing changes.
   */
  reload(tls: TlsOptions): void
}

/**
 * A transport that is not open yet. Throws InvalidArgumentError for options that can never work, or
 * are not known.
 */
export function grpc(options: GrpcOptions = {}): GrpcTransport {
  requireOptions('grpc()', options, ['tls', 'pingIntervalMs'])
  const { tls, pingIntervalMs } = options
  const sockets = makeSockets({ scheme: GRPC, tls, protocol: ALPN })
  const transport = links(
    {
      addressHint: `Write ${GRPC.example}, and of one kind on all nodes.`,
      listen: (address, host) => sockets.listen(address, host, (guest) => serve(guest, host)),
      dial(address, peer) {
        const target = sockets.target(address)
        return target === null ? null : dialler(sockets, target, peer)
      },
    },
    { pingIntervalMs },
  )
  return Object.assign(transport, { reload: (next: TlsOptions) => sockets.reload(next) })
}

/**
 * As grpc(); what `openTransport` of @paxos/replica/url calls for a grpc: or grpcs: address. Of the
 * address only that matters: open() is told where to listen. Throws TransportError for another
 * scheme (ERR_PAXOS_ADDRESS_MALFORMED) and for one that does not go with the options
 * (ERR_PAXOS_CREDENTIALS), and InvalidArgumentError for options that can never work.
 */
export function fromUrl(url: string, options: GrpcOptions = {}): GrpcTransport {
  const transport = grpc(options)
  requireUrl(GRPC, url, options.tls)
  return transport
}
