/**
 * Where peers dial us: an HTTP server that knows WebSockets and nothing else. After a rejection
 * nothing must be left open, and no stranger may throw into the node.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import { createServer as createTlsServer, Server as SecureServer } from 'node:https'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { IDENTIFY_TIMEOUT_MS } from '@paxos/adapter-kit/links'
import type { LinkHost, Listening } from '@paxos/adapter-kit/links'
import { TransportError } from '@paxos/core'
import type { TransportErrorCode } from '@paxos/core'
import { WebSocketServer } from 'ws'
import { formatAddress } from './address.ts'
import type { WebSocketAddress } from './address.ts'
import { MAX_HEADER_BYTES } from './limits.ts'
import { problemOf } from './problem.ts'
import { isCertified } from './tls.ts'
import type { Credentials } from './tls.ts'
import { EXPIRED, watchPeer } from './validity.ts'
import { waitingRoom } from './waiting-room.ts'
import { maxPayload, wsChannel } from './ws-channel.ts'

/** What a server needs. */
export interface ServeOptions {
  readonly address: WebSocketAddress
  /** For `wss:`, and only then. */
  readonly credentials: Credentials | null
  readonly host: LinkHost
}

const SERVER_OPTIONS: ServerOptions = {
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: IDENTIFY_TIMEOUT_MS,
  requestTimeout: IDENTIFY_TIMEOUT_MS,
}

/** A listener whose certificates can be replaced. */
export interface SecureListener extends Listening {
  /** Connections from now on are shown these. Not without TLS. */
  renew(credentials: Credentials): void
}

/** Listens on `address`. Rejects with TransportError. */
export async function serve(options: ServeOptions): Promise<SecureListener> {
  const { address, credentials, host } = options
  const server = makeServer(credentials)
  const upgrader = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload,
  })
  const room = waitingRoom(() => host.refused('unidentifiedConnections'))
  server.on('connection', (socket: Socket) => room.enter(socket))
  server.on('request', refuseRequest)
  server.on('clientError', (error: unknown, socket: Socket) => {
    const problem = problemOf(error)
    host.refused('failedHandshakes', problem.reason === 'credentials' ? problem : null)
    socket.destroy()
  })
  server.on('upgrade', (request: IncomingMessage, stream, head) => {
    upgrader.handleUpgrade(request, stream, head, (ws) => {
      const { socket } = request
      // From here on it is the kit that bounds how many there are, and how long they take.
      room.leave(socket)
      host.accept({
        open(events) {
          if (socket instanceof TLSSocket) {
            watchPeer(socket, () => {
              events.onProblem(EXPIRED)
              socket.destroy()
            })
          }
          return wsChannel({ ws, socket, events })
        },
        provesToBe: (id) =>
          credentials?.mutual !== true || (socket instanceof TLSSocket && isCertified(socket, id)),
        isPage: request.headers.origin !== undefined,
      })
    })
  })
  await listen(server, address)
  return {
    address: boundAddress(server, address),
    renew(next) {
      if (server instanceof SecureServer) server.setSecureContext(next.options)
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      room.clear()
      await closed
    },
  }
}

function makeServer(credentials: Credentials | null): Server {
  if (credentials === null) return createServer(SERVER_OPTIONS)
  return createTlsServer({
    ...SERVER_OPTIONS,
    ...credentials.options,
    handshakeTimeout: IDENTIFY_TIMEOUT_MS,
    requestCert: credentials.mutual,
    rejectUnauthorized: true,
  })
}

function refuseRequest(_: IncomingMessage, response: ServerResponse): void {
  response
    .writeHead(426, { Upgrade: 'websocket', Connection: 'Upgrade, close', 'Content-Length': 0 })
    .end()
}

async function listen(server: Server, address: WebSocketAddress): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      // It stays for the life of the server: an error without a listener would end the process.
      server.on('error', reject)
      // Exclusive: in a worker of node:cluster the port would be shared with its siblings.
      server.listen({ host: address.host, port: address.port, exclusive: true }, resolve)
    })
  } catch (error) {
    throw explain(error, formatAddress(address))
  }
}

function boundAddress(server: Server, { secure }: WebSocketAddress): string {
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw explain(null, 'a socket without a port')
  return formatAddress({ secure, host: bound.address, port: bound.port })
}

function explain(error: unknown, address: string): TransportError {
  const cause = error instanceof Error ? error : new Error(String(error))
  const [code, message] = reasonFor('code' in cause ? cause.code : null)
  return new TransportError(code, `Cannot listen on ${address}: ${message}`, { cause })
}

function reasonFor(code: unknown): readonly [TransportErrorCode, string] {
  switch (code) {
    case 'EADDRINUSE':
      return ['ERR_PAXOS_ADDRESS_IN_USE', 'it is taken. Stop who has it, or take another port.']
    case 'EACCES':
    case 'EPERM':
      return ['ERR_PAXOS_ADDRESS_UNAVAILABLE', 'it is not permitted. Take a port from 1024 on.']
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EINVAL':
    case 'ENODEV':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return [
        'ERR_PAXOS_ADDRESS_UNAVAILABLE',
        'this machine does not have it. Take an address of this machine, or the host 0.0.0.0.',
      ]
    default:
      return ['ERR_PAXOS_TRANSPORT_FAILED', 'the system refused. Read the cause.']
  }
}
