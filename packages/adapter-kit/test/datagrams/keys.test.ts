/** Nodes that share keys: who is heard, what is counted, and that nobody is shown a key. */
import { once } from 'node:events'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { InvalidArgumentError, MAX_FRAME_BYTES } from '@paxos/core'
import { datagrams } from '@paxos/adapter-kit/datagrams'
import { hubOf } from './hub.ts'
import { datagramsOf, packed, signed } from './samples.ts'
import {
  closeNodes,
  introduce,
  openNode,
  openPuppet,
  openWithPuppet,
  reach,
  settle,
} from './nodes.ts'
import type { Puppet, TestNode } from './nodes.ts'

afterEach(closeNodes)

const [key, otherKey] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const
const withKey = { authentication: { sign: key } }
const nowhere = 'hub://nowhere'

/** What `to` receives of datagrams that `a` sends as they are, then of one that is right. */
async function heard(to: TestNode, a: Puppet, sent: readonly Uint8Array[]): Promise<unknown[]> {
  await a.sendRaw(to, sent)
  const arrived = once(to.arrivals, 'frame')
  await a.send(to, [packed('a', [Uint8Array.of(99)], true)])
  await arrived
  while (to.inbox.at(-1)?.frame[0] !== 99) await once(to.arrivals, 'frame')
  return to.inbox.map(({ from, frame }) => [from, ...frame])
}

describe('nodes with a key', () => {
  it.each([0, 1, 2_000, MAX_FRAME_BYTES])('hear one another: %i bytes', async (bytes) => {
    const nodes = [await openNode('a', {}, withKey), await openNode('b', {}, withKey)] as const
    introduce(...nodes)
    const [a, b] = nodes
    const frame = new Uint8Array(bytes).fill(7)
    a.transport.send('b', frame)
    await settle(a, b)
    await settle(b, a)
    expect(Buffer.compare(b.inbox[0]?.frame ?? Buffer.of(1), frame)).toBe(0)
    expect(b.transport.stats().unauthenticDatagrams).toBe(0)
  })

  it('hear no datagram that is not signed by it for them, and count it', async () => {
    const [b, a] = await openWithPuppet('b', 'a', { key })
    const unsigned = packed('a', [Uint8Array.of(1)])
    const sample = packed('a', [Uint8Array.of(2)], true)
    const changed = signed(sample, key, 'b')
    changed[changed.byteLength - 17] = 3
    const sent = [
      unsigned,
      sample,
      changed,
      signed(sample, otherKey, 'b'),
      signed(sample, key, 'c'),
      ...datagramsOf('a', 1n, new Uint8Array(2_000)),
      ...datagramsOf('a', 1n, new Uint8Array(2_000), 1_200, true),
    ]
    expect(await heard(b, a, sent)).toEqual([['a', 99]])
    expect(b.transport.stats()).toMatchObject({
      unauthenticDatagrams: sent.length,
      malformedDatagrams: 0,
      strangerDatagrams: 0,
    })
  })

  it('lose no frame to a forged fragment: only those with the key are kept', async () => {
    const [b, a] = await openWithPuppet('b', 'a', { key })
    const frame = new Uint8Array(2_000).fill(1)
    const forged = datagramsOf('a', 1n, new Uint8Array(2_000).fill(9), 1_200, true)
    const right = datagramsOf('a', 1n, frame, 1_200, true)
    const arrived = once(b.arrivals, 'frame')
    await a.sendRaw(b, forged)
    await a.send(b, right)
    await arrived
    expect(b.inbox).toEqual([{ from: 'a', frame }])
  })

  it('hear a datagram once, however often somebody repeats it', async () => {
    const [b, a] = await openWithPuppet('b', 'a', { key })
    const datagram = a.seal(b, packed('a', [Uint8Array.of(1)], true))
    expect(await heard(b, a, [datagram, datagram, datagram])).toEqual([
      ['a', 1],
      ['a', 99],
    ])
    expect(b.transport.stats().replayedDatagrams).toBe(2)
  })

  it('believe whoever has the key about who they are', async () => {
    const c = await openPuppet('c', key)
    const b = await openNode('b', { c: c.address }, withKey)
    await c.enter(b)
    const arrived = once(b.arrivals, 'frame')
    await c.send(b, [packed('c', [Uint8Array.of(1)], true)])
    await arrived
    expect(b.inbox[0]).toEqual({ from: 'c', frame: Uint8Array.of(1) })
  })

  it('do not encrypt: who sees a datagram can read it', async () => {
    const tap = await openPuppet('b', key)
    const a = await openNode('a', { b: tap.address }, withKey)
    a.transport.send('b', Buffer.from('open letter'))
    await tap.received(1)
    expect(Buffer.from(tap.datagrams[0] ?? []).toString('latin1')).toContain('open letter')
  })
})

