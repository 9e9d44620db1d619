/** Who is let in, and what becomes of the others: byte by byte, from both sides of the door. */
import { describe, expect, it } from 'vitest'
import type { LinkStats, Visitor } from '@paxos/adapter-kit/links'
import type { NodeId } from '@paxos/core'
import {
  IDENTIFY_TIMEOUT_MS,
  MAX_HELLO_BYTES,
  MAX_UNIDENTIFIED_CONNECTIONS,
} from '../../src/links/limits.ts'
import { encodeRefused, encodeSign } from '../../src/links/packet.ts'
import type { Refusal } from '../../src/links/packet.ts'
import { network } from './network.ts'
import { hello, hex, openNode, refused, say } from './nodes.ts'

const FRAME = Uint8Array.of(1)
/** The node b of the cluster 'red' in its incarnation 'b1', which knows a in its incarnation 'a1'. */
const OF_B = { cluster: 'red', incarnation: 'b1' }
const OF_A = { cluster: 'red', incarnation: 'a1' }
const BOOK = { a: { address: 'a', incarnation: 'a1' } }

describe('who dials is let in', () => {
  it('when its hello is right, is answered with one, and may send frames', async () => {
    const net = network(() => 0.5)
    const b = await openNode(net, 'b', BOOK, OF_B)
    const visitor = net.visit('b')
    say(net, visitor, hello('a', 'b', { ...OF_A, expectedIncarnation: 'b1' }), FRAME)
    expect(visitor.messages).toEqual([hex(hello('b', 'a', OF_B))])
    expect(b.inbox).toEqual([{ from: 'a', frame: FRAME }])
    expect(b.transport.figures().peers.get('a')).toMatchObject({
      isConnected: true,
      incarnation: 'a1',
    })
  })
})

type Counter = keyof LinkStats
type As = Omit<Visitor, 'open'>

describe('who dials is refused, told why, counted and warned of', () => {
  it.each<[string, Refusal, Counter, NodeId | null, Uint8Array, As?]>([
    ['of another cluster', 'cluster', 'foreignConnections', null, hello('a', 'b')],
    [
      'that is not in the address book',
      'stranger',
      'strangerConnections',
      null,
      hello('c', 'b', OF_A),
    ],
    ['that has our own id', 'stranger', 'strangerConnections', null, hello('b', 'b', OF_A)],
    ['that means somebody else', 'receiver', 'strangerConnections', null, hello('a', 'c', OF_A)],
    [
      'that is another incarnation than is expected',
      'incarnation',
      'wrongIncarnations',
      'a',
      hello('a', 'b', { ...OF_A, incarnation: 'a2' }),
    ],
    [
      'that expects another incarnation of us',
      'incarnation',
      'wrongIncarnations',
      'a',
      hello('a', 'b', { ...OF_A, expectedIncarnation: 'b2' }),
    ],
    [
      'that cannot prove to be who it says',
      'unproven',
      'wrongCertificates',
      'a',
      hello('a', 'b', OF_A),
      { provesToBe: (id) => id === 'c' },
    ],
    [
      'that is a page with the id of a peer that has an address',
      'stranger',
      'strangerConnections',
      null,
      hello('a', 'b', OF_A),
      { isPage: true },
    ],
    [
      'of another version',
      'protocol',
      'malformedMessages',
      null,
      hello('a', 'b', { ...OF_A, version: 2 }),
    ],
    ['with a frame before its hello', 'protocol', 'malformedMessages', null, FRAME],
    [
      'with an empty frame before its hello',
      'protocol',
      'malformedMessages',
      null,
      new Uint8Array(),
    ],
    ['with a ping before its hello', 'protocol', 'malformedMessages', null, encodeSign('ping')],
    [
      'with a refusal before its hello',
      'protocol',
      'malformedMessages',
      null,
      encodeRefused('stranger'),
    ],
    [
      'with a first message that is too large',
      'protocol',
      'malformedMessages',
      null,
      padded(hello('a', 'b', OF_A), MAX_HELLO_BYTES + 1),
    ],
  ])('%s', async (_, refusal, counter, whom, message, as = {}) => {
    const net = network(() => 0.5)
    const b = await openNode(net, 'b', BOOK, OF_B)
    const visitor = net.visit('b', as)
    say(net, visitor, message, FRAME)
    b.transport.send('a', FRAME)
    net.run(100, () => 0)
    expect([visitor.messages, visitor.isClosed]).toEqual([[refused(refusal)], true])
    expect(b.inbox).toEqual([])
    const { [counter]: count, ...others } = b.transport.stats()
    expect([count, Object.values(others)]).toEqual([1, Object.values(others).map(() => 0)])
    expect(b.warnings).toEqual([expect.objectContaining({ peer: whom })])
    expect(b.transport.figures().refused).toEqual({ [b.warnings[0]?.reason ?? '']: 1 })
  })

  it('when a second hello comes', async () => {
    const net = network(() => 0.5)
    const b = await openNode(net, 'b', BOOK, OF_B)
    const visitor = net.visit('b')
    say(net, visitor, hello('a', 'b', OF_A), hello('a', 'b', OF_A), FRAME)
    expect(visitor.messages).toEqual([hex(hello('b', 'a', OF_B)), refused('protocol')])
    expect([visitor.isClosed, b.inbox, b.transport.stats().malformedMessages]).toEqual([
      true,
      [],
      1,
    ])
  })

  it('but a page is let in as a peer that has no address', async () => {
    const net = network(() => 0.5)
    const b = await openNode(net, 'b', { page: '' }, { medium: { dial: nobody } })
    const visitor = net.visit('b', { isPage: true })
    say(net, visitor, hello('page', 'b'), FRAME)
    expect(b.inbox).toEqual([{ from: 'page', frame: FRAME }])
    expect(b.warnings).toEqual([])
  })

  it('and a first message up to the limit is read', async () => {
    const net = network(() => 0.5)
    const b = await openNode(net, 'b', BOOK, OF_B)
    const visitor = net.visit('b')
    say(net, visitor, padded(hello('a', 'b', OF_A), MAX_HELLO_BYTES), FRAME)
    expect(b.inbox).toHaveLength(1)
  })
})

