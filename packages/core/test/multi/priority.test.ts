/** Whom a leader lets lead because that is of a higher priority, and when: see `succession.ts`. */
import type { NodeId } from '@paxos/core'
import { MultiPaxos } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import { MAX_PRIORITY_FACTOR, PRIORITY_WINDOWS } from '../../src/multi/limits.ts'
import { configurationOf, cutOff, leasedWorld, LEASE, watch } from './leases.ts'
import { member } from './members-world.ts'
import { accepted, heartbeatAnswer, instantly, only, promise } from './one-node.ts'
import type { Carried } from './one-node.ts'

const WINDOW_MS = 1000
const HEARTBEAT_MS = 200
const PATIENCE_MS = PRIORITY_WINDOWS * WINDOW_MS

describe.each([
  { with: 'without leases', lease: undefined },
  { with: 'with leases', lease: LEASE },
])('a node of a higher priority, $with', ({ lease }) => {
  const options = { lease, options: { livenessWindowMs: 100 } }

  it('is let lead by a transfer, once it was steady for long enough, and leads on', () => {
    const world = leasedWorld({ ...options, first: { priorities: { c: 2, b: 1 } } })
    const sent = watch(world, 'handOver', 'campaign')
    const startMs = world.nowMs
    world.settle(() => world.leader?.id === 'c')
    expect(world.nowMs - startMs).toBeGreaterThan(4 * 100)
    expect(world.nowMs - startMs).toBeLessThan(6 * 100)
    world.passFor(3000)
    expect(world.leader?.id).toBe('c')
    expect(sent.map(({ to, message }) => [to, message.type])).toEqual([['c', 'handOver']])
  })

  it('comes after it in turn where that is away: the next lower one leads meanwhile', () => {
    const world = leasedWorld({ ...options, first: { priorities: { c: 2, b: 1 } } })
    cutOff(world, 'c')
    world.passFor(800)
    expect(world.leader?.id).toBe('b')
    world.passes = () => true
    world.passFor(800)
    expect(world.leader?.id).toBe('c')
  })

  it('is not let lead while it lacks what is chosen', () => {
    const world = leasedWorld({ ...options, first: { priorities: { c: 1 } } })
    const asked = watch(world, 'handOver')
    const passes = world.passes
    world.passes = (packet) => {
      const isLog = ['logAccept', 'fetched', 'snapshotChunk'].includes(packet.message.type)
      return passes(packet) && (packet.to !== 'c' || !isLog)
    }
    world.propose()
    for (let ms = 0; ms < 1500; ms += 10) {
      world.passFor(10)
      // Nor does the leader hold anything back for it.
      expect(world.engine('a').room.values).toBeGreaterThan(0)
    }
    expect(asked).toEqual([])
    world.passes = () => true
    world.settle(() => world.leader?.id === 'c')
  })

  it('is no reason where priorities are equal, or lower', () => {
    const world = leasedWorld({ ...options, first: { priorities: { a: 1, b: 1 } } })
    const asked = watch(world, 'handOver')
    world.passFor(2000)
    expect(asked).toEqual([])
    expect(world.leader?.id).toBe('a')
  })

  it('is preferred when members are changed to say so', () => {
    const world = leasedWorld(options)
    world.make({ voters: ['a', 'b', 'c'], learners: [], priorities: { b: 7 }, lease })
    world.settle(() => world.leader?.id === 'b')
  })
})

/** Node a, which leads, with b and c as the test plays them; c is of a higher priority. */
class Led {
  readonly node: MultiPaxos
  nowMs = 0
  /** When c was asked to take over. */
  readonly askedAtMs: number[] = []

  constructor() {
    const [a, b, c] = [member('a', null), member('b', null), member('c', null)]
    const configuration = configurationOf(undefined, { members: [a, b, { ...c, priority: 1 }] })
    this.node = new MultiPaxos({
      id: 'a',
      configuration,
      random: () => 0.5,
      election: 'heartbeat',
      livenessWindowMs: WINDOW_MS,
      heartbeatPeriodMs: HEARTBEAT_MS,
    })
    this.node.tick(0)
    this.lead()
  }

