/** Who is let in, and what is old: on virtual time, with every loss, delay and repetition. */
import * as fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { doorWith, passOf } from '../../src/datagrams/cookies.ts'
import type { Door, Pass } from '../../src/datagrams/cookies.ts'
import { SECRET_BYTES } from '../../src/datagrams/header.ts'
import type { Stamp } from '../../src/datagrams/datagram.ts'
import {
  FIRST_QUESTION_RETRY_MS,
  MAX_QUESTION_RETRY_MS,
  QUESTIONS_AT_ONE_ADDRESS,
  QUESTIONS_BEFORE_PROBLEM,
  REPLAY_WINDOW,
  UNKNOWN_INTERVAL_MS,
} from '../../src/datagrams/limits.ts'
import { replayWindow } from '../../src/datagrams/replay-window.ts'

let nowMs = 0
let drawn = 0
let timer: { readonly atMs: number; readonly callback: () => void } | null = null
let asked: Uint8Array[] = []
let isNeeded = true
/** The peer has several addresses. */
let hasOthers = false
let ready = 0
let silences = 0
/** The incarnations that a door was told to have entered. */
let entered: string[] = []

beforeEach(() => {
  nowMs = 0
  drawn = 0
  timer = null
  asked = []
  isNeeded = true
  hasOthers = false
  ready = 0
  silences = 0
  entered = []
})

/** No other draw gives the same. */
function draw(): Uint8Array {
  drawn += 1
  return new Uint8Array(SECRET_BYTES).fill(drawn)
}

function makeDoor(): Door {
  return doorWith({
    cookie: draw(),
    now: () => nowMs,
    onEntered: (incarnation) => entered.push(incarnation),
  })
}

function makePass(): Pass {
  return passOf({
    clock: {
      now: () => nowMs,
      after(delayMs, callback) {
        expect(timer).toBeNull()
        timer = { atMs: nowMs + delayMs, callback }
        return () => {
          timer = null
        }
      },
      atEndOfTurn: () => () => {},
    },
    randomNonce: draw,
    ask: (nonce) => asked.push(nonce),
    isNeeded: () => isNeeded,
    onReady: () => (ready += 1),
    onSilence: () => (silences += 1),
    turn: () => hasOthers,
  })
}

/** The timer fires, if there is one. */
function fire(): void {
  const due = timer
  timer = null
  if (due !== null) nowMs = due.atMs
  due?.callback()
}

function lastNonce(): Uint8Array {
  return asked.at(-1) ?? new Uint8Array()
}

function enter(pass: Pass, door: Door): void {
  pass.isReady()
  pass.accept({ nonce: lastNonce(), ...door.invite('i') })
}

function stampOf(pass: Pass): Stamp {
  const stamp = pass.next()
  if (stamp === null) throw new Error('There is no cookie.')
  return stamp
}

describe('a door', () => {
  it('lets nobody in whom it did not invite', () => {
    const door = makeDoor()
    const guess = { cookie: new Uint8Array(SECRET_BYTES), epoch: 1, sequence: 0 }
    expect(door.admit(guess)).toBe('unknown')
    const { cookie } = makeDoor().invite('i')
    expect(door.admit({ ...guess, cookie })).toBe('unknown')
    const own = door.invite('i').cookie
    expect(door.admit({ cookie: own, epoch: 2, sequence: 0 })).toBe('unknown')
    expect(door.admit({ cookie: own, epoch: 0, sequence: 0 })).toBe('replayed')
  })

  it('lets each stamp in once, in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { maxLength: 200 }), (sequences) => {
        const door = makeDoor()
        const { cookie, epoch } = door.invite('i')
        const seen = new Set<number>()
        for (const sequence of sequences) {
          const expected = seen.has(sequence) ? 'replayed' : 'fresh'
          expect(door.admit({ cookie, epoch, sequence })).toBe(expected)
          seen.add(sequence)
        }
      }),
    )
  })

  it('lets in nothing of an epoch that is over: its sender has restarted', () => {
    const door = makeDoor()
    const [before, after] = [makePass(), makePass()]
    enter(before, door)
    const old = [stampOf(before), stampOf(before), stampOf(before)]
    expect(old.slice(0, 2).map((stamp) => door.admit(stamp))).toEqual(['fresh', 'fresh'])
    enter(after, door)
    // It may be late itself: until the first of the new epoch comes, the old one counts.
    expect(door.admit(stampOf(after))).toBe('fresh')
    expect(old.map((stamp) => door.admit(stamp))).toEqual(['replayed', 'replayed', 'replayed'])
    expect(door.admit(stampOf(after))).toBe('fresh')
  })

  it('that is another, since its node has restarted, knows no stamp of the one before', () => {
    const pass = makePass()
    const [before, after] = [makeDoor(), makeDoor()]
    enter(pass, before)
    const old = [stampOf(pass), stampOf(pass)]
    for (const stamp of old) expect(before.admit(stamp)).toBe('fresh')
    after.invite('i')
    expect(old.map((stamp) => after.admit(stamp))).toEqual(['unknown', 'unknown'])
  })

  it('is not shut by questions of who cannot hear the answers', () => {
    const door = makeDoor()
    const pass = makePass()
    enter(pass, door)
    expect(door.admit(stampOf(pass))).toBe('fresh')
    for (let count = 0; count < 1_000; count += 1) door.invite('i')
    expect(door.admit(stampOf(pass))).toBe('fresh')
  })

  it('complains now and then only', () => {
    const door = makeDoor()
    expect([door.mayComplain(), door.mayComplain()]).toEqual([true, false])
    nowMs += UNKNOWN_INTERVAL_MS
    expect([door.mayComplain(), door.mayComplain()]).toEqual([true, false])
  })
})

