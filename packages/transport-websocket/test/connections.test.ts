/** Connections on real sockets: one for a pair, found again when lost, and what is let in. */
import { once } from 'node:events'
import { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CLOSE_TIMEOUT_MS, MAX_MESSAGE_BYTES } from '@paxos/adapter-kit/links'
import { InvalidArgumentError, MAX_FRAME_BYTES, TransportError } from '@paxos/core'
import { fromUrl } from '@paxos/transport-websocket'
import { MAX_UNIDENTIFIED_BYTES } from '../src/limits.ts'
import {
  closeAll,
  hello,
  keepFramesYoung,
  openNode,
  retainedBytes,
  sockets,
  stopTime,
  visit,
  visitAs,
  wireTo,
} from './nodes.ts'
import type { TestNode } from './nodes.ts'

beforeEach(keepFramesYoung)

afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await closeAll()
})

const DESERTED = 'ws://127.0.0.1:9'

/**
 * The nodes a and b, which know each other and have a connection: the one that a dials, for time
 * stands still, and the patience of b does not end.
 */
async function openPair(): Promise<readonly [TestNode, TestNode]> {
  stopTime()
  const b = await openNode('b')
  const a = await openNode('a', { b: b.transport.address })
  b.transport.setPeers(new Map([['a', a.transport.address]]))
  await settle(a, b)
  return [a, b]
}

/** Once it resolves, they have a connection, and nothing is on its way. */
async function settle(a: TestNode, b: TestNode): Promise<void> {
  a.transport.send('b', Uint8Array.of(0))
  b.transport.send('a', Uint8Array.of(0))
  await Promise.all([a.received(), b.received()])
  a.inbox.length = 0
  b.inbox.length = 0
}

describe('two nodes', () => {
  it('that dialled each other at once keep one connection, and lose nothing', async () => {
    const before = await sockets()
    const b = await openNode('b')
    const wire = await wireTo(b.transport.address)
    wire.hold()
    const arrived = once(wire.events, 'connection')
    const a = await openNode('a', { b: wire.address })
    await arrived
    b.transport.setPeers(new Map([['a', a.transport.address]]))
    await settle(a, b)
    // That was on the connection that b has dialled, its patience being at an end. Now the one that
    // a has dialled, through the wire, comes about as well, and replaces it.
    const send = (first: number): void => {
      for (let number = first; number < first + 50; number += 1) {
        a.transport.send('b', Uint8Array.of(number))
        b.transport.send('a', Uint8Array.of(number))
      }
    }
    send(0)
    wire.release()
    for (let first = 50; first < 200; first += 50) {
      await nextTurn()
      send(first)
    }
    await Promise.all([a.received(200), b.received(200)])
    const all = Array.from({ length: 200 }, (_, number) => number)
    for (const { inbox } of [a, b]) {
      expect(inbox.map(({ frame }) => frame[0] ?? -1).toSorted((x, y) => x - y)).toEqual(all)
    }
    // The server of the wire and its two ends of each side count as well.
    const connections = 2 + 2
    const servers = 3
    while ((await sockets()) !== before + servers + connections) await nextTurn()
  })
})

/** The way to the system of every socket: `_writev` is optional for streams, sockets have it. */
function writable(socket: Socket): Required<Pick<Socket, '_write' | '_writev'>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- said above
  return socket as Required<Pick<Socket, '_write' | '_writev'>>
}

describe('several frames', () => {
  it('sent in one turn of the event loop leave in one write', async () => {
    const [a, b] = await openPair()
    const socket = writable(Socket.prototype)
    const one = vi.spyOn(socket, '_write')
    const many = vi.spyOn(socket, '_writev')
    for (let number = 0; number < 100; number += 1) {
      if (number === 50) await Promise.resolve()
      a.transport.send('b', Uint8Array.of(number))
    }
    await b.received(100)
    expect([one.mock.calls.length, many.mock.calls.length]).toEqual([0, 1])
    expect(b.inbox.map(({ frame }) => frame[0])).toEqual(Array.from({ length: 100 }, (_, n) => n))
  })
})

