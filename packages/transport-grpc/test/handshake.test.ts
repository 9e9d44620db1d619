/** Who is let in: on real sockets, from somebody who says what the test wants. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MAX_FRAME_BYTES } from '@paxos/core'
import { MAX_MESSAGE_BYTES } from '@paxos/adapter-kit/links'
import { IDENTIFY_TIMEOUT_MS } from '../../adapter-kit/src/sockets/limits.ts'
import { EXCHANGE } from '../src/service.ts'
import type { AcceptedCall } from '../src/service.ts'
import {
  afterwards,
  cleanUp,
  helloOf,
  keepFramesYoung,
  open,
  openNode,
  outcomeOf,
  stopTime,
  stranger,
  until,
} from './world.ts'

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

  it('of a stranger is refused with the reason, and ended with OK', async () => {
    const b = await openNode('b', KNOWN)
    const refused = stranger(b.transport.address, { hello: { sender: 'x' } })
    // A frame that did not wait for an answer.
    refused.call.write(Uint8Array.of(1))
    expect(await refused.answer).toEqual({ type: 'refused', refusal: 'stranger' })
    refused.call.end()
    expect((await refused.status).code).toBe(status.OK)
    const welcome = stranger(b.transport.address)
    await welcome.answer
    welcome.call.write(Uint8Array.of(2))
    await b.received(2)
    expect(b.inbox).toHaveLength(1)
    expect(b.transport.stats().strangerConnections).toBe(1)
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

/** Where every stream is answered as `answer` says. */
async function impostor(answer: (call: AcceptedCall) => void): Promise<string> {
  const server = new Server()
  server.addService(
    { exchange: EXCHANGE },
    {
      exchange(call: AcceptedCall) {
        call.on('error', () => {})
        call.resume()
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
  return `grpc://127.0.0.1:${port}`
}

describe('a peer that is dialled', () => {
  it('and sends too much is dialled again', async () => {
    let attempts = 0
    const address = await impostor((call) => {
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
})
