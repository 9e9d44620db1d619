/** Who is let in: on real sockets, from somebody who says what the test wants. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { connect } from 'node:net'
import { once } from 'node:events'
import { Server, ServerCredentials, Metadata, status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MAX_FRAME_BYTES } from '@paxos/core'
import { GRPC } from '../src/address.ts'
import { FROM_KEY } from '../src/identity.ts'
import {
  IDENTIFY_TIMEOUT_MS,
  MAX_UNIDENTIFIED_CONNECTIONS,
} from '../../adapter-kit/src/sockets/limits.ts'
import { EXCHANGE } from '../src/service.ts'
import type { AcceptedCall } from '../src/service.ts'
import {
  afterwards,
  cleanUp,
  introduce,
  keepFramesYoung,
  meet,
  open,
  openNode,
  outcomeOf,
  stopTime,
  stranger,
  until,
} from './world.ts'
import type { StrangerOptions } from './world.ts'

beforeEach(keepFramesYoung)

afterEach(async () => {
  vi.useRealTimers()
  await cleanUp()
})

const KNOWN = { peers: { a: 'grpc://127.0.0.1:9' } }
const utf8 = new TextEncoder()

describe('a stream', () => {
  it('of a peer is answered with who is there, before the first frame', async () => {
    const b = await openNode('b', KNOWN)
    const { answer, call } = stranger(b.transport.address)
    expect((await answer)?.get(FROM_KEY)).toEqual([Buffer.from('b')])
    call.write(Uint8Array.of(7))
    await b.received(7)
    expect(b.inbox).toEqual([{ from: 'a', frame: Uint8Array.of(7) }])
  })

  it.each<[string, StrangerOptions, status, string]>([
    ['for another node', { to: [utf8.encode('c')] }, status.NOT_FOUND, 'misaddressedHandshakes'],
    ['of a stranger', { from: [utf8.encode('x')] }, status.PERMISSION_DENIED, 'strangerHandshakes'],
    [
      'in the node’s own name',
      { from: [utf8.encode('b')] },
      status.PERMISSION_DENIED,
      'strangerHandshakes',
    ],
    ['of nobody', { from: [] }, status.INVALID_ARGUMENT, 'malformedHandshakes'],
    ['for nobody', { to: [] }, status.INVALID_ARGUMENT, 'malformedHandshakes'],
    [
      'of two nodes',
      { from: [utf8.encode('a'), utf8.encode('a')] },
      status.INVALID_ARGUMENT,
      'malformedHandshakes',
    ],
    [
      'of an id that is too long',
      { from: [new Uint8Array(256).fill(97)] },
      status.INVALID_ARGUMENT,
      'malformedHandshakes',
    ],
    [
      'of an id that is no UTF-8',
      { from: [Uint8Array.of(0xc0, 0x80)] },
      status.INVALID_ARGUMENT,
      'malformedHandshakes',
    ],
  ])('%s is refused with its status, and counted', async (_, options, code, counter) => {
    const b = await openNode('b', { peers: { a: 'grpc://127.0.0.1:9' } })
    const refused = stranger(b.transport.address, options)
    // Frames that did not wait for an answer.
    refused.call.write(Uint8Array.of(1))
    refused.call.write(new Uint8Array(MAX_FRAME_BYTES))
    expect((await refused.status).code).toBe(code)
    expect(await refused.answer).toBeNull()
    const welcome = stranger(b.transport.address)
    await welcome.answer
    welcome.call.write(Uint8Array.of(2))
    await b.received(2)
    expect(b.inbox).toHaveLength(1)
    const none = Object.fromEntries(Object.keys(b.transport.stats()).map((name) => [name, 0]))
    expect(b.transport.stats()).toEqual({ ...none, [counter]: 1 })
  })

  it('P3: of the empty id is one of a node like any other', async () => {
    const b = await openNode('', { peers: { a: 'grpc://127.0.0.1:9' } })
    const { answer } = stranger(b.transport.address, { to: [new Uint8Array()] })
    expect((await answer)?.get(FROM_KEY)).toEqual([Buffer.alloc(0)])
  })

  it('is the only one of its connection, and the next may come after it', async () => {
    const b = await openNode('b', KNOWN)
    const first = stranger(b.transport.address)
    await first.answer
    const second = outcomeOf(open(first.client, {}))
    expect((await second.status).code).toBe(status.RESOURCE_EXHAUSTED)
    first.call.end()
    expect((await first.status).code).toBe(status.OK)
    const third = outcomeOf(open(first.client, {}))
    expect(await third.answer).not.toBeNull()
  })

  it('of a peer replaces the one before it, and only the new one is heard', async () => {
    const b = await openNode('b', KNOWN)
    const old = stranger(b.transport.address)
    await old.answer
    const replacement = stranger(b.transport.address, {
      options: { 'grpc.primary_user_agent': 'x' },
    })
    await replacement.answer
    expect((await old.status).code).not.toBe(status.OK)
    b.transport.send('a', Uint8Array.of(3))
    const [frame] = await once(replacement.call, 'data')
    expect(frame).toEqual(Uint8Array.of(3))
  })

  it('of a peer whose address is nonsense is taken: it may be one that can only dial', async () => {
    const b = await openNode('b', { peers: { a: 'nowhere' } })
    const { answer, call } = stranger(b.transport.address)
    await answer
    b.transport.send('a', Uint8Array.of(4))
    const [frame] = await once(call, 'data')
    expect(frame).toEqual(Uint8Array.of(4))
  })

  it('that the peer half-closes is read to its end, and ended with OK', async () => {
    const b = await openNode('b', KNOWN)
    const { answer, call, status: ended } = stranger(b.transport.address)
    await answer
    for (const byte of [1, 2, 3]) call.write(Uint8Array.of(byte))
    call.end()
    expect((await ended).code).toBe(status.OK)
    expect(b.inbox.map(({ frame }) => frame[0])).toEqual([1, 2, 3])
  })

  it('with a message above the maximum ends, and harms nobody else', async () => {
    const b = await openNode('b', { peers: { a: 'nowhere', c: 'nowhere' } })
    const c = stranger(b.transport.address, { from: [utf8.encode('c')] })
    await c.answer
    const a = stranger(b.transport.address)
    await a.answer
    a.call.write(new Uint8Array(MAX_FRAME_BYTES + 1))
    expect((await a.status).code).toBe(status.RESOURCE_EXHAUSTED)
    c.call.write(Uint8Array.of(5))
    await b.received(5)
    expect(b.inbox).toHaveLength(1)
  })
})

/** Answers every stream as `answer` says; the frames that came. */
async function impostor(answer: (call: AcceptedCall) => void): Promise<[string, Uint8Array[]]> {
  const frames: Uint8Array[] = []
  const server = new Server()
  server.addService(
    { exchange: EXCHANGE },
    {
      exchange(call: AcceptedCall) {
        call.on('error', () => {})
        call.on('data', (frame: Uint8Array) => frames.push(frame))
        call.on('end', () => call.end())
        answer(call)
      },
    },
  )
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound)
      else reject(error)
    })
  })
  afterwards(() => server.forceShutdown())
  return [`grpc://127.0.0.1:${port}`, frames]
}

