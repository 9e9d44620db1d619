/** A channel over a stream of bytes: between two ends in memory, over TCP, and over TLS. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { Duplex, duplexPair } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { testAuthority } from '@paxos/testkit/certificates'
import { streamChannel } from '@paxos/adapter-kit/sockets'
import {
  CLOSE_TIMEOUT_MS,
  MAX_MESSAGE_BYTES,
  MAX_UNIDENTIFIED_BYTES,
} from '../../src/sockets/limits.ts'
import { afterwards, cleanUp } from './cleanup.ts'
import { record } from './recorded.ts'
import type { Recorded } from './recorded.ts'

afterEach(async () => {
  vi.useRealTimers()
  await cleanUp()
})

const authority = await testAuthority()
const certificate = await authority.issue({ commonName: 'b' })

/** Two ends of one connection. */
type Ends = readonly [Duplex, Duplex]

async function inMemory(): Promise<Ends> {
  return duplexPair()
}

async function overTcp(): Promise<Ends> {
  const server = createServer()
  const [near, far] = await ends(server, 'connection', (port) => connect(port, '127.0.0.1'))
  return [near, far]
}

async function overTls(): Promise<Ends> {
  const server = createTlsServer(certificate)
  return ends(server, 'secureConnection', (port) =>
    connectTls({ port, host: '127.0.0.1', ca: authority.ca }),
  )
}

async function ends(
  server: ReturnType<typeof createServer>,
  arrival: string,
  dial: (port: number) => Socket,
): Promise<readonly [Socket, Socket]> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  const arrived = once(server, arrival)
  const near = dial(port)
  const [far] = await arrived
  server.close()
  afterwards(() => {
    near.destroy()
    far.destroy()
  })
  return [near, far]
}

function channels([near, far]: Ends): readonly [Recorded, Recorded] {
  const pair = [near, far].map((stream) => record((events) => streamChannel({ stream, events })))
  const [one, other] = pair
  if (one === undefined || other === undefined) throw new Error('There are two ends.')
  for (const { channel } of pair) channel.trust?.()
  return [one, other]
}

/** A message that begins with `mark`. */
function marked(mark: number, bytes: number): Uint8Array {
  const message = new Uint8Array(bytes).fill(mark)
  return message
}

/** Sends all of `messages`, as many at a time as the channel takes. */
async function sendAll(from: Recorded, messages: readonly Uint8Array[]): Promise<void> {
  for (const message of messages) {
    await from.until(() => from.channel.writable)
    from.channel.send([message])
  }
}

describe.each([
  ['in memory', inMemory],
  ['over TCP', overTcp],
  ['over TLS', overTls],
])('a channel %s', (_, connected) => {
  it('carries messages of every size both ways, whole and in order', async () => {
    const [near, far] = channels(await connected())
    const sent = [
      new Uint8Array(),
      Uint8Array.of(1),
      marked(2, 70_000),
      marked(3, MAX_MESSAGE_BYTES),
      new Uint8Array(),
    ]
    near.channel.send(sent)
    await Promise.all([sendAll(far, sent), far.until(() => far.messages.length === sent.length)])
    await near.until(() => near.messages.length === sent.length)
    for (const { messages } of [near, far]) {
      for (const [index, message] of sent.entries()) {
        expect(Buffer.compare(messages[index] ?? Uint8Array.of(0), message)).toBe(0)
      }
    }
  })

  it('says goodbye after what was sent, and delivers what comes until the other has done so', async () => {
    const [near, far] = channels(await connected())
    near.channel.send([marked(1, 200_000), Uint8Array.of(2)])
    far.channel.send([marked(3, 200_000), Uint8Array.of(4)])
    near.channel.close()
    expect(near.channel.writable).toBe(false)
    await Promise.all([near.told('onClosed'), far.told('onClosed')])
    expect(far.messages.map(([first]) => first)).toEqual([1, 2])
    expect(near.messages.map(([first]) => first)).toEqual([3, 4])
    for (const { names } of [near, far]) {
      expect(names.filter((name) => name === 'onClosed')).toHaveLength(1)
      expect(names.at(-1)).toBe('onClosed')
    }
  })

  it('takes no more than the other side reads, and says when it takes more', async () => {
    const [near, stream] = await connected()
    const sender = record((events) => streamChannel({ stream: near, events }))
    stream.pause()
    let sent = 0
    while (sender.channel.writable) {
      sender.channel.send([marked(sent, 1 << 18)])
      sent += 1
      // The system takes some of it by itself.
      for (let turn = 0; turn < 3; turn += 1) await nextTurn()
    }
    const written = near.writableLength
    expect(written).toBeLessThan(2 << 18)
    const receiver = record((events) => streamChannel({ stream, events }))
    receiver.channel.trust?.()
    stream.resume()
    await sender.until(() => sender.channel.writable)
    expect(sender.names).toContain('onWritable')
    await receiver.until(() => receiver.messages.length === sent)
  })

  it('destroyed ends at once, delivers nothing more, and the other side is told', async () => {
    const [near, far] = channels(await connected())
    far.channel.send([Uint8Array.of(1)])
    near.channel.destroy()
    expect(near.channel.writable).toBe(false)
    await near.told('onClosed')
    expect(near.names).toEqual(['onClosed'])
    // In memory nobody tells the other end of it.
    if (connected === inMemory) far.channel.destroy()
    await far.told('onClosed')
    expect(far.names.at(-1)).toBe('onClosed')
  })
})

