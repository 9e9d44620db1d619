/** The queue to one peer: what it keeps, joins and drops and how fast it sends; on virtual time. */
import { beforeEach, describe, expect, it } from 'vitest'
import { MAX_FRAME_BYTES } from '@paxos/core'
import { decodeDatagram } from '../../src/datagrams/datagram.ts'
import type { Fragment, Frames } from '../../src/datagrams/datagram.ts'
import {
  BURST_BYTES,
  DATAGRAM_OVERHEAD_BYTES,
  FRAME_LIFETIME_MS,
  FRAME_OVERHEAD_BYTES,
  MAX_DATAGRAMS_IN_FLIGHT,
  MAX_FRAMES_PER_DATAGRAM,
  MAX_OUTBOX_BYTES,
} from '../../src/datagrams/limits.ts'
import { outbox } from '../../src/datagrams/outbox.ts'
import type { Outbox } from '../../src/datagrams/outbox.ts'
import { headOf } from './samples.ts'

interface Transmission {
  readonly datagram: Frames | Fragment
  /** Tells the outbox that the system is done with it. */
  readonly done: (sent: boolean) => void
}

let sent: Transmission[] = []
let dropped = 0
let nowMs = 0
let timer: (() => void) | null = null
/** What is to be done when the turn of the event loop ends. */
let turn: (() => void) | null = null
/** Whether the system is done with a datagram before transmit returns. */
let isInstant = false
/** Whether the peer can be sent to. */
let mayLeave = true
let told = { sent: 0, failed: 0 }

beforeEach(() => {
  sent = []
  dropped = 0
  nowMs = 0
  timer = null
  turn = null
  isInstant = false
  mayLeave = true
  told = { sent: 0, failed: 0 }
})

function makeOutbox(): Outbox {
  let messageId = 0n
  return outbox({
    head: headOf('a'),
    datagramBytes: 1_200,
    nextMessageId: () => (messageId += 1n),
    mayLeave: () => mayLeave,
    transmit(bytes, done) {
      const datagram = decodeDatagram(bytes)
      if (datagram !== null && datagram.type !== 'cookie') sent.push({ datagram, done })
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
      atEndOfTurn(callback) {
        expect(turn).toBeNull()
        turn = callback
        return () => {
          turn = null
        }
      },
    },
    onDropped: () => {
      dropped += 1
    },
    onDone(frames, isSent) {
      told[isSent ? 'sent' : 'failed'] += frames
    },
  })
}

/** The turn of the event loop ends. */
function endTurn(): void {
  const due = turn
  turn = null
  due?.()
}

/** A millisecond passes; the timer fires if there is one. */
function tick(): void {
  nowMs += 1
  const due = timer
  timer = null
  due?.()
}

/** The first byte of each frame in each datagram, or of the fragment in it. */
const firstBytes = (): number[][] =>
  sent.map(({ datagram }) =>
    datagram.type === 'frames'
      ? datagram.frames.map((frame) => frame[0] ?? -1)
      : [datagram.payload[0] ?? -1],
  )
const indexes = (): number[] =>
  sent.map(({ datagram }) => (datagram.type === 'fragment' ? datagram.index : 0))

/** A frame that fits a datagram, and no other with it. */
const filling = (value: number): Uint8Array => new Uint8Array(1_000).fill(value)

