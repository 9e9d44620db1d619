/**
 * A socket that is bound to an address, or the reason why there is none. After a rejection nothing
 * must be left open.
 */
import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import type { LookupAddress } from 'node:dns'
import { explainBind, makeLookups } from '@paxos/adapter-kit/sockets'
import type { HostAddress } from '@paxos/adapter-kit/addresses'
import { TransportError } from '@paxos/core'
import { addresses } from './address.ts'
import { SOCKET_BUFFER_BYTES } from './limits.ts'

/** A bound socket. */
export interface Bound {
  readonly socket: Socket
  readonly family: 4 | 6
  /** With the real port, and an IP address in place of a name. */
  readonly address: string
}

/** Binds `address`. Rejects with TransportError, and with the reason of `signal` when that is aborted. */
export async function bind(address: HostAddress, signal: AbortSignal): Promise<Bound> {
  try {
    const { address: ip, family } = await ownAddress(address.host, signal)
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
    const bound = addresses.format({ isSecure: false, host, port })
    return { socket, family: isIPv6 ? 6 : 4, address: bound }
  } catch (error) {
    throw error instanceof TransportError ? error : explainBind(error, addresses.format(address))
  }
}

/** Where to listen. A look-up cannot be cancelled; what it says is not waited for once it is too late. */
async function ownAddress(host: string, signal: AbortSignal): Promise<LookupAddress> {
  const lookups = makeLookups()
  try {
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    const [first] = await Promise.race([lookups.addressesOf(host), aborted])
    if (first === undefined) throw new Error(`There is no address for '${host}'.`)
    return first
  } finally {
    await lookups.close()
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
