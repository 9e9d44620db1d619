/**
 * A socket that is bound to an address, or the reason why there is none. After a rejection nothing
 * must be left open.
 */
import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { explainBind } from '@paxos/adapter-kit/sockets'
import type { HostAddress } from '@paxos/adapter-kit/addresses'
import { addresses } from './address.ts'
import { SOCKET_BUFFER_BYTES } from './limits.ts'

/** A bound socket. */
export interface Bound {
  readonly socket: Socket
  readonly family: 4 | 6
  /** With the real port, and an IP address in place of a name. */
  readonly address: string
}

/** Binds `address`. Rejects with TransportError. */
export async function bind(address: HostAddress): Promise<Bound> {
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
    const bound = addresses.format({ isSecure: false, host, port })
    return { socket, family: isIPv6 ? 6 : 4, address: bound }
  } catch (error) {
    throw explainBind(error, addresses.format(address))
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
