/** Whoever comes: plain HTTP, noise, crowds, and the slow. The others are served as before. */
import { once } from 'node:events'
import { createConnection } from 'node:net'
import type { Socket } from 'node:net'
import * as fc from 'fast-check'
import { extent } from '@paxos/testkit/fuzz'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { IDENTIFY_TIMEOUT_MS, MAX_MESSAGE_BYTES } from '@paxos/adapter-kit/links'
import {
  closeAll,
  hello,
  onCleanup,
  openNode,
  plain,
  portOf,
  retainedBytes,
  stopTime,
  visit,
  visitAs,
} from './nodes.ts'
import type { TestNode } from './nodes.ts'

afterEach(async () => {
  vi.useRealTimers()
  await closeAll()
})

const DESERTED = 'ws://127.0.0.1:9'
const UPGRADE = [
  'GET / HTTP/1.1',
  'Host: x',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '',
  '',
].join('\r\n')

/** Everything that comes on `socket` until it is closed. */
async function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  await once(socket, 'close')
  return text
}

async function expectServes(node: TestNode): Promise<void> {
  const count = node.inbox.length
  const honest = await visitAs('a', 'b', node.transport.address)
  honest.send(Uint8Array.of(1))
  await node.received(count + 1)
  honest.close()
  await once(honest, 'close')
}

describe('a plain HTTP request', () => {
  it.each([
    ['GET', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['GET with a path', 'GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n'],
    ['POST', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody'],
  ])('%s is answered with Upgrade Required and nothing else', async (_, request) => {
    const b = await openNode('b', { a: DESERTED })
    const socket = await plain(b.transport.address)
    socket.write(request)
    const answer = await readAll(socket)
    const [head = '', body] = answer.split('\r\n\r\n')
    const lines = head.split('\r\n')
    expect(lines[0]).toBe('HTTP/1.1 426 Upgrade Required')
    expect(lines).toContain('Upgrade: websocket')
    expect(body).toBe('')
    await expectServes(b)
  })

  it('with more headers than anybody needs is cut off', async () => {
    const b = await openNode('b', { a: DESERTED })
    const socket = await plain(b.transport.address)
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nCookie: ${'x'.repeat(9 << 10)}\r\n\r\n`)
    expect(await readAll(socket)).toBe('')
    expect(b.transport.stats().failedHandshakes).toBe(1)
    await expectServes(b)
  })
})

describe('who does not say who it is', () => {
  // However long the others take here: nobody's time runs out by itself.
  beforeEach(stopTime)

  it.each([
    ['in the middle of its request', UPGRADE.slice(0, 40)],
    ['after the upgrade', UPGRADE],
    ['in the middle of its hello', `${UPGRADE}\x82\x8c\0\0\0\0PxWS`],
  ])('%s is closed in time', async (_, bytes) => {
    const b = await openNode('b', { a: DESERTED })
    const socket = await plain(b.transport.address)
    socket.write(bytes, 'latin1')
    if (bytes.startsWith(UPGRADE)) await once(socket, 'data')
    const honest = await visitAs('a', 'b', b.transport.address)
    const closed = once(socket.resume(), 'close')
    vi.advanceTimersByTime(IDENTIFY_TIMEOUT_MS)
    await closed
    expect(b.transport.stats().unidentifiedConnections).toBe(1)
    // Who did is not.
    honest.send(Uint8Array.of(1))
    await b.received()
  })

  it('is cut off when it sends more than a first message takes, whatever its length', async () => {
    const b = await openNode('b', { a: DESERTED })
    // The header of a message of 1 MiB, and then most of it.
    const header = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0])
    const crowd = Array.from({ length: 4 }, async () => {
      const socket = await plain(b.transport.address)
      socket.write(UPGRADE)
      await once(socket, 'data')
      socket.write(Buffer.concat([header, Buffer.alloc(1_000_000)]))
      await once(socket.resume(), 'close')
    })
    await Promise.all(crowd)
    expect(b.transport.stats().malformedMessages).toBe(4)
    await expectServes(b)
  })
})

/** A message in a frame of WebSocket, with a mask that changes nothing. */
function masked(payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0x82, 0x80 | payload.length, 0, 0, 0, 0]), payload])
}

describe('a peer', () => {
  it('that announces more than a message is left at once, before it has sent it', async () => {
    const b = await openNode('b', { a: DESERTED })
    const socket = await plain(b.transport.address)
    socket.write(UPGRADE)
    await once(socket, 'data')
    const answered = once(socket, 'data')
    socket.write(masked(hello('a', 'b')))
    await answered
    const announcement = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    announcement.writeUInt32BE(MAX_MESSAGE_BYTES + 1, 6)
    const left = once(socket.resume(), 'end')
    socket.write(announcement)
    await left
    expect(b.transport.stats().malformedMessages).toBe(1)
  })
})

describe('noise', () => {
  const RUNS = extent(30, 400)
  const HELLO = hello('a', 'b')
  const noise = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes))
  /** Where the honest part ends: nowhere, after the upgrade, or after the hello. */
  const beginning = fc.constantFrom<Buffer[]>(
    [],
    [Buffer.from(UPGRADE)],
    [Buffer.from(UPGRADE), masked(HELLO)],
  )
  const changes = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 })

  it(`on ${RUNS} connections, before and after the upgrade, harms nobody`, async () => {
    const b = await openNode('b', { a: DESERTED })
    const port = portOf(b.transport.address)
    const before = retainedBytes()
    await fc.assert(
      fc.asyncProperty(beginning, changes, noise, async (honest, changed, rest) => {
        const begun = Buffer.concat(honest)
        for (const [at, value] of changed) if (at < begun.length) begun[at] = value
        const socket = createConnection({ port, host: '127.0.0.1' })
        onCleanup(() => void socket.destroy())
        socket.on('error', () => {})
        await once(socket, 'connect')
        socket.end(Buffer.concat([begun, rest]))
        await once(socket.resume(), 'close')
      }),
      { numRuns: RUNS },
    )
    expect(retainedBytes() - before).toBeLessThan(8 << 20)
    for (const { from } of b.inbox) expect(from).toBe('a')
    await expectServes(b)
  })
})

describe('an upgrade to a WebSocket', () => {
  it('offers no compression, whoever asks for it', async () => {
    const b = await openNode('b', { a: DESERTED })
    const visitor = await visit(b.transport.address, { perMessageDeflate: true })
    expect(visitor.extensions).toBe('')
  })

  it('asks for none either', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true })
    onCleanup(() => server.close())
    await once(server, 'listening')
    const bound = server.address()
    const port = typeof bound === 'object' ? bound?.port : null
    const arrived = once(server, 'connection')
    await openNode('a', { b: `ws://127.0.0.1:${port}` })
    const [socket] = await arrived
    expect(socket.extensions).toBe('')
  })
})
