/** What a transfer of leadership promises: see `succession.ts`. */
import type { NodeId } from '@paxos/core'
import type { LogEvent } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import { cutOff, input, LEASE, leasedWorld, PATIENT, watch } from './leases.ts'
import type { Lease } from './leases.ts'
import type { MembersWorld } from './members-world.ts'
import { instantly, leadingA, only } from './one-node.ts'
import { heartbeatAnswer } from './one-node.ts'
import { at } from '../messages.ts'

const WITHIN_MS = 300

function transfer(world: MembersWorld, to: NodeId | null, withinMs = WITHIN_MS): void {
  input(world, 'a', world.engine('a').transfer(to, withinMs))
}

/** What a tells from now on. */
function events(world: MembersWorld): readonly LogEvent[] {
  const told: LogEvent[] = []
  const carryOut = world.carryOut.bind(world)
  world.carryOut = (id, effects) => {
    if (id === 'a') told.push(...effects.events)
    carryOut(id, effects)
  }
  return told
}

const failures = (told: readonly LogEvent[]): readonly LogEvent[] =>
  told.filter(({ type }) => type === 'transfer-failed')

describe.each([
  { with: 'without leases', lease: undefined },
  { with: 'with leases', lease: LEASE },
])('a transfer $with', ({ lease }: { lease: Lease | undefined }) => {
  it('needs no waiting: no time passes before the other leads, and takes new commands', () => {
    const world = leasedWorld({ lease })
    const { nowMs } = world
    transfer(world, 'c')
    world.exhaust()
    expect(world.nowMs).toBe(nowMs)
    expect(world.leader?.id).toBe('c')
    expect(world.engine('a').phase).toBe('idle')
    expect(world.engine('c').room.values).toBeGreaterThan(0)
  })

  it('is over after four messages to and fro, with the first no-op chosen', () => {
    const world = leasedWorld({ lease })
    const sent = watch(world, 'handOver', 'logPrepare', 'logPromise', 'logAccept', 'logAccepted')
    transfer(world, 'c')
    world.exhaust()
    const path = sent.filter(({ from, to }) => [from, to].every((id) => id === 'a' || id === 'c'))
    expect(path.map(({ message }) => message.type)).toEqual([
      'handOver',
      'logPrepare',
      'logPromise',
      'logAccept',
      'logAccepted',
    ])
  })

  it('takes nothing new meanwhile, lets be chosen what is under way, and loses nothing of it', () => {
    const world = leasedWorld({ lease })
    const sent = watch(world, 'handOver')
    world.passes = withholding(world, 'logAccepted')
    const values = [world.command(), world.command()]
    world.propose(values)
    world.exhaust()
    transfer(world, 'b')
    expect(world.engine('a').room.values).toBe(0)
    expect(world.engine('a').propose([world.command()]).first).toBeNull()
    world.exhaust()
    expect(sent).toEqual([])
    world.passes = () => true
    world.settle(() => world.leader?.id === 'b')
    const chosen = [...world.chosen.values()].map((value) => Buffer.from(value).toString('hex'))
    for (const value of values) expect(chosen).toContain(Buffer.from(value).toString('hex'))
    expect(world.engine('b').recovered.length).toBeLessThanOrEqual(1)
  })

  it('asks the successor only when everything is chosen, though that holds it', () => {
    const world = leasedWorld({ lease })
    const sent = watch(world, 'handOver')
    const passes = world.passes
    world.passes = (packet) => passes(packet) && packet.to !== 'c'
    // What b holds is on the disk of nobody else.
    world.propose()
    const deliver = (): void => {
      while (world.packets.length > 0 || world.machine('b').saves.length > 0) {
        world.deliver(0)
        world.finishSave('b')
      }
    }
    deliver()
    transfer(world, 'b')
    deliver()
    expect(world.engine('a').slotsInFlight).toBe(1)
    expect(sent).toEqual([])
    world.finishSave('a')
    expect(sent).toHaveLength(1)
  })

  it('asks the successor only when that holds everything', () => {
    const world = leasedWorld({ lease })
    const sent = watch(world, 'handOver')
    world.passes = ((passes) => (packet) => {
      return passes(packet) && (packet.to !== 'c' || packet.message.type !== 'logAccept')
    })(world.passes)
    world.propose()
    world.exhaust()
    transfer(world, 'c')
    world.exhaust()
    expect(world.engine('a').slotsInFlight).toBe(0)
    expect(sent).toEqual([])
    world.passes = () => true
    world.settle(() => world.leader?.id === 'c')
  })

  it('goes to whom suits best where nobody is named: who is heard, and holds the most', () => {
    const world = leasedWorld({ lease })
    world.passes = ({ to, message }) => to !== 'b' || message.type !== 'logAccept'
    world.propose()
    world.exhaust()
    const sent = watch(world, 'handOver')
    transfer(world, null)
    world.exhaust()
    expect(sent.map(({ to }) => to)).toEqual(['c'])
    expect(world.leader?.id).toBe('c')
  })

  it('fails at once, and the leader goes on, where nobody else is heard (nobody)', () => {
    const world = leasedWorld({ lease })
    const told = events(world)
    cutOff(world, 'a')
    world.pass(60)
    transfer(world, null)
    expect(failures(told)).toEqual([{ type: 'transfer-failed', to: null, reason: 'nobody' }])
    expect(world.engine('a').room.values).toBeGreaterThan(0)
  })

  it('fails within the bound when the successor does not come to hold everything (not-caught-up)', () => {
    const world = leasedWorld({ lease })
    const told = events(world)
    cutOff(world, 'c')
    const { ballot } = world.engine('a')
    world.propose()
    world.exhaust()
    transfer(world, 'c')
    world.passFor(WITHIN_MS - 10)
    expect(failures(told)).toEqual([])
    expect(world.engine('a').room.values).toBe(0)
    world.passFor(20)
    expect(failures(told)).toEqual([{ type: 'transfer-failed', to: 'c', reason: 'not-caught-up' }])
    expect(world.engine('a').room.values).toBeGreaterThan(0)
    expect(world.engine('a').ballot).toEqual(ballot)
    expect(world.engine('a').hasLease).toBe(lease !== undefined)
  })

  it('fails within the bound when who was asked does not take over, and goes on (not-taken)', () => {
    const world = leasedWorld({ lease })
    const told = events(world)
    world.passes = ({ message }) => message.type !== 'handOver'
    const { ballot } = world.engine('a')
    transfer(world, 'c')
    world.exhaust()
    expect(world.engine('a').hasLease).toBe(false)
    world.passFor(WITHIN_MS + 20)
    expect(failures(told)).toEqual([{ type: 'transfer-failed', to: 'c', reason: 'not-taken' }])
    world.settle(() => world.engine('a').room.values > 0)
    // Where it has ended its lease, a new ballot may have another one.
    expect(world.engine('a').ballot?.round).toBe(
      (ballot?.round ?? 0) + (lease === undefined ? 0 : 1),
    )
    if (lease !== undefined) world.settle(() => world.engine('a').hasLease)
  })

  it('asks again when that was lost, until the bound', () => {
    const world = leasedWorld({ lease })
    const lost = world.hold(({ message }) => message.type === 'handOver')
    transfer(world, 'c')
    world.passFor(100)
    expect(lost.length).toBeGreaterThanOrEqual(4)
    world.passes = () => true
    world.passFor(30)
    expect(world.leader?.id).toBe('c')
  })

  it('that takes the place of another one asks its own successor, when that is ready', () => {
    const world = leasedWorld({ lease })
    const lost = world.hold(({ message }) => message.type === 'handOver')
    transfer(world, 'c')
    transfer(world, 'b')
    expect(lost.map(({ to }) => to)).toEqual(['c', 'b'])
    world.passes = () => true
    world.passFor(30)
    expect(world.leader?.id).toBe('b')
  })

  it('does nothing at a node that does not lead', () => {
    const world = leasedWorld({ lease })
    expect(world.engine('b').transfer('a', WITHIN_MS)).toEqual({ send: [], events: [] })
    expect(world.engine('b').nextTickAtMs).not.toBe(0)
  })
})

