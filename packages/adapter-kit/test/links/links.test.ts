/** What becomes of a connection and of what is sent on it, on virtual time. */
import { describe, expect, it } from 'vitest'
import { links } from '@paxos/adapter-kit/links'
import { FrameTooLargeError, InvalidArgumentError, MAX_FRAME_BYTES } from '@paxos/core'
import {
  CLOSE_TIMEOUT_MS,
  DEFAULT_PING_INTERVAL_MS,
  FRAME_LIFETIME_MS,
  MAX_CONNECTIONS_PER_PEER,
  MAX_MESSAGE_BYTES,
} from '../../src/links/limits.ts'
import { network } from './network.ts'
import type { Network, Stranger } from './network.ts'
import { hello, hex, openNode, PING, PONG, refused, say } from './nodes.ts'
import type { TestNode } from './nodes.ts'

const first = (): number => 0

/** The nodes a and b, which have a connection. */
async function openPair(net: Network): Promise<readonly [TestNode, TestNode]> {
  const pair = [await openNode(net, 'a', { b: 'b' }), await openNode(net, 'b', { a: 'a' })] as const
  net.run(100, first)
  return pair
}

/** The node b, and somebody whom it has let in as a. */
async function openVisited(net: Network): Promise<{ b: TestNode; visitor: Stranger }> {
  const b = await openNode(net, 'b', { a: 'nowhere' })
  const visitor = net.visit('b')
  say(net, visitor, hello('a', 'b'))
  visitor.messages.length = 0
  return { b, visitor }
}

const frames = ({ inbox }: TestNode): string[] => inbox.map(({ frame }) => hex(frame))

describe('a frame', () => {
  it.each([
    ['is empty', ''],
    ['begins as control messages do', '4a'],
    ['is a control message', PING],
    ['is a hello', hex(hello('a', 'b'))],
    ['looks like one that is cut off', '4aff'],
  ])('that %s arrives as it was, both ways', async (_, text) => {
    const net = network(() => 0.5)
    const [a, b] = await openPair(net)
    const frame = new Uint8Array(Buffer.from(text, 'hex'))
    for (const [from, to] of [
      [a, 'b'],
      [b, 'a'],
    ] as const) {
      for (const sent of [frame, Uint8Array.of(1), frame]) from.transport.send(to, sent)
    }
    net.run(100, first)
    for (const node of [a, b]) expect(frames(node)).toEqual([text, '01', text])
  })

  it('of the largest size that begins as control messages do arrives as it was', async () => {
    const net = network(() => 0.5)
    const [a, b] = await openPair(net)
    const frame = new Uint8Array(MAX_FRAME_BYTES).fill(0x4a)
    a.transport.send('b', frame)
    net.run(100, first)
    expect(Buffer.compare(b.inbox[0]?.frame ?? Buffer.alloc(0), frame)).toBe(0)
  })

  it('above the maximum throws, and nothing is sent', async () => {
    const net = network(() => 0.5)
    const [a, b] = await openPair(net)
    const frame = new Uint8Array(MAX_FRAME_BYTES + 1)
    expect(() => a.transport.send('b', frame)).toThrow(FrameTooLargeError)
    net.run(100, first)
    expect(b.inbox).toEqual([])
  })

  it.each([
    ['above the maximum', new Uint8Array(MAX_FRAME_BYTES + 1)],
    ['above the maximum, as a control message', escaped(MAX_FRAME_BYTES + 1)],
    ['in a message that is too large', escaped(MAX_MESSAGE_BYTES)],
  ])('%s ends the connection of its sender', async (_, message) => {
    const net = network(() => 0.5)
    const { b, visitor } = await openVisited(net)
    visitor.channel.send([message, Uint8Array.of(1)])
    net.run(10, first)
    expect([visitor.messages, visitor.isClosed]).toEqual([[refused('protocol')], true])
    expect([b.inbox, b.transport.stats().malformedMessages]).toEqual([[], 1])
  })
})

/** A control message that holds a frame of that size, which begins as any other. */
function escaped(bytes: number): Uint8Array {
  const varint = [0x80 | (bytes & 0x7f), 0x80 | ((bytes >> 7) & 0x7f), bytes >> 14]
  const inner = bytes + 4
  const outer = [0x80 | (inner & 0x7f), 0x80 | ((inner >> 7) & 0x7f), inner >> 14]
  return Buffer.concat([Buffer.of(0x4a, ...outer, 0x22, ...varint), new Uint8Array(bytes)])
}

