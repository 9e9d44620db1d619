/**
 * One connection that somebody else opened: a gRPC server of its own, so that a stream is known to
 * come from this socket and from no other. Must never let more than one stream in at a time.
 */
import type { Socket } from 'node:net'
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import { frameGuard } from './frame-guard.ts'
import { MAX_STREAMS_PER_CONNECTION } from './limits.ts'
import { linkOver } from './link.ts'
import type { Link } from './link.ts'
import { commonOptions, EXCHANGE } from './service.ts'
import type { AcceptedCall } from './service.ts'

/** Why a stream is not let in: a gRPC status. */
export interface Refusal {
  readonly code: status
  readonly details: string
}

/** Takes a stream that was let in: answers who this node is, and listens to the link. */
export type Admission = (link: Link) => void

/** What a connection needs. */
export interface ConnectionOptions {
  /** Carries HTTP/2: under TLS, the decrypted end. */
  readonly socket: Socket
  readonly pingIntervalMs: number
  /** Whether to let `call` in. Asked once for each call, before anything is read from it. */
  readonly admit: (call: AcceptedCall) => Refusal | Admission
  /** A stream was let in. */
  readonly onBusy: () => void
  /** The stream that was let in is over; the connection is not. */
  readonly onIdle: () => void
  /** The connection brought more frames than any peer needs, and is closed. Called at most once. */
  readonly onFlood: () => void
}

/** Serves gRPC on a socket until that is closed. */
export function serveConnection(options: ConnectionOptions): void {
  const { socket, pingIntervalMs, admit, onBusy, onIdle, onFlood } = options
  const server = new Server({
    ...commonOptions(pingIntervalMs),
    'grpc.max_concurrent_streams': MAX_STREAMS_PER_CONNECTION,
  })
  let current: AcceptedCall | null = null

  function exchange(call: AcceptedCall): void {
    const verdict = current === null ? admit(call) : BUSY
    if (typeof verdict !== 'function') {
      // grpc-js takes an error event for the status to end with.
      call.emit('error', verdict)
      return
    }
    current = call
    const { link, closed } = linkOver(call, destroy)
    call.once('close', () => {
      current = null
      closed()
      onIdle()
    })
    onBusy()
    verdict(link)
  }

  function destroy(): void {
    socket.destroy()
  }

  server.addService({ exchange: EXCHANGE }, { exchange })
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  injector.injectConnection(frameGuard(socket, { now: () => performance.now(), onFlood }))
  socket.once('close', () => {
    server.forceShutdown()
  })
}

const BUSY: Refusal = {
  code: status.RESOURCE_EXHAUSTED,
  details: 'This connection carries a stream already.',
}
