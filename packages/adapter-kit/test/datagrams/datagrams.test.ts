/** What becomes of datagrams that nobody should have sent, of half frames and of slow peers. */
import { once } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { datagrams } from '@paxos/adapter-kit/datagrams'
import type { DatagramPort } from '@paxos/adapter-kit/datagrams'
import { InvalidArgumentError, MAX_FRAME_BYTES } from '@paxos/core'
import { PARTIAL_LIFETIME_MS } from '../../src/datagrams/limits.ts'
import { closeNodes, inject, makeTransport, openNode, openWithPuppet } from './nodes.ts'
import { datagramsOf } from './samples.ts'

afterEach(async () => {
  vi.useRealTimers()
  await closeNodes()
})

describe('datagrams', () => {
  it('of strangers and of other protocols are dropped and counted', async () => {
    const [b, a] = await openWithPuppet('b', 'a')
    const { transport, inbox, arrivals } = b
    const frame = Uint8Array.of(1)
    const arrived = once(arrivals, 'frame')
    await inject(transport.address, [
      new Uint8Array(),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      new Uint8Array(60_000),
      ...datagramsOf('stranger', 1n, frame),
      ...datagramsOf('stranger', 2n, new Uint8Array(5_000)),
      ...datagramsOf('b', 3n, frame),
    ])
    await a.send(b, datagramsOf('a', 4n, frame))
    await arrived
    expect(inbox).toEqual([{ from: 'a', frame }])
    expect(transport.stats()).toMatchObject({ malformedDatagrams: 3, strangerDatagrams: 7 })
  })

  it('that contradict one another are counted as malformed', async () => {
    const [b, a] = await openWithPuppet('b', 'a')
    const { transport, inbox, arrivals } = b
    const [first = new Uint8Array(), second = new Uint8Array()] = datagramsOf(
      'a',
      1n,
      new Uint8Array(2_000),
    )
    const [, forged = new Uint8Array()] = datagramsOf('a', 1n, new Uint8Array(1_999))
    const arrived = once(arrivals, 'frame')
    await a.send(b, [first, forged, second])
    await arrived
    expect(inbox).toEqual([{ from: 'a', frame: new Uint8Array(2_000) }])
    expect(transport.stats().malformedDatagrams).toBe(1)
  })

  it('that make half a frame are given up in time, though nothing more comes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const [b, a] = await openWithPuppet('b', 'a')
    const { transport, arrivals } = b
    const [half = new Uint8Array()] = datagramsOf('a', 1n, new Uint8Array(2_000))
    const arrived = once(arrivals, 'frame')
    await a.send(b, [half, ...datagramsOf('a', 2n, Uint8Array.of(1))])
    await arrived
    vi.advanceTimersByTime(PARTIAL_LIFETIME_MS)
    expect(transport.stats().partialFrames).toBe(0)
    vi.advanceTimersByTime(PARTIAL_LIFETIME_MS)
    expect(transport.stats().partialFrames).toBe(1)
  })

  it('from before a peer left are not put together with those after it joined again', async () => {
    const [b, a] = await openWithPuppet('b', 'a')
    const { transport, inbox, arrivals } = b
    const [half = new Uint8Array(), rest = new Uint8Array()] = datagramsOf(
      'a',
      1n,
      new Uint8Array(2_000),
    )
    const before = once(arrivals, 'frame')
    await a.send(b, [half, ...datagramsOf('a', 2n, Uint8Array.of(2))])
    await before
    transport.setPeers(new Map())
    transport.setPeers(new Map([['a', a.address]]))
    await a.enter(b)
    const after = once(arrivals, 'frame')
    await a.send(b, [rest, ...datagramsOf('a', 3n, Uint8Array.of(3))])
    await after
    expect(inbox.map(({ frame }) => frame)).toEqual([Uint8Array.of(2), Uint8Array.of(3)])
  })
})

describe('frames to a slow peer', () => {
  it('above the bound are dropped, and counted', async () => {
    const a = await openNode('a', { b: 'hub://nobody' })
    const frame = new Uint8Array(MAX_FRAME_BYTES)
    for (let count = 0; count < 9; count += 1) a.transport.send('b', frame)
    // With their overheads, seven fit into 8 MiB.
    expect(a.transport.stats().droppedFrames).toBe(2)
  })
})

describe('names', () => {
  it.each([
    ['an id', { id: 'ñ'.repeat(128) }],
    ['an id', { id: 'a\ud800' }],
    ['the name of a cluster', { cluster: 'ñ'.repeat(128) }],
    ['the name of a cluster', { cluster: 'a\ud800' }],
    ['an incarnation', { incarnation: 'ñ'.repeat(128) }],
    ['an incarnation', { incarnation: 'a\ud800' }],
  ])('that cannot be carried are refused, and nothing is left open: %s', async (_, name) => {
    const listen = 'hub://here'
    const open = { id: 'a', listen, peers: new Map(), receive: () => {}, ...name }
    await expect(makeTransport().open(open)).rejects.toThrow(InvalidArgumentError)
    await openNode('b', {}, { listen })
  })

  it('that do not fit the smallest datagrams are refused there, and said how large they are', async () => {
    const open = { id: 'x'.repeat(255), listen: 'hub://*', peers: new Map(), receive: () => {} }
    const names = { cluster: 'c'.repeat(100), incarnation: 'i'.repeat(107) }
    await makeTransport({ maxDatagramBytes: 512 }).open({ ...open, ...names })
    const longer = { ...open, ...names, cluster: 'c'.repeat(101) }
    await expect(makeTransport({ maxDatagramBytes: 512 }).open(longer)).rejects.toThrow(
      /maxDatagramBytes is 512, .* take 513\. Raise it/,
    )
    await makeTransport().open(longer)
  })
})

describe('a medium that waits for something that may never come', () => {
  it('ends open() when it is closed, and close() when it has given up', async () => {
    const giveUps: (() => void)[] = []
    const transport = datagrams({
      bind: (_, __, signal) =>
        new Promise((_resolve, reject) => {
          giveUps.push(() => reject(signal.reason))
        }),
    })
    const opening = transport.open({ id: 'a', listen: '', peers: new Map(), receive: () => {} })
    const refused = expect(opening).rejects.toMatchObject({ code: 'ERR_PAXOS_TRANSPORT_STATE' })
    const closing = transport.close()
    await refused
    giveUps[0]?.()
    await closing
  })

  it('and binds all the same is let go of: nothing stays open', async () => {
    let isLeft = false
    const binds: (() => void)[] = []
    const transport = datagrams({
      bind: () =>
        new Promise((resolve) => {
          const port: DatagramPort = {
            address: 'here',
            route: () => null,
            close: async () => void (isLeft = true),
          }
          binds.push(() => resolve(port))
        }),
    })
    const opening = transport.open({ id: 'a', listen: '', peers: new Map(), receive: () => {} })
    const refused = expect(opening).rejects.toMatchObject({ code: 'ERR_PAXOS_TRANSPORT_STATE' })
    binds[0]?.()
    await transport.close()
    await refused
    expect(isLeft).toBe(true)
  })
})
