/**
 * The connections that others opened: each has a gRPC server of its own, so that a stream is known to
 * come from this socket and from no other. Must never let more than one stream in at a time.
 */
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import { CLOSE_TIMEOUT_MS } from '@paxos/adapter-kit/links'
import type { LinkHost } from '@paxos/adapter-kit/links'
import type { Guest } from '@paxos/adapter-kit/sockets'
import { callChannel } from './call-channel.ts'
import { frameGuard } from './frame-guard.ts'
import { MAX_STREAMS_PER_CONNECTION, MAX_UNIDENTIFIED_BYTES } from './limits.ts'
import { FLOOD } from './problem.ts'
import { COMMON_OPTIONS, EXCHANGE } from './service.ts'
import type { AcceptedCall } from './service.ts'

/** Serves gRPC to each guest until its socket is closed. */
export function serve(host: LinkHost): (guest: Guest) => void {
  return (guest) => serveOne(guest, host)
}

function serveOne({ socket, ...guest }: Guest, host: LinkHost): void {
  let current: AcceptedCall | null = null
  /** What has come since the other side was nobody; `null` while it is known. */
  let unknownBytes: number | null = 0

  function exchange(call: AcceptedCall): void {
    if (current !== null) {
      // grpc-js takes an error event for the status to end with.
      call.emit('error', BUSY)
      return
    }
    current = call
    host.accept({
      provesToBe: guest.provesToBe,
      open(events) {
        const { channel, closed } = callChannel({
          call,
          isDialled: false,
          events,
          release: () => socket.destroy(),
          onTrusted() {
            unknownBytes = null
            guest.identified()
          },
        })
        call.once('close', () => {
          current = null
          unknownBytes = 0
          closed()
          guest.unidentified()
          // What was sent last, and how the stream ended, leaves before that.
          if (host.signal.aborted) injector.drain(CLOSE_TIMEOUT_MS)
        })
        return channel
      },
    })
  }

  function flood(): void {
    host.refused('failedHandshakes', FLOOD)
    socket.destroy()
  }

  const server = new Server({
    ...COMMON_OPTIONS,
    'grpc.max_concurrent_streams': MAX_STREAMS_PER_CONNECTION,
  })
  server.addService({ exchange: EXCHANGE }, { exchange })
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  injector.injectConnection(frameGuard(socket, { now: () => performance.now(), onFlood: flood }))
  socket.on('data', ({ byteLength }: Uint8Array) => {
    if (unknownBytes === null || socket.destroyed) return
    unknownBytes += byteLength
    if (unknownBytes > MAX_UNIDENTIFIED_BYTES) flood()
  })
  socket.once('close', () => server.forceShutdown())
}

const BUSY = {
  code: status.RESOURCE_EXHAUSTED,
  details: 'This connection carries a stream already.',
}