describe('a peer that is dialled', () => {
  it.each<[string, (metadata: Metadata) => void]>([
    ['is somebody else', (metadata) => metadata.set(FROM_KEY, Buffer.from('c'))],
    ['does not say who it is', () => {}],
    [
      'says it twice',
      (metadata) => ['b', 'b'].forEach((id) => metadata.add(FROM_KEY, Buffer.from(id))),
    ],
  ])('and %s gets no frame, and none of its own is taken', async (_, describeSelf) => {
    let attempts = 0
    const [address, frames] = await impostor((call) => {
      attempts += 1
      const metadata = new Metadata()
      describeSelf(metadata)
      call.sendMetadata(metadata)
      call.write(Uint8Array.of(9))
    })
    const a = await openNode('a', { peers: { b: address } })
    a.transport.send('b', Uint8Array.of(1))
    await until(() => attempts >= 3)
    expect([a.inbox, frames]).toEqual([[], []])
    expect(a.transport.stats().failedDials).toBeGreaterThanOrEqual(2)
  })

  it('and sends too much is dialled again', async () => {
    let attempts = 0
    const [address] = await impostor((call) => {
      attempts += 1
      const metadata = new Metadata()
      metadata.set(FROM_KEY, Buffer.from('b'))
      call.sendMetadata(metadata)
      call.write(attempts === 1 ? new Uint8Array(MAX_FRAME_BYTES + 1) : Uint8Array.of(8))
    })
    const a = await openNode('a', { peers: { b: address } })
    await a.received(8)
    expect(a.inbox).toEqual([{ from: 'b', frame: Uint8Array.of(8) }])
  })
})

describe('connections without a stream of a known peer', () => {
  it('are closed in time, and counted', async () => {
    stopTime()
    const b = await openNode('b', { pingIntervalMs: 60_000 })
    const socket = connect(GRPC.parse(b.transport.address)?.port ?? 0, '127.0.0.1')
    afterwards(() => socket.destroy())
    const closed = once(socket.resume(), 'close')
    // The node greets first in HTTP/2: it has seen the connection.
    await once(socket, 'data')
    vi.advanceTimersByTime(IDENTIFY_TIMEOUT_MS - 1)
    expect(b.transport.stats().expiredConnections).toBe(0)
    vi.advanceTimersByTime(1)
    await closed
    expect(b.transport.stats().expiredConnections).toBe(1)
  })

  it('are closed in time after their stream has ended, too', async () => {
    stopTime()
    const b = await openNode('b', { ...KNOWN, pingIntervalMs: 60_000 })
    const { answer, call, status: ended } = stranger(b.transport.address)
    await answer
    vi.advanceTimersByTime(IDENTIFY_TIMEOUT_MS)
    expect(b.transport.stats().expiredConnections).toBe(0)
    call.end()
    await ended
    let passedMs = 0
    while (b.transport.stats().expiredConnections === 0) {
      await nextTurn()
      vi.advanceTimersByTime(1_000)
      passedMs += 1_000
    }
    expect(passedMs).toBeGreaterThanOrEqual(IDENTIFY_TIMEOUT_MS)
  })

  it('are bounded: the oldest makes room, and peers get in', async () => {
    const b = await openNode('b')
    const a = await openNode('a')
    introduce(a, b)
    await meet(a, b)
    // However long this takes: nobody's time runs out by itself.
    stopTime()
    const port = GRPC.parse(b.transport.address)?.port ?? 0
    const closed: number[] = []
    const arrived: Promise<unknown>[] = []
    for (let count = 0; count < MAX_UNIDENTIFIED_CONNECTIONS + 8; count += 1) {
      const socket = connect(port, '127.0.0.1').on('error', () => {})
      afterwards(() => socket.destroy())
      socket.once('close', () => closed.push(count))
      arrived.push(once(socket.resume(), 'data'))
      await once(socket, 'connect')
    }
    while (closed.length < 8) await nextTurn()
    expect(closed.toSorted((one, other) => one - other)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    await Promise.all(arrived.slice(8))
    expect(b.transport.stats().expiredConnections).toBe(8)
    vi.useRealTimers()
    await meet(a, b)
    const c = await openNode('c')
    introduce(a, b, c)
    await meet(c, b)
  })
})