describe('frames of one turn', () => {
  it('leave when it ends, without a timer', () => {
    makeOutbox().push(Uint8Array.of(7))
    expect(firstBytes()).toEqual([])
    endTurn()
    expect(firstBytes()).toEqual([[7]])
    expect(timer).toBeNull()
  })

  it('leave together, in order, as many in a datagram as fit', () => {
    const box = makeOutbox()
    // Header, stamp and number, 41 bytes, leave room for eleven of 100 bytes with their lengths.
    for (let value = 0; value < 25; value += 1) box.push(new Uint8Array(100).fill(value))
    endTurn()
    const values = Array.from({ length: 25 }, (_, value) => value)
    expect(firstBytes()).toEqual([values.slice(0, 11), values.slice(11, 22), values.slice(22)])
  })

  it('that are empty leave together too, up to a number', () => {
    const box = makeOutbox()
    for (let count = 0; count < 256; count += 1) box.push(new Uint8Array())
    endTurn()
    expect(firstBytes().map(({ length }) => length)).toEqual([MAX_FRAMES_PER_DATAGRAM, 1])
  })

  it('do not overtake a large one, nor does it overtake them', () => {
    isInstant = true
    const box = makeOutbox()
    for (const value of [1, 2]) box.push(Uint8Array.of(value))
    box.push(new Uint8Array(3_000).fill(3))
    for (const value of [4, 5]) box.push(Uint8Array.of(value))
    endTurn()
    expect(firstBytes()).toEqual([[1, 2], [3], [3], [3], [4, 5]])
  })

  it('wait for its end, whatever the system or the timer have to say before', () => {
    const box = makeOutbox()
    box.push(new Uint8Array(MAX_FRAME_BYTES))
    endTurn()
    const before = sent.length
    expect(timer).not.toBeNull()
    box.push(Uint8Array.of(1))
    sent[0]?.done(true)
    tick()
    expect(sent).toHaveLength(before)
    endTurn()
    expect(sent.length).toBeGreaterThan(before)
  })

  it('join those that wait for the system', () => {
    const box = makeOutbox()
    for (let count = 0; count < MAX_DATAGRAMS_IN_FLIGHT; count += 1) {
      box.push(filling(1))
      endTurn()
      tick()
    }
    const before = sent.length
    for (const value of [2, 3, 4]) {
      box.push(Uint8Array.of(value))
      endTurn()
    }
    expect(sent).toHaveLength(before)
    sent[0]?.done(true)
    expect(firstBytes().slice(before)).toEqual([[2, 3, 4]])
  })
})

