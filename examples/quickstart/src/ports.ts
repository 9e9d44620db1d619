/**
 * Chooses UDP ports on loopback that nobody uses. Another program may take one before the node
 * binds it; then the node says so.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** `count` different free ports. */
export async function freePorts(count: number): Promise<number[]> {
  // All are held at once, or the system might hand out the same one again.
  const sockets = Array.from({ length: count }, () => createSocket('udp4'))
  await Promise.all(
    sockets.map(async (socket) => {
      socket.bind(0, '127.0.0.1')
      await once(socket, 'listening')
    }),
  )
  const ports = sockets.map((socket) => socket.address().port)
  await Promise.all(
    sockets.map(async (socket) => {
      socket.close()
      await once(socket, 'close')
    }),
  )
  return ports
}
