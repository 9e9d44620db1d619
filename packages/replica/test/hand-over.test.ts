/** When a value is given away, when again, and by which way. */
import { describe, expect, it } from 'vitest'
import { encodeEntry } from '@paxos/core/multi'
import { HandOver } from '../src/hand-over.ts'
import type { Standing } from '../src/hand-over.ts'
import { MAX_FORWARDED_BYTES, MIN_FORWARDED_BYTES, RELAYED_FOR_MS } from '../src/limits.ts'
import { Route } from '../src/route.ts'
import { VirtualClock } from './virtual-clock.ts'

const KIB = 1 << 10

describe('a value that a follower hands over', () => {
  it('and that the leader is seen to propose is not handed over again, while it leads', () => {
    const { handOver, given, pass } = world()
    handOver.add(command(1))
    handOver.proposed([command(1)])
    pass(60_000)
    expect(given()).toEqual([1])
  })

  it('comes in again with every leadership, and once the leader has it no more', () => {
    const { handOver, given, pass, standing } = world()
    handOver.add(command(1))
    handOver.add(command(2))
    handOver.proposed([command(1)])
    standing.leadership = 'b 2'
    pass(200)
    expect(given()).toEqual([1, 2, 1, 2])
    standing.role = 'leads'
    standing.leadership = 'a 3'
    pass(60_000)
    expect(given()).toEqual([1, 2, 1, 2, 1, 2])
  })

  it('waits while nobody is there', () => {
    const { handOver, given, pass, standing } = world()
    standing.role = 'waits'
    handOver.add(command(1))
    pass(60_000)
    expect(given()).toEqual([])
    standing.role = 'follows'
    pass(200)
    expect(given()).toEqual([1])
  })

  it('and of which nothing is heard is handed over again after longer, up to a second', () => {
    const { handOver, given, pass } = world()
    handOver.add(command(1))
    const atMs: number[] = []
    for (let ms = 0; ms <= 10_000; ms += 50) {
      const before = given().length
      pass(50)
      if (given().length > before) atMs.push(ms)
    }
    const gaps = atMs.slice(1).map((ms, index) => ms - (atMs[index] ?? 0))
    expect(Math.max(...gaps)).toBeLessThanOrEqual(850)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(200)
    expect(Math.min(...gaps.slice(1))).toBeGreaterThanOrEqual(400)
    // Jittered: no fault that comes at regular intervals meets each of them.
    expect(new Set(gaps).size).toBeGreaterThan(2)
  })

  it('and that was overtaken by a later one is handed over again, and what is behind it is not', () => {
    const { handOver, given, pass } = world()
    handOver.add(command(1))
    pass(100)
    handOver.add(command(2))
    handOver.proposed([command(2)])
    pass(300)
    handOver.add(command(3))
    handOver.proposed([])
    pass(50)
    expect(given()).toEqual([1, 2, 1, 3])
  })

  it('is handed over again at once when the leader is heard again, unless it left a moment ago', () => {
    const { handOver, given, pass, clock } = world()
    handOver.add(command(1))
    pass(200)
    pass(200)
    pass(200)
    clock.advanceSync(210)
    handOver.add(command(2))
    const before = given().length
    handOver.heardAgain()
    expect(given().slice(before)).toEqual([1])
  })

  it('goes by another way at once', () => {
    const { handOver, given } = world()
    handOver.add(command(1))
    handOver.again()
    expect(given()).toEqual([1, 1])
  })

  it('that is settled or forgotten is not handed over again', () => {
    const { handOver, given, pass, arrivals } = world()
    handOver.add(command(1))
    handOver.add(command(2))
    handOver.settled(command(1))
    expect(arrivals()).toBe(1)
    handOver.forget(command(2))
    pass(60_000)
    expect(given()).toEqual([1, 2])
    expect([handOver.areWaiting, arrivals()]).toEqual([false, 1])
  })

  it('P22: that there was no room for is handed over later, by a leader too', () => {
    const { handOver, given, pass, standing, outbox } = world()
    standing.role = 'leads'
    outbox.isFull = true
    handOver.add(command(1))
    pass(1000)
    expect(given()).toEqual([])
    outbox.isFull = false
    pass(60_000)
    expect(given()).toEqual([1])
  })
})

