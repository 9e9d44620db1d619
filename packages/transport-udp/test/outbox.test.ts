/** The queue to one peer: what it keeps, what it drops and how fast it sends; on virtual time. */
import { beforeEach, describe, expect, it } from 'vitest'
import { MAX_FRAME_BYTES } from '@paxos/core'
import { decodeDatagram } from '../src/datagram.ts'
import type { Fragment } from '../src/datagram.ts'
import {
  BURST_BYTES,
  DATAGRAM_OVERHEAD_BYTES,
  FRAME_OVERHEAD_BYTES,
  MAX_DATAGRAMS_IN_FLIGHT,
  MAX_OUTBOX_BYTES,
} from '../src/limits.ts'
import { outbox } from '../src/outbox.ts'
import type { Outbox } from '../src/outbox.ts'

interface Transmission extends Fragment {
  /** Tells the outbox that the system is done with it. */
  readonly done: (sent: boolean) => void
}

let sent: Transmission[] = []
let dropped = 0
let nowMs = 0
let timer: (() => void) | null = null
/** Whether the system is done with a datagram before transmit returns. */
let isInstant = false

beforeEach(() => {
  sent = []
  dropped = 0
  nowMs = 0
  timer = null
  isInstant = false
})

function makeOutbox(): Outbox {
  let messageId = 0n
  return outbox({
    sender: new TextEncoder().encode('a'),
    datagramBytes: 1_200,
    nextMessageId: () => (messageId += 1n),
    transmit(datagram, done) {
      const fragment = decodeDatagram(Buffer.concat(datagram))
      if (fragment !== null) sent.push({ ...fragment, done })
      if (isInstant) done(true)
    },
    clock: {
      now: () => nowMs,
      after(delayMs, callback) {
        expect(delayMs).toBe(1)
        timer = callback
        return () => {
          timer = null
        }
      },
    },
    onDropped: () => {
      dropped += 1
    },
  })
}

/** A millisecond passes; the timer fires if there is one. */
function tick(): void {
  nowMs += 1
  const due = timer
  timer = null
  due?.()
}

const firstBytes = (): number[] => sent.map(({ payload }) => payload[0] ?? -1)

describe('an outbox', () => {
  it('sends at once when the peer was left in peace', () => {
    makeOutbox().push(Uint8Array.of(7))
    expect(firstBytes()).toEqual([7])
  })

  it('sends in order, each frame whole before the next', () => {
    isInstant = true
    const box = makeOutbox()
    for (const value of [1, 2, 3]) box.push(new Uint8Array(3_000).fill(value))
    expect(firstBytes()).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3])
    expect(sent.map(({ index }) => index)).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2])
  })

  it('copies: the frame is the caller’s again', () => {
    const box = makeOutbox()
    for (let count = 0; count <= MAX_DATAGRAMS_IN_FLIGHT; count += 1) {
      const frame = Buffer.of(1)
      box.push(frame)
      frame.fill(2)
    }
    for (const datagram of sent.slice()) datagram.done(true)
    tick()
    expect(firstBytes()).toEqual(Array(MAX_DATAGRAMS_IN_FLIGHT + 1).fill(1))
  })

  it('leaves at most a burst a millisecond, however fast the system is', () => {
    isInstant = true
    makeOutbox().push(new Uint8Array(MAX_FRAME_BYTES))
    const perMs = Math.ceil(BURST_BYTES / (1_200 + DATAGRAM_OVERHEAD_BYTES))
    let before = 0
    while (timer !== null) {
      expect(sent.length - before).toBeGreaterThan(0)
      expect(sent.length - before).toBeLessThanOrEqual(perMs)
      before = sent.length
      tick()
    }
    expect(sent.at(-1)).toMatchObject({ index: (sent[0]?.count ?? 0) - 1 })
    expect(nowMs).toBeGreaterThan(25)
  })

  it('does not save up for a larger burst while it is idle', () => {
    isInstant = true
    const box = makeOutbox()
    nowMs = 60_000
    box.push(new Uint8Array(MAX_FRAME_BYTES))
    expect(sent.length).toBeLessThan(40)
  })

  it('P8: catches up when its timer is late', () => {
    isInstant = true
    makeOutbox().push(new Uint8Array(MAX_FRAME_BYTES))
    const burst = sent.length
    nowMs += 0.25
    const due = timer
    timer = null
    due?.()
    expect(sent.length - burst).toBeGreaterThan(0)
    expect(sent.length - burst).toBeLessThan(burst / 2)
  })

  it('waits for the system: so many datagrams are in flight and no more', () => {
    const box = makeOutbox()
    for (let count = 0; count < 1_000; count += 1) box.push(new Uint8Array())
    for (let ms = 0; ms < 100; ms += 1) tick()
    expect(sent).toHaveLength(MAX_DATAGRAMS_IN_FLIGHT)
    expect(timer).toBeNull()
    sent[0]?.done(true)
    expect(sent).toHaveLength(MAX_DATAGRAMS_IN_FLIGHT + 1)
  })

  it('drops the oldest that waits above its bound, never one that is partly sent', () => {
    const box = makeOutbox()
    const frame = new Uint8Array(MAX_FRAME_BYTES)
    const pushed = 20
    for (let value = 0; value < pushed; value += 1) box.push(frame.fill(value))
    const kept = Math.floor(MAX_OUTBOX_BYTES / (MAX_FRAME_BYTES + FRAME_OVERHEAD_BYTES))
    expect(dropped).toBe(pushed - 1 - kept)
    isInstant = true
    for (const datagram of sent.slice()) datagram.done(true)
    while (timer !== null) tick()
    const values = [...new Set(firstBytes())]
    expect(values).toEqual([0, ...Array.from({ length: kept }, (_, i) => pushed - kept + i)])
  })

  it('bounds empty frames too', () => {
    const box = makeOutbox()
    for (let count = 0; count < 100_000; count += 1) box.push(new Uint8Array())
    expect(dropped).toBeGreaterThan(100_000 - MAX_OUTBOX_BYTES / FRAME_OVERHEAD_BYTES - 200)
  })

  it('does not send the rest of a frame of which a part failed, and goes on with the next', () => {
    const box = makeOutbox()
    box.push(new Uint8Array(MAX_FRAME_BYTES).fill(1))
    box.push(new Uint8Array(1_000).fill(2))
    const before = sent.length
    sent[0]?.done(false)
    tick()
    expect(firstBytes().slice(before)).toEqual([2])
  })

  it('goes through a long queue of frames that fail at once, without recursion', () => {
    const held: ((sent: boolean) => void)[] = []
    let isDown = false
    let failed = 0
    const box = outbox({
      sender: new Uint8Array(),
      datagramBytes: 1_200,
      nextMessageId: () => 1n,
      transmit(_, done) {
        if (!isDown) return void held.push(done)
        failed += 1
        done(false)
      },
      clock: { now: () => (nowMs += 1), after: () => () => {} },
      onDropped: () => {},
    })
    for (let count = 0; count < MAX_DATAGRAMS_IN_FLIGHT + 8_000; count += 1) {
      box.push(new Uint8Array())
    }
    isDown = true
    held[0]?.(false)
    expect(failed).toBe(8_000)
  })

  it('that is discarded sends nothing more and leaves no timer', () => {
    const box = makeOutbox()
    isInstant = true
    box.push(new Uint8Array(MAX_FRAME_BYTES))
    expect(timer).not.toBeNull()
    const before = sent.length
    box.discard()
    expect(timer).toBeNull()
    box.push(Uint8Array.of(1))
    tick()
    expect(sent).toHaveLength(before)
  })
})
