/**
 * Chooses ports on loopback that nobody uses. Another program may take one before the node binds it;
 * then the node says so.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** The protocol that the ports are for: each has its own. */
export type Protocol = 'udp' | 'tcp'

interface Held {
  readonly port: number
  readonly release: () => Promise<void>
}

/** `count` different free ports. */
export async function freePorts(count: number, protocol: Protocol): Promise<number[]> {
  const hold = protocol === 'udp' ? holdUdpPort : holdTcpPort
  // All are held at once, or the system might hand out the same one again.
  const held = await Promise.all(Array.from({ length: count }, hold))
  await Promise.all(held.map(({ release }) => release()))
  return held.map(({ port }) => port)
}

async function holdUdpPort(): Promise<Held> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    port: socket.address().port,
    release: () => new Promise((resolve) => socket.close(resolve)),
  }
}

async function holdTcpPort(): Promise<Held> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    release: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
