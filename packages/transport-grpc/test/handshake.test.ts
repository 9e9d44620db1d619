/** Who is let in: on real sockets, from somebody who says what the test wants. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { connect } from 'node:net'
import { once } from 'node:events'
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MAX_FRAME_BYTES } from '@paxos/core'
import { MAX_MESSAGE_BYTES } from '@paxos/adapter-kit/links'
import type { GrpcStats } from '@paxos/transport-grpc'
import type { Refusal } from '../../adapter-kit/src/links/packet.ts'
import {
  IDENTIFY_TIMEOUT_MS,
  MAX_UNIDENTIFIED_CONNECTIONS,
} from '../../adapter-kit/src/sockets/limits.ts'
import { EXCHANGE, GRPC } from '../src/service.ts'
import type { AcceptedCall } from '../src/service.ts'
import {
  afterwards,
  cleanUp,
  helloOf,
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

describe('a stream', () => {
  it('of a peer is answered with who is there, before the first frame', async () => {
    const b = await openNode('b', KNOWN)
    const { answer, call } = stranger(b.transport.address)
    expect(await answer).toMatchObject({ type: 'hello', hello: { sender: 'b', receiver: 'a' } })
    call.write(Uint8Array.of(7))
    await b.received(7)
    expect(b.inbox).toEqual([{ from: 'a', frame: Uint8Array.of(7) }])
  })

  it.each<[string, StrangerOptions, Refusal, keyof GrpcStats]>([
    ['for another node', { hello: { receiver: 'c' } }, 'receiver', 'strangerConnections'],
    ['of a stranger', { hello: { sender: 'x' } }, 'stranger', 'strangerConnections'],
    ['in the node’s own name', { hello: { sender: 'b' } }, 'stranger', 'strangerConnections'],
    ['of another cluster', { hello: { cluster: 'x' } }, 'cluster', 'foreignConnections'],
    [
      'for another incarnation',
      { hello: { expectedIncarnation: 'x' } },
      'incarnation',
      'wrongIncarnations',
    ],
    ['of a later version', { hello: { version: 2 } }, 'protocol', 'malformedMessages'],
    ['that begins with a frame', { first: Uint8Array.of(1) }, 'protocol', 'malformedMessages'],
    [
      'of an id that is too long',
      { first: helloOf({ sender: 'x'.repeat(256) }) },
      'protocol',
      'malformedMessages',
    ],
    [
      'of an id that is no UTF-8',
      { first: helloOf({ sender: '#' }).map((byte) => (byte === 0x23 ? 0xff : byte)) },
      'protocol',
      'malformedMessages',
    ],
  ])('%s is refused with the reason, and counted', async (_, options, refusal, counter) => {
    const b = await openNode('b', KNOWN)
    const refused = stranger(b.transport.address, options)
    // A frame that did not wait for an answer.
    refused.call.write(Uint8Array.of(1))
    expect(await refused.answer).toEqual({ type: 'refused', refusal })
    refused.call.end()
    expect((await refused.status).code).toBe(status.OK)
    const welcome = stranger(b.transport.address)
    await welcome.answer
    welcome.call.write(Uint8Array.of(2))
    await b.received(2)
    expect(b.inbox).toHaveLength(1)
    // How often b dials where nobody is depends on how long all of this takes.
    const { failedDials, ...stats } = b.transport.stats()
    const none = Object.fromEntries(Object.keys(stats).map((name) => [name, 0]))
    expect(stats).toEqual({ ...none, [counter]: 1 })
    expect(failedDials).toBeGreaterThanOrEqual(0)
  })

  it('of somebody who brings more than a hello before it is known is cut off', async () => {
    const b = await openNode('b', KNOWN)
    const greedy = stranger(b.transport.address, { first: new Uint8Array(MAX_FRAME_BYTES) })
    expect((await greedy.status).code).not.toBe(status.OK)
    expect(b.transport.stats()).toMatchObject({ failedHandshakes: 1, malformedMessages: 0 })
    const peer = stranger(b.transport.address)
    await peer.answer
    peer.call.write(new Uint8Array(MAX_FRAME_BYTES).fill(3))
    await b.received(3)
  })

  it('P3: of the empty id is one of a node like any other', async () => {
    const b = await openNode('', KNOWN)
    const { answer } = stranger(b.transport.address, { hello: { receiver: '' } })
    expect(await answer).toMatchObject({ type: 'hello', hello: { sender: '' } })
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
    expect(await third.answer).toMatchObject({ type: 'hello' })
  })

  it('of a peer that comes anew is the one that is sent on', async () => {
    const b = await openNode('b', KNOWN)
    await stranger(b.transport.address).answer
    const anew = stranger(b.transport.address, { options: { 'grpc.primary_user_agent': 'x' } })
    await anew.answer
    b.transport.send('a', Uint8Array.of(3))
    const [frame] = await once(anew.call, 'data')
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

  it('that the node leaves is asked to be half-closed, and read until it is', async () => {
    const b = await openNode('b', KNOWN)
    const { answer, call, status: ended } = stranger(b.transport.address)
    await answer
    b.transport.send('a', Uint8Array.of(5))
    const closing = b.transport.close()
    const messages: Uint8Array[] = []
    for await (const message of call) {
      messages.push(message)
      if (message[0] === 0x4a) call.end()
    }
    expect(messages).toEqual([Uint8Array.of(5), Uint8Array.of(0x4a, 0)])
    expect((await ended).code).toBe(status.OK)
    await closing
  })

  it('with a message above the maximum ends, and harms nobody else', async () => {
    const b = await openNode('b', { peers: { a: 'nowhere', c: 'nowhere' } })
    const c = stranger(b.transport.address, { hello: { sender: 'c' } })
    await c.answer
    const a = stranger(b.transport.address)
    await a.answer
    a.call.write(new Uint8Array(MAX_MESSAGE_BYTES + 1))
    expect((await a.status).code).toBe(status.RESOURCE_EXHAUSTED)
    c.call.write(Uint8Array.of(5))
    await b.received(5)
    expect(b.inbox).toHaveLength(1)
  })
})

/** Answers every stream as `answer` says; the frames that came after the hello of each. */
async function impostor(answer: (call: AcceptedCall) => void): Promise<[string, Uint8Array[]]> {
  const frames: Uint8Array[] = []
  const server = new Server()
  server.addService(
    { exchange: EXCHANGE },
    {
      exchange(call: AcceptedCall) {
        call.on('error', () => {})
        call.on('data', (message: Uint8Array) => {
          if (message[0] !== 0x4a) frames.push(message)
        })
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
  it.each<[string, Uint8Array]>([
    ['is somebody else', helloOf({ sender: 'c', receiver: 'a' })],
    ['is of another cluster', helloOf({ sender: 'b', receiver: 'a', cluster: 'x' })],
    ['does not say who it is', Uint8Array.of(9)],
    ['says nothing of it', Uint8Array.of(0x4a, 0)],
  ])('and %s gets no frame, and none of its own is taken', async (_, first) => {
    let attempts = 0
    const [address, frames] = await impostor((call) => {
      attempts += 1
      call.write(first)
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
      call.write(helloOf({ sender: 'b', receiver: 'a' }))
      call.write(attempts === 1 ? new Uint8Array(MAX_MESSAGE_BYTES + 1) : Uint8Array.of(8))
    })
    const a = await openNode('a', { peers: { b: address } })
    await a.received(8)
    expect(a.inbox).toEqual([{ from: 'b', frame: Uint8Array.of(8) }])
    expect(a.transport.stats().malformedMessages).toBe(1)
  })

  it('and speaks gRPC, but not this protocol, is told from one that is down', async () => {
    const server = new Server()
    afterwards(() => server.forceShutdown())
    const port = await new Promise<number>((resolve) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_, bound) =>
        resolve(bound),
      )
    })
    const a = await openNode('a', { peers: { b: `grpc://127.0.0.1:${port}` } })
    await until(() => a.transport.stats().failedDials > 0)
    expect(a.transport.figures().peers.get('b')?.problem?.reason).toBe('protocol')
  })
})