  lead(): void {
    const { node } = this
    instantly(node, node.lead())
    const { ballot, chosenThrough } = node
    if (ballot === null) throw new Error('a does not try')
    instantly(node, node.receive('b', promise(ballot, chosenThrough + 1)))
    this.#answer('b')
    instantly(node, node.receive('b', accepted(ballot, chosenThrough + 1)))
    expect(node.phase).toBe('leading')
  }

  /** One heartbeat, that all of these answer. Says whether c is asked to take over. */
  beat(...answering: readonly NodeId[]): boolean {
    this.nowMs += HEARTBEAT_MS
    const asks: boolean[] = [this.#note(instantly(this.node, this.node.tick(this.nowMs)))]
    for (const id of answering) asks.push(this.#answer(id))
    return asks.includes(true)
  }

  /** The time until c is asked, if it answers all the time. */
  untilAsked(withinMs = Infinity): number {
    const startMs = this.nowMs
    while (this.nowMs < startMs + withinMs) if (this.beat('b', 'c')) return this.nowMs - startMs
    return Infinity
  }

  /** c leads for so long, and then nobody, and a leads again. */
  relieve(forMs: number): void {
    const { node } = this
    const ballot = { round: (node.promised?.round ?? 0) + 1, node: 'c' }
    const from = node.chosenThrough + 1
    instantly(node, node.receive('c', { type: 'logPrepare', ballot, from }))
    expect(node.phase).toBe('idle')
    this.nowMs += forMs
    instantly(node, node.tick(this.nowMs))
    this.lead()
  }

  #answer(id: NodeId): boolean {
    const { node } = this
    if (node.ballot === null || node.phase !== 'leading') return false
    const { chosenThrough } = node
    const answer = heartbeatAnswer(node.ballot, chosenThrough, chosenThrough)
    return this.#note(instantly(node, node.receive(id, answer)))
  }

  #note({ sent }: Carried): boolean {
    const isAsked = only(sent, 'handOver').some(({ to }) => to === 'c')
    if (isAsked) this.askedAtMs.push(this.nowMs)
    return isAsked
  }
}

describe('an unstable node of a higher priority', () => {
  it('that takes over and falls again and again is let lead a few times in an hour', () => {
    const led = new Led()
    let times = 0
    while (led.nowMs < 3_600_000) {
      if (!led.beat('b', 'c')) continue
      times += 1
      led.relieve(2000)
    }
    // Some hundred times, if it were asked each time as soon as the first.
    expect(times).toBeGreaterThan(5)
    expect(times).toBeLessThan(25)
  })

  it('is waited for twice as long each time', () => {
    const led = new Led()
    const waits: number[] = []
    for (let count = 0; count < 8; count += 1) {
      waits.push(led.untilAsked())
      led.relieve(2000)
    }
    waits.forEach((wait, count) => {
      const least = PATIENCE_MS * Math.min(2 ** count, MAX_PRIORITY_FACTOR)
      expect(wait).toBeGreaterThanOrEqual(least - HEARTBEAT_MS)
      expect(wait).toBeLessThanOrEqual(least + 3 * HEARTBEAT_MS)
    })
  })

  it('is let lead soon again when that was long ago', () => {
    const led = new Led()
    for (let count = 0; count < 4; count += 1) {
      led.untilAsked()
      led.relieve(2000)
    }
    led.relieve(2 * MAX_PRIORITY_FACTOR * PATIENCE_MS)
    expect(led.untilAsked()).toBeLessThanOrEqual(PATIENCE_MS + 3 * HEARTBEAT_MS)
  })

  it('that is heard now and then is never steady, and never asked', () => {
    const led = new Led()
    for (let count = 0; count < 200; count += 1) {
      for (let beat = 0; beat < 15; beat += 1) led.beat('b', 'c')
      for (let beat = 0; beat < 4; beat += 1) led.beat('b')
    }
    expect(led.askedAtMs).toEqual([])
  })
})
