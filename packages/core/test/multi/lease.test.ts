/** What a leader's lease promises, and what its rules are for: see `lease.ts`. */
import * as fc from 'fast-check'
import type { NodeId } from '@paxos/core'
import { EMPTY_SAVED } from '@paxos/core'
import { encodeEntry, MultiPaxos } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import {
  acceptorA,
  configurationOf,
  cutOff,
  followingA,
  gives,
  input,
  L1,
  LEASE,
} from './leases.ts'
import { leasedWorld, PATIENT, promised, promises, watch } from './leases.ts'
import type { Lease } from './leases.ts'
import { member } from './members-world.ts'
import type { MembersWorld, Packet } from './members-world.ts'
import { accept, heartbeat, heartbeatAnswer, instantly, only, values } from './one-node.ts'
import { at } from '../messages.ts'

describe('a read by the lease', () => {
  it('costs the leader no message and no save, and is answered at once', () => {
    const world = leasedWorld({ lease: LEASE })
    const { chosenThrough } = world.engine('a')
    expect(world.engine('a').read(1, true)).toEqual({
      send: [],
      events: [{ type: 'read-ready', id: 1, slot: chosenThrough }],
    })
  })

  it('costs a follower one question and its answer, and nobody else anything', () => {
    const world = leasedWorld({ lease: LEASE })
    const before = world.readsAnswered
    const sent: Packet[] = []
    world.passes = (packet) => sent.push(packet) > 0
    world.read('b', true)
    world.exhaust()
    expect(sent.map(({ from, to, message }) => [from, to, message.type])).toEqual([
      ['b', 'a', 'readIndex'],
      ['a', 'b', 'readIndexAnswer'],
    ])
    expect(world.readsAnswered).toBe(before + 1)
  })

  it.each([
    { who: 'the leader', by: 'a' },
    { who: 'a follower', by: 'b' },
  ])('is not made of one by $who that wants a quorum', ({ by }) => {
    const world = leasedWorld({ lease: LEASE })
    const asked = watch(world, 'logHeartbeat')
    world.read(by)
    world.read(by, true)
    world.exhaust()
    expect(asked.some(({ message }) => 'readId' in message && message.readId > 0)).toBe(true)
  })

  it('of a follower is none where one that waits with it wants a quorum, whichever came first', () => {
    for (const order of [
      [true, false],
      [false, true],
    ]) {
      const world = leasedWorld({ lease: LEASE })
      const answers = world.hold(({ message }) => message.type === 'readIndexAnswer')
      world.read('b', true)
      world.exhaust()
      for (const byLease of order) world.read('b', byLease)
      world.passes = () => true
      const asked = watch(world, 'readIndex')
      for (const answer of answers) world.receive(answer)
      expect(asked).toHaveLength(1)
      expect(asked[0]?.message).not.toHaveProperty('byLease')
    }
  })

  it('asks a quorum where there is no lease, and is linearizable all the same', () => {
    const world = leasedWorld()
    const { readsAnswered } = world
    const asked = watch(world, 'logHeartbeat')
    world.read('a', true)
    expect(world.readsAnswered).toBe(readsAnswered)
    world.exhaust()
    expect(world.readsAnswered).toBe(readsAnswered + 1)
    expect(asked.length).toBeGreaterThan(0)
  })

  it('is answered by nobody before what it began with is chosen, whatever words it has', () => {
    const world = leasedWorld({ lease: LEASE })
    // The next leader has words at once, and nothing chosen: b and c take nothing in.
    world.passes = ({ message }) => message.type !== 'logAccept'
    world.lead('a')
    world.exhaust()
    for (let count = 0; count < 10; count += 1) {
      world.pass(10)
      world.exhaust()
      expect(world.engine('a').phase).toBe('leading')
      expect(world.engine('a').hasLease).toBe(false)
    }
    world.passes = () => true
    world.settle(() => world.engine('a').hasLease)
  })

  it('needs the words of a phase 2 quorum: fewer are no lease', () => {
    const world = leasedWorld({ lease: LEASE, spare: ['d', 'e'] })
    world.make({ voters: ['a', 'b', 'c', 'd', 'e'], learners: [], lease: LEASE })
    world.settle(() => world.engine('a').hasLease)
    cutOff(world, 'd', 'e')
    world.passFor(200)
    expect(world.engine('a').hasLease).toBe(true)
    cutOff(world, 'c', 'd', 'e')
    world.passFor(200)
    expect(world.engine('a').hasLease).toBe(false)
  })

  it('P36: rests on no word of a learner', () => {
    const world = leasedWorld({ lease: LEASE, spare: ['d', 'e'] })
    world.make({ voters: ['a', 'b', 'c'], learners: ['d', 'e'], lease: LEASE })
    world.settle(() => world.engine('a').hasLease)
    cutOff(world, 'b', 'c')
    const { ballot, chosenThrough } = world.engine('a')
    for (let count = 0; count < 10; count += 1) {
      world.pass(20)
      const leaseAt = Math.floor(world.clock('a'))
      const answer = heartbeatAnswer(ballot ?? L1, chosenThrough, chosenThrough)
      for (const id of ['d', 'e']) {
        const { incarnation } = world.machine(id)
        input(world, 'a', world.engine('a').receive(id, { ...answer, incarnation, leaseAt }))
      }
    }
    expect(world.engine('a').hasLease).toBe(false)
  })

  it('P36: rests on no word of an incarnation that does not vote', () => {
    const world = leasedWorld({ lease: LEASE })
    world.make({ voters: ['a', 'b', 'c'], learners: [], lease: LEASE })
    world.settle(() => world.engine('a').hasLease)
    cutOff(world, 'b', 'c')
    const { ballot, chosenThrough } = world.engine('a')
    for (let count = 0; count < 10; count += 1) {
      world.pass(20)
      const leaseAt = Math.floor(world.clock('a'))
      const answer = heartbeatAnswer(ballot ?? L1, chosenThrough, chosenThrough)
      const said = { ...answer, incarnation: 'b#0', leaseAt }
      input(world, 'a', world.engine('a').receive('b', said))
    }
    expect(world.engine('a').hasLease).toBe(false)
  })
})

