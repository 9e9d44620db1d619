/**
 * Where peers dial us: a TCP port, with TLS or without, and what bounds those who have not said who
 * they are. After a rejection nothing must be left open, and no stranger may throw into the node.
 */
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Server as TlsServer, TLSSocket } from 'node:tls'
import { TransportError } from '@paxos/core'
import type { NodeId, TransportErrorCode } from '@paxos/core'
import type { AddressScheme, HostAddress } from '../addresses/index.ts'
import type { LinkHost } from '../links/medium.ts'
import { EXPIRED, problemOf } from './problem.ts'
import { isCertified } from './tls.ts'
import type { Credentials } from './tls.ts'
import { watchPeer } from './validity.ts'
import { waitingRoom } from './waiting-room.ts'

/** Somebody who dialled us. */
export interface Guest {
  /** What carries its bytes: under TLS, the decrypted end. It is destroyed by whoever is done. */
  readonly socket: Socket
  /** Whether its certificate, where both sides show one, is that of `id`. */
  readonly provesToBe: (id: NodeId) => boolean
  /** It is known: the bounds for strangers are lifted. */
  readonly identified: () => void
  /** It is nobody any more, and has as much time to say who it is as whoever has just come. */
  readonly unidentified: () => void
}

/** What listening needs. */
export interface ListenOptions {
  readonly scheme: AddressScheme
  readonly address: HostAddress
  /** For an address with TLS, and only then. */
  readonly credentials: Credentials | null
  /** The protocol that both sides have to agree on by TLS (ALPN), as in 'h2'; `null` is any. */
  readonly protocol: string | null
  /** Told of those who were turned away before they were anybody. */
  readonly host: Pick<LinkHost, 'refused' | 'warn'>
  /** The IP address of a host; the TransportError that it rejects with is that of listen(). */
  readonly lookup: (host: string) => Promise<string>
  readonly accept: (guest: Guest) => void
}

/** A port that takes connections. */
export interface SocketListener {
  /** With the real port, and an IP address in place of a name. */
  readonly address: string
  /** Connections from now on are shown, and asked for, these. Not without TLS. */
  renew(credentials: Credentials): void
  /**
   * Takes nobody any more, and ends those who are not known. Resolves when the others have gone as
   * well, whom somebody else has to end, or say that they are known no more.
   */
  close(): Promise<void>
}

/** Listens on an address. Rejects with TransportError. */
export async function listen(options: ListenOptions): Promise<SocketListener> {
  const { scheme, address, credentials, protocol, host, accept } = options
  const room = waitingRoom(() => host.refused('unidentifiedConnections'))
  /** Those on which TLS begins, by what they have in common with the socket that it makes. */
  const arrivals = new Map<string, Socket>()
  const tlsServer = credentials === null ? null : makeTlsServer(credentials, protocol)
  const server = createServer({ noDelay: true }, welcome)

  function welcome(raw: Socket): void {
    // It stays for the life of the socket: an error without a listener would end the process.
    raw.on('error', () => {})
    raw.once('close', () => room.leave(raw))
    room.enter(raw)
    if (raw.destroyed) return
    if (tlsServer === null) accept(guestOf(raw, raw, () => true))
    else {
      const name = endpointsOf(raw)
      arrivals.set(name, raw)
      raw.once('close', () => {
        if (arrivals.get(name) === raw) arrivals.delete(name)
      })
      tlsServer.emit('connection', raw)
    }
  }

  function welcomeSecure(socket: TLSSocket): void {
    socket.on('error', () => {})
    const raw = arrivals.get(endpointsOf(socket))
    if (raw === undefined || socket.destroyed) {
      socket.destroy()
      return
    }
    if (protocol !== null && socket.alpnProtocol !== protocol) {
      socket.destroy()
      host.refused('failedHandshakes')
      return
    }
    watchPeer(socket, () => {
      host.warn(EXPIRED)
      socket.destroy()
    })
    accept(guestOf(raw, socket, (id) => isCertified(socket, id)))
  }

  function guestOf(raw: Socket, socket: Socket, hasProof: Guest['provesToBe']): Guest {
    return {
      socket,
      provesToBe: (id) => credentials?.isMutual !== true || hasProof(id),
      identified: () => room.leave(raw),
      unidentified: () => room.enter(raw),
    }
  }

  tlsServer?.on('secureConnection', welcomeSecure)
  tlsServer?.on('tlsClientError', (error: unknown, { authorizationError }: TLSSocket) => {
    // A certificate that is not accepted ends the socket without an error of its own. It is text.
    const code: unknown = authorizationError
    const problem = problemOf(typeof code === 'string' ? { code } : error)
    host.refused('failedHandshakes', problem.reason === 'credentials' ? problem : null)
  })
  const bound = await bind(server, options)
  return {
    address: scheme.format({ ...address, host: bound.address, port: bound.port }),
    renew: (next) => tlsServer?.setSecureContext(next.options),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      room.close()
      await closed
    },
  }
}

/** It does not listen itself: connections are handed to it. */
function makeTlsServer({ options, isMutual }: Credentials, protocol: string | null): TlsServer {
  return createTlsServer({
    ...options,
    requestCert: isMutual,
    rejectUnauthorized: true,
    ...(protocol === null ? {} : { ALPNProtocols: [protocol] }),
  })
}

/** What a socket and the one that TLS puts on it have in common, and no other has meanwhile. */
function endpointsOf(socket: Socket): string {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  return [remoteAddress, remotePort, localAddress, localPort].join(' ')
}

/** Rejects with TransportError, and then leaves nothing open. */
async function bind(
  server: Server,
  { address, scheme, lookup }: ListenOptions,
): Promise<AddressInfo> {
  try {
    const host = await lookup(address.host)
    await new Promise<void>((resolve, reject) => {
      // It stays for the life of the server: an error without a listener would end the process.
      server.on('error', reject)
      // Exclusive: in a worker of node:cluster the port would be shared with its siblings.
      server.listen({ host, port: address.port, exclusive: true }, resolve)
    })
    const bound = server.address()
    if (bound === null || typeof bound === 'string') throw new Error('It has no port.')
    return bound
  } catch (error) {
    throw explainBind(error, scheme.format(address))
  }
}

/** Why one cannot listen on `address`, for an error of the system; a TransportError says so itself. */
export function explainBind(error: unknown, address: string): TransportError {
  if (error instanceof TransportError) return error
  const cause = error instanceof Error ? error : new Error(String(error))
  const [code, message] = reasonFor('code' in cause ? cause.code : null)
  return new TransportError(code, `Cannot listen on ${address}: ${message}`, { cause })
}

function reasonFor(code: unknown): readonly [TransportErrorCode, string] {
  switch (code) {
    case 'EADDRINUSE':
      return ['ERR_PAXOS_ADDRESS_IN_USE', 'it is taken. Stop who has it, or take another.']
    case 'EACCES':
    case 'EPERM':
      return [
        'ERR_PAXOS_ADDRESS_UNAVAILABLE',
        'it is not permitted. Take a port from 1024 on, or a directory that this user may write to.',
      ]
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EROFS':
      return [
        'ERR_PAXOS_ADDRESS_UNAVAILABLE',
        'its directory is not there, or is read-only. Make it, or take another.',
      ]
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
