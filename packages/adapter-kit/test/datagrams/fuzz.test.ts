/** What anybody may send, through all that is done with a datagram before its frames are delivered. */
import * as fc from 'fast-check'
import { extent } from '@paxos/testkit/fuzz'
import { describe, expect, it } from 'vitest'
import { MAX_FRAME_BYTES } from '@paxos/core'
import { authentication } from '../../src/datagrams/authentication.ts'
import type { DatagramAuthentication } from '../../src/datagrams/authentication.ts'
import type { Door } from '../../src/datagrams/cookies.ts'
import { encodeFragment } from '../../src/datagrams/datagram.ts'
import { SECRET_BYTES, VERSION } from '../../src/datagrams/header.ts'
import { inbox } from '../../src/datagrams/inbox.ts'
import type { InboxStats } from '../../src/datagrams/inbox.ts'
import { MAX_PARTIAL_BYTES_PER_SENDER, PARTIAL_LIFETIME_MS } from '../../src/datagrams/limits.ts'
import { encodeWord } from '../../src/datagrams/words.ts'
import { datagramsOf, headOf, packed, signed } from './samples.ts'

const RUNS = extent(1, 12)
const DATAGRAMS_PER_RUN = 3_000
const DATAGRAMS = RUNS * DATAGRAMS_PER_RUN

const key = new Uint8Array(32).fill(1)
const acceptedKey = new Uint8Array(32).fill(2)
const keys = { sign: key, accept: [acceptedKey] }
const receiver = new TextEncoder().encode('receiver')
const PEERS = ['a', 'ñ😀']
const SENDERS = [...PEERS, 'stranger']

/** Lets everything in: what is behind it is tried here, and the door in cookies.test.ts. */
const openDoor: Door = {
  invite: () => ({ cookie: new Uint8Array(SECRET_BYTES), epoch: 1 }),
  admit: () => 'fresh',
  mayComplain: () => true,
}

/** Numbers below `limit` that follow from a seed; the same ones each time. */
type Dice = (limit: number) => number