describe('frames that are sent in one turn', () => {
  it('are handed to the channel together, the same memory for each', async () => {
    const net = network(() => 0.5)
    const { b, visitor } = await openVisited(net)
    const before = net.writes.length
    for (let number = 0; number < 100; number += 1) b.transport.send('a', Uint8Array.of(number))
    net.run(10, first)
    expect(net.writes.slice(before).map(({ length }) => length)).toEqual([100])
    expect(visitor.messages).toHaveLength(100)
  })

  it('wait while the channel writes, and leave in their order', async () => {
    const net = network(() => 0.5)
    const { b, visitor } = await openVisited(net)
    for (let number = 0; number < 10; number += 1) {
      b.transport.send('a', new Uint8Array(MAX_FRAME_BYTES / 2).fill(number))
    }
    net.run(10, first)
    expect(visitor.messages.map((text) => Number.parseInt(text.slice(0, 2), 16))).toEqual(
      Array.from({ length: 10 }, (_, number) => number),
    )
  })
})

describe('a peer that gives no sign of life', () => {
  it('is asked twice, and given up when the third time is due', async () => {
    const net = network(() => 0.5)
    const { b, visitor } = await openVisited(net)
    net.run(3 * DEFAULT_PING_INTERVAL_MS - 1, first)
    expect([visitor.messages, visitor.isClosed]).toEqual([[PING, PING], false])
    net.run(1, first)
    expect(visitor.isClosed).toBe(true)
    expect(b.transport.stats().silentConnections).toBe(1)
    expect(b.transport.figures().peers.get('a')?.isConnected).toBe(false)
  })

  it.each([
    ['answers', Buffer.from(PONG, 'hex')],
    ['sends a frame now and then', Uint8Array.of(1)],
    ['says what nobody knows yet', Buffer.from('4a03320100', 'hex')],
  ])('is one no more as soon as it %s', async (_, message) => {
    const net = network(() => 0.5)
    const { b, visitor } = await openVisited(net)
    for (let count = 0; count < 10; count += 1) {
      net.run(2 * DEFAULT_PING_INTERVAL_MS, first)
      say(net, visitor, message)
    }
    expect(visitor.isClosed).toBe(false)
    expect(b.transport.stats()).toMatchObject({ silentConnections: 0, malformedMessages: 0 })
  })

  it('is noticed by both sides of a network that loses everything', async () => {
    const net = network(() => 0.5)
    const [a, b] = await openPair(net)
    net.silence(0)
    net.run(3 * DEFAULT_PING_INTERVAL_MS, first)
    for (const { transport } of [a, b]) expect(transport.stats().silentConnections).toBe(1)
    net.run(5_000, first)
    expect([net.living, a.transport.figures().peers.get('b')?.isConnected]).toEqual([1, true])
  })
})

describe('a ping', () => {
  it('is answered', async () => {
    const net = network(() => 0.5)
    const { visitor } = await openVisited(net)
    say(net, visitor, Buffer.from(PING, 'hex'))
    expect(visitor.messages).toEqual([PONG])
  })

  it('among many, of who reads nothing, costs one answer', async () => {
    const net = network(() => 0.5)
    const { b, visitor } = await openVisited(net)
    b.transport.send('a', Uint8Array.of(1))
    net.hold('b')
    const pings = Array.from({ length: 1_000 }, () => Buffer.from(PING, 'hex'))
    say(net, visitor, ...pings)
    net.release('b')
    net.run(10, first)
    expect(visitor.messages).toEqual(['01', PONG])
  })
})

describe('a peer that is down', () => {
  it('gets the frames of the last seconds when it is back, not older ones', async () => {
    const net = network(() => 0)
    const a = await openNode(net, 'a', { b: 'b' })
    a.transport.send('b', Uint8Array.of(1))
    net.run(FRAME_LIFETIME_MS, first)
    a.transport.send('b', Uint8Array.of(2))
    net.run(1, first)
    const b = await openNode(net, 'b', { a: 'a' })
    net.run(4_000, first)
    expect(frames(b)).toEqual(['02'])
    expect(a.transport.stats().droppedFrames).toBe(1)
    expect(a.transport.figures().peers.get('b')).toMatchObject({ sent: 1, dropped: 1 })
  })
})

