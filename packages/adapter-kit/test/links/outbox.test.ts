/** What waits for a peer: bounded in bytes, in count and in time, the newest kept. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_FRAME_BYTES } from '@paxos/core'
import {
  FRAME_LIFETIME_MS,
  FRAME_OVERHEAD_BYTES,
  MAX_BATCH_BYTES,
  MAX_OUTBOX_BYTES,
} from '../../src/links/limits.ts'
import { outbox } from '../../src/links/outbox.ts'

const numbered = (number: number, bytes = 4): Uint8Array => {
  const frame = new Uint8Array(Math.max(bytes, 4))
  new DataView(frame.buffer).setUint32(0, number)
  return frame
}
const numberOf = (frame: Uint8Array): number => new DataView(frame.buffer).getUint32(0)

describe('an outbox', () => {
  it('gives frames in the order in which they came', () => {
    const frames = outbox()
    for (let number = 0; number < 5; number += 1) frames.push(numbered(number), 0)
    expect(frames.take(MAX_BATCH_BYTES).map(numberOf)).toEqual([0, 1, 2, 3, 4])
    expect(frames.take(MAX_BATCH_BYTES)).toEqual([])
  })

  it('P7: keeps a copy, also of a Buffer', () => {
    const frames = outbox()
    const buffer = Buffer.from([1, 2, 3])
    frames.push(buffer, 0)
    buffer.fill(9)
    expect(frames.take(MAX_BATCH_BYTES)).toEqual([Uint8Array.of(1, 2, 3)])
  })

  it('never holds more than its limit, drops the oldest first, and says how many', () => {
    const sizes = fc.array(fc.oneof(fc.nat(100), fc.nat(MAX_FRAME_BYTES)), {
      minLength: 1,
      maxLength: 60,
    })
    fc.assert(
      fc.property(sizes, (lengths) => {
        const frames = outbox()
        let dropped = 0
        for (const [number, bytes] of lengths.entries()) {
          dropped += frames.push(numbered(number, bytes), 0)
        }
        const kept = frames.take(Infinity)
        const weight = kept.reduce((sum, frame) => sum + frame.byteLength + FRAME_OVERHEAD_BYTES, 0)
        expect(weight).toBeLessThanOrEqual(MAX_OUTBOX_BYTES)
        expect(kept.map(numberOf)).toEqual([...lengths.keys()].slice(dropped))
        // No more was dropped than had to be.
        const last = Math.max(4, lengths[dropped - 1] ?? Infinity) + FRAME_OVERHEAD_BYTES
        expect(weight + last).toBeGreaterThan(MAX_OUTBOX_BYTES)
      }),
    )
  })

  it('bounds empty frames too', () => {
    const frames = outbox()
    let dropped = 0
    for (let count = 0; count < 20_000; count += 1) dropped += frames.push(new Uint8Array(), 0)
    expect(20_000 - dropped).toBe(MAX_OUTBOX_BYTES / FRAME_OVERHEAD_BYTES)
  })

  it('gives at most as much as is asked for, but always one frame', () => {
    const frames = outbox()
    frames.push(numbered(0, MAX_FRAME_BYTES), 0)
    for (let number = 1; number <= 4; number += 1) frames.push(numbered(number, 1_024), 0)
    expect(frames.take(4_096).map(numberOf)).toEqual([0])
    expect(frames.take(4_096).map(numberOf)).toEqual([1, 2])
    expect(frames.take(4_095).map(numberOf)).toEqual([3])
    expect(frames.take(4_095).map(numberOf)).toEqual([4])
  })

  it('has room again for what was taken, dropped for its age, or cleared', () => {
    const frames = outbox()
    const fill = (nowMs: number): number => {
      let dropped = 0
      for (let count = 0; count < 7; count += 1) {
        dropped += frames.push(numbered(count, MAX_FRAME_BYTES), nowMs)
      }
      return dropped
    }
    expect(fill(0)).toBe(0)
    expect(fill(0)).toBe(7)
    expect(frames.take(Infinity)).toHaveLength(7)
    expect(fill(0)).toBe(0)
    expect(frames.expire(FRAME_LIFETIME_MS + 1)).toBe(7)
    expect(fill(0)).toBe(0)
    frames.clear()
    expect(fill(0)).toBe(0)
  })

  it('drops what is older than its lifetime, and nothing else', () => {
    const frames = outbox()
    for (const [number, atMs] of [0, 1, 2, 3].entries()) frames.push(numbered(number), atMs)
    expect(frames.expire(FRAME_LIFETIME_MS)).toBe(0)
    expect(frames.expire(FRAME_LIFETIME_MS + 2)).toBe(2)
    expect(frames.take(Infinity).map(numberOf)).toEqual([2, 3])
  })
})
