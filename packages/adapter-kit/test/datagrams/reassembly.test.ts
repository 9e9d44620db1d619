/** Frames from fragments that come late, twice, in any order or never; and what that may cost. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_FRAME_BYTES } from '@paxos/core'
import { decodeDatagram } from '../../src/datagrams/datagram.ts'
import type { Fragment } from '../../src/datagrams/datagram.ts'
import {
  MAX_PARTIAL_BYTES,
  MAX_PARTIAL_BYTES_PER_SENDER,
  MAX_PARTIAL_FRAMES_PER_SENDER,
  PARTIAL_LIFETIME_MS,
} from '../../src/datagrams/limits.ts'
import { reassembly } from '../../src/datagrams/reassembly.ts'
import { datagramsOf, NO_STAMP } from './samples.ts'

function fragmentsOf(sender: string, messageId: bigint, frame: Uint8Array): Fragment[] {
  return datagramsOf(sender, messageId, frame)
    .map((datagram) => decodeDatagram(datagram))
    .filter((datagram) => datagram?.type === 'fragment')
}

/** A fragment of a frame with `count` fragments of `size` bytes. */
function fragmentOf(sender: string, messageId: number, count: number, size: number): Fragment {
  const payload = new Uint8Array(size)
  return {
    type: 'fragment',
    stamp: NO_STAMP,
    sender,
    messageId: BigInt(messageId),
    frameBytes: count * size,
    count,
    index: 0,
    payload,
  }
}

describe('fragments', () => {
  const anyFrame = fc
    .tuple(fc.integer({ min: 1_200, max: 6_000 }), fc.nat(255))
    .map(([length, seed]) => Uint8Array.from({ length }, (_, index) => (seed + index * 7) & 0xff))
  const anyFrames = fc.array(anyFrame, { minLength: 1, maxLength: 4 })

  it('of several frames, shuffled and doubled, make each frame, once', () => {
    fc.assert(
      fc.property(anyFrames, fc.infiniteStream(fc.nat()), (frames, random) => {
        const fragments = frames.flatMap((frame, index) => fragmentsOf('a', BigInt(index), frame))
        const dice = (): number => random.next().value ?? 0
        const arrivals = [...fragments, ...fragments.slice(0, -1)]
          .map((fragment) => ({ fragment, at: dice() }))
          .toSorted((x, y) => x.at - y.at)
        const whole = new Set<bigint>()
        const partials = reassembly()
        for (const { fragment } of arrivals) {
          // A fragment that comes again after its frame was whole begins another one.
          if (whole.has(fragment.messageId)) continue
          const accepted = partials.accept(fragment, 0)
          if (accepted.type !== 'complete') continue
          whole.add(fragment.messageId)
          const sent = frames[Number(fragment.messageId)] ?? new Uint8Array()
          expect(Buffer.compare(accepted.frame, sent)).toBe(0)
        }
        expect(whole.size).toBe(frames.length)
        expect(partials.bytes).toBe(0)
      }),
    )
  })

  it('make no frame while one is missing, whichever it is', () => {
    const fragments = fragmentsOf('a', 1n, new Uint8Array(5_000))
    for (const missing of fragments) {
      const partials = reassembly()
      for (const fragment of fragments) {
        if (fragment !== missing) expect(partials.accept(fragment, 0)).toEqual({ type: 'kept' })
      }
      expect(partials.accept(missing, 0).type).toBe('complete')
    }
  })

  it('that come twice are taken once', () => {
    const [first, second] = fragmentsOf('a', 1n, new Uint8Array(3_000).fill(1))
    if (first === undefined || second === undefined) throw new Error('Too few fragments.')
    const partials = reassembly()
    partials.accept(first, 0)
    const { bytes } = partials
    const forged = { ...first, payload: new Uint8Array(first.payload.byteLength).fill(9) }
    for (let count = 0; count < 10; count += 1) {
      expect(partials.accept(forged, 0)).toEqual({ type: 'duplicate' })
    }
    expect(partials.bytes).toBe(bytes)
  })

  it('that contradict an earlier one are dropped and do no harm', () => {
    const frame = new Uint8Array(3_000).fill(1)
    const fragments = fragmentsOf('a', 1n, frame)
    const partials = reassembly()
    for (const [index, fragment] of fragments.entries()) {
      const accepted = partials.accept(fragment, 0)
      if (index === fragments.length - 1) expect(accepted).toEqual({ type: 'complete', frame })
      else {
        const longer = { ...fragment, frameBytes: 3_001, index: 2 }
        const more = { ...fragment, count: 7, index: 5 }
        expect(partials.accept(longer, 0)).toEqual({ type: 'contradiction' })
        expect(partials.accept(more, 0)).toEqual({ type: 'contradiction' })
      }
    }
  })

  it('of different senders or messages do not mix', () => {
    const partials = reassembly()
    const ones = new Uint8Array(2_000).fill(1)
    const twos = new Uint8Array(2_000).fill(2)
    const [a1, a2] = fragmentsOf('a', 1n, ones)
    const [b1, b2] = fragmentsOf('b', 1n, twos)
    const [c1, c2] = fragmentsOf('a', 2n, twos)
    const arrivals = [a1, b1, c1, c2, b2, a2].filter((fragment) => fragment !== undefined)
    const complete = arrivals
      .map((fragment) => partials.accept(fragment, 0))
      .filter((accepted) => accepted.type === 'complete')
    expect(complete.map((accepted) => accepted.frame)).toEqual([twos, twos, ones])
  })
})

