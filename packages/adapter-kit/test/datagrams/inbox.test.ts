/** The way of a datagram into frames: what is asked first, and who is asked before each frame. */
import { beforeEach, describe, expect, it } from 'vitest'
import { PARTIAL_LIFETIME_MS } from '../../src/datagrams/limits.ts'
import { inbox } from '../../src/datagrams/inbox.ts'
import type { Inbox } from '../../src/datagrams/inbox.ts'
import type { Door } from '../../src/datagrams/cookies.ts'
import { encodeWord } from '../../src/datagrams/words.ts'
import { datagramsOf, headOf, packed } from './samples.ts'

let delivered: number[] = []
let isBelieved = true
let isExpected = true
let known = new Set<string>()
let nowMs = 0
/** Lets everything in that it has not seen. */
const door: Door = {
  invite: () => ({ cookie: new Uint8Array(16), epoch: 1 }),
  admit: () => verdict,
  mayComplain: () => true,
}
let verdict: ReturnType<Door['admit']> = 'fresh'
let words: string[] = []
let refused: string[] = []
/** Called when a frame is delivered. */
let onDelivered = (): void => {}

beforeEach(() => {
  delivered = []
  isBelieved = true
  isExpected = true
  known = new Set(['a'])
  nowMs = 0
  verdict = 'fresh'
  words = []
  refused = []
  onDelivered = () => {}
})

function makeInbox(): Inbox {
  return inbox({
    verify: () => isBelieved,
    knows: (sender) => known.has(sender),
    doorOf: () => door,
    onCookieWord({ kind }) {
      words.push(kind)
      return isExpected
    },
    onUninvited: (sender) => words.push(`uninvited ${sender}`),
    onRefused: (reason) => refused.push(reason),
    deliver(_, frame) {
      delivered.push(frame[0] ?? -1)
      onDelivered()
    },
    now: () => nowMs,
  })
}

const three = packed('a', [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)])
const halves = datagramsOf('a', 1n, new Uint8Array(2_000).fill(4))
const [half = new Uint8Array(), rest = new Uint8Array()] = halves
function questionOf(sender: string): Uint8Array {
  const question = {
    kind: 'question',
    nonce: new Uint8Array(16),
    cluster: '',
    incarnation: '',
  } as const
  return encodeWord(headOf(sender), question, 1_200)
}
const nothing = {
  malformedDatagrams: 0,
  otherVersionDatagrams: 0,
  unauthenticDatagrams: 0,
  strangerDatagrams: 0,
  replayedDatagrams: 0,
  uninvitedDatagrams: 0,
  foreignDatagrams: 0,
}

describe('a datagram', () => {
  it('of several frames delivers each, in order', () => {
    const arrivals = makeInbox()
    arrivals.accept(three)
    expect(delivered).toEqual([1, 2, 3])
    expect(arrivals.stats()).toEqual({ ...nothing, partialFrames: 0 })
  })

  it('with one frame that is wrong delivers none, and is counted', () => {
    const arrivals = makeInbox()
    const wrong = new Uint8Array(three)
    wrong[wrong.byteLength - 2] = 2
    arrivals.accept(wrong)
    expect(delivered).toEqual([])
    expect(arrivals.stats()).toMatchObject({ ...nothing, malformedDatagrams: 1 })
  })

  it('delivers no more once its sender is not known any more', () => {
    const arrivals = makeInbox()
    onDelivered = () => {
      if (delivered.length === 2) known.clear()
    }
    arrivals.accept(three)
    expect(delivered).toEqual([1, 2])
  })

  it.each([
    ['frames', three],
    ['a fragment', half],
  ])('of %s that is not authentic is counted, and leaves nothing behind', (_, datagram) => {
    isBelieved = false
    const arrivals = makeInbox()
    arrivals.accept(datagram)
    expect(arrivals.stats()).toEqual({ ...nothing, unauthenticDatagrams: 1, partialFrames: 0 })
    expect(arrivals.partialBytes).toBe(0)
    isBelieved = true
    arrivals.accept(half)
    arrivals.accept(rest)
    expect(delivered).toEqual([4])
  })

  it('that is not authentic is not read any further: who sent it is not asked', () => {
    isBelieved = false
    const arrivals = makeInbox()
    known.clear()
    arrivals.accept(three)
    arrivals.accept(three.subarray(0, 7))
    expect(arrivals.stats()).toMatchObject({ ...nothing, unauthenticDatagrams: 2 })
  })

  it.each([
    ['frames', three],
    ['a fragment', half],
  ])('of %s from a stranger is counted, and leaves nothing behind', (_, datagram) => {
    known.clear()
    const arrivals = makeInbox()
    arrivals.accept(datagram)
    expect(arrivals.stats()).toMatchObject({ ...nothing, strangerDatagrams: 1 })
    expect([delivered, arrivals.partialBytes]).toEqual([[], 0])
  })
})

describe('a datagram that was not let in', () => {
  it.each([
    ['has come before', 'replayed', 'replayedDatagrams', []],
    ['has a cookie that nobody gave out', 'unknown', 'uninvitedDatagrams', ['uninvited a']],
  ] as const)('%s: is counted, and leaves nothing behind', (_, found, counter, said) => {
    verdict = found
    const arrivals = makeInbox()
    arrivals.accept(three)
    arrivals.accept(half)
    expect(arrivals.stats()).toEqual({ ...nothing, [counter]: 2, partialFrames: 0 })
    expect([delivered, arrivals.partialBytes, refused]).toEqual([[], 0, [counter, counter]])
    expect(words).toEqual([...said, ...said])
  })

  it('is told apart from a word about cookies, which strangers have none of', () => {
    const arrivals = makeInbox()
    arrivals.accept(questionOf('a'))
    arrivals.accept(questionOf('stranger'))
    expect(words).toEqual(['question'])
    expect(arrivals.stats()).toMatchObject({ ...nothing, strangerDatagrams: 1 })
  })
})

describe('a word about cookies', () => {
  it('of a peer that is not who is expected is counted', () => {
    isExpected = false
    const arrivals = makeInbox()
    arrivals.accept(questionOf('a'))
    expect(arrivals.stats()).toEqual({ ...nothing, foreignDatagrams: 1, partialFrames: 0 })
    expect([words, refused]).toEqual([['question'], []])
  })
})

describe('a datagram of another version', () => {
  it.each([0, 1, 2, 4, 255])('is refused, and counted as what it is: %i', (version) => {
    const arrivals = makeInbox()
    for (const datagram of [three, half, questionOf('a')]) {
      const other = new Uint8Array(datagram)
      other[4] = version
      arrivals.accept(other)
    }
    expect(arrivals.stats()).toEqual({ ...nothing, otherVersionDatagrams: 3, partialFrames: 0 })
    expect([delivered, words, new Set(refused)]).toEqual([
      [],
      [],
      new Set(['otherVersionDatagrams']),
    ])
  })
})

describe('half-received frames', () => {
  it('are given up in time, or when their sender leaves', () => {
    const arrivals = makeInbox()
    arrivals.accept(half)
    nowMs = PARTIAL_LIFETIME_MS
    arrivals.expire()
    expect(arrivals.stats().partialFrames).toBe(0)
    nowMs += 1
    arrivals.expire()
    expect(arrivals.stats().partialFrames).toBe(1)
    arrivals.accept(half)
    arrivals.retain(new Set(['b']))
    expect(arrivals.stats().partialFrames).toBe(2)
    expect(arrivals.partialBytes).toBe(0)
  })
})