interface Race {
  readonly lease: Lease
  /** How fast the clock of the leader runs, and that of the acceptor. */
  readonly leader: number
  readonly acceptor: number
  /** How long the last question of the leader travels, and its answer. */
  readonly questionMs: number
  readonly answerMs: number
  readonly startsAtMs?: number
}

/**
 * b alone gives its word to a; c wants b's promise all the time. When the lease held last, and when b
 * promised, in ms of time.
 */
function race({ lease, leader, acceptor, questionMs, answerMs, startsAtMs = 0 }: Race): {
  heldMs: number
  promisedMs: number
} {
  const world = leasedWorld({ lease, rates: { a: leader, b: acceptor } })
  world.pass(startsAtMs)
  cutOff(world, 'c')
  // What was given before is of no use any more.
  world.passes = () => false
  world.pass(3 * lease.durationMs)
  expect(world.engine('a').hasLease).toBe(false)
  const { send } = world.engine('a').announce()
  const asked = send.find(({ message }) => message.type === 'logHeartbeat')
  if (asked === undefined) throw new Error('a does not lead')
  world.pass(questionMs)
  const reply = world.engine('b').receive('a', asked.message)
  const [answer] = only(reply.send, 'logHeartbeatAnswer')
  if (answer?.message.leaseAt === undefined) throw new Error('b gives no word')
  const [startMs, promise] = [world.nowMs, { type: 'logPrepare', ballot: at(99, 'c') } as const]
  let [heldMs, promisedMs] = [-1, -1]
  let isAnswered = false
  while (promisedMs < 0 || !isAnswered || world.engine('a').hasLease) {
    const { save } = world.engine('b').receive('c', { ...promise, from: 1 })
    if (promisedMs < 0 && save !== undefined) promisedMs = world.nowMs
    if (!isAnswered && world.nowMs >= startMs + answerMs) {
      isAnswered = true
      world.engine('a').receive('b', answer.message)
    }
    if (world.engine('a').hasLease) heldMs = world.nowMs
    world.pass(lease.durationMs / 100)
  }
  return { heldMs, promisedMs }
}

/** One end of what is allowed, or the other, or between. */
const within = ({ maxDriftPpm }: Lease, end: number): number => 1 + (end * maxDriftPpm) / 1_000_000