describe('somebody who is not known', () => {
  it('may bring a first message, and no more than that in all', async () => {
    for (const [bytes, isAllowed] of [
      [MAX_UNIDENTIFIED_BYTES - 4, true],
      [MAX_UNIDENTIFIED_BYTES - 3, false],
    ] as const) {
      const [near, far] = await inMemory()
      const stranger = record((events) => streamChannel({ stream: near, events }))
      const host = record((events) => streamChannel({ stream: far, events }))
      stranger.channel.send([new Uint8Array(bytes)])
      await host.told(isAllowed ? 'onMessage' : 'onMalformed')
      stranger.channel.send([Uint8Array.of(1)])
      await host.told('onMalformed')
      expect(host.messages).toHaveLength(isAllowed ? 1 : 0)
    }
  })

  it('cannot bring a heap of empty messages either', async () => {
    const [near, far] = await inMemory()
    const stranger = record((events) => streamChannel({ stream: near, events }))
    const host = record((events) => streamChannel({ stream: far, events }))
    stranger.channel.send(Array.from({ length: 2_000 }, () => new Uint8Array()))
    await host.told('onMalformed')
    expect(host.messages).toHaveLength(MAX_UNIDENTIFIED_BYTES / 4)
  })

  it('is not held to it for what came with the message by which it is known', async () => {
    const [near, far] = await inMemory()
    const host = record(
      (events) => streamChannel({ stream: far, events }),
      (channel) => channel.trust?.(),
    )
    const peer = record((events) => streamChannel({ stream: near, events }))
    peer.channel.send([Uint8Array.of(1), marked(2, MAX_MESSAGE_BYTES), Uint8Array.of(3)])
    await host.until(() => host.messages.length === 3)
    peer.channel.send([new Uint8Array(MAX_MESSAGE_BYTES + 1)])
    await host.told('onMalformed')
    expect(host.messages).toHaveLength(3)
  })
})

describe('a channel', () => {
  it('hands a turn’s messages to the system in one write', async () => {
    const writes: number[] = []
    const stream = new Duplex({
      read() {},
      write(_chunk, _encoding, callback) {
        writes.push(1)
        callback()
      },
      writev(chunks, callback) {
        writes.push(chunks.length)
        callback()
      },
    })
    const { channel } = record((events) => streamChannel({ stream, events }))
    channel.send([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)])
    await nextTurn()
    expect(writes).toHaveLength(1)
  })

  it('whose other side never closes is ended in time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const [near] = await inMemory()
    const { channel, names, told } = record((events) => streamChannel({ stream: near, events }))
    channel.close()
    for (let turn = 0; turn < 5; turn += 1) await nextTurn()
    vi.advanceTimersByTime(CLOSE_TIMEOUT_MS - 1)
    for (let turn = 0; turn < 5; turn += 1) await nextTurn()
    expect(names).toEqual([])
    vi.advanceTimersByTime(1)
    await told('onClosed')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('leaves no timer behind when the other side closes as well', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const [near, far] = channels(await inMemory())
    near.channel.close()
    await Promise.all([near.told('onClosed'), far.told('onClosed')])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('says what broke it, and is then closed', async () => {
    const [near] = await inMemory()
    const { problems, names, told } = record((events) => streamChannel({ stream: near, events }))
    near.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
    await told('onClosed')
    expect(problems).toEqual([expect.objectContaining({ reason: 'no-answer' })])
    expect(names).toEqual(['onProblem', 'onClosed'])
  })

  it('of a stream that is over already is closed, and never silent about it', async () => {
    const [near] = await inMemory()
    near.destroy()
    await once(near, 'close')
    const { channel, told } = record((events) => streamChannel({ stream: near, events }))
    expect(channel.writable).toBe(false)
    await told('onClosed')
  })

  it('that is dialled takes nothing before it is open', async () => {
    const [near, far] = await inMemory()
    const host = record((events) => streamChannel({ stream: far, events }))
    const { channel, names } = record((events) =>
      streamChannel({ stream: near, events, opensWith: 'connect' }),
    )
    expect(channel.writable).toBe(false)
    channel.send([Uint8Array.of(1)])
    near.emit('connect')
    expect(names).toEqual(['onOpen'])
    expect(channel.writable).toBe(true)
    channel.send([Uint8Array.of(2)])
    await host.told('onMessage')
    expect(host.messages).toEqual([Uint8Array.of(2)])
  })
})