describe('values that are on their way', () => {
  it('are few at first, more when they arrive, few when they get lost, and one at least', () => {
    const { handOver, given, pass } = world()
    const values = Array.from({ length: 200 }, (_, index) => command(index + 1, 16 * KIB))
    for (const value of values) handOver.add(value)
    const atFirst = Math.floor(MIN_FORWARDED_BYTES / (16.2 * KIB))
    expect(given()).toHaveLength(atFirst)
    handOver.proposed(values.slice(0, atFirst))
    expect(given()).toHaveLength(3 * atFirst)
    for (let arrived = atFirst; arrived < 100; arrived = given().length) {
      handOver.proposed(values.slice(0, given().length))
    }
    const most = Math.floor(MAX_FORWARDED_BYTES / (16.2 * KIB))
    const before = given().length
    expect(before).toBeGreaterThan(most)
    // Nothing arrives any more: in the end one at a time is on its way, each in its turn.
    for (let count = 0; count < 20; count += 1) pass(2000)
    const later = given().slice(before)
    expect(later.length).toBeLessThanOrEqual(2 * atFirst + 20)
    expect(new Set(later).size).toBe(later.length)
    const last = later.at(-1) ?? 0
    handOver.proposed(values.slice(last - 1, last))
    expect(given()).toHaveLength(before + later.length + atFirst)
  })

  it('are no more where the way is long, for it is a queue that makes it so', () => {
    const { handOver, given, clock } = world()
    const values = Array.from({ length: 100 }, (_, index) => command(index + 1, 16 * KIB))
    for (const value of values) handOver.add(value)
    const atFirst = given().length
    clock.advanceSync(2000)
    handOver.proposed(values.slice(0, atFirst))
    expect(given()).toHaveLength(2 * atFirst)
  })

  it('and that take long, as with a slow disk, are not handed over again while others arrive', () => {
    const { handOver, given, pass } = world()
    for (let count = 1; count <= 40; count += 1) {
      handOver.add(command(count))
      pass(100)
      if (count > 6) handOver.proposed([command(count - 6)])
    }
    const again = given().filter((number, index) => given().indexOf(number) < index)
    // The first, before anything is known.
    expect(again.every((number) => number <= 6)).toBe(true)
  })
})

describe('values that are not on their way any more', () => {
  const values = Array.from({ length: 8 }, (_, index) => command(index + 1, 16 * KIB))
  const atFirst = Math.floor(MIN_FORWARDED_BYTES / (16.2 * KIB))

  it.each<[string, (handOver: HandOver) => void]>([
    [
      'they are forgotten',
      (handOver) => {
        for (const value of values) handOver.forget(value)
      },
    ],
    ['all is given up', (handOver) => handOver.clear()],
  ])('leave their room to others once %s, however often', (_, end) => {
    const { handOver, given } = world()
    for (let life = 1; life <= 10; life += 1) {
      const before = given().length
      for (const value of values) handOver.add(value)
      expect(given().slice(before)).toHaveLength(atFirst)
      end(handOver)
    }
  })
})

