/** What an attacker on the path can do with what was said, and one off it with a small datagram. */
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { MAX_FRAME_BYTES } from '@paxos/core'
import { SECRET_BYTES } from '../../src/datagrams/header.ts'
import { encodeWord } from '../../src/datagrams/words.ts'
import { datagramsOf, headOf, packed } from './samples.ts'
import {
  closeNodes,
  inject,
  introduce,
  openNode,
  openPuppet,
  openVictim,
  openWithPuppet,
  reach,
  settle,
} from './nodes.ts'
import type { TestNode } from './nodes.ts'

afterEach(closeNodes)

const key = new Uint8Array(32).fill(1)

describe.each([
  ['with keys', key],
  ['without keys', null],
])('%s, what was recorded', (_, shared) => {
  const options = shared === null ? {} : { key: shared }
  const authentication = shared === null ? {} : { authentication: { sign: shared } }

  it('delivers nothing when it is sent again: neither now, nor after the sender restarted', async () => {
    const [b, a] = await openWithPuppet('b', 'a', options)
    const recorded = [1, 2, 3].map((n) =>
      a.seal(b, packed('a', [Uint8Array.of(n)], shared !== null)),
    )
    const arrived = once(b.arrivals, 'frame')
    await a.sendRaw(b, recorded)
    await arrived
    await a.sendRaw(b, recorded)
    // It restarts, and is heard.
    await a.enter(b)
    await a.send(b, [packed('a', [Uint8Array.of(4)], shared !== null)])
    await a.sendRaw(b, recorded)
    await a.send(b, [packed('a', [Uint8Array.of(5)], shared !== null)])
    while (b.inbox.at(-1)?.frame[0] !== 5) await once(b.arrivals, 'frame')
    expect(b.inbox.map(({ frame }) => frame[0])).toEqual([1, 2, 3, 4, 5])
    expect(b.transport.stats().replayedDatagrams).toBe(6)
  })

  it('delivers nothing after the receiver restarted, who is found again all the same', async () => {
    const [b, a] = await openWithPuppet('b', 'a', options)
    const recorded = [1, 2, 3].map((n) =>
      a.seal(b, packed('a', [Uint8Array.of(n)], shared !== null)),
    )
    const listen = b.transport.address
    await b.transport.close()
    const again = await openNode('b', { a: a.address }, { ...authentication, listen })
    await a.sendRaw(again, recorded)
    await a.enter(again)
    const arrived = once(again.arrivals, 'frame')
    await a.send(again, [packed('a', [Uint8Array.of(4)], shared !== null)])
    await arrived
    expect(again.inbox.map(({ frame }) => frame[0])).toEqual([4])
    expect(again.transport.stats().uninvitedDatagrams).toBe(3)
  })
})

function open(id: string, listen?: string): Promise<TestNode> {
  const authentication = { sign: key }
  return openNode(id, {}, { authentication, ...(listen !== undefined && { listen }) })
}

describe('two nodes', () => {
  it('find each other again whichever restarts, without any clock', async () => {
    let [a, b] = [await open('a'), await open('b')]
    introduce(a, b)
    await settle(a, b)
    await settle(b, a)
    for (let round = 0; round < 3; round += 1) {
      await b.transport.close()
      b = await open('b', b.transport.address)
      introduce(a, b)
      await reach(a, b)
      await reach(b, a)
      await a.transport.close()
      a = await open('a', a.transport.address)
      introduce(a, b)
      await reach(b, a)
      await reach(a, b)
    }
    expect(b.transport.stats().replayedDatagrams).toBe(0)
  })
})

describe('a datagram in the name of a peer that does not hear the answer', () => {
  it('makes a node send nobody more than its own size, whatever would answer it', async () => {
    const victim = openVictim()
    const book = { x: victim.address }
    const marker = await openPuppet('m')
    const b = await openNode('b', { ...book, m: marker.address })
    await marker.enter(b)
    // As a replica with a large log, which is asked for entries.
    b.arrivals.on('frame', () => {
      if (b.inbox.at(-1)?.from === 'x') b.transport.send('x', new Uint8Array(MAX_FRAME_BYTES))
    })
    const secret = new Uint8Array(SECRET_BYTES)
    const [ours, theirs] = [
      { cluster: '', incarnation: '' },
      { cluster: 'another', incarnation: '' },
    ] as const
    const words = [512, 1_200].flatMap((size) =>
      [ours, theirs].flatMap((names) => [
        encodeWord(headOf('x'), { kind: 'question', nonce: secret, ...names }, size),
        encodeWord(headOf('x'), { kind: 'refusal', nonce: secret, ...names }, size),
        encodeWord(headOf('x'), { kind: 'unknown', cookie: secret }, size),
        encodeWord(
          headOf('x'),
          { kind: 'answer', nonce: secret, cookie: secret, epoch: 1, ...names },
          size,
        ),
      ]),
    )
    const forged = Array.from({ length: 50 }, (_, index) => [
      packed('x', [new Uint8Array(20)]),
      ...datagramsOf('x', BigInt(index), new Uint8Array(1_500)),
      ...words,
    ]).flat()
    await inject(b.transport.address, forged)
    const arrived = once(b.arrivals, 'frame')
    await marker.send(b, [packed('m', [Uint8Array.of(1)])])
    await arrived
    const sentBytes = forged.reduce((sum, { byteLength }) => sum + byteLength, 0)
    expect(b.inbox.map(({ from }) => from)).toEqual(['m'])
    expect(victim.bytes()).toBeLessThanOrEqual(sentBytes)
    // Nor is anything on its way: nobody was let in.
    expect(b.transport.figures().peers.get('x')).toMatchObject({ sent: 0, received: 0 })
  })

  it.each([
    ['is answered', ''],
    ['is refused', 'another'],
  ])('that %s makes a node send no more than came, whatever its names', async (_, cluster) => {
    const names = { cluster: 'c'.repeat(200), incarnation: 'i'.repeat(200) }
    const victim = openVictim()
    const marker = await openPuppet('m', null, names)
    const b = await openNode('b', { x: victim.address, m: marker.address }, names)
    const asked = { nonce: new Uint8Array(SECRET_BYTES), ...names, incarnation: '' }
    const question = { kind: 'question', ...asked, cluster: cluster || names.cluster } as const
    for (const size of [0, 300, 400, 1_200]) {
      const before = victim.bytes()
      const datagram = encodeWord(headOf('x'), question, size)
      await inject(b.transport.address, [datagram])
      await marker.enter(b)
      expect(victim.bytes() - before).toBeLessThanOrEqual(datagram.byteLength)
    }
    expect(victim.bytes()).toBeGreaterThan(0)
  })
})