/** What passes now, but for those. */
function withholding(world: MembersWorld, type: string): MembersWorld['passes'] {
  const { passes } = world
  return (packet) => passes(packet) && packet.message.type !== type
}

describe('P38: a transfer where leaders have leases', () => {
  it('ends the lease before it asks, and it has none any more at that ballot', () => {
    const world = leasedWorld({ lease: LEASE })
    const lost = world.hold(({ message }) => message.type === 'handOver')
    const asked = watch(world, 'logHeartbeat')
    transfer(world, 'c')
    expect(lost).toHaveLength(1)
    for (let ms = 0; ms < WITHIN_MS - 20; ms += 10) {
      expect(world.engine('a').hasLease).toBe(false)
      world.passFor(10)
    }
    expect(asked.length).toBeGreaterThan(0)
    for (const { message } of asked) expect(message).not.toHaveProperty('leaseAt')
  })

  it('lets who gave its word promise at once to who was asked, though the leader is gone', () => {
    const world = leasedWorld({ lease: LEASE })
    const { nowMs } = world
    const passes = world.passes
    world.passes = (packet) => passes(packet) && (packet.to !== 'a' || packet.from === 'a')
    transfer(world, 'c')
    world.exhaust()
    expect(world.nowMs).toBe(nowMs)
    expect(world.engine('c').phase).toBe('leading')
  })

  it('waits for a successor that may promise nothing yet, for it has just started', () => {
    const world = leasedWorld({ lease: LEASE })
    world.losePower('c')
    world.start('c')
    // It holds everything, and is bound by what it may have given before; what it gave has ended.
    world.passFor(90)
    const sent = watch(world, 'handOver')
    transfer(world, 'c')
    world.exhaust()
    expect(sent).toEqual([])
    expect(world.engine('a').hasLease).toBe(true)
    world.passFor(50)
    expect(world.leader?.id).toBe('c')
  })

  it('to one that may promise nothing yet, and is asked all the same, is made as soon as it may', () => {
    const world = leasedWorld({ lease: LEASE })
    world.passFor(20)
    world.losePower('c')
    world.start('c')
    const startedAtMs = world.nowMs
    // What it gave before counts yet.
    world.passFor(25)
    const sent = watch(world, 'handOver')
    transfer(world, 'c')
    world.exhaust()
    expect(sent).toHaveLength(1)
    // Who asked is gone, and the third has given its word for longer than that.
    cutOff(world, 'a')
    world.pass(startedAtMs + LEASE.durationMs - world.nowMs - 1)
    world.exhaust()
    expect(world.engine('c').phase).toBe('idle')
    world.pass(1)
    world.exhaust()
    expect(world.engine('c').phase).toBe('leading')
  })

  it('a late HandOver of one that came to nothing breaks no later lease', () => {
    const world = leasedWorld({ lease: LEASE })
    const late = world.hold(({ message }) => message.type === 'handOver')
    transfer(world, 'c')
    world.passFor(WITHIN_MS + 20)
    world.passes = () => true
    world.settle(() => world.engine('a').hasLease)
    const round = world.engine('a').ballot?.round
    for (const packet of late) world.receive(packet)
    for (let ms = 0; ms < 50; ms += 1) {
      world.pass(1)
      world.exhaust()
      if (world.leader?.id !== 'a') expect(world.engine('a').hasLease).toBe(false)
    }
    expect(world.engine('a').ballot?.round).toBe(round)
  })

  it('one that takes the place of another, and fails before it asks, leaves no leader without a lease', () => {
    const world = leasedWorld({ lease: LEASE })
    world.hold(({ message }) => message.type === 'handOver')
    transfer(world, 'c')
    cutOff(world, 'b')
    const passes = world.passes
    world.passes = (packet) => passes(packet) && packet.message.type !== 'handOver'
    world.pass(10)
    // It holds everything, but its word has ended before it is to be asked.
    world.pass(200)
    world.exhaust()
    transfer(world, 'b')
    world.passFor(WITHIN_MS + 50)
    world.settle(() => world.engine('a').hasLease)
  })

  it('leases that come only after one that came to nothing are had all the same', () => {
    const world = leasedWorld()
    world.hold(({ message }) => message.type === 'handOver')
    transfer(world, 'c')
    world.passFor(WITHIN_MS + 20)
    world.passes = () => true
    world.make({ voters: ['a', 'b', 'c'], learners: [], lease: LEASE })
    world.settle(() => world.leader?.hasLease === true)
  })
})

