/**
 * A transport over plain TCP, with TLS or without: docs/writing-an-adapter.md walks through it. Here
 * stands what is particular to TCP; who is let in, what is sent when, and what becomes of it is the
 * kit's.
 */
import { links } from '@paxos/adapter-kit/links'
import type { LinkTransport, Visitor } from '@paxos/adapter-kit/links'
import { addressScheme, makeSockets, streamChannel } from '@paxos/adapter-kit/sockets'
import type { Guest, TlsOptions } from '@paxos/adapter-kit/sockets'

/** `tcp://host:port`, and `tcps://host:port` for TLS. */
const ADDRESSES = addressScheme('TCP', 'tcp', 'tcps')

/** How a transport is made. */
export interface TcpOptions {
  /** For `tcps:` addresses, and only for them: both sides show a certificate of their id. */
  readonly tls?: TlsOptions
}

/** A transport that is not open yet. Throws InvalidArgumentError for options that cannot work. */
export function tcp({ tls }: TcpOptions = {}): LinkTransport {
  const sockets = makeSockets({ scheme: ADDRESSES, tls })
  return links({
    addressHint: `Write ${ADDRESSES.example}.`,
    listen: (address, host) =>
      sockets.listen(address, host, (guest) => host.accept(visitorOf(guest))),
    dial(address, peer) {
      const target = sockets.target(address)
      if (target === null) return null
      return (events) => {
        const { socket, opensWith } = sockets.dial(target, peer, (problem) =>
          events.onProblem(problem),
        )
        return streamChannel({ stream: socket, events, opensWith })
      }
    },
  })
}

/** Whoever dialled us: its bytes, and what it can prove. */
function visitorOf({ socket, provesToBe, identified }: Guest): Visitor {
  return {
    provesToBe,
    open: (events) => streamChannel({ stream: socket, events, onTrusted: identified }),
  }
}