function diceOf(seed: number): Dice {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

const filled = (length: number, value: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (value + index * 7) & 0xff)

/** Frames that a peer did send: alone, together, and cut. */
const together = [0, 1, 40, 0, 200].map((length, index) => filled(length, index))
const alone = filled(900, 77)
const large = [1_500, 5_000].map((length, index) => filled(length, 100 + index))
const genuine = new Set([...together, alone, ...large].map(hash))

/** A question, and its answer. */
function wordsOf(sender: string, isAuthenticated: boolean): Uint8Array[] {
  const names = { nonce: filled(SECRET_BYTES, 3), cluster: 'c', incarnation: 'ñ😀' }
  const cookie = filled(SECRET_BYTES, 5)
  return [
    { kind: 'question', ...names } as const,
    { kind: 'answer', ...names, cookie, epoch: 7 } as const,
  ].map((word) => new Uint8Array(encodeWord(headOf(sender, isAuthenticated), word, 1_200)))
}

/** The datagrams of those frames; the fragments of each share a message id. */
function samplesOf(sender: string, isAuthenticated: boolean): Uint8Array[] {
  return [
    packed(sender, together, isAuthenticated),
    packed(sender, [alone], isAuthenticated),
    ...wordsOf(sender, isAuthenticated),
    ...large.flatMap((frame, index) =>
      datagramsOf(sender, BigInt(index), frame, 1_200, isAuthenticated),
    ),
  ]
}

const samples = {
  plain: SENDERS.flatMap((sender) => samplesOf(sender, false)),
  unsigned: SENDERS.flatMap((sender) => samplesOf(sender, true)),
}

/** A large fragment of one of a few frames that nobody sent; the numbers agree. */
function forgedFragment(dice: Dice, isAuthenticated: boolean): Uint8Array {
  const count = 17
  const payload = new Uint8Array(60_000)
  const sender = pick(PEERS, dice)
  const numbers = { messageId: BigInt(8 + dice(8)), frameBytes: count * payload.byteLength, count }
  const fragment = { ...numbers, index: dice(count), payload }
  return new Uint8Array(encodeFragment(headOf(sender, isAuthenticated), fragment))
}

/** A few bytes of a datagram changed, mostly in its header, or cut off, or added. */
function mutated(datagram: Uint8Array, dice: Dice): Uint8Array {
  const tail = dice(4) === 0 ? dice(40) - 20 : 0
  const mutant = new Uint8Array(Math.max(0, datagram.byteLength + tail))
  mutant.set(datagram.subarray(0, mutant.byteLength))
  for (let changes = dice(4); changes > 0; changes -= 1) {
    mutant[dice(dice(2) === 0 ? 72 : mutant.byteLength)] = dice(256)
  }
  return mutant
}

/** What begins as our datagrams do, and goes on as it likes. */
function randomBytes(dice: Dice): Uint8Array {
  const bytes = Uint8Array.from({ length: dice(120) }, () => dice(256))
  if (dice(2) === 0)
    bytes.set([0x50, 0x78, 0x55, 0x44, VERSION, dice(8), dice(4)].slice(0, bytes.length))
  return bytes
}

function pick<T>(choices: readonly T[], dice: Dice): T {
  const choice = choices[dice(choices.length)]
  if (choice === undefined) throw new Error('There is nothing to choose from.')
  return choice
}

/** A datagram by somebody who has no key. */
function fromOutside(dice: Dice): Uint8Array {
  switch (dice(5)) {
    case 0:
      return signed(pick(samples.unsigned, dice), pick([key, acceptedKey], dice), 'receiver')
    case 1:
      return mutated(signed(pick(samples.unsigned, dice), key, 'receiver'), dice)
    case 2:
      return mutated(signed(pick(samples.unsigned, dice), key, 'another'), dice)
    case 3:
      return forgedFragment(dice, dice(2) === 0)
    default:
      return randomBytes(dice)
  }
}

/** A datagram by somebody whom the receiver believes: all have the key, or there is none. */
function fromInside(dice: Dice, isAuthenticated: boolean): Uint8Array {
  const authentic = (datagram: Uint8Array): Uint8Array =>
    isAuthenticated && datagram.byteLength >= 16 ? signed(datagram, key, 'receiver') : datagram
  switch (dice(5)) {
    case 0:
      return authentic(pick(isAuthenticated ? samples.unsigned : samples.plain, dice))
    case 1:
      return authentic(
        mutated(pick(isAuthenticated ? samples.unsigned : samples.plain, dice), dice),
      )
    case 2:
      return authentic(randomBytes(dice))
    default:
      return authentic(forgedFragment(dice, isAuthenticated))
  }
}

/** What half-received frames of all the peers may take. */
const MOST_KEPT_BYTES = PEERS.length * MAX_PARTIAL_BYTES_PER_SENDER

interface Outcome extends InboxStats {
  readonly delivered: number
  readonly highestBytes: number
}

/** What becomes of a node that the datagrams of these seeds come to. */
function bombard(
  seeds: Iterable<number>,
  options: DatagramAuthentication | undefined,
  makeDatagram: (dice: Dice) => Uint8Array,
  checkFrame: (frame: Uint8Array) => void,
): Outcome {
  let nowMs = 0
  let delivered = 0
  let highestBytes = 0
  const { verify } = authentication(options)
  const arrivals = inbox({
    verify: (datagram) => verify(receiver, datagram),
    knows: (sender) => PEERS.includes(sender),
    doorOf: () => openDoor,
    onCookieWord: () => true,
    onUninvited: () => {},
    onRefused: () => {},
    deliver(_, frame) {
      delivered += 1
      checkFrame(frame)
    },
    now: () => nowMs,
  })
  for (const seed of seeds) {
    arrivals.accept(makeDatagram(diceOf(seed)))
    highestBytes = Math.max(highestBytes, arrivals.partialBytes)
  }
  expect(highestBytes).toBeLessThanOrEqual(MOST_KEPT_BYTES)
  nowMs += PARTIAL_LIFETIME_MS + 1
  arrivals.expire()
  expect(arrivals.partialBytes).toBe(0)
  return { ...arrivals.stats(), delivered, highestBytes }
}

/** The seeds are the same each time; a failure is made smaller for as long as the test may take. */
const settings = { seed: 20_260_101, numRuns: RUNS, interruptAfterTimeLimit: 40_000 }
const timeoutMs = 60_000

describe(`of ${(3 * DATAGRAMS).toLocaleString('en')} random and mutated datagrams those`, () => {
  const anySeeds = fc.uint32Array({ minLength: DATAGRAMS_PER_RUN, maxLength: DATAGRAMS_PER_RUN })

  /** The outcomes of all runs, each of which has kept its bounds. */
  function bombardAll(bombardOnce: (seeds: Iterable<number>) => Outcome): {
    total: (name: keyof Outcome) => number
    highestBytes: number
  } {
    const outcomes: Outcome[] = []
    const property = fc.property(anySeeds, (seeds) => void outcomes.push(bombardOnce(seeds)))
    fc.assert(property, settings)
    expect(outcomes).toHaveLength(RUNS)
    return {
      total: (name) => outcomes.reduce((sum, outcome) => sum + outcome[name], 0),
      highestBytes: Math.max(...outcomes.map((outcome) => outcome.highestBytes)),
    }
  }

  it(
    'by somebody without a key deliver nothing but what was signed',
    () => {
      const { total } = bombardAll((seeds) => bombard(seeds, keys, fromOutside, requireGenuine))
      for (const name of ['delivered', 'malformedDatagrams', 'strangerDatagrams'] as const) {
        expect(total(name)).toBeGreaterThan(80 * RUNS)
      }
      expect(total('unauthenticDatagrams')).toBeGreaterThan(DATAGRAMS * 0.4)
    },
    timeoutMs,
  )

  it.each([
    ['with the key', keys],
    ['while there are no keys', undefined],
  ])(
    'by somebody %s throw nowhere, and take bounded memory',
    (_, options) => {
      const makeDatagram = (dice: Dice): Uint8Array => fromInside(dice, options !== undefined)
      const { total, highestBytes } = bombardAll((seeds) =>
        bombard(seeds, options, makeDatagram, requireSize),
      )
      for (const name of ['delivered', 'malformedDatagrams', 'strangerDatagrams'] as const) {
        expect(total(name)).toBeGreaterThan(80 * RUNS)
      }
      // The bounds were met, and the oldest had to go.
      expect(total('partialFrames')).toBeGreaterThan(40 * RUNS)
      expect(highestBytes).toBeGreaterThan(MOST_KEPT_BYTES * 0.8)
    },
    timeoutMs,
  )
})

function requireGenuine(frame: Uint8Array): void {
  if (!genuine.has(hash(frame))) throw new Error('A frame was forged.')
}

function requireSize(frame: Uint8Array): void {
  if (frame.byteLength > MAX_FRAME_BYTES) throw new Error('A frame is too large.')
}

function hash(frame: Uint8Array): string {
  return Buffer.from(frame).toString('latin1')
}
