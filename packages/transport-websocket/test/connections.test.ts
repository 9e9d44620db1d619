/** Connections on real sockets: one for a pair, found again when lost, and what is let in. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type * as DnsPromises from 'node:dns/promises'
import { once } from 'node:events'
import { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { CLOSE_TIMEOUT_MS, MAX_MESSAGE_BYTES } from '@paxos/adapter-kit/links'
import { InvalidArgumentError, MAX_FRAME_BYTES, TransportError } from '@paxos/core'
import { fromUrl, webSocket } from '@paxos/transport-websocket'
import { ADDRESS_TIMEOUT_MS, CLOSE_LOOKUP_MS } from '../../adapter-kit/src/sockets/limits.ts'
import { MAX_UNIDENTIFIED_BYTES } from '../src/limits.ts'
import {
  closeAll,
  hello,
  keepFramesYoung,
  onCleanup,
  openNode,
  portOf,
  retainedBytes,
  sockets,
  stopTime,
  until,
  visit,
  visitAs,
  wireTo,
} from './nodes.ts'
import type { TestNode } from './nodes.ts'

/** Look-ups of names that end in .invalid, in order, to be answered by the test. */
const lookups: { readonly host: string; readonly answer: (address: string | null) => void }[] = []

vi.mock('node:dns/promises', async (importOriginal) => {
  const original = await importOriginal<typeof DnsPromises>()
  const lookup = async (host: string, options: { all: true }): Promise<unknown> => {
    if (!host.endsWith('.invalid')) return original.lookup(host, options)
    const answer = await new Promise<string | null>((resolve) => {
      lookups.push({ host, answer: resolve })
    })
    if (answer === null) throw Object.assign(new Error('No such name'), { code: 'ENOTFOUND' })
    return answer.split(' ').map((address) => ({ address, family: 4 }))
  }
  return { ...original, lookup }
})

beforeEach(keepFramesYoung)

afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  for (const { answer } of lookups.splice(0)) answer(null)
  await closeAll()
})

const DESERTED = 'ws://127.0.0.1:9'
const PING_INTERVAL_MS = 5_000
/** No peer is left alone for longer. */
const MAX_RETRY_MS = 2_000
/** How often a frame is sent again that may have been lost with a connection. */
const RESEND_AFTER_MS = 20

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

/** Sends `frame` to b again and again, as Paxos does, until an answer that is the same has come. */
async function reach(a: TestNode, frame: Uint8Array): Promise<void> {
  const send = (): void => a.transport.send('b', frame)
  const again = setInterval(send, RESEND_AFTER_MS)
  onCleanup(() => clearInterval(again))
  send()
  const isAnswered = (): boolean => a.inbox.some((entry) => entry.frame[0] === frame[0])
  while (!isAnswered()) await a.received(a.inbox.length + 1)
  clearInterval(again)
}

async function errorOf(promise: Promise<unknown>): Promise<TransportError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof TransportError) return error
  throw new Error('It did not reject with a TransportError.')
}

