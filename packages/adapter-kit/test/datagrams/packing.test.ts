/** Small frames in one datagram, as a socket of nobody sees them. */
import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { decodeDatagram } from '../../src/datagrams/datagram.ts'
import { packed } from './samples.ts'
import { closeNodes, introduce, openNode, openPuppet, openWithPuppet, settle } from './nodes.ts'

afterEach(closeNodes)

const key = new Uint8Array(32).fill(1)

/** What a datagram has beside frames: a header, the id 'a', a stamp, the number of frames, and the tag. */
const overheadBytes = { plain: 7 + 1 + 32 + 1, signed: 7 + 1 + 32 + 1 + 16 }

const frameOf = (bytes: number, value: number): Uint8Array => {
  const frame = new Uint8Array(bytes)
  new DataView(frame.buffer).setUint16(0, value)
  return frame
}

function framesIn(datagrams: readonly Uint8Array[]): readonly Uint8Array[] {
  return datagrams.flatMap((datagram) => {
    const decoded = decodeDatagram(datagram)
    return decoded?.type === 'frames' ? decoded.frames : []
  })
}

describe('frames that are sent in one turn', () => {
  it.each([
    { count: 1, bytes: 50, size: 1_200, isSigned: false },
    { count: 100, bytes: 50, size: 1_200, isSigned: false },
    { count: 100, bytes: 50, size: 1_200, isSigned: true },
    { count: 99, bytes: 62, size: 512, isSigned: true },
    { count: 50, bytes: 700, size: 1_200, isSigned: false },
    { count: 600, bytes: 2, size: 9_000, isSigned: false },
  ])(
    '$count of $bytes bytes leave in as few datagrams of $size bytes as hold them, in order (signed: $isSigned)',
    async ({ count, bytes, size, isSigned }) => {
      const tap = await openPuppet('b', isSigned ? key : null)
      const options = { maxDatagramBytes: size, ...(isSigned && { authentication: { sign: key } }) }
      const a = await openNode('a', { b: tap.address }, options)
      const frames = Array.from({ length: count }, (_, value) => frameOf(bytes, value))
      for (const frame of frames) a.transport.send('b', frame)
      const room = size - (isSigned ? overheadBytes.signed : overheadBytes.plain)
      const perDatagram = Math.min(255, Math.floor(room / (2 + bytes)))
      const expected = Math.ceil(count / perDatagram)
      await tap.received(expected)
      expect(framesIn(tap.datagrams)).toEqual(frames)
      expect(tap.datagrams).toHaveLength(expected)
      for (const { byteLength } of tap.datagrams) expect(byteLength).toBeLessThanOrEqual(size)
    },
  )

  it('leave together, though several callbacks of that turn sent them', async () => {
    const tap = await openPuppet('b')
    const a = await openNode('a', { b: tap.address })
    const send = (value: number): void => a.transport.send('b', Uint8Array.of(value))
    await nextTurn()
    send(1)
    process.nextTick(send, 3)
    queueMicrotask(() => send(2))
    await tap.received(1)
    expect(framesIn(tap.datagrams)).toHaveLength(3)
  })

  it('leave apart for different peers', async () => {
    const taps = [await openPuppet('b'), await openPuppet('c')] as const
    const a = await openNode('a', { b: taps[0].address, c: taps[1].address })
    for (const value of [1, 2, 3, 4]) a.transport.send(value < 3 ? 'b' : 'c', Uint8Array.of(value))
    await Promise.all(taps.map((tap) => tap.received(1)))
    expect(taps.map((tap) => framesIn(tap.datagrams))).toEqual([
      [Uint8Array.of(1), Uint8Array.of(2)],
      [Uint8Array.of(3), Uint8Array.of(4)],
    ])
  })

  it('arrive each, in order, mixed with larger ones', async () => {
    const [a, b] = [await openNode('a'), await openNode('b')]
    introduce(a, b)
    const frames = Array.from({ length: 300 }, (_, value) =>
      frameOf(value % 10 === 9 ? 3_000 : 40, value),
    )
    for (const frame of frames) a.transport.send('b', frame)
    await settle(a, b)
    expect(b.inbox.slice(0, -1).map(({ frame }) => frame)).toEqual(frames)
  })
})

describe('a datagram of several frames', () => {
  it('delivers no more once close() was called between two', async () => {
    const [closing, a] = await openWithPuppet('b', 'a')
    closing.arrivals.once('frame', () => void closing.transport.close())
    const arrived = once(closing.arrivals, 'frame')
    await a.send(closing, [
      packed(
        'a',
        [1, 2, 3].map((n) => Uint8Array.of(n)),
      ),
    ])
    await arrived
    await closing.transport.close()
    expect(closing.inbox.map(({ frame }) => frame)).toEqual([Uint8Array.of(1)])
    expect(closing.transport.stats().strangerDatagrams).toBe(0)
  })

  it('that comes after close() was called is not looked at any more', async () => {
    const a = await openNode('a')
    const closing = await openNode('b', { a: a.transport.address })
    a.transport.setPeers(new Map([['b', closing.transport.address]]))
    closing.arrivals.once('frame', () => void closing.transport.close())
    const arrived = once(closing.arrivals, 'frame')
    // Two datagrams, which one poll of the socket brings.
    for (const value of [1, 2]) a.transport.send('b', frameOf(1_000, value))
    await arrived
    await closing.transport.close()
    expect(closing.inbox).toHaveLength(1)
    expect(Object.values(closing.transport.stats())).toEqual(Array.from({ length: 10 }, () => 0))
  })

  it('delivers none when one is wrong, and is counted once', async () => {
    const [b, a] = await openWithPuppet('b', 'a')
    const wrong = packed('a', [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)])
    wrong[wrong.byteLength - 2] = 2
    const arrived = once(b.arrivals, 'frame')
    await a.send(b, [wrong, packed('a', [Uint8Array.of(4)])])
    await arrived
    expect(b.inbox.map(({ frame }) => frame)).toEqual([Uint8Array.of(4)])
    expect(b.transport.stats().malformedDatagrams).toBe(1)
  })
})