describe('clocks that run wrong', () => {
  const [slow, right, fast] = [-1, 0, 1]
  it.each(
    [slow, right, fast].flatMap((leader) =>
      [slow, right, fast].flatMap((acceptor) =>
        [500, 100_000, 250_000].map((maxDriftPpm) => ({ leader, acceptor, maxDriftPpm })),
      ),
    ),
  )(
    'within the bound: the lease ends before who gave its word promises somebody else ($leader, $acceptor, $maxDriftPpm ppm)',
    ({ leader, acceptor, maxDriftPpm }) => {
      const lease = { durationMs: 100, maxDriftPpm }
      const { heldMs, promisedMs } = race({
        lease,
        leader: within(lease, leader),
        acceptor: within(lease, acceptor),
        questionMs: 0,
        answerMs: 0,
      })
      expect(heldMs).toBeLessThan(promisedMs)
      // And it is worth having.
      expect(heldMs).toBeGreaterThan(0)
    },
  )

  it('within the bound: whatever the duration, the rates, and how long question and answer took', () => {
    const rate = fc.double({ min: -1, max: 1, noNaN: true })
    fc.assert(
      fc.property(
        fc.record({
          durationMs: fc.integer({ min: 1, max: 5000 }),
          maxDriftPpm: fc.integer({ min: 500, max: 250_000 }),
          leader: fc.oneof(rate, fc.constantFrom(-1, 1)),
          acceptor: fc.oneof(rate, fc.constantFrom(-1, 1)),
          question: fc.double({ min: 0, max: 1, noNaN: true }),
          answer: fc.double({ min: 0, max: 1, noNaN: true }),
          startsAtMs: fc.double({ min: 0, max: 10, noNaN: true }),
        }),
        ({ durationMs, maxDriftPpm, leader, acceptor, question, answer, startsAtMs }) => {
          const lease = { durationMs, maxDriftPpm }
          const { heldMs, promisedMs } = race({
            lease,
            leader: within(lease, leader),
            acceptor: within(lease, acceptor),
            questionMs: question * durationMs,
            answerMs: answer * durationMs,
            startsAtMs,
          })
          return heldMs < promisedMs
        },
      ),
      { numRuns: 25 },
    )
  })

  it.each([
    { what: 'the leader is too slow', leader: 0.7, acceptor: 1 },
    { what: 'the acceptor is too fast', leader: 1, acceptor: 1.4 },
    { what: 'each is a little too wrong', leader: 0.85, acceptor: 1.15 },
  ])('beyond the bound the lease outlives the word: $what', ({ leader, acceptor }) => {
    const lease = { durationMs: 100, maxDriftPpm: 100_000 }
    const { heldMs, promisedMs } = race({ lease, leader, acceptor, questionMs: 0, answerMs: 0 })
    expect(heldMs).toBeGreaterThan(promisedMs)
  })

  it('that stood still count for nothing: words are asked for anew', () => {
    const world = leasedWorld({ lease: LEASE })
    const held = world.hold(({ message }) => message.type === 'logHeartbeatAnswer')
    world.carryOut('a', world.engine('a').announce())
    world.exhaust()
    expect(held).toHaveLength(2)
    expect(world.engine('a').hasLease).toBe(true)
    // It shows what it showed before, an hour later.
    input(world, 'a', world.engine('a').tick(world.clock('a'), 3_600_000))
    expect(world.engine('a').hasLease).toBe(false)
    for (const packet of held) world.receive(packet)
    expect(world.engine('a').hasLease).toBe(false)
    world.passes = () => true
    world.settle(() => world.engine('a').hasLease)
  })
})

/** Node a, that has given b its word at 10 ms. */
function given(): MultiPaxos {
  const node = followingA()
  node.tick(10)
  expect(gives(node)).toBe(true)
  return node
}