describe('the way to the leader', () => {
  it('is the direct one while something arrives, or nothing waits', () => {
    const { route, clock, taken } = ways()
    for (let count = 0; count < 100; count += 1) {
      clock.advanceSync(500)
      if (count % 2 === 0) route.arrived()
      route.check(true)
    }
    for (let count = 0; count < 100; count += 1) {
      clock.advanceSync(500)
      route.check(false)
    }
    expect(taken).toEqual([])
  })

  it('is by others in turn too where nothing arrives, and by none of them after all', () => {
    const { route, clock, taken } = ways()
    for (let count = 0; count < 100; count += 1) {
      clock.advanceSync(200)
      route.check(true)
    }
    expect(taken.slice(0, 4)).toEqual(['c', 'd', null, 'c'])
  })

  it('is by others alone where nobody is known to lead', () => {
    const { route, clock, taken, world: around } = ways()
    around.leader = null
    around.relays = ['b', 'c']
    for (let count = 0; count < 100; count += 1) {
      clock.advanceSync(200)
      route.check(true)
    }
    expect(taken.slice(0, 4)).toEqual(['b', 'c', 'b', 'c'])
  })

  it('stays the one on which something arrives, and is tried directly now and then', () => {
    const { route, clock, taken } = ways()
    for (let count = 0; count < RELAYED_FOR_MS / 200; count += 1) {
      clock.advanceSync(200)
      if (taken.length > 0) route.arrived()
      route.check(true)
    }
    expect(taken).toEqual(['c'])
    clock.advanceSync(2000)
    route.check(true)
    expect(taken).toEqual(['c', null])
  })

  it('is direct when the leader changes, and where there is nobody else', () => {
    const { route, clock, taken, world: around } = ways()
    around.relays = ['b']
    for (let count = 0; count < 20; count += 1) {
      clock.advanceSync(200)
      route.check(true)
    }
    expect(taken).toEqual([])
    around.relays = ['b', 'c']
    for (let count = 0; count < 2; count += 1) {
      clock.advanceSync(10_000)
      route.check(true)
      route.check(true)
    }
    expect(taken).toEqual(['c'])
    route.leaderChanged()
    clock.advanceSync(200)
    route.check(true)
    expect(taken).toEqual(['c'])
  })
})

class SteppedClock extends VirtualClock {
  #aheadMs = 0

  override nowMs(): number {
    return super.nowMs() + this.#aheadMs
  }

  /** Nothing waits for a timer here. */
  advanceSync(ms: number): void {
    this.#aheadMs += ms
  }
}

/** Numbers that are the same in every run. */
function drawn(): () => number {
  let last = 0
  return () => (last = (last + 0.377) % 1)
}

function command(sequence: number, bytes = 1): Uint8Array {
  const session = `node:${'0a'.repeat(16)}` as const
  const content = new Uint8Array(bytes)
  return encodeEntry({ type: 'command', session, sequence, acknowledged: 1, bytes: content })
}

/** Values on their way to nobody, and the numbers of those that were given away. */
function world() {
  const clock = new SteppedClock()
  const standing = { role: 'follows' as Standing['role'], leadership: 'b 1' }
  const outbox = { isFull: false }
  const numbers: number[] = []
  let arrived = 0
  const handOver = new HandOver({
    give: (value) => !outbox.isFull && numbers.push(numberOf(value)) > 0,
    standing: () => standing,
    nowMs: () => clock.nowMs(),
    random: drawn(),
    retryAfterMs: 200,
    arrived: () => (arrived += 1),
  })
  const pass = (ms: number): void => {
    clock.advanceSync(ms)
    handOver.retry()
  }
  return { handOver, clock, standing, outbox, pass, given: () => numbers, arrivals: () => arrived }
}

function numberOf(value: Uint8Array): number {
  const [low = 0, high = 0] = value.subarray(18, 20)
  return low < 0x80 ? low : low - 0x80 + high * 0x80
}

/** Four nodes, of which a has to get to b. */
function ways() {
  const clock = new SteppedClock()
  const around: { leader: string | null; relays: string[] } = {
    leader: 'b',
    relays: ['b', 'c', 'd'],
  }
  const taken: (string | null)[] = []
  const route = new Route({
    nowMs: () => clock.nowMs(),
    random: drawn(),
    patienceMs: 1000,
    leader: () => around.leader,
    relays: () => around.relays,
    take: (relay) => taken.push(relay),
  })
  return { route, clock, taken, world: around }
}
