/** What a stranger can do with a socket: nothing that honest peers would notice. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import * as fc from 'fast-check'
import { extent } from '@paxos/testkit/fuzz'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { GRPC } from '../src/service.ts'
import { connectionBytes, DEADLY } from './http2-bytes.ts'
import {
  cleanUp,
  introduce,
  meet,
  openNode,
  reach,
  retainedBytes,
  sockets,
  until,
} from './world.ts'
import type { TestNode } from './world.ts'

beforeEach(() => {
  // grpc-js tells of metadata that it cannot read.
  vi.spyOn(console, 'error').mockImplementation(() => {})
})

afterEach(async () => {
  vi.restoreAllMocks()
  await cleanUp()
})

async function openPair(): Promise<readonly [TestNode, TestNode]> {
  const pair = [await openNode('a'), await openNode('b')] as const
  introduce(...pair)
  await meet(...pair)
  return pair
}

function callAt({ transport }: TestNode): Socket {
  return connect(GRPC.parse(transport.address)?.port ?? 0, '127.0.0.1')
    .on('error', () => {})
    .resume()
}

const RUNS = extent(5, 150)
const CONNECTIONS = 20

describe('a node', () => {
  it('goes on after HTTP/2 that ends a process of Node 20', async () => {
    const [a, b] = await openPair()
    const socket = callAt(b)
    const closed = once(socket, 'close')
    socket.end(DEADLY)
    await closed
    await meet(a, b)
    await meet(b, a)
  })

  it(`serves its peers while ${RUNS * CONNECTIONS} connections bring garbage, in bounded memory`, async () => {
    const [a, b] = await openPair()
    const openBefore = await sockets()
    const retainedBefore = retainedBytes()
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(connectionBytes, fc.constantFrom('end', 'reset', 'wait')), {
          minLength: CONNECTIONS,
          maxLength: CONNECTIONS,
        }),
        async (connections) => {
          const done = connections.map(async ([bytes, manner]) => {
            const socket = callAt(b)
            const closed = once(socket, 'close')
            const answered = once(socket, 'data').catch(() => {})
            socket.write(bytes)
            if (manner === 'end') socket.end()
            // What it answers, it answers after it has read some of it.
            else await Promise.race([answered, closed])
            if (manner === 'reset') socket.resetAndDestroy()
            if (manner === 'wait') socket.destroy()
            await closed
          })
          // Some of it comes in the name of a, and takes the place of its stream.
          await reach(a, b)
          await Promise.all(done)
          await reach(b, a)
        },
      ),
      { numRuns: RUNS },
    )
    while ((await sockets()) > openBefore) await until(() => true)
    expect(retainedBytes() - retainedBefore).toBeLessThan(8 << 20)
  })

  it('delivers nothing of it, except what is said in a peer’s name', async () => {
    const [a, b] = await openPair()
    await fc.assert(
      fc.asyncProperty(connectionBytes, async (bytes) => {
        const socket = callAt(a)
        const closed = once(socket, 'close')
        socket.end(bytes)
        await closed
      }),
      // Whoever says that it is 'a' and means 'b' is refused by 'a'.
      { numRuns: extent(30, 200) },
    )
    await meet(b, a)
    expect(a.inbox).toHaveLength(1)
  })
})
