/**
 * The smallest medium over TCP: sockets, and a channel over each. It is a transport that nobody
 * publishes, and shows what is left to write for one.
 */
import type { LinkMedium } from '@paxos/adapter-kit/links'
import { addressScheme, makeSockets, streamChannel } from '@paxos/adapter-kit/sockets'
import type { SocketEvents, Sockets, TlsOptions } from '@paxos/adapter-kit/sockets'

export const TCP = addressScheme('TCP', 'tcp', 'tcps')

export function tcpMedium(
  tls: TlsOptions | undefined,
  events: SocketEvents,
): LinkMedium & Pick<Sockets, 'reload'> {
  const sockets = makeSockets({ scheme: TCP, tls, events })
  return {
    listen: (address, accept, self) =>
      sockets.listen(
        address,
        ({ socket, provesToBe, identified }) =>
          accept({
            open: (told) => streamChannel({ stream: socket, events: told, onTrusted: identified }),
            provesToBe,
          }),
        self,
      ),
    dial(address, peer) {
      const target = sockets.target(address)
      if (target === null) return null
      return (told) => {
        const { socket, opensWith } = sockets.dial(target, peer, (problem) =>
          told.onProblem(problem),
        )
        return streamChannel({ stream: socket, events: told, opensWith })
      }
    },
    reload: (next) => sockets.reload(next),
  }
}