describe('an acceptor that has given its word', () => {
  it('promises nobody else for just that long, and then whoever asks', () => {
    const node = given()
    node.tick(10 + LEASE.durationMs - 0.001)
    expect(promises(node, at(2, 'c'))).toBe(false)
    node.tick(10 + LEASE.durationMs)
    expect(promises(node, at(2, 'c'))).toBe(true)
  })

  it('does not raise a ballot itself meanwhile, but as soon as it may, when it was told to', () => {
    const node = given()
    expect(instantly(node, node.lead()).sent).toEqual([])
    expect(node.phase).toBe('idle')
    expect(node.nextTickAtMs).toBeLessThanOrEqual(10 + LEASE.durationMs)
    instantly(node, node.tick(10 + LEASE.durationMs - 0.001))
    expect(node.phase).toBe('idle')
    instantly(node, node.tick(10 + LEASE.durationMs))
    expect(node.phase).toBe('preparing')
  })

  it('gives none any more when it was told to lead: else it would never come to that', () => {
    const node = followingA()
    node.tick(10)
    expect(gives(node)).toBe(true)
    instantly(node, node.lead())
    node.tick(60)
    expect(gives(node)).toBe(false)
    expect(instantly(node, node.tick(110)).sent).toContainEqual(
      expect.objectContaining({ message: expect.objectContaining({ type: 'logPrepare' }) }),
    )
  })

  it('is led by who was told to lead, within the duration of a lease that is renewed all the time', () => {
    const world = leasedWorld({ lease: LEASE })
    world.lead('c')
    world.settle(() => world.leader?.id === 'c', 2 * LEASE.durationMs)
  })

  it('supports no campaign meanwhile, however silent the leader is', () => {
    const node = followingA({ durationMs: 60_000, maxDriftPpm: 1000 }, { livenessWindowMs: 1000 })
    expect(gives(node, L1, { leaseMs: 60_000 })).toBe(true)
    const campaign = { type: 'campaign', run: 1, number: 1, chosenThrough: 1 } as const
    const supports = (): boolean => {
      const { sent } = instantly(node, node.receive('c', campaign))
      return only(sent, 'support').some(({ message }) => message.granted)
    }
    node.tick(59_999)
    expect(supports()).toBe(false)
    node.tick(60_000)
    expect(supports()).toBe(true)
  })

  it('wakes for no campaign before it may promise its own ballot', () => {
    const node = followingA({ durationMs: 60_000, maxDriftPpm: 1000 }, { livenessWindowMs: 1000 })
    expect(gives(node, L1, { leaseMs: 60_000 })).toBe(true)
    for (let nowMs = 0; nowMs < 60_000; nowMs = Math.min(node.nextTickAtMs ?? 60_000, 60_000)) {
      const { sent } = instantly(node, node.tick(nowMs))
      expect(only(sent, 'campaign')).toEqual([])
      expect(node.nextTickAtMs ?? Infinity).toBeGreaterThan(nowMs)
    }
    const { sent } = instantly(node, node.tick(60_000))
    expect(only(sent, 'campaign').map(({ to }) => to)).toEqual(['b', 'c'])
  })

  it('gives none to another leader that it comes to follow, and keeps what it gave', () => {
    const node = given()
    // It may accept: that leader may be one of an older configuration.
    const { sent } = instantly(node, node.receive('c', accept(at(5, 'c'), 1, 2, ['y'])))
    expect(only(sent, 'logAccepted')).toHaveLength(1)
    expect(gives(node, at(5, 'c'))).toBe(false)
    expect(promises(node, at(5, 'c'))).toBe(false)
    expect(promises(node, at(6, 'c'))).toBe(false)
    node.tick(10 + LEASE.durationMs)
    expect(gives(node, at(5, 'c'))).toBe(true)
  })

  it('promises the same node another ballot at once: it has ended its lease', () => {
    const node = given()
    expect(promises(node, at(2, 'b'))).toBe(true)
  })

  it('gives its word to the same node with another ballot, and by that alone it is released', () => {
    const node = given()
    instantly(node, node.receive('b', accept(at(2, 'b'), 1, 2, ['y'])))
    expect(gives(node, at(2, 'b'))).toBe(true)
    expect(promises(node, at(3, 'c'), { released: L1 })).toBe(false)
    expect(promises(node, at(3, 'c'), { released: at(2, 'b') })).toBe(true)
  })

  it('shortens none that it gave for longer', () => {
    const node = given()
    expect(gives(node, L1, { leaseMs: 1 })).toBe(true)
    node.tick(10 + LEASE.durationMs - 1)
    expect(promises(node, at(2, 'c'))).toBe(false)
  })
})