describe('a pass', () => {
  it('asks elsewhere after some questions, and counts no answer of before', () => {
    hasOthers = true
    const pass = makePass()
    const door = makeDoor()
    pass.isReady()
    const first = lastNonce()
    for (let count = 0; count < QUESTIONS_AT_ONE_ADDRESS; count += 1) fire()
    expect(lastNonce()).not.toEqual(first)
    pass.accept({ nonce: first, ...door.invite('i') })
    expect(pass.hasCookie()).toBe(false)
    enter(pass, door)
    expect(pass.hasCookie()).toBe(true)
  })

  it('is asked for when it is needed, again at growing intervals, with one nonce', () => {
    const pass = makePass()
    expect(asked).toHaveLength(0)
    expect(pass.isReady()).toBe(false)
    const times: number[] = []
    for (let count = 0; count < 8; count += 1) {
      times.push(nowMs)
      fire()
    }
    const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0))
    expect(waits[0]).toBe(FIRST_QUESTION_RETRY_MS)
    expect(Math.max(...waits)).toBe(MAX_QUESTION_RETRY_MS)
    expect(new Set(asked.map(String)).size).toBe(1)
    expect(silences).toBe(asked.length - QUESTIONS_BEFORE_PROBLEM)
  })

  it('is not asked for any more when nothing waits, and leaves no timer', () => {
    const pass = makePass()
    pass.isReady()
    isNeeded = false
    fire()
    expect([timer, asked.length]).toEqual([null, 1])
    isNeeded = true
    pass.isReady()
    expect(asked).toHaveLength(2)
    pass.stop()
    expect(timer).toBeNull()
  })

  it('is taken from the answer to its own question, and from no other', () => {
    const pass = makePass()
    const { cookie, epoch } = makeDoor().invite('i')
    pass.accept({ nonce: new Uint8Array(SECRET_BYTES), cookie, epoch })
    pass.isReady()
    pass.accept({ nonce: draw(), cookie, epoch })
    expect([pass.hasCookie(), ready]).toEqual([false, 0])
    const nonce = lastNonce()
    pass.accept({ nonce, cookie, epoch })
    expect([pass.hasCookie(), ready, timer]).toEqual([true, 1, null])
    // Somebody sends an old answer again.
    pass.accept({ nonce, cookie: draw(), epoch: 9 })
    expect(pass.next()).toEqual({ cookie, epoch, sequence: 0 })
    expect(pass.next()).toEqual({ cookie, epoch, sequence: 1 })
  })

  it('is given up when the peer does not know it, and not when it did not know another', () => {
    const pass = makePass()
    const door = makeDoor()
    enter(pass, door)
    pass.forget(draw())
    expect(pass.hasCookie()).toBe(true)
    pass.forget(door.invite('i').cookie)
    expect([pass.hasCookie(), pass.next(), asked.length]).toEqual([false, null, 2])
    expect(asked[0]).not.toEqual(asked[1])
  })
})

describe('a window of sequence numbers', () => {
  it('is what remembers every number would say, but for those that are too old', () => {
    const steps = fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: -40, max: 60 }) },
      { weight: 2, arbitrary: fc.integer({ min: -REPLAY_WINDOW - 40, max: 40 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 3 * REPLAY_WINDOW }) },
    )
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 300 }), (moves) => {
        const window = replayWindow()
        const seen = new Set<number>()
        let highest = 0
        for (const move of moves) {
          const sequence = Math.max(0, highest + move)
          highest = Math.max(highest, sequence)
          const isFresh = !seen.has(sequence) && sequence > highest - REPLAY_WINDOW
          expect(window.admit(sequence)).toBe(isFresh)
          seen.add(sequence)
        }
      }),
    )
  })

  it('goes as far as sequence numbers do', () => {
    const window = replayWindow()
    const last = Number.MAX_SAFE_INTEGER
    expect([last - 1, last, last, last - 1, 0].map((n) => window.admit(n))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })
})