describe('a peer', () => {
  it('that does not read costs bounded memory, and frames are dropped', async () => {
    const b = await openNode('b', { a: DESERTED })
    const visitor = await visitAs('a', 'b', b.transport.address)
    visitor.pause()
    const before = retainedBytes()
    for (let count = 0; count < 100; count += 1) {
      b.transport.send('a', new Uint8Array(MAX_FRAME_BYTES))
      await nextTurn()
    }
    // Seven wait, and one is being written.
    expect(b.transport.stats().droppedFrames).toBeGreaterThan(60)
    expect(retainedBytes() - before).toBeLessThan(16 << 20)
    // Several messages may come in one turn: a listener for each would miss some.
    const newest = new Promise<void>((resolve) => {
      visitor.on('message', (message: unknown) => {
        if (message instanceof Uint8Array && message.byteLength === 1) resolve()
      })
    })
    b.transport.send('a', Uint8Array.of(7))
    visitor.resume()
    await newest
  })
})

describe('who dials is refused, and counted,', () => {
  it('when it is a page with the id of a peer that has an address', async () => {
    const b = await openNode('b', { a: DESERTED })
    const visitor = await visit(b.transport.address, { origin: 'http://x' })
    const closed = once(visitor, 'close')
    visitor.send(hello('a', 'b'))
    visitor.send(Uint8Array.of(1))
    await closed
    expect(b.inbox).toEqual([])
    expect(b.transport.stats().strangerConnections).toBe(1)
  })

  const HELLO = hello('a', 'b')
  it.each<[string, (string | Uint8Array)[]]>([
    ['when its first message is text', ['PxWS']],
    ['when its first message is as large as a frame', [new Uint8Array(MAX_FRAME_BYTES)]],
    ['when it sends text later', [HELLO, 'text']],
    ['when it sends more than a message later', [HELLO, new Uint8Array(MAX_MESSAGE_BYTES + 1)]],
  ])('%s', async (_, messages) => {
    const b = await openNode('b', { a: DESERTED })
    const visitor = await visit(b.transport.address)
    const closed = once(visitor, 'close')
    for (const message of messages) visitor.send(message)
    visitor.send(Uint8Array.of(9))
    await closed
    expect(b.inbox).toEqual([])
    expect(b.transport.stats().malformedMessages).toBe(1)
    // Others are served as before.
    const honest = await visitAs('a', 'b', b.transport.address)
    honest.send(Uint8Array.of(1))
    await b.received()
  })

  it('when it sends the beginning of a large message before it has said who it is', async () => {
    const b = await openNode('b', { a: DESERTED })
    const visitor = await visit(b.transport.address)
    const closed = once(visitor, 'close')
    // A message is one fragment after another, which `ws` would keep until the last.
    for (let sent = 0; sent <= MAX_UNIDENTIFIED_BYTES; sent += 64) {
      visitor.send(new Uint8Array(64), { fin: false })
    }
    await closed
    expect(b.transport.stats().malformedMessages).toBe(1)
  })
})

describe('a page in a browser', () => {
  it('is let in with the id of a peer that has no address to dial', async () => {
    const b = await openNode('b', { page: '' })
    const page = await visitAs('page', 'b', b.transport.address, { origin: 'https://example.org' })
    page.send(Uint8Array.of(1))
    await b.received()
    expect(b.inbox).toEqual([{ from: 'page', frame: Uint8Array.of(1) }])
  })
})