describe('a word is given only', () => {
  it('when the ballot is promised durably', () => {
    const node = acceptorA()
    node.tick(0)
    node.receive('b', accept(L1, 1, 1, ['x']))
    expect(gives(node)).toBe(false)
    instantly(node, node.saved())
    expect(gives(node)).toBe(true)
  })

  it('for a ballot that is promised, not for a higher one that was heard of', () => {
    expect(gives(followingA(), at(2, 'b'))).toBe(false)
  })

  it('by members that have a lease, and for no longer than they say', () => {
    expect(gives(followingA(undefined, { configuration: configurationOf(undefined) }))).toBe(false)
    expect(gives(followingA(), L1, { leaseMs: LEASE.durationMs + 1 })).toBe(false)
    expect(gives(followingA(), L1, { leaseMs: LEASE.durationMs })).toBe(true)
  })

  it('when the node has a clock: before the first tick none', () => {
    const node = acceptorA()
    instantly(node, node.receive('b', accept(L1, 1, 1, ['x'])))
    expect(gives(node)).toBe(false)
    node.tick(1000)
    expect(gives(node)).toBe(true)
  })

  it('when who votes is stored: a restart must find the duration', () => {
    const node = followingA()
    const entry = encodeEntry(entryOf({ ...LEASE, durationMs: 5000 }))
    node.receive('b', { ...accept(L1, 1, 2, []), values: [entry] })
    instantly(node, node.saved())
    // It is chosen, and that is on no disk yet.
    const effects = node.receive('b', {
      ...heartbeat(L1, 1, 2),
      leaseAt: 7,
      leaseMs: 100,
      version: 2,
    })
    expect(node.configuration.version).toBe(2)
    expect(effects.save).toBeDefined()
    expect(only(effects.send, 'logHeartbeatAnswer')[0]?.message.leaseAt).toBeUndefined()
    expect(gives(node, L1, { version: 2 })).toBe(false)
    instantly(node, node.saved())
    expect(gives(node, L1, { version: 2 })).toBe(true)
  })

  it('P38: by just the members that this node knows: between others may be that allow less', () => {
    const node = followingA()
    const entry = encodeEntry(entryOf({ ...LEASE, durationMs: 5000 }))
    instantly(node, node.receive('b', { ...accept(L1, 1, 2, []), values: [entry] }))
    instantly(node, node.receive('b', heartbeat(L1, 1, 2)))
    expect(node.configuration.version).toBe(2)
    expect(gives(node, L1, { version: 1 })).toBe(false)
    expect(gives(node, L1, { version: 3 })).toBe(false)
    expect(gives(node, L1, {})).toBe(false)
    expect(gives(node, L1, { version: 2 })).toBe(true)
  })
})

function entryOf(lease: Lease | undefined, replaces = 0): Parameters<typeof encodeEntry>[0] {
  return {
    type: 'members',
    replaces,
    members: ['a', 'b', 'c'].map((id) => member(id, null)),
    quorums: { type: 'majority' },
    former: [],
    ...(lease !== undefined && { lease }),
  }
}

/** Node a starts at 1000 ms, and finds a promise on its disk. */
function again(own: boolean): MultiPaxos {
  const node = acceptorA(LEASE, { saved: promised(at(4, own ? 'a' : 'b')) })
  instantly(node, node.tick(1000))
  return node
}