it('a leader whose host decides who leads fails a transfer in time though it hears nobody', () => {
  const node = leadingA({ election: 'external' })
  node.tick(100)
  for (const id of ['b', 'c']) instantly(node, node.receive(id, heartbeatAnswer(at(1), 1, 1)))
  const { sent } = instantly(node, node.transfer('b', 5000))
  expect(only(sent, 'handOver')).toHaveLength(1)
  instantly(node, node.tick(5099))
  expect(node.room.values).toBe(0)
  const { events: told } = instantly(node, node.tick(5100))
  expect(failures(told)).toEqual([{ type: 'transfer-failed', to: 'b', reason: 'not-taken' }])
  expect(node.room.values).toBeGreaterThan(0)
})

it('a transfer ends with the leadership, whoever took it: nothing is asked at the next one', () => {
  const world = leasedWorld({ options: PATIENT })
  world.hold(({ message }) => message.type === 'handOver')
  transfer(world, 'c', 10_000)
  world.lead('b')
  world.exhaust()
  expect(world.leader?.id).toBe('b')
  world.lead('a')
  world.exhaust()
  world.passes = () => true
  const asked = watch(world, 'handOver')
  world.passFor(100)
  expect(world.leader?.id).toBe('a')
  expect(asked).toEqual([])
  expect(world.engine('a').room.values).toBeGreaterThan(0)
})