describe('frames', () => {
  it('of every size around those at which WebSockets change their ways arrive whole', async () => {
    const [a, b] = await openPair()
    const sizes = [0, 1, 125, 126, 65_535, 65_536, MAX_FRAME_BYTES - 1, MAX_FRAME_BYTES]
    const frames = sizes.map((size) => new Uint8Array(size).fill(size & 0xff))
    for (const [from, to, id] of [
      [a, b, 'b'],
      [b, a, 'a'],
    ] as const) {
      for (const frame of frames) from.transport.send(id, frame)
      await to.received(sizes.length)
      for (const [index, { frame }] of to.inbox.entries()) {
        expect(Buffer.compare(frame, frames[index] ?? new Uint8Array())).toBe(0)
      }
    }
  })

  it('are in memory of their own, not in what was read with them', async () => {
    const [a, b] = await openPair()
    for (const size of [1, 100, 70_000]) a.transport.send('b', new Uint8Array(size))
    await b.received(3)
    for (const { frame } of b.inbox) expect(frame.buffer.byteLength).toBe(frame.byteLength)
  })
})

describe('options', () => {
  it.each(['ws:', 'ws://127.0.0.1:0', 'WS://host:1'])('fromUrl takes %s', async (url) => {
    const transport = fromUrl(url, { pingIntervalMs: 1_000 })
    await transport.open({ id: 'a', listen: 'ws://127.0.0.1:0', peers: new Map(), receive() {} })
    expect(transport.address).toMatch(/^ws:\/\/127\.0\.0\.1:[1-9]\d*$/)
    await transport.close()
  })

  it('fromUrl refuses other schemes, and what webSocket refuses', () => {
    expect(() => fromUrl('udp:')).toThrow(/Write ws: or wss:/)
    expect(() => fromUrl('ws:', { pingIntervalMs: 0 })).toThrow(InvalidArgumentError)
  })
})

describe('addresses', () => {
  it('of IPv6 work, or are unavailable where the machine has none', async () => {
    const result = await openNode('b', {}, { listen: 'ws://[::1]:0' }).catch(
      (error: unknown) => error,
    )
    if (result instanceof TransportError) {
      expect(result.code).toBe('ERR_PAXOS_ADDRESS_UNAVAILABLE')
      return
    }
    if (result instanceof Error) throw result
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is no error
    const b = result as TestNode
    expect(b.transport.address).toMatch(/^ws:\/\/\[::1\]:[1-9]\d*$/)
    const a = await openNode('a', { b: b.transport.address }, { listen: 'ws://[::]:0' })
    b.transport.setPeers(new Map([['a', a.transport.address]]))
    await settle(a, b)
  })
})

describe('close', () => {
  it('frees every socket, also of peers that are being dialled', async () => {
    const before = await sockets()
    const b = await openNode('b')
    const wire = await wireTo(b.transport.address)
    wire.hold()
    const peers = { held: wire.address, down: DESERTED, named: 'ws://localhost:9' }
    const a = await openNode('a', peers)
    for (const id of Object.keys(peers)) a.transport.send(id, new Uint8Array(MAX_FRAME_BYTES))
    await once(wire.events, 'connection')
    await a.transport.close()
    await closeAll()
    expect(await sockets()).toBe(before)
  })

  it('waits a bounded time for a peer that does not say goodbye', async () => {
    const b = await openNode('b', { a: DESERTED })
    const visitor = await visitAs('a', 'b', b.transport.address)
    visitor.pause()
    stopTime()
    const closing = b.transport.close()
    let isClosed = false
    void closing.then(() => (isClosed = true))
    for (let turn = 0; turn < 20; turn += 1) await nextTurn()
    expect(isClosed).toBe(false)
    vi.advanceTimersByTime(CLOSE_TIMEOUT_MS)
    await closing
  })

  it('lets what was sent leave first, also what does not fit into one write', async () => {
    const [a, b] = await openPair()
    for (let count = 1; count <= 7; count += 1) {
      a.transport.send('b', new Uint8Array(MAX_FRAME_BYTES).fill(count))
    }
    await a.transport.close()
    await b.received(7)
    expect(b.inbox.map(({ frame }) => frame[0])).toEqual([1, 2, 3, 4, 5, 6, 7])
  })
})