describe('connections without a stream of a known peer', () => {
  it('are closed in time, and counted', async () => {
    stopTime()
    const b = await openNode('b', {})
    const socket = connect(GRPC.parse(b.transport.address)?.port ?? 0, '127.0.0.1')
    afterwards(() => socket.destroy())
    const closed = once(socket.resume(), 'close')
    // The node greets first in HTTP/2: it has seen the connection.
    await once(socket, 'data')
    vi.advanceTimersByTime(IDENTIFY_TIMEOUT_MS - 1)
    expect(b.transport.stats().unidentifiedConnections).toBe(0)
    vi.advanceTimersByTime(1)
    await closed
    expect(b.transport.stats().unidentifiedConnections).toBe(1)
  })

  it('are closed in time after their stream has ended, too', async () => {
    stopTime()
    const b = await openNode('b', { ...KNOWN })
    const { answer, call, status: ended } = stranger(b.transport.address)
    await answer
    vi.advanceTimersByTime(IDENTIFY_TIMEOUT_MS)
    expect(b.transport.stats().unidentifiedConnections).toBe(0)
    call.end()
    await ended
    let passedMs = 0
    while (b.transport.stats().unidentifiedConnections === 0) {
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
    expect(b.transport.stats().unidentifiedConnections).toBe(8)
    vi.useRealTimers()
    await meet(a, b)
    const c = await openNode('c')
    introduce(a, b, c)
    await meet(c, b)
  })
})