describe('a peer', () => {
  it('is one end of a few connections at most, however often it dials', async () => {
    const net = network(() => 0.5)
    // '' comes before every id: it is not for b to close a connection that a newer one replaces.
    const b = await openNode(net, 'b', { '': 'nowhere' })
    const visitors = Array.from({ length: MAX_CONNECTIONS_PER_PEER + 2 }, () => {
      const visitor = net.visit('b')
      say(net, visitor, hello('', 'b'))
      return visitor
    })
    net.run(10, first)
    expect(visitors.map(({ isClosed }) => isClosed)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ])
    b.transport.send('', Uint8Array.of(7))
    net.run(10, first)
    expect(visitors.map(({ messages }) => messages.includes('07')).indexOf(true)).toBe(5)
  })

  it('that gets another address stays connected in the figures, though the former end comes later', async () => {
    const net = network(() => 0.5)
    const [a] = await openPair(net)
    const isConnected = (): unknown => a.transport.figures().peers.get('b')?.isConnected
    // Its goodbye is not answered.
    net.silence(0)
    a.transport.setPeers(new Map([['b', 'b2']]))
    expect(isConnected()).toBe(false)
    say(net, net.visit('a'), hello('b', 'a'))
    expect([isConnected(), net.living]).toEqual([true, 2])
    net.run(CLOSE_TIMEOUT_MS, first)
    expect(isConnected()).toBe(true)
  })

  it('that leaves the address book is disconnected, and what it sends is dropped', async () => {
    const net = network(() => 0.5)
    const { b, visitor } = await openVisited(net)
    b.transport.setPeers(new Map())
    visitor.channel.send([Uint8Array.of(1)])
    net.run(10, first)
    expect([b.inbox, net.living]).toEqual([[], 0])
  })

  it('at an address that is none of the medium is told of, with how one is written', async () => {
    const net = network(() => 0.5)
    const medium = { dial: () => null, addressHint: 'Write board:NAME.' }
    const a = await openNode(net, 'a', { b: 'nonsense', page: '' }, { medium })
    expect(a.warnings).toEqual([
      { peer: 'b', reason: 'address', message: "'nonsense' cannot be dialled. Write board:NAME." },
    ])
  })

  it('is dialled at once by who is hidden, though its id is the larger', async () => {
    const net = network(() => 0.5)
    await openNode(net, 'a', { z: '' })
    const z = await openNode(net, 'z', { a: 'a' }, { medium: { isHidden: true } })
    net.run(0, first)
    expect(z.transport.figures().peers.get('a')?.isConnected).toBe(true)
  })
})

/** Whether a promise has resolved, after the turns that it may take. */
function watch(promise: Promise<unknown>): { isDone: boolean } {
  const watched = { isDone: false }
  void promise.then(() => (watched.isDone = true))
  return watched
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
}

describe('close', () => {
  it('lets what was sent leave first, also what does not fit into one write', async () => {
    const net = network(() => 0.5)
    const [a, b] = await openPair(net)
    for (let count = 1; count <= 7; count += 1) {
      a.transport.send('b', new Uint8Array(MAX_FRAME_BYTES).fill(count))
    }
    const closing = watch(a.transport.close())
    net.run(0, first)
    await settle()
    expect(closing.isDone).toBe(true)
    expect(b.inbox.map(({ frame }) => frame[0])).toEqual([1, 2, 3, 4, 5, 6, 7])
  })

  it.each([
    ['does not say goodbye', 0],
    ['does not read what was sent', 20],
  ])('waits a bounded time for a peer that %s', async (_, count) => {
    const net = network(() => 0.5)
    const { b } = await openVisited(net)
    net.silence(0)
    if (count > 0) net.hold('b')
    for (let number = 0; number < count; number += 1) {
      b.transport.send('a', new Uint8Array(MAX_FRAME_BYTES))
    }
    const closing = watch(b.transport.close())
    net.run(CLOSE_TIMEOUT_MS - 1, first)
    await settle()
    expect(closing.isDone).toBe(false)
    net.run(1, first)
    net.release('b')
    net.run(0, first)
    await settle()
    expect(closing.isDone).toBe(true)
  })

  it('leaves no connection, dialled or accepted, in whatever state', async () => {
    const net = network(() => 0.5)
    const b = await openNode(net, 'b', { a: 'nowhere', c: 'c', d: 'd' })
    await openNode(net, 'd', { b: 'b' })
    net.stand('c', () => {}, [])
    net.visit('b')
    net.run(1_000, first)
    const late = net.visit('b')
    const closing = watch(b.transport.close())
    net.run(CLOSE_TIMEOUT_MS, first)
    await settle()
    expect([closing.isDone, late.isClosed, late.messages]).toEqual([true, true, []])
    expect(net.living).toBe(0)
  })
})

describe('options', () => {
  it.each([0, 9, 3_600_001, 20.5, NaN])('with a ping every %d ms are refused', (pingIntervalMs) => {
    const medium = { listen: () => Promise.reject(new Error()), dial: () => null }
    expect(() => links(medium, { pingIntervalMs })).toThrow(InvalidArgumentError)
  })
})