/** How a page is dialled: not at all. */
function nobody(): null {
  return null
}

/** A control message with a field of a later version, which makes it `bytes` long. */
function padded(message: Uint8Array, bytes: number): Uint8Array {
  const field = Uint8Array.of(0x82, 0x01, 0, 0)
  const rest = bytes - message.byteLength - field.byteLength
  field[2] = (rest & 0x7f) | 0x80
  field[3] = rest >> 7
  return Buffer.concat([message, field, new Uint8Array(rest)])
}

describe('who is refused by a peer that it dials', () => {
  it.each<[Refusal, string, RegExp]>([
    ['stranger', 'refused', /in the address book/],
    ['cluster', 'identity', /another cluster/],
    ['incarnation', 'identity', /other incarnations/],
    ['receiver', 'identity', /Another node is at the address/],
    ['unproven', 'credentials', /certificate/],
    ['protocol', 'protocol', /release/],
  ])('says so in its figures: %s', async (refusal, reason, message) => {
    const net = network(() => 0.5)
    net.stand('b', () => {}, [encodeRefused(refusal)])
    const a = await openNode(net, 'a', { b: 'b' })
    net.run(10, () => 0)
    expect(a.transport.figures().peers.get('b')?.problem).toEqual({
      reason,
      message: expect.stringMatching(message),
    })
    expect(a.warnings[0]).toMatchObject({ peer: 'b', reason })
    expect(a.transport.stats().failedDials).toBe(1)
    expect(net.living).toBe(0)
  })

  it('for a reason that it does not know says that it is refused', async () => {
    const net = network(() => 0.5)
    net.stand('b', () => {}, [Buffer.from('4a042a020863', 'hex')])
    const a = await openNode(net, 'a', { b: 'b' })
    net.run(10, () => 0)
    expect(a.transport.figures().peers.get('b')?.problem?.reason).toBe('refused')
  })

  it('after it was let in says so as well, and dials again', async () => {
    const net = network(() => 0.5)
    net.stand('b', () => {}, [hello('b', 'a'), encodeRefused('cluster')])
    const a = await openNode(net, 'a', { b: 'b' })
    net.run(10, () => 0)
    expect(a.transport.figures().peers.get('b')).toMatchObject({
      isConnected: false,
      problem: { reason: 'identity' },
    })
    net.run(60, () => 0)
    expect(net.dials.length).toBeGreaterThan(1)
  })
})