describe('a node without keys', () => {
  it('does not hear those that count on theirs, and counts it', async () => {
    const b = await openNode('b')
    const [a, c] = [await openNode('a', {}, withKey), await openNode('c')]
    introduce(a, b, c)
    a.transport.send('b', Uint8Array.of(1))
    while (b.transport.stats().unauthenticDatagrams < 1) await settle(c, b)
    expect(b.inbox.every(({ from }) => from === 'c')).toBe(true)
    expect(b.transport.stats().malformedDatagrams).toBe(0)
  })
})

describe('a rotation of keys', () => {
  const onlyOld = { authentication: { sign: key } }
  const acceptNew = { authentication: { sign: key, accept: [otherKey] } }
  const signNew = { authentication: { sign: otherKey, accept: [key] } }
  const onlyNew = { authentication: { sign: otherKey } }

  it('in three steps, node after node, keeps all that are up in touch', async () => {
    const nodes = await Promise.all(['a', 'b', 'c'].map((id) => openNode(id, {}, onlyOld)))
    introduce(...nodes)
    for (const step of [acceptNew, signNew, onlyNew]) {
      for (const [index, { id, transport }] of nodes.entries()) {
        const listen = transport.address
        await transport.close()
        nodes[index] = await openNode(id, {}, { ...step, listen })
        introduce(...nodes)
        for (const [from, to] of pairsOf(nodes)) await reach(from, to)
        const refused = nodes.map((node) => node.transport.stats().unauthenticDatagrams)
        expect(refused).toEqual([0, 0, 0])
      }
    }
  })

  it('that signs before all others accept loses frames, and the others count them', async () => {
    const [early, late] = [await openNode('a', {}, signNew), await openNode('b', {}, onlyOld)]
    const ready = await openNode('c', {}, acceptNew)
    introduce(early, late, ready)
    for (const [from, to] of pairsOf([early, late, ready])) {
      if (from === ready || to === ready) await settle(from, to)
    }
    early.transport.send('b', Uint8Array.of(1))
    while (late.transport.stats().unauthenticDatagrams < 1) await settle(ready, late)
    expect(late.inbox.every(({ from }) => from === 'c')).toBe(true)
  })
})

function pairsOf(nodes: readonly TestNode[]): (readonly [TestNode, TestNode])[] {
  return nodes.flatMap((from) => nodes.filter((to) => to !== from).map((to) => [from, to] as const))
}

describe('a key', () => {
  const secret = Buffer.from('It is the best kept secret of all')
  const other = Buffer.from('And this is one that others sign with')

  it('is not shown by inspection, statistics or errors', async () => {
    const options = { authentication: { sign: secret, accept: [other] } }
    const { transport } = await openNode('a', { b: nowhere }, options)
    transport.send('b', Uint8Array.of(1))
    const error: unknown = await transport
      .open({ id: 'a', listen: nowhere, peers: new Map(), receive: () => {} })
      .catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(Error)
    const shown = inspect([transport, transport.stats(), error], {
      depth: null,
      showHidden: true,
      getters: true,
      maxArrayLength: null,
      maxStringLength: null,
    })
    expect(shown).toContain('stats')
    for (const bytes of [secret, other]) {
      const half = bytes.subarray(0, 16)
      for (const form of [half.toString('latin1'), half.toString('hex'), half.toString('base64')]) {
        expect(shown).not.toContain(form.replace(/=*$/, '').slice(0, 20))
      }
      expect(shown).not.toContain(half.join(', '))
      expect(shown).not.toContain(half.toString('hex').replaceAll(/(..)(?!$)/g, '$1 '))
    }
  })

  it('that is too short is refused when the transport is made', () => {
    const authentication = { sign: new Uint8Array(31) }
    expect(() => datagrams(hubOf().medium, { authentication })).toThrow(InvalidArgumentError)
  })
})