describe('P21, P38: an acceptor that starts again', () => {
  it.each([
    { whose: 'of another node', own: false },
    { whose: 'that names itself, as what an earlier incarnation chose would', own: true },
  ])('promises nothing for the duration, with a promise $whose', ({ own }) => {
    const node = again(own)
    node.tick(1000 + LEASE.durationMs - 0.001)
    expect(promises(node, at(9, 'c'))).toBe(false)
    expect(promises(node, at(9, 'b'))).toBe(false)
    expect(promises(node, at(9, 'c'), { released: at(4, 'b') })).toBe(false)
    node.tick(1000 + LEASE.durationMs)
    expect(promises(node, at(9, 'c'))).toBe(true)
  })

  it('does not lead before that, also when it is told to, or asked to take over', () => {
    const node = again(false)
    instantly(node, node.lead())
    expect(node.phase).toBe('idle')
    instantly(node, node.receive('b', heartbeat(at(4, 'b'), 1, 0)))
    instantly(node, node.receive('b', { type: 'handOver', ballot: at(4, 'b') }))
    expect(node.phase).toBe('idle')
    instantly(node, node.tick(1000 + LEASE.durationMs))
    expect(node.phase).toBe('preparing')
  })

  it('gives nobody its word before that', () => {
    const node = again(false)
    instantly(node, node.receive('b', heartbeat(at(4, 'b'), 1, 0)))
    node.tick(1000 + LEASE.durationMs - 0.001)
    expect(gives(node, at(4, 'b'))).toBe(false)
    node.tick(1000 + LEASE.durationMs)
    expect(gives(node, at(4, 'b'))).toBe(true)
  })

  it('promises nothing before its first tick either', () => {
    const node = acceptorA(LEASE, { saved: promised(at(4, 'b')) })
    expect(promises(node, at(9, 'c'))).toBe(false)
    instantly(node, node.lead())
    expect(node.phase).toBe('idle')
  })

  it('waits for as long as the newest members on its disk say, not those it was made with', () => {
    const entry = encodeEntry(entryOf({ ...LEASE, durationMs: 5000 }))
    const accepted = [{ slot: 1, ballot: at(4, 'b'), value: entry }]
    const saved = { ...promised(at(4, 'b')), accepted, chosenThrough: 1 }
    const node = acceptorA(undefined, { configuration: configurationOf(undefined), saved })
    instantly(node, node.tick(0))
    node.tick(4999)
    expect(promises(node, at(9, 'c'), { from: 2 })).toBe(false)
    node.tick(5000)
    expect(promises(node, at(9, 'c'), { from: 2 })).toBe(true)
  })

  it.each([
    { what: 'nothing was promised', node: () => acceptorA(LEASE, { saved: EMPTY_SAVED }) },
    {
      what: 'members have no lease',
      node: () =>
        acceptorA(LEASE, { configuration: configurationOf(undefined), saved: promised(L1) }),
    },
  ])('need not wait where $what', ({ node: start }) => {
    const node = start()
    node.tick(1000)
    expect(promises(node, at(9, 'c'))).toBe(true)
  })

  it.each([
    { who: 'one', ids: ['b'] },
    { who: 'the other', ids: ['c'] },
    { who: 'a quorum', ids: ['b', 'c'] },
  ])('a quorum restarted in mid-lease: nobody else leads while it lasts ($who)', ({ ids }) => {
    const world = leasedWorld({ lease: LEASE })
    world.passFor(40)
    cutOff(world, 'a')
    for (const id of ids) {
      world.losePower(id)
      world.start(id)
    }
    for (const id of ['b', 'c']) world.lead(id)
    let isLed = false
    for (let ms = 0; ms < 1000 && !isLed; ms += 1) {
      world.pass(1)
      world.exhaust()
      isLed = ['b', 'c'].some((id) => world.engine(id).phase === 'leading')
      if (isLed) expect(world.engine('a').hasLease).toBe(false)
    }
    expect(isLed).toBe(true)
  })
})

