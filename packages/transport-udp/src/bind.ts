/**
 * A socket that is bound to an address, or the reason why there is none. After a rejection nothing
 * must be left open.
 */
import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import type { LookupAddress } from 'node:dns'
import { TransportError } from '@paxos/core'
import type { TransportErrorCode } from '@paxos/core'
import { formatAddress } from './address.ts'
import type { UdpAddress } from './address.ts'
import { SOCKET_BUFFER_BYTES } from './limits.ts'

/** A bound socket. */
export interface Bound {
  readonly socket: Socket
  readonly family: 4 | 6
  /** With the real port, and an IP address in place of a name. */
  readonly address: string
}

/** Binds `address`. Rejects with TransportError: with that of `lookup`, if that rejects with one. */
export async function bind(
  address: UdpAddress,
  lookup: (host: string) => Promise<LookupAddress>,
): Promise<Bound> {
  try {
    const { address: ip, family } = await lookup(address.host)
    const isIPv6 = family === 6
    // An IPv6 socket on :: takes IPv4 peers as well.
    const socket = createSocket(isIPv6 ? { type: 'udp6', ipv6Only: false } : { type: 'udp4' })
    try {
      await bindSocket(socket, ip, address.port)
    } catch (error) {
      await closeSocket(socket)
      throw error
    }
    enlargeBuffers(socket)
    const { address: host, port } = socket.address()
    return { socket, family: isIPv6 ? 6 : 4, address: formatAddress({ host, port }) }
  } catch (error) {
    throw explain(error, formatAddress(address))
  }
}

/** Closes `socket`, which delivers nothing from the call on. */
export function closeSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.close(resolve)
  })
}

function bindSocket(socket: Socket, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    // It stays for the life of the socket: an error without a listener would end the process.
    socket.on('error', reject)
    // Exclusive: in a worker of node:cluster the socket would be shared with its siblings.
    socket.bind({ address, port, exclusive: true }, resolve)
  })
}

function enlargeBuffers(socket: Socket): void {
  for (const enlarge of [
    () => socket.setRecvBufferSize(SOCKET_BUFFER_BYTES),
    () => socket.setSendBufferSize(SOCKET_BUFFER_BYTES),
  ]) {
    try {
      enlarge()
    } catch {
      // Some systems refuse what they do not allow in full. The default will do.
    }
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
        'this machine does not have it. Take an address of this machine, or udp://0.0.0.0:port.',
      ]
    default:
      return ['ERR_PAXOS_TRANSPORT_FAILED', 'the system refused. Read the cause.']
  }
}
