/**
 * Takes connections on one address, and bounds what strangers can make this node keep: how many
 * connections there are without a stream of a known peer, and for how long. Must never leave a
 * socket open after close.
 */
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { TransportError } from '@paxos/core'
import type { TransportErrorCode } from '@paxos/core'
import { formatAddress } from './address.ts'
import type { GrpcAddress } from './address.ts'
import { serveConnection } from './connection.ts'
import type { Admission, Refusal } from './connection.ts'
import type { NodeCredentials } from './credentials.ts'
import { commonNameOf } from './identity.ts'
import { IDENTIFY_TIMEOUT_MS, MAX_UNIDENTIFIED_CONNECTIONS } from './limits.ts'
import type { AcceptedCall } from './service.ts'
import { watchPeer } from './validity.ts'

/** What listens. */
export interface Listener {
  /** With the real port, and an IP address in place of a name. */
  readonly address: string
  /** Takes no more connections; those that there are go on. */
  stop(): void
  /** Connections from now on are shown, and asked for, these. Not without TLS. */
  renew(credentials: NodeCredentials): void
  /** Stops, and destroys every connection. */
  close(): Promise<void>
}

/** What a listener needs. */
export interface ListenerOptions {
  readonly address: GrpcAddress
  /** The IP address of a host. */
  readonly lookup: (host: string) => Promise<string>
  readonly credentials: NodeCredentials | null
  readonly pingIntervalMs: number
  /** As in connection.ts; `commonName` is what a certificate that was checked says, else `null`. */
  readonly admit: (call: AcceptedCall, commonName: string | null) => Refusal | Admission
  /** A connection is closed because it had no stream of a known peer for too long. */
  readonly onExpired: () => void
  /** A connection is closed because it brought more than any peer needs. */
  readonly onFlood: () => void
  /** A TLS handshake came to nothing. */
  readonly onTlsFailed: () => void
  /** A connection is ended because the certificate of the other side has. */
  readonly onCertificateEnd: () => void
}

/** A connection, from its first byte on. */
interface Visitor {
  readonly socket: Socket
  timer: NodeJS.Timeout | null
}

/** Listens on an address. Rejects with TransportError: with that of `lookup`, if that rejects with one. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const { address, credentials, pingIntervalMs, admit, onExpired, onFlood } = options
  const visitors = new Map<string, Visitor>()
  /** In the order of their arrival. */
  const unidentified = new Set<Visitor>()

  function welcome(socket: Socket): void {
    // It stays for the life of the socket: an error without a listener would end the process.
    socket.on('error', () => {})
    const key = endpointsOf(socket)
    const visitor: Visitor = { socket, timer: null }
    visitors.set(key, visitor)
    socket.once('close', () => {
      if (visitors.get(key) === visitor) visitors.delete(key)
      identified(visitor)
    })
    expectIdentity(visitor)
    if (tlsServer === null) serve(visitor, socket, null)
    else tlsServer.emit('connection', socket)
  }

  function welcomeSecure(socket: TLSSocket): void {
    socket.on('error', () => {})
    const visitor = visitors.get(endpointsOf(socket))
    // It is closed already, or does not speak HTTP/2.
    if (visitor === undefined || socket.alpnProtocol !== 'h2') socket.destroy()
    else {
      watchPeer(socket, () => {
        options.onCertificateEnd()
        socket.destroy()
      })
      serve(visitor, socket, socket.authorized ? certifiedName(socket) : null)
    }
  }

  function serve(visitor: Visitor, socket: Socket, commonName: string | null): void {
    serveConnection({
      socket,
      pingIntervalMs,
      admit: (call) => admit(call, commonName),
      onBusy: () => identified(visitor),
      onIdle() {
        if (!visitor.socket.destroyed) expectIdentity(visitor)
      },
      onFlood,
    })
  }

  function expectIdentity(visitor: Visitor): void {
    unidentified.add(visitor)
    visitor.timer = setTimeout(expire, IDENTIFY_TIMEOUT_MS, visitor)
    const [oldest] = unidentified
    if (unidentified.size > MAX_UNIDENTIFIED_CONNECTIONS && oldest !== undefined) expire(oldest)
  }

  function identified(visitor: Visitor): void {
    unidentified.delete(visitor)
    if (visitor.timer !== null) clearTimeout(visitor.timer)
    visitor.timer = null
  }

  function expire(visitor: Visitor): void {
    identified(visitor)
    visitor.socket.destroy()
    onExpired()
  }

  const tlsServer =
    credentials === null
      ? null
      : createTlsServer({
          ...credentials.serverContext,
          requestCert: credentials.isMutual,
          rejectUnauthorized: credentials.isMutual,
          ALPNProtocols: ['h2'],
        })
  tlsServer?.on('secureConnection', welcomeSecure)
  tlsServer?.on('tlsClientError', options.onTlsFailed)
  const server = createServer({ noDelay: true }, welcome)
  const bound = await bind(server, address, options.lookup)
  let closing: Promise<void> | null = null
  function stop(): void {
    closing ??= new Promise((resolve) => {
      server.close(() => resolve())
    })
  }
  return {
    address: formatAddress({ ...address, host: bound.address, port: bound.port }),
    stop,
    renew: (next) => tlsServer?.setSecureContext(next.serverContext),
    async close() {
      stop()
      for (const { socket } of visitors.values()) socket.destroy()
      await closing
    },
  }
}

/** What tells a connection from all others. */
function endpointsOf(socket: Socket): string {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  return [remoteAddress, remotePort, localAddress, localPort].join(' ')
}

function certifiedName(socket: TLSSocket): string | null {
  return commonNameOf(socket.getPeerCertificate().subject)
}

/** Rejects with TransportError, and then leaves nothing open. */
async function bind(
  server: Server,
  address: GrpcAddress,
  lookup: ListenerOptions['lookup'],
): Promise<AddressInfo> {
  try {
    const ip = await lookup(address.host)
    await new Promise<void>((resolve, reject) => {
      // It stays for the life of the server, as above.
      server.on('error', reject)
      // Exclusive: in a worker of node:cluster the socket would be shared with its siblings.
      server.listen({ host: ip, port: address.port, exclusive: true }, resolve)
    })
    const bound = server.address()
    if (bound === null || typeof bound === 'string') throw new Error('It has no port.')
    return bound
  } catch (error) {
    throw explain(error, formatAddress(address))
  }
}

function explain(error: unknown, address: string): TransportError {
  if (error instanceof TransportError) return error
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
        'this machine does not have it. Take an address of this machine, or 0.0.0.0 for all of them.',
      ]
    default:
      return ['ERR_PAXOS_TRANSPORT_FAILED', 'the system refused. Read the cause.']
  }
}