describe('P38: members that change', () => {
  const changes = [
    { what: 'who votes', wanted: { voters: ['a', 'b', 'd'], learners: [], lease: LEASE } },
    {
      what: 'to a longer lease alone',
      wanted: { voters: ['a', 'b', 'c'], learners: [], lease: { ...LEASE, durationMs: 5000 } },
    },
    {
      what: 'to a shorter lease alone',
      wanted: { voters: ['a', 'b', 'c'], learners: [], lease: { ...LEASE, durationMs: 50 } },
    },
  ]

  /** They are proposed, and not chosen yet. */
  function proposed(wanted: (typeof changes)[number]['wanted']): MembersWorld {
    const world = leasedWorld({ lease: LEASE, spare: ['d'] })
    world.passes = ({ message }) => message.type !== 'logAccept'
    for (let count = 0; !world.change(wanted); count += 1) {
      if (count > 20) throw new Error('it is not proposed')
      expect(world.engine('a').hasLease).toBe(true)
      world.exhaust()
    }
    return world
  }

  it.each(changes)(
    '$what: none from when they are proposed until behind it is open',
    ({ wanted }) => {
      const world = proposed(wanted)
      const asked = watch(world, 'logHeartbeat')
      for (let count = 0; count < 5; count += 1) {
        expect(world.engine('a').hasLease).toBe(false)
        world.pass(20)
        world.exhaust()
      }
      expect(asked.length).toBeGreaterThan(0)
      for (const { message } of asked) expect(message).not.toHaveProperty('leaseAt')
      // Others vote, and have not promised yet.
      world.passes = ({ message }) => message.type !== 'logPromise'
      world.settle(() => world.engine('a').configuration.version > 0)
      world.passes = () => true
      world.settle(() => world.engine('a').hasLease)
      expect(world.engine('a').configuration.lease).toEqual(wanted.lease)
    },
  )

  it.each(changes)(
    '$what: words of before count for nothing, though no time has passed',
    ({ wanted }) => {
      const world = leasedWorld({ lease: LEASE, spare: ['d'] })
      const held: Packet[] = []
      world.passes = (packet) => {
        const isWord =
          packet.message.type === 'logHeartbeatAnswer' && packet.message.leaseAt !== undefined
        if (isWord) held.push(packet)
        return !isWord
      }
      world.carryOut('a', world.engine('a').announce())
      world.exhaust()
      expect(held).toHaveLength(2)
      const { nowMs } = world
      while (world.configuration.version === 0) {
        world.change(wanted)
        world.exhaust()
      }
      expect(world.nowMs).toBe(nowMs)
      expect(world.engine('a').room.values).toBeGreaterThan(0)
      for (const packet of held.splice(0)) world.receive(packet)
      expect(world.engine('a').hasLease).toBe(false)
    },
  )

  it('a leader that finds members of another one, not chosen, has none before they are', () => {
    const world = leasedWorld({ lease: LEASE, spare: ['d', 'e'] })
    const wanted = { voters: ['c', 'd', 'e'], learners: [], lease: LEASE }
    world.passes = ({ to, message }) => {
      return message.type !== 'logAccepted' && (message.type !== 'logAccept' || to !== 'c')
    }
    while (!world.change(wanted)) world.exhaust()
    world.exhaust()
    // b has it; c asks b, and cannot have it chosen.
    world.crash('a')
    world.passFor(200)
    world.passes = ({ message }) => message.type !== 'logAccept'
    world.lead('c')
    world.passFor(100)
    expect(world.engine('c').phase).toBe('leading')
    expect(world.engine('c').hasLease).toBe(false)
    // They are chosen, and have not promised yet as those who vote: it asks for no word.
    world.passes = ({ message }) => message.type !== 'logPromise'
    world.settle(() => world.engine('c').configuration.version > 0)
    const asked = watch(world, 'logHeartbeat')
    world.passFor(100)
    expect(asked.length).toBeGreaterThan(0)
    for (const { message } of asked) expect(message).not.toHaveProperty('leaseAt')
    expect(world.engine('c').hasLease).toBe(false)
    world.passes = () => true
    world.settle(() => world.engine('c').hasLease)
  })
})

describe('a leader that alone is a phase 2 quorum', () => {
  it('needs no word, until somebody has its promise', () => {
    const quorums = { type: 'flexible', phase1: 3, phase2: 1 } as const
    const configuration = configurationOf(LEASE, { quorums })
    const node = new MultiPaxos({ id: 'a', configuration, random: () => 0.5, ...PATIENT })
    instantly(node, node.tick(0))
    instantly(node, node.lead())
    for (const id of ['b', 'c'] as NodeId[]) {
      const promise = { type: 'logPromise', ballot: at(1), from: 1, entries: [], next: 0 } as const
      instantly(node, node.receive(id, { ...promise, chosenThrough: 0, compactedThrough: 0 }))
    }
    instantly(node, node.propose(values('x')).effects)
    expect(node.hasLease).toBe(true)
    expect(promises(node, at(2, 'b'), { from: 3 })).toBe(true)
    expect(node.hasLease).toBe(false)
  })
})