describe('who answers a dial is left, and nothing of it is delivered,', () => {
  it.each<[string, Refusal, Counter, Uint8Array]>([
    ['when it has another id', 'stranger', 'strangerConnections', hello('c', 'a', OF_B)],
    ['when it has our own id', 'stranger', 'strangerConnections', hello('a', 'a', OF_B)],
    ['when it means somebody else', 'receiver', 'strangerConnections', hello('b', 'c', OF_B)],
    ['when it is of another cluster', 'cluster', 'foreignConnections', hello('b', 'a')],
    [
      'when it is another incarnation than is expected',
      'incarnation',
      'wrongIncarnations',
      hello('b', 'a', { ...OF_B, incarnation: 'b2' }),
    ],
    [
      'when it is of another version',
      'protocol',
      'malformedMessages',
      hello('b', 'a', { ...OF_B, version: 7 }),
    ],
    ['when it sends a frame first', 'protocol', 'malformedMessages', FRAME],
  ])('%s', async (_, refusal, counter, answer) => {
    const net = network(() => 0.5)
    const heard: string[][] = []
    net.stand('b', (stranger) => heard.push(stranger.messages), [answer, FRAME])
    const book = { b: { address: 'b', incarnation: 'b1' }, c: 'nowhere' }
    const a = await openNode(net, 'a', book, OF_A)
    a.transport.send('b', FRAME)
    net.run(10, () => 0)
    expect(heard).toEqual([
      [hex(hello('a', 'b', { ...OF_A, expectedIncarnation: 'b1' })), refused(refusal)],
    ])
    expect(a.inbox).toEqual([])
    expect(a.transport.stats()).toMatchObject({ [counter]: 1 })
    expect(a.transport.figures().peers.get('b')).toMatchObject({ isConnected: false, sent: 0 })
    expect(a.transport.figures().peers.get('b')?.problem).not.toBeNull()
  })
})

describe('who has not said who it is', () => {
  it('is ended in time, and counted', async () => {
    const net = network(() => 0.5)
    const b = await openNode(net, 'b', { a: 'nowhere' })
    const visitor = net.visit('b')
    const honest = net.visit('b')
    say(net, honest, hello('a', 'b'))
    net.run(IDENTIFY_TIMEOUT_MS - 1, () => 0)
    expect(visitor.isClosed).toBe(false)
    net.run(1, () => 0)
    expect([visitor.isClosed, honest.isClosed]).toEqual([true, false])
    expect(b.transport.stats().unidentifiedConnections).toBe(1)
    expect(visitor.messages).toEqual([])
  })

  it('makes room for others: the oldest goes first, and who is known stays', async () => {
    const net = network(() => 0.5)
    const b = await openNode(net, 'b', { a: 'nowhere' })
    const honest = net.visit('b')
    say(net, honest, hello('a', 'b'))
    const crowd = Array.from({ length: MAX_UNIDENTIFIED_CONNECTIONS + 2 }, () => net.visit('b'))
    net.run(0, () => 0)
    expect(crowd.map(({ isClosed }) => isClosed).indexOf(false)).toBe(2)
    expect(crowd.filter(({ isClosed }) => !isClosed)).toHaveLength(MAX_UNIDENTIFIED_CONNECTIONS)
    expect(honest.isClosed).toBe(false)
    expect(b.transport.stats().unidentifiedConnections).toBe(2)
  })

  it('costs nothing any more when it has gone by itself', async () => {
    const net = network(() => 0.5)
    const b = await openNode(net, 'b')
    for (let count = 0; count < 2 * MAX_UNIDENTIFIED_CONNECTIONS; count += 1) {
      const visitor = net.visit('b')
      net.run(0, () => 0)
      visitor.channel.destroy()
      net.run(0, () => 0)
    }
    expect(b.transport.stats().unidentifiedConnections).toBe(0)
  })
})

describe('a peer whose entry in the address book expects another incarnation', () => {
  it('is left, and let in again when that is its own', async () => {
    const net = network(() => 0.5)
    const a = await openNode(net, 'a', { b: 'b' }, { incarnation: 'a1' })
    const b = await openNode(net, 'b', { a: 'a' }, { incarnation: 'b1' })
    net.run(100, () => 0)
    const figures = (): unknown => a.transport.figures().peers.get('b')
    expect(figures()).toMatchObject({ isConnected: true, incarnation: 'b1' })
    a.transport.setPeers(new Map([['b', { address: 'b', incarnation: 'b2' }]]))
    expect(figures()).toMatchObject({ isConnected: false })
    net.run(10_000, () => 0)
    expect(figures()).toMatchObject({ isConnected: false, problem: { reason: 'identity' } })
    expect(b.transport.figures().peers.get('a')?.problem).toMatchObject({ reason: 'identity' })
    a.transport.send('b', FRAME)
    b.transport.send('a', FRAME)
    a.transport.setPeers(new Map([['b', { address: 'b', incarnation: 'b1' }]]))
    net.run(10_000, () => 0)
    expect(figures()).toMatchObject({ isConnected: true, incarnation: 'b1', problem: null })
    expect(b.transport.figures().peers.get('a')).toMatchObject({ isConnected: true, problem: null })
  })

  it('that is the same is not even noticed', async () => {
    const net = network(() => 0.5)
    const a = await openNode(net, 'a', { b: { address: 'b', incarnation: 'b1' } })
    await openNode(net, 'b', { a: 'a' }, { incarnation: 'b1' })
    net.run(100, () => 0)
    a.transport.setPeers(new Map([['b', { address: 'b', incarnation: 'b1' }]]))
    net.run(10_000, () => 0)
    expect([net.dials.length, net.living]).toEqual([1, 1])
  })
})