describe('half-received frames', () => {
  it('reserve nothing on the word of a header', () => {
    const partials = reassembly()
    partials.accept(fragmentOf('a', 1, 1_024, 1_024), 0)
    expect(partials.bytes).toBeLessThan(2_048)
  })

  it('are given up after their lifetime, and not before', () => {
    const partials = reassembly()
    partials.accept(fragmentOf('a', 1, 2, 100), 1_000)
    partials.accept(fragmentOf('b', 1, 2, 100), 1_001)
    partials.expire(1_000 + PARTIAL_LIFETIME_MS)
    expect(partials.dropped).toBe(0)
    partials.expire(1_001 + PARTIAL_LIFETIME_MS)
    expect(partials.dropped).toBe(1)
    partials.expire(1_002 + PARTIAL_LIFETIME_MS)
    expect(partials).toMatchObject({ dropped: 2, bytes: 0 })
  })

  it('of one sender are bounded in number, the oldest goes first', () => {
    const partials = reassembly()
    const begun = MAX_PARTIAL_FRAMES_PER_SENDER + 1
    for (let id = 0; id < begun; id += 1) partials.accept(fragmentOf('a', id, 2, 10), id)
    expect(partials.dropped).toBe(1)
    const [oldest, second] = [fragmentOf('a', 0, 2, 10), fragmentOf('a', 1, 2, 10)]
    expect(partials.accept({ ...second, index: 1 }, 0).type).toBe('complete')
    expect(partials.accept({ ...oldest, index: 1 }, 0).type).toBe('kept')
  })

  it('of one sender are bounded in bytes, and cost another sender nothing', () => {
    const partials = reassembly()
    partials.accept(fragmentOf('quiet', 1, 2, 10), 0)
    for (let id = 0; id < 1_000; id += 1) {
      partials.accept(fragmentOf('loud', id, 16, 60_000), 1)
      for (let index = 1; index < 15; index += 1) {
        partials.accept({ ...fragmentOf('loud', id, 16, 60_000), index }, 1)
      }
      expect(partials.bytes).toBeLessThan(MAX_PARTIAL_BYTES_PER_SENDER + 1_024)
    }
    expect(partials.accept({ ...fragmentOf('quiet', 1, 2, 10), index: 1 }, 2).type).toBe('complete')
  })

  it('of all senders are bounded in bytes, the oldest goes first', () => {
    const partials = reassembly()
    partials.accept(fragmentOf('first', 1, 2, 10), 0)
    for (let sender = 0; sender < 100; sender += 1) {
      for (let id = 0; id < 30; id += 1) {
        partials.accept(fragmentOf(`sender ${sender}`, id, 16, 60_000), 1 + sender)
        expect(partials.bytes).toBeLessThanOrEqual(MAX_PARTIAL_BYTES)
      }
    }
    expect(partials.accept({ ...fragmentOf('first', 1, 2, 10), index: 1 }, 2).type).toBe('kept')
  })

  it('of the largest frame in the smallest datagrams with a tag fit', () => {
    const partials = reassembly()
    const frame = new Uint8Array(MAX_FRAME_BYTES).fill(7)
    const sender = 'x'.repeat(255)
    const datagrams = datagramsOf(sender, 1n, frame, 512, true)
    const outcomes = datagrams.map((datagram) => {
      const fragment = decodeDatagram(datagram)
      return fragment?.type === 'fragment' ? partials.accept(fragment, 0) : null
    })
    const last = outcomes.at(-1)
    expect(last?.type === 'complete' && Buffer.compare(last.frame, frame) === 0).toBe(true)
    expect(partials.dropped).toBe(0)
  })

  it('cost nothing any more when they are whole, given up, or of who left: any number in a life', () => {
    const parts = reassembly()
    const frame = new Uint8Array(10_000)
    for (let messageId = 1; messageId <= 200; messageId += 1) {
      const fragments = fragmentsOf('a', BigInt(messageId), frame)
      for (const fragment of fragments.slice(0, -1)) parts.accept(fragment, 0)
      expect(parts.bytes).toBeGreaterThan(0)
      const [last] = fragments.slice(-1)
      if (messageId % 3 === 0) parts.expire(PARTIAL_LIFETIME_MS + 1)
      else if (messageId % 3 === 1) parts.retain(new Set(['b']))
      else if (last !== undefined) expect(parts.accept(last, 0).type).toBe('complete')
      expect(parts.bytes).toBe(0)
    }
  })

  it('of who left the address book are dropped', () => {
    const partials = reassembly()
    partials.accept(fragmentOf('a', 1, 2, 10), 0)
    partials.accept(fragmentOf('b', 1, 2, 10), 0)
    partials.retain(new Set(['b']))
    expect(partials.dropped).toBe(1)
    expect(partials.accept({ ...fragmentOf('b', 1, 2, 10), index: 1 }, 0).type).toBe('complete')
    expect(partials.bytes).toBe(0)
  })
})