describe('an outbox', () => {
  it('sends in order, each frame whole before the next', () => {
    isInstant = true
    const box = makeOutbox()
    for (const value of [1, 2, 3]) box.push(new Uint8Array(3_000).fill(value))
    endTurn()
    expect(firstBytes().flat()).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3])
    expect(indexes()).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2])
  })

  it.each([1, 3_000])('copies: a frame of %i bytes is the caller’s again', (bytes) => {
    const box = makeOutbox()
    const frame = Buffer.alloc(bytes, 1)
    box.push(frame)
    frame.fill(2)
    endTurn()
    expect(new Set(firstBytes().flat())).toEqual(new Set([1]))
  })

  it('leaves at most a burst a millisecond, however fast the system is', () => {
    isInstant = true
    makeOutbox().push(new Uint8Array(MAX_FRAME_BYTES))
    endTurn()
    const perMs = Math.ceil(BURST_BYTES / (1_200 + DATAGRAM_OVERHEAD_BYTES))
    let before = 0
    while (timer !== null) {
      expect(sent.length - before).toBeGreaterThan(0)
      expect(sent.length - before).toBeLessThanOrEqual(perMs)
      before = sent.length
      tick()
    }
    const [first, last] = [sent[0]?.datagram, sent.at(-1)?.datagram]
    if (first?.type !== 'fragment') throw new Error('It was not cut.')
    expect(last).toMatchObject({ index: first.count - 1 })
    expect(nowMs).toBeGreaterThan(25)
  })

  it('does not save up for a larger burst while it is idle', () => {
    isInstant = true
    const box = makeOutbox()
    nowMs = 60_000
    box.push(new Uint8Array(MAX_FRAME_BYTES))
    endTurn()
    expect(sent.length).toBeGreaterThan(0)
    expect(sent.length).toBeLessThan(40)
  })

  it('P8: catches up when its timer is late', () => {
    isInstant = true
    makeOutbox().push(new Uint8Array(MAX_FRAME_BYTES))
    endTurn()
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
    for (let count = 0; count < 1_000; count += 1) box.push(filling(1))
    endTurn()
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
    box.push(frame.fill(0))
    endTurn()
    for (let value = 1; value < pushed; value += 1) box.push(frame.fill(value))
    const kept = Math.floor(MAX_OUTBOX_BYTES / (MAX_FRAME_BYTES + FRAME_OVERHEAD_BYTES))
    expect(dropped).toBe(pushed - 1 - kept)
    isInstant = true
    for (const { done } of sent.slice()) done(true)
    endTurn()
    while (timer !== null) tick()
    const values = [...new Set(firstBytes().flat())]
    expect(values).toEqual([0, ...Array.from({ length: kept }, (_, i) => pushed - kept + i)])
  })

  it('takes any number of bytes in its life: what has left, or was dropped, makes room', () => {
    const box = makeOutbox()
    isInstant = true
    const room = Math.floor(MAX_OUTBOX_BYTES / (MAX_FRAME_BYTES + FRAME_OVERHEAD_BYTES))
    for (let life = 1; life <= 3; life += 1) {
      for (let count = 0; count < room; count += 1) box.push(new Uint8Array(MAX_FRAME_BYTES))
      endTurn()
      while (timer !== null) tick()
      expect([dropped, told]).toEqual([0, { sent: life * room, failed: 0 }])
    }
    mayLeave = false
    for (let life = 1; life <= 3; life += 1) {
      for (let count = 0; count < room; count += 1) box.push(new Uint8Array(MAX_FRAME_BYTES))
      endTurn()
      nowMs += FRAME_LIFETIME_MS + 1
      expect(box.expire()).toBe(false)
      expect(dropped).toBe(life * room)
    }
  })

  it('bounds empty frames too, also within one turn', () => {
    const box = makeOutbox()
    for (let count = 0; count < 100_000; count += 1) box.push(new Uint8Array())
    expect(dropped).toBe(100_000 - MAX_OUTBOX_BYTES / FRAME_OVERHEAD_BYTES)
  })

  it('does not send the rest of a frame of which a part failed, and goes on with the next', () => {
    const box = makeOutbox()
    box.push(new Uint8Array(MAX_FRAME_BYTES).fill(1))
    box.push(filling(2))
    endTurn()
    const before = sent.length
    sent[0]?.done(false)
    tick()
    expect(firstBytes().slice(before)).toEqual([[2]])
  })

  it('goes on with the next frames when those before failed', () => {
    const box = makeOutbox()
    box.push(filling(1))
    endTurn()
    sent[0]?.done(false)
    box.push(filling(2))
    endTurn()
    expect(firstBytes()).toEqual([[1], [2]])
  })

  it('goes through a long queue of datagrams that fail at once, without recursion', () => {
    const held: ((sent: boolean) => void)[] = []
    let isDown = false
    let failed = 0
    const box = outbox({
      head: headOf(''),
      datagramBytes: 512,
      nextMessageId: () => 1n,
      mayLeave: () => true,
      transmit(_, done) {
        if (!isDown) return void held.push(done)
        failed += 1
        done(false)
      },
      clock: {
        now: () => (nowMs += 1),
        after: () => () => {},
        atEndOfTurn(callback) {
          turn = callback
          return () => {}
        },
      },
      onDropped: () => {},
      onDone: () => {},
    })
    for (let count = 0; count < MAX_DATAGRAMS_IN_FLIGHT + 5_000; count += 1) {
      box.push(new Uint8Array(460))
    }
    endTurn()
    isDown = true
    held[0]?.(false)
    expect(failed).toBe(5_000)
  })

  it('keeps frames while the peer cannot be sent to, and sends them when it can', () => {
    mayLeave = false
    const box = makeOutbox()
    for (const value of [1, 2]) box.push(Uint8Array.of(value))
    endTurn()
    expect(firstBytes()).toEqual([])
    mayLeave = true
    box.resume()
    expect(firstBytes()).toEqual([[1, 2]])
  })

  it('drops those that waited too long for that, and says whether any are left', () => {
    mayLeave = false
    const box = makeOutbox()
    box.push(Uint8Array.of(1))
    nowMs = FRAME_LIFETIME_MS
    box.push(Uint8Array.of(2))
    expect([box.expire(), dropped]).toEqual([true, 0])
    nowMs += 1
    expect([box.expire(), dropped]).toEqual([true, 1])
    nowMs += FRAME_LIFETIME_MS
    expect([box.expire(), dropped]).toEqual([false, 2])
  })

  it('tells of each frame once what became of it, however many datagrams it took', () => {
    const box = makeOutbox()
    for (const value of [1, 2]) box.push(Uint8Array.of(value))
    box.push(new Uint8Array(3_000).fill(3))
    box.push(new Uint8Array(MAX_FRAME_BYTES).fill(4))
    endTurn()
    for (const [index, transmission] of sent.slice().entries()) transmission.done(index < 6)
    while (timer !== null) tick()
    expect(told).toEqual({ sent: 3, failed: 1 })
  })

  it('that is discarded sends what may leave at once, then no more, and leaves no timer', () => {
    isInstant = true
    const box = makeOutbox()
    box.push(Uint8Array.of(1))
    box.push(new Uint8Array(MAX_FRAME_BYTES).fill(2))
    box.discard()
    expect(firstBytes().slice(0, 2)).toEqual([[1], [2]])
    expect([timer, turn]).toEqual([null, null])
    const before = sent.length
    expect(before).toBeLessThan(40)
    box.push(Uint8Array.of(3))
    endTurn()
    tick()
    expect(sent).toHaveLength(before)
  })
})