describe('two nodes', () => {
  it('have one connection', async () => {
    const before = await sockets()
    const [a, b] = await openPair()
    // Two servers, and the two ends of one connection.
    expect(await sockets()).toBe(before + 4)
    for (const { transport } of [a, b]) {
      expect(Object.values(transport.stats()).every((count) => count === 0)).toBe(true)
    }
  })

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
  const starting: ChildProcess[] = []
  afterEach(() => {
    for (const child of starting.splice(0)) child.kill('SIGKILL')
  })

  async function startEcho(listen: string, peer: string): Promise<[ChildProcess, string]> {
    const child = runProgram(new URL('echo-node.ts', import.meta.url), listen, peer)
    starting.push(child)
    const [line] = await once(child.stdout ?? child, 'data')
    return [child, String(line).trim()]
  }

  it('that is killed and started again is connected to again', async () => {
    const a = await openNode('a')
    const [first, address] = await startEcho('ws://127.0.0.1:0', a.transport.address)
    a.transport.setPeers(new Map([['b', address]]))
    await reach(a, Uint8Array.of(1))
    first.kill('SIGKILL')
    await once(first, 'exit')
    await startEcho(address, a.transport.address)
    await reach(a, Uint8Array.of(2))
  })

  it('that vanishes without a word is given up after some pings, and found again', async () => {
    stopTime()
    const b = await openNode('b')
    const wire = await wireTo(b.transport.address)
    const a = await openNode('a', { b: wire.address })
    b.transport.setPeers(new Map([['a', DESERTED]]))
    await settle(a, b)
    const noticed = once(wire.events, 'end')
    wire.silence()
    // Two pings without an answer, and the third is due.
    vi.advanceTimersByTime(3 * PING_INTERVAL_MS)
    await noticed
    for (const { transport } of [a, b]) expect(transport.stats().silentConnections).toBe(1)
    await until(() => a.transport.figures().peers.get('b')?.isConnected === false)
    vi.advanceTimersByTime(MAX_RETRY_MS)
    await settle(a, b)
  })

  it('that only answers pings is not given up', async () => {
    stopTime()
    const b = await openNode('b', { a: DESERTED })
    const visitor = await visitAs('a', 'b', b.transport.address)
    const emit = vi.spyOn(WebSocket.prototype, 'emit')
    const [ping, pong] = ['4a021200', '4a021a00']
    const pongs = (): number =>
      emit.mock.calls.filter(([event, data]) => event === 'message' && hex(data) === pong).length
    visitor.binaryType = 'arraybuffer'
    visitor.on('message', (data) => {
      if (hex(data) === ping) visitor.send(Buffer.from(pong, 'hex'))
    })
    const silent = (): number => b.transport.stats().silentConnections
    for (let count = 1; count <= 10; count += 1) {
      vi.advanceTimersByTime(PING_INTERVAL_MS)
      await until(() => pongs() === count || silent() > 0)
    }
    expect(silent()).toBe(0)
    b.transport.send('a', Uint8Array.of(1))
    await once(visitor, 'message')
  })

  it('that does not read costs bounded memory, and frames are dropped', async () => {
    const b = await openNode('b', { a: DESERTED })
    const visitor = await visitAs('a', 'b', b.transport.address)
    visitor.pause()
    const before = retainedBytes()
    for (let count = 0; count < 300; count += 1) {
      b.transport.send('a', new Uint8Array(MAX_FRAME_BYTES))
      await nextTurn()
    }
    // Seven wait, and one is being written.
    expect(b.transport.stats().droppedFrames).toBeGreaterThan(200)
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

  it('that is down gets the frames of the last seconds when it is back, not older ones', async () => {
    const early = await openNode('b')
    const { address } = early.transport
    await early.transport.close()
    const a = await openNode('a', { b: address })
    a.transport.send('b', Uint8Array.of(1))
    vi.advanceTimersByTime(5_000)
    a.transport.send('b', Uint8Array.of(2))
    vi.advanceTimersByTime(1)
    const b = await openNode('b', { a: a.transport.address }, { listen: address })
    await b.received()
    expect(b.inbox.map(({ frame }) => frame)).toEqual([Uint8Array.of(2)])
    expect(a.transport.stats().droppedFrames).toBe(1)
  })

  it('that joins the address book later is let in when it comes again', async () => {
    const b = await openNode('b')
    const a = await openNode('a', { b: b.transport.address })
    await until(() => a.transport.stats().failedDials >= 2)
    expect(b.transport.stats().strangerConnections).toBeGreaterThanOrEqual(2)
    a.transport.send('b', Uint8Array.of(1))
    b.transport.setPeers(new Map([['a', DESERTED]]))
    await b.received()
  })

  it('that answers with another id is left', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    onCleanup(() => server.close())
    server.on('connection', (socket) => {
      socket.on('message', () => {
        socket.send(hello('c', 'a'))
        socket.send(Uint8Array.of(1))
      })
    })
    await once(server, 'listening')
    const bound = server.address()
    const port = typeof bound === 'object' ? bound?.port : null
    const a = await openNode('a', { b: `ws://127.0.0.1:${port}`, c: DESERTED })
    await until(() => a.transport.stats().strangerConnections > 0)
    await until(() => a.transport.stats().failedDials > 0)
    expect(a.inbox).toEqual([])
  })

  it('that leaves the address book is disconnected, and what it sends is dropped', async () => {
    const b = await openNode('b', { a: DESERTED })
    const visitor = await visitAs('a', 'b', b.transport.address)
    const closed = once(visitor, 'close')
    b.transport.setPeers(new Map())
    visitor.send(Uint8Array.of(1))
    await closed
    expect(b.inbox).toEqual([])
  })

  it('is one end of a few connections at most, however often it dials', async () => {
    // '' comes before every id: it is not for b to close a connection that a newer one replaces.
    const b = await openNode('b', { '': DESERTED })
    const first = await visitAs('', 'b', b.transport.address)
    const closed = once(first, 'close')
    for (let count = 0; count < 4; count += 1) await visitAs('', 'b', b.transport.address)
    await closed
    b.transport.send('', Uint8Array.of(1))
  })
})

describe('who dials is refused, and counted,', () => {
  it.each([
    ['when it is not in the address book', 'stranger', 'b', {}],
    ['when it has our own id', 'b', 'b', {}],
    ['when it means somebody else', 'a', 'c', {}],
    [
      'when it is a page with the id of a peer that has an address',
      'a',
      'b',
      { origin: 'http://x' },
    ],
  ])('%s', async (_, sender, receiver, options) => {
    const b = await openNode('b', { a: DESERTED })
    const visitor = await visit(b.transport.address, options)
    const answers = vi.fn()
    visitor.on('message', answers)
    const closed = once(visitor, 'close')
    visitor.send(hello(sender, receiver))
    visitor.send(Uint8Array.of(1))
    const [code] = await closed
    expect(code).toBe(1000)
    // That it is refused, and nothing else.
    expect(answers).toHaveBeenCalledOnce()
    expect(Buffer.from(answers.mock.calls[0]?.[0]).toString('hex')).toMatch(/^4a042a0208/)
    expect(b.inbox).toEqual([])
    expect(b.transport.stats().strangerConnections).toBe(1)
  })

  const HELLO = hello('a', 'b')
  it.each<[string, (string | Uint8Array)[]]>([
    ['when its first message is no hello', [Uint8Array.of(1, 2, 3)]],
    ['when its first message is empty', [new Uint8Array()]],
    ['when its first message is text', ['PxWS']],
    ['when its first message is as large as a frame', [new Uint8Array(MAX_FRAME_BYTES)]],
    ['when it sends text later', [HELLO, 'text']],
    ['when it sends more than a frame later', [HELLO, new Uint8Array(MAX_FRAME_BYTES + 1)]],
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

describe('ids', () => {
  it.each([
    ['longer than 255 bytes', 'ñ'.repeat(128)],
    ['that UTF-8 cannot write', 'a\ud800'],
  ])('%s are refused, and nothing is left open', async (_, id) => {
    const before = await sockets()
    const options = { id, listen: 'ws://127.0.0.1:0', peers: new Map(), receive: () => {} }
    await expect(webSocket().open(options)).rejects.toThrow(InvalidArgumentError)
    expect(await sockets()).toBe(before)
  })
})

describe('options', () => {
  it.each([0, 9, 3_600_001, 20.5, NaN])('with a ping every %d ms are refused', (pingIntervalMs) => {
    expect(() => webSocket({ pingIntervalMs })).toThrow(InvalidArgumentError)
  })

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

function hex(data: unknown): string {
  return data instanceof ArrayBuffer ? Buffer.from(data).toString('hex') : ''
}

function openAt(listen: string): Promise<void> {
  const transport = webSocket()
  onCleanup(() => transport.close())
  return transport.open({ id: 'a', listen, peers: new Map(), receive: () => {} })
}

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

  it('may be names', async () => {
    const b = await openNode('b', { a: DESERTED }, { listen: 'ws://localhost:0' })
    const a = await openNode('a', { b: `ws://localhost:${portOf(b.transport.address)}` })
    a.transport.send('b', Uint8Array.of(1))
    await b.received()
  })

  it('of another machine are unavailable, and the error says what to do', async () => {
    const before = await sockets()
    const error = await errorOf(openAt('ws://203.0.113.9:0'))
    expect(error.code).toBe('ERR_PAXOS_ADDRESS_UNAVAILABLE')
    expect(error.message).toMatch(/203\.0\.113\.9.*Take an address of this machine/)
    expect(error.cause).toBeInstanceOf(Error)
    expect(await sockets()).toBe(before)
  })

  it('that are taken say so, and leave nothing open', async () => {
    const { transport } = await openNode('a')
    const before = await sockets()
    expect((await errorOf(openAt(transport.address))).code).toBe('ERR_PAXOS_ADDRESS_IN_USE')
    expect(await sockets()).toBe(before)
  })
})

function runProgram(program: URL, ...args: readonly string[]): ChildProcess {
  const flags = ['--conditions=@paxos/source', '--import', 'tsx']
  return spawn(process.execPath, [...flags, fileURLToPath(program), ...args], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

describe('a peer with a name', () => {
  it('that is not found is looked up again, and holds up nobody else', async () => {
    const b = await openNode('b', { a: DESERTED })
    const port = portOf(b.transport.address)
    const a = await openNode('a', { b: `ws://b.invalid:${port}` })
    a.transport.send('b', Uint8Array.of(1))
    await until(() => lookups.length > 0)
    lookups.shift()?.answer(null)
    await until(() => lookups.length > 0)
    lookups.shift()?.answer('127.0.0.1')
    await b.received()
    expect(a.transport.stats().failedDials).toBe(1)
  })

  it('and several addresses gives each the time that a slow one takes, and reaches those after a dead one', async () => {
    const connect = vi.spyOn(Socket.prototype, 'connect')
    const b = await openNode('b', { a: DESERTED })
    const a = await openNode('a', { b: `ws://b.invalid:${portOf(b.transport.address)}` })
    a.transport.send('b', Uint8Array.of(1))
    await until(() => lookups.length > 0)
    // Nobody listens on the first one.
    lookups.shift()?.answer('127.0.0.9 127.0.0.1')
    await b.received()
    const isToName = expect.objectContaining({
      host: 'b.invalid',
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
    })
    expect(connect.mock.calls.flat(2)).toContainEqual(isToName)
    expect(a.transport.stats().failedDials).toBe(0)
  })

  it('holds up close() until its look-up ends: it cannot be cancelled', async () => {
    stopTime()
    const a = await openNode('a', { n: 'ws://nowhere.invalid:7000' })
    await until(() => lookups.length > 0)
    let isClosed = false
    const closing = a.transport.close().then(() => (isClosed = true))
    for (let turn = 0; turn < 20; turn += 1) await nextTurn()
    expect(isClosed).toBe(false)
    lookups.shift()?.answer('127.0.0.1')
    await closing
  })

  it('holds up close() not for long when no name server answers', async () => {
    stopTime()
    const a = await openNode('a', { n: 'ws://nowhere.invalid:7000' })
    await until(() => lookups.length > 0)
    let isClosed = false
    const closing = a.transport.close().then(() => (isClosed = true))
    for (let turn = 0; turn < 20; turn += 1) await nextTurn()
    expect(isClosed).toBe(false)
    vi.advanceTimersByTime(CLOSE_LOOKUP_MS)
    await closing
    expect(lookups).toHaveLength(1)
  })
})

describe('a name of this node itself', () => {
  it('that no name server answers for ends open() at once and holds up close() not for long', async () => {
    stopTime()
    const before = await sockets()
    const transport = webSocket()
    const opening = errorOf(
      transport.open({ id: 'a', listen: 'ws://a.invalid:0', peers: new Map(), receive: () => {} }),
    )
    await until(() => lookups.length > 0)
    let isClosed = false
    const closing = transport.close().then(() => (isClosed = true))
    expect((await opening).code).toBe('ERR_PAXOS_TRANSPORT_STATE')
    for (let turn = 0; turn < 20; turn += 1) await nextTurn()
    expect(isClosed).toBe(false)
    vi.advanceTimersByTime(CLOSE_LOOKUP_MS)
    await closing
    // It answers at last, and nothing is bound.
    lookups.shift()?.answer('127.0.0.1')
    expect(await sockets()).toBe(before)
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

  it('waits a bounded time for a peer that does not read what was sent', async () => {
    const b = await openNode('b', { a: DESERTED })
    const visitor = await visitAs('a', 'b', b.transport.address)
    visitor.pause()
    stopTime()
    // More than the system takes of this.
    for (let count = 0; count < 30; count += 1) {
      b.transport.send('a', new Uint8Array(MAX_FRAME_BYTES))
      await nextTurn()
    }
    let isClosed = false
    const closing = b.transport.close().then(() => (isClosed = true))
    vi.advanceTimersByTime(CLOSE_TIMEOUT_MS - 1)
    for (let turn = 0; turn < 20; turn += 1) await nextTurn()
    expect(isClosed).toBe(false)
    vi.advanceTimersByTime(1)
    await closing
  })

  it('delivers nothing any more, though peers go on sending', async () => {
    const b = await openNode('b', { a: DESERTED })
    const visitor = await visitAs('a', 'b', b.transport.address)
    visitor.send(Uint8Array.of(1))
    await b.received()
    const closing = b.transport.close()
    for (let count = 0; count < 100; count += 1) visitor.send(Uint8Array.of(2))
    await closing
    expect(b.inbox).toHaveLength(1)
  })

  it('lets a process that opened, sent and failed to open end by itself', async () => {
    const child = runProgram(new URL('exits-by-itself.ts', import.meta.url))
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const [code] = await once(child, 'close')
    expect([code, output]).toEqual([0, 'closed\n'])
  })
})
