/** The queue to one peer: what it keeps and what it drops; on virtual time. */
import { beforeEach, describe, expect, it } from 'vitest'
import { MAX_FRAME_BYTES } from '@paxos/core'
import { FRAME_LIFETIME_MS, FRAME_OVERHEAD_BYTES, MAX_OUTBOX_BYTES } from '../src/limits.ts'
import { outbox } from '../src/outbox.ts'
import type { Outbox } from '../src/outbox.ts'

let dropped = 0
let nowMs = 0

beforeEach(() => {
  dropped = 0
  nowMs = 0
})

function makeOutbox(): Outbox {
  return outbox({ now: () => nowMs, onDropped: () => (dropped += 1) })
}

function drain(queue: Outbox): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let frame = queue.take(); frame !== null; frame = queue.take()) frames.push(frame)
  return frames
}

describe('an outbox', () => {
  it('gives frames in order, P3: empty ones too', () => {
    const queue = makeOutbox()
    queue.push(Uint8Array.of(1))
    queue.push(new Uint8Array())
    queue.push(Uint8Array.of(2))
    expect(drain(queue)).toEqual([Uint8Array.of(1), new Uint8Array(), Uint8Array.of(2)])
    expect(dropped).toBe(0)
  })

  it('P7: copies what it keeps, out of a Buffer too', () => {
    const queue = makeOutbox()
    const buffer = Buffer.from([1])
    queue.push(buffer)
    buffer[0] = 2
    expect(queue.take()).toEqual(Uint8Array.of(1))
  })

  it.each([
    ['the largest frames', MAX_FRAME_BYTES],
    ['frames of one byte', 1],
    ['empty frames', 0],
  ])('keeps a bounded number of %s, the newest', (_, bytes) => {
    const queue = makeOutbox()
    const room = Math.floor(MAX_OUTBOX_BYTES / (bytes + FRAME_OVERHEAD_BYTES))
    for (let count = 0; count < room + 3; count += 1) queue.push(new Uint8Array(bytes).fill(count))
    expect(dropped).toBe(3)
    const kept = drain(queue)
    expect(kept).toHaveLength(room)
    if (bytes > 0) expect(kept[0]?.[0]).toBe(3)
  })

  it('drops what is out of date when its turn comes, and nothing that is not', () => {
    const queue = makeOutbox()
    queue.push(Uint8Array.of(1))
    nowMs = 1
    queue.push(Uint8Array.of(2))
    nowMs = FRAME_LIFETIME_MS + 1
    expect(drain(queue)).toEqual([Uint8Array.of(2)])
    expect(dropped).toBe(1)
  })

  it('has all its room again after it was emptied', () => {
    const queue = makeOutbox()
    for (let round = 0; round < 3; round += 1) {
      const room = Math.floor(MAX_OUTBOX_BYTES / (MAX_FRAME_BYTES + FRAME_OVERHEAD_BYTES))
      for (let count = 0; count < room; count += 1) queue.push(new Uint8Array(MAX_FRAME_BYTES))
      if (round === 0) queue.clear()
      else expect(drain(queue)).toHaveLength(room)
    }
    expect(dropped).toBe(0)
  })
})
