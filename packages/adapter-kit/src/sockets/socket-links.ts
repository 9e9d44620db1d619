/**
 * A transport over sockets: links, the options that each such transport has, and certificates that can
 * be replaced while it runs. Must never take an option that it does not know.
 */
import { requireOptions } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import type { AddressScheme, HostAddress } from '../addresses/index.ts'
import { links } from '../links/links.ts'
import type { LinkTransport } from '../links/links.ts'
import type { LinkHost, OpenChannel } from '../links/medium.ts'
import type { Guest } from './listen.ts'
import { makeSockets } from './sockets.ts'
import type { Sockets } from './sockets.ts'
import type { TlsOptions } from './tls.ts'

/** How a transport over sockets is made. */
export interface SocketLinkOptions {
  /** For addresses with TLS, and only for them. Default: none, and everything is in the clear. */
  readonly tls?: TlsOptions
  /**
   * Milliseconds between two pings, a whole number from 10 to 3,600,000. Default 5,000. A peer that
   * answers none for three intervals is given up, and connected to again. Nodes may differ.
   */
  readonly pingIntervalMs?: number
}

/** A transport, what it counted, and its certificates, which can be replaced. */
export interface SocketTransport extends LinkTransport {
  /**
   * Shows and asks for other certificates from now on. Connections that stand go on with those that
   * they began with, until the peer's ends. Throws TransportError (ERR_PAXOS_CREDENTIALS) for
   * certificates that cannot be used and where there were none, and InvalidArgumentError for another
   * `mutual`: then nothing changes.
   */
  reload(tls: TlsOptions): void
}

/** What is particular to a transport over sockets. */
export interface SocketMedium {
  /** The function that makes it, as errors name it: `grpc()`. */
  readonly name: string
  readonly scheme: AddressScheme
  /** What both sides have to agree on by TLS (ALPN), as in 'h2'. Default: nothing. */
  readonly protocol?: string
  /** Takes whoever has dialled; called once, before there is anybody. */
  readonly serve: (host: LinkHost) => (guest: Guest) => void
  /** How `peer` is dialled at `target`. */
  readonly opener: (sockets: Sockets, target: HostAddress, peer: NodeId) => OpenChannel
}

/**
 * A transport that is not open yet. Throws InvalidArgumentError for options that can never work, or
 * are not known.
 */
export function socketLinks(medium: SocketMedium, options: SocketLinkOptions): SocketTransport {
  const { name, scheme, protocol, serve, opener } = medium
  requireOptions(name, options, ['tls', 'pingIntervalMs'])
  const { tls, pingIntervalMs } = options
  const sockets = makeSockets({ scheme, tls, ...(protocol === undefined ? {} : { protocol }) })
  const transport = links(
    {
      addressHint: `Write ${scheme.example}, and of one kind on all nodes.`,
      listen: (address, host) => sockets.listen(address, host, serve(host)),
      dial(address, peer) {
        const target = sockets.target(address)
        return target === null ? null : opener(sockets, target, peer)
      },
    },
    { pingIntervalMs },
  )
  return Object.assign(transport, { reload: (next: TlsOptions) => sockets.reload(next) })
}
