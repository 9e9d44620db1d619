/** What grpc-js opens, and when it is let go. */
import { AsyncResource } from 'node:async_hooks'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { holding } from '../src/client-sockets.ts'
import { afterwards, cleanUp, listening } from './world.ts'

afterEach(cleanUp)

/** A server, and the next connection that it takes. */
async function served(): Promise<{ readonly port: number; readonly taken: Promise<Socket> }> {
  const server = createServer()
  afterwards(() => server.close())
  const port = await listening(server)
  const taken = once(server, 'connection').then(([socket]: Socket[]) => {
    if (socket === undefined) throw new Error('There is no socket.')
    afterwards(() => socket.destroy())
    return socket.resume()
  })
  return { port, taken }
}

describe('a socket', () => {
  it('that is opened for a dial is open until the dial is given up', async () => {
    const { port, taken } = await served()
    const held = holding()
    const socket = held.open(() => connect(port, '127.0.0.1'))
    const other = await taken
    expect([socket.destroyed, other.destroyed]).toEqual([false, false])
    const closed = once(other, 'close')
    await held.free()
    await closed
  })

  it('that is opened on behalf of a dial which was given up never connects', async () => {
    const { port, taken } = await served()
    const held = holding()
    // As a timer that grpc-js started while it dialled.
    const open = held.open(() => AsyncResource.bind(() => connect(port, '127.0.0.1')))
    await held.free()
    await once(open(), 'close')
    const other = connect(port, '127.0.0.1')
    afterwards(() => other.destroy())
    await once(other, 'connect')
    const first = await taken
    expect(first.remotePort).toBe(other.localPort)
  })
})
