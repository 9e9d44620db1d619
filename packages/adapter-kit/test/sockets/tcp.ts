/**
 * The smallest medium over TCP: sockets, and a channel over each. It is a transport that nobody
 * publishes, and shows what is left to write for one.
 */
import type { LinkMedium } from '@paxos/adapter-kit/links'
import { addressScheme, makeSockets, streamChannel } from '@paxos/adapter-kit/sockets'
import type { TlsOptions } from '@paxos/adapter-kit/sockets'

export const TCP = addressScheme('TCP', 'tcp', 'tcps')

export function tcpMedium(tls: TlsOptions | undefined): LinkMedium {
  const sockets = makeSockets({ scheme: TCP, tls })
  return {
    listen: (address, host) =>
      sockets.listen(address, host, ({ socket, provesToBe, identified }) =>
        host.accept({
          open: (events) => streamChannel({ stream: socket, events, onTrusted: identified }),
          provesToBe,
        }),
      ),
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
  }
}
