/**
 * Chooses ports on loopback that nobody uses. Another program may take one before the worker binds it;
 * then the worker says so.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'

/** `count` different free ports. */
export async function freePorts(count: number): Promise<number[]> {
  // All are held at once, or the system might hand out the same one again.
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => {
    const address = server.address()
    return address !== null && typeof address === 'object' ? address.port : 0
  })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
