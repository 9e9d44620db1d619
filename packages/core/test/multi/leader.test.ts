import { InvalidArgumentError, majority, MAX_FRAME_BYTES, MAX_VALUE_BYTES } from '@paxos/core'
import { MAX_BATCH_VALUES, MAX_SLOTS_AHEAD, MultiPaxos, PAGE_BYTES } from '@paxos/core/multi'
import { LEAST_PACE_BYTES, REFUSED_HEAD_BYTES, START_PACE_BYTES } from '@paxos/core/multi'
import { VALUE_OVERHEAD_BYTES } from '@paxos/core/multi'
import { encode } from '@paxos/core/wire'
import { describe, expect, it } from 'vitest'
import { at } from '../messages.ts'
import { accept, accepted, bytes, entry, heartbeat, heartbeatAnswer } from './one-node.ts'
import { instantly, knowsMore, leadingA, NO_EFFECTS, noOp, nodeA, only } from './one-node.ts'
import { prepare, promise, values } from './one-node.ts'

const B1 = at(1, 'b')
const C3 = at(3, 'c')

/** The first slot of each Accept, and how many it fills. */
const acceptsIn = (sent: Parameters<typeof only>[0]) =>
  only(sent, 'logAccept').map(({ message }) => [message.first, message.values.length])

describe('phase 1', () => {
  it('the Prepare leaves when this node’s own promise is durable, and asks for all slots at once', () => {
    const a = nodeA()
    const { send, save } = a.lead()
    expect(send).toEqual([])
    expect(save?.change).toEqual({ promised: at(1) })
    expect(save?.then).toEqual([
      { to: 'b', message: prepare(at(1), 1) },
      { to: 'c', message: prepare(at(1), 1) },
    ])
  })

  it('its own promise counts when it is durable, and not before', () => {
    const a = nodeA()
    a.lead()
    a.receive('b', promise(at(1), 1))
    expect(a.phase).toBe('preparing')
    a.saved()
    expect(a.phase).toBe('leading')
  })

  it('the quorum may be of others, while its own promise is still being written', () => {
    const a = nodeA()
    a.lead()
    a.receive('b', promise(at(1), 1))
    const { events } = a.receive('c', promise(at(1), 1))
    expect(events[0]).toEqual({ type: 'leadership-acquired', ballot: at(1), recovered: [noOp] })
  })

  it('proposes in each slot the value of the highest ballot, no-ops in the gaps, and one behind', () => {
    const a = nodeA()
    instantly(a, a.receive('b', accept(B1, 1, 1, ['mine', 'older'])))
    instantly(a, a.lead())
    const ballot = at(2)
    const entries = [entry(2, at(1, 'c'), 'newer'), entry(4, B1, 'far')]
    const { sent, events } = instantly(a, a.receive('b', promise(ballot, 1, { entries })))
    const [recovery] = only(sent, 'logAccept')
    const recovered = [bytes('mine'), bytes('newer'), noOp, bytes('far'), noOp]
    expect(recovery?.message).toEqual({ ...accept(ballot, 1, 1, []), values: recovered })
    // The host is told, so that it need not propose them a second time.
    expect(events).toContainEqual({ type: 'leadership-acquired', ballot, recovered })
  })

  it('begins above what it knows to be chosen', () => {
    const a = nodeA()
    instantly(a, a.receive('b', accept(B1, 1, 1, ['x', 'y'], 0)))
    instantly(a, a.receive('b', heartbeat(B1, 1, 2)))
    const { sent } = instantly(a, a.lead())
    expect(only(sent, 'logPrepare')[0]?.message.from).toBe(3)
    const recovery = instantly(a, a.receive('b', promise(at(2), 3)))
    expect(only(recovery.sent, 'logAccept')[0]?.message).toMatchObject({ base: 3, first: 3 })
  })

  it('tells its host with which values it begins, while it leads', () => {
    const a = nodeA()
    instantly(a, a.lead())
    const entries = [entry(1, at(1, ''), 'x'), entry(3, at(1, ''), 'y')]
    expect(a.recovered).toEqual([])
    a.receive('b', promise(at(1), 1, { entries }))
    expect(a.recovered).toEqual([bytes('x'), noOp, bytes('y'), noOp])
    a.resign()
    expect(a.recovered).toEqual([])
  })

  it('a promise counts when its last page is in; a lost page is asked for again', () => {
    const a = nodeA()
    instantly(a, a.lead())
    const first = promise(at(1), 1, { entries: [entry(1, B1, 'x')], next: 2 })
    // The first page was of ballot 1.b, which is above 1.a: any ballot below 1.a would do as well.
    const page = { ...first, entries: [entry(1, at(1, ''), 'x')] }
    expect(a.receive('b', page).send).toEqual([{ to: 'b', message: prepare(at(1), 2) }])
    expect(a.phase).toBe('preparing')
    // The page comes twice: it answers no question any more.
    expect(a.receive('b', page)).toEqual(NO_EFFECTS)
    expect(a.tick(200).send).toEqual([
      { to: 'b', message: prepare(at(1), 2) },
      { to: 'c', message: prepare(at(1), 1) },
    ])
    a.receive('b', promise(at(1), 2, { entries: [entry(2, at(1, ''), 'y')] }))
    expect(a.phase).toBe('leading')
  })

  it.each([
    ['entries out of order', { entries: [entry(2, at(1, ''), 'x'), entry(1, at(1, ''), 'y')] }],
    ['an entry before the page', { entries: [entry(1, at(1, ''), 'x')] }, 2],
    ['an entry beyond all reach', { entries: [entry(2 ** 50, at(1, ''), 'x')] }],
    ['a next page that is this one', { entries: [entry(1, at(1, ''), 'x')], next: 1 }],
    ['a next page and nothing on this one', { next: 5 }],
    ['another ballot', { ballot: at(7) }],
  ])('is not misled by a promise with %s', (_, wrong, from = 1) => {
    const a = nodeA({
      saved: {
        promised: null,
        accepted: from === 1 ? [] : [entry(1, at(1, ''), 'x')],
        snapshot: null,
        chosenThrough: from - 1,
      },
    })
    instantly(a, a.lead())
    const { ballot } = a
    if (ballot === null) throw new Error('a does not prepare')
    a.receive('b', { ...promise(ballot, from), ...wrong })
    expect(a.phase).toBe('preparing')
    a.receive('b', promise(ballot, from))
    expect(a.phase).toBe('leading')
  })

  it.each([
    ['its values are compacted', { chosenThrough: 9, compactedThrough: 4 }],
    ['it is further ahead than any window', { chosenThrough: MAX_SLOTS_AHEAD + 1 }],
  ])(
    'when an acceptor is ahead and %s, the attempt ends, and this node catches up first',
    (_, rest) => {
      const a = nodeA()
      instantly(a, a.lead())
      const { send } = a.receive('b', promise(at(1), 1, rest))
      expect(a.phase).toBe('idle')
      expect(send).toMatchObject([{ to: 'b', message: { type: 'fetchEntries', from: 1 } }])
      expect(a.receive('c', promise(at(1), 1)).events).toEqual([])
    },
  )

  it('when the one to catch up from stays silent, it campaigns again', () => {
    const a = nodeA()
    instantly(a, a.lead())
    a.receive('b', promise(at(1), 1, { chosenThrough: 9, compactedThrough: 4 }))
    expect(only(a.tick(200).send, 'fetchEntries')).toHaveLength(1)
    const { send } = a.tick(600)
    expect(only(send, 'campaign').map(({ to }) => to)).toEqual(['b', 'c'])
  })

  it('a Prepare is repeated after longer and longer, and from the page on where the promise stands', () => {
    const a = nodeA({ election: 'external' })
    instantly(a, a.lead())
    a.tick(100)
    const entries = [entry(1, at(1, ''), 'x')]
    a.receive('b', promise(at(1), 1, { entries, next: 2 }))
    const asked: Record<string, (readonly [number, number])[]> = { b: [], c: [] }
    for (let nowMs = 110; nowMs <= 4100; nowMs += 10) {
      for (const { to, message } of only(a.tick(nowMs).send, 'logPrepare')) {
        asked[to]?.push([nowMs, message.from])
      }
    }
    expect(asked).toEqual({
      b: [300, 700, 1500, 3100].map((ms) => [ms, 2]),
      c: [200, 600, 1400, 3000].map((ms) => [ms, 1]),
    })
  })

  it('a candidate that gets page after page is not started afresh; one that gets none goes on, and lets others try', () => {
    const a = nodeA({ livenessWindowMs: 1000 })
    instantly(a, a.lead())
    for (let slot = 1; slot <= 5; slot += 1) {
      a.tick(1000 * slot)
      expect([slot, a.phase]).toEqual([slot, 'preparing'])
      const entries = [entry(slot, at(1, ''), 'x')]
      a.receive('b', promise(at(1), slot, { entries, next: slot + 1 }))
    }
    const support = () => only(a.receive('c', knowsMore(0)).send, 'support')[0]?.message.granted
    a.tick(6100)
    expect(support()).toBe(false)
    expect(only(a.tick(6300).send, 'campaign')).toEqual([])
    expect([a.phase, a.ballot, support()]).toEqual(['preparing', at(1), true])
    // What is promised to it still counts: the last page ends what began long ago.
    a.receive('b', promise(at(1), 6))
    expect([a.phase, a.ballot]).toEqual(['leading', at(1)])
  })

  it('a candidate that hears of a higher ballot, and then nothing, begins with a campaign', () => {
    const a = nodeA()
    instantly(a, a.lead())
    a.receive('c', {
      type: 'support',
      run: 1,
      number: 1,
      granted: false,
      promised: C3,
      chosenThrough: 0,
    })
    expect(a.phase).toBe('preparing')
    const { send } = a.tick(1300)
    expect(a.phase).toBe('idle')
    expect(only(send, 'campaign')).toHaveLength(2)
  })

  it('strangers’ promises and refusals count for nothing', () => {
    const a = nodeA()
    instantly(a, a.lead())
    a.receive('stranger', promise(at(1), 1))
    a.receive('stranger', { type: 'nack', ballot: at(1), promised: C3 })
    expect(a.phase).toBe('preparing')
  })

  it('a refusal ends the attempt, and the next goes above what it names', () => {
    const a = nodeA()
    instantly(a, a.lead())
    const { events } = a.receive('b', { type: 'nack', ballot: at(1), promised: C3 })
    expect(events).toEqual([{ type: 'preempted', ballot: at(1), promised: C3 }])
    expect(a.receive('c', { type: 'nack', ballot: at(1), promised: C3 })).toEqual(NO_EFFECTS)
    instantly(a, a.lead())
    expect(a.ballot).toEqual(at(4))
  })
})

describe('phase 2', () => {
  it('an Accept leaves at once, beside the leader’s own save', () => {
    const a = leadingA()
    const { first, effects } = a.propose(values('x', 'y'))
    expect(first).toBe(2)
    expect(effects.send).toEqual([{ to: 'all', message: accept(at(1), 1, 2, ['x', 'y'], 1) }])
    expect(effects.save?.change).toEqual({
      accepted: [entry(2, at(1), 'x'), entry(3, at(1), 'y')],
      chosenThrough: 1,
    })
  })

  it('the leader’s own acceptance counts when it is durable, and not before', () => {
    const a = leadingA()
    a.propose(values('x'))
    expect(a.receive('b', accepted(at(1), 2)).events).toEqual([])
    expect(a.chosenThrough).toBe(1)
    expect(a.saved().events).toEqual([{ type: 'chosen', first: 2, values: values('x') }])
  })

  it('nor is an earlier durable save taken for a later one', () => {
    const a = leadingA()
    a.propose(values('x'))
    a.propose(values('y'))
    a.receive('b', accepted(at(1), 3))
    expect(a.saved().events).toEqual([{ type: 'chosen', first: 2, values: values('x') }])
    expect(a.saved().events).toEqual([{ type: 'chosen', first: 3, values: values('y') }])
  })

  it('P14: with a single member nothing is chosen before it is durable', () => {
    const a = nodeA({ quorums: majority(['a']), election: 'external' })
    a.lead()
    expect(a.phase).toBe('preparing')
    a.saved()
    expect([a.phase, a.chosenThrough]).toEqual(['leading', 0])
    expect(a.saved().events).toEqual([{ type: 'chosen', first: 1, values: [noOp] }])
    expect(a.propose(values('x')).effects.events).toEqual([])
    expect(a.chosenThrough).toBe(1)
    expect(a.tick(5000).events).toEqual([])
    expect(a.saved().events).toEqual([{ type: 'chosen', first: 2, values: values('x') }])
  })

  it('acknowledgements are cumulative, late ones do no harm, and nobody holds what was not proposed', () => {
    const a = leadingA()
    instantly(a, a.propose(values('x')).effects)
    instantly(a, a.propose(values('y')).effects)
    expect(a.receive('c', accepted(at(1), 1_000_000)).events).toEqual([
      { type: 'chosen', first: 2, values: values('x', 'y') },
    ])
    a.receive('c', accepted(at(1), 2))
    instantly(a, a.propose(values('z')).effects)
    expect(a.chosenThrough).toBe(3)
    a.receive('stranger', accepted(at(1), 4))
    a.receive('b', accepted(at(2), 4))
    expect(a.chosenThrough).toBe(3)
  })

  it('P9: after an inconclusive phase 2 the same slot gets another value only at another ballot', () => {
    const a = leadingA()
    const first = instantly(a, a.propose(values('x')).effects)
    instantly(a, a.lead())
    // The new leadership finds x in its own acceptor, and proposes it at its new ballot.
    const { sent } = instantly(a, a.receive('c', promise(at(2), 2)))
    const again = instantly(a, a.propose(values('y')).effects)
    const all = [...first.sent, ...sent, ...again.sent]
    const accepts = only(all, 'logAccept').map(({ message }) => message)
    expect(accepts.map(({ ballot, first: slot }) => [ballot.round, slot])).toEqual([
      [1, 2],
      [2, 2],
      [2, 4],
    ])
    expect(accepts[1]?.values).toEqual([bytes('x'), noOp])
  })

  it('what was recovered is proposed before anything new, and through the same window', () => {
    const a = nodeA({ maxAcceptsInFlight: 2 })
    instantly(a, a.lead())
    const large = 'x'.repeat(400_000)
    const entries = [1, 2].map((slot) => entry(slot, at(1, ''), large))
    a.receive('b', promise(at(1), 1, { entries, next: 3 }))
    const more = [3, 4].map((slot) => entry(slot, at(1, ''), large))
    const { sent } = instantly(a, a.receive('b', promise(at(1), 3, { entries: more })))
    // At first little may be on its way, but always one; as it is acknowledged at once, more.
    expect(acceptsIn(sent)).toEqual([[1, 1]])
    expect(a.room).toEqual({ values: 0, bytes: 0 })
    expect(a.propose(values('new')).first).toBeNull()
    expect(acceptsIn(instantly(a, a.receive('b', accepted(at(1), 1))).sent)).toEqual([[2, 1]])
    expect(acceptsIn(instantly(a, a.receive('b', accepted(at(1), 2))).sent)).toEqual([
      [3, 1],
      [4, 2],
    ])
    expect(a.room).toEqual({ values: 0, bytes: 0 })
    instantly(a, a.receive('b', accepted(at(1), 5)))
    expect(a.propose(values('new')).first).toBe(6)
  })

  it('a leader whose acceptor promises another ballot proposes nothing more, and tells it', () => {
    const a = leadingA()
    const { events } = a.receive('c', prepare(C3, 2))
    expect(events).toEqual([
      { type: 'leadership-lost', ballot: at(1) },
      { type: 'leader-changed', leader: null },
    ])
    expect(a.propose(values('x'))).toEqual({ first: null, effects: NO_EFFECTS })
    expect(a.receive('b', accepted(at(1), 9)).events).toEqual([])
  })

  it('refusals end a leadership when the others are no quorum any more', () => {
    const a = leadingA()
    expect(a.receive('b', { type: 'nack', ballot: at(1), promised: C3 }).events).toEqual([])
    expect(a.phase).toBe('leading')
    const { events } = a.receive('c', { type: 'nack', ballot: at(1), promised: C3 })
    expect(events[0]).toEqual({ type: 'leadership-lost', ballot: at(1) })
  })
})

describe('the window', () => {
  it('is full with so many Accepts in flight: nothing is taken until something is chosen', () => {
    const a = leadingA({ maxAcceptsInFlight: 3 })
    for (const value of ['x', 'y', 'z']) {
      expect(a.room.values).toBe(MAX_BATCH_VALUES)
      instantly(a, a.propose(values(value)).effects)
    }
    expect(a.room).toEqual({ values: 0, bytes: 0 })
    expect(a.slotsInFlight).toBe(3)
    expect(a.propose(values('w'))).toEqual({ first: null, effects: NO_EFFECTS })
    instantly(a, a.receive('b', accepted(at(1), 2)))
    expect(a.room.values).toBe(MAX_BATCH_VALUES)
    expect(a.propose(values('w')).first).toBe(5)
  })

  it('is full with so many bytes in flight, whatever their number; one value always fits when it is not', () => {
    const a = leadingA({ maxBytesInFlight: 1000 })
    expect(a.room.bytes).toBe(1000)
    instantly(a, a.propose([new Uint8Array(800)]).effects)
    expect(a.room.bytes).toBe(1000 - 800 - VALUE_OVERHEAD_BYTES)
    expect(a.propose([new Uint8Array(40), new Uint8Array(40)]).first).toBeNull()
    expect(a.propose([new Uint8Array(100_000)]).first).toBe(3)
    expect(a.room).toEqual({ values: 0, bytes: 0 })
  })

  it('grows while what fills it is acknowledged at once, and shrinks when answers queue', () => {
    const a = leadingA({ heartbeatPeriodMs: 900 })
    let [slot, nowMs] = [1, 0]
    /** Fills half of the room; b and c acknowledge it so many milliseconds later. */
    const roomAfter = (ms: number): number => {
      slot = a.propose([new Uint8Array(a.room.bytes / 2)]).first ?? 0
      a.saved()
      a.tick((nowMs += ms))
      a.receive('b', accepted(at(1), slot))
      a.receive('c', accepted(at(1), slot))
      return Math.round(a.room.bytes / 1024)
    }
    expect([5, 5, 5].map(roomAfter)).toEqual([96, 144, 216])
    // 100 ms more than the fastest are borne, 200 ms more are a queue.
    expect([150, 250].map(roomAfter)).toEqual([216, 108])
    expect(a.propose([new Uint8Array(1000)]).first).toBe(slot + 1)
    a.tick((nowMs += 10_000))
    expect(a.room.bytes).toBeLessThan(LEAST_PACE_BYTES)
  })

  it('P22: after overload the busy state ends', () => {
    const a = leadingA()
    let last = 1
    while (a.room.values > 0) {
      const { first, effects } = a.propose(values('x', 'y'))
      instantly(a, effects)
      last = (first ?? 0) + 1
    }
    instantly(a, a.receive('b', accepted(at(1), last)))
    expect(a.slotsInFlight).toBe(0)
    expect(a.room).toEqual({ values: MAX_BATCH_VALUES, bytes: START_PACE_BYTES })
  })

  it('batches come from load alone: one command leaves alone, those that queued leave together', () => {
    const a = leadingA({ maxAcceptsInFlight: 1 })
    const queue = ['p', 'q', 'r', 's']
    const sizes: number[] = []
    const pump = () => {
      const batch = queue.slice(0, a.room.values)
      if (batch.length === 0) return
      queue.splice(0, batch.length)
      sizes.push(batch.length)
      instantly(a, a.propose(values(...batch)).effects)
    }
    queue.splice(1)
    pump()
    queue.push('q', 'r', 's')
    pump()
    instantly(a, a.receive('b', accepted(at(1), 2)))
    pump()
    expect(sizes).toEqual([1, 3])
  })

  it.each([
    ['no values', []],
    ['more than MAX_BATCH_VALUES', Array.from({ length: MAX_BATCH_VALUES + 1 }, () => noOp)],
    ['a value above MAX_VALUE_BYTES', [new Uint8Array(MAX_VALUE_BYTES + 1)]],
    ['several that take more than a page', [new Uint8Array(PAGE_BYTES), noOp]],
  ])('refuses loudly what could not travel: %s', (_, batch) => {
    const a = leadingA()
    expect(() => a.propose(batch)).toThrow(InvalidArgumentError)
    expect(() => a.forward(batch)).toThrow(InvalidArgumentError)
  })
})

describe('what a leader sends again', () => {
  it('P8: after an interval, what a peer has not acknowledged and nobody knows to be chosen', () => {
    const a = leadingA({ heartbeatPeriodMs: 900, retransmitIntervalMs: 150 })
    a.receive('c', accepted(at(1), 1))
    a.tick(500)
    instantly(a, a.propose(values('x')).effects)
    expect(a.nextTickAtMs).toBe(650)
    expect(only(a.tick(649).send, 'logAccept')).toEqual([])
    expect(only(a.tick(650).send, 'logAccept')).toEqual([
      { to: 'all', message: accept(at(1), 1, 2, ['x'], 1) },
    ])
    expect(only(a.tick(799).send, 'logAccept')).toEqual([])
    instantly(a, a.receive('b', accepted(at(1), 2)))
    // It is chosen: c fetches it, if it missed it.
    expect(only(a.tick(800).send, 'logAccept')).toEqual([])
  })

  it('not what was sent less than an interval ago, though something else is due', () => {
    const a = leadingA()
    a.tick(300)
    instantly(a, a.propose(values('x')).effects)
    a.tick(450)
    instantly(a, a.propose(values('y')).effects)
    a.receive('b', heartbeatAnswer(at(1), 1, 1))
    const again = only(a.tick(500).send, 'logAccept').filter(({ to }) => to === 'b')
    expect(again.map(({ message }) => message.first)).toEqual([2])
  })

  it('to a silent peer only the first Accept; to one that answers, all that it lacks', () => {
    const a = nodeA({ quorums: majority(['a', 'b', 'c', 'd', 'e']), livenessWindowMs: 60_000 })
    instantly(a, a.lead())
    for (const id of ['b', 'c']) instantly(a, a.receive(id, promise(at(1), 1)))
    for (const id of ['b', 'c']) instantly(a, a.receive(id, accepted(at(1), 1)))
    for (const value of ['x', 'y', 'z']) instantly(a, a.propose(values(value)).effects)
    a.tick(500)
    a.tick(1000)
    a.receive('b', heartbeatAnswer(at(1), 2, 0))
    const again = only(a.tick(1200).send, 'logAccept')
    const to = (id: string) =>
      again.filter((each) => each.to === id).map((each) => each.message.first)
    expect(to('b')).toEqual([3, 4])
    expect(to('d')).toEqual([])
    const later = only(a.tick(30_000).send, 'logAccept').filter((each) => each.to === 'd')
    expect(later.map(({ message }) => message.first)).toEqual([2])
  })

  it('to a peer that acknowledges one after another nothing twice, however slow it is', () => {
    const a = leadingA({ heartbeatPeriodMs: 900 })
    for (const value of ['x', 'y', 'z']) instantly(a, a.propose(values(value)).effects)
    const again: number[] = []
    for (const [ms, through] of [
      [190, 2],
      [380, 3],
      [900, 4],
    ] as const) {
      again.push(...only(a.tick(ms).send, 'logAccept').map(({ message }) => message.first))
      a.receive('b', accepted(at(1), through))
      a.receive('c', accepted(at(1), through))
    }
    expect(again).toEqual([])
  })

  it('what is not acknowledged is sent again after longer and longer, until its peer is heard again', () => {
    const a = leadingA({ livenessWindowMs: 60_000 })
    instantly(a, a.propose(values('x')).effects)
    const sentAtMs: number[] = []
    const run = (fromMs: number, untilMs: number) => {
      for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 50) {
        const again = only(a.tick(nowMs).send, 'logAccept').some(({ to }) => to !== 'c')
        if (again) sentAtMs.push(nowMs)
      }
    }
    run(50, 7000)
    expect(sentAtMs.splice(0)).toEqual([200, 600, 1400, 3000, 6200])
    a.receive('b', heartbeatAnswer(at(1), 1, 1))
    run(7050, 8000)
    expect(sentAtMs).toEqual([7050, 7450])
  })

  it('of an Accept that is chosen in part only the rest', () => {
    const a = leadingA()
    instantly(a, a.propose(values('x', 'y', 'z')).effects)
    instantly(a, a.receive('b', accepted(at(1), 3)))
    expect(only(a.tick(300).send, 'logAccept')).toEqual([
      { to: 'all', message: accept(at(1), 1, 4, ['z'], 3) },
    ])
  })
})

describe('heartbeats', () => {
  it('leave at every period, with the base and what is chosen', () => {
    const a = leadingA()
    const [beat] = only(a.tick(200).send, 'logHeartbeat')
    expect(beat).toEqual({ to: 'all', message: heartbeat(at(1), 1, 1) })
    expect(only(a.tick(399).send, 'logHeartbeat')).toEqual([])
    expect(only(a.tick(400).send, 'logHeartbeat')).toHaveLength(1)
  })

  it('leave at once when something is chosen and nothing is in flight, so that a lone command is learnt', () => {
    const a = leadingA({ maxAcceptsInFlight: 2 })
    instantly(a, a.propose(values('x')).effects)
    instantly(a, a.propose(values('y')).effects)
    expect(only(a.receive('b', accepted(at(1), 2)).send, 'logHeartbeat')).toEqual([])
    expect(only(a.receive('b', accepted(at(1), 3)).send, 'logHeartbeat')).toEqual([
      { to: 'all', message: heartbeat(at(1), 1, 3) },
    ])
  })

  it('an answer repairs a lost acknowledgement', () => {
    const a = leadingA()
    instantly(a, a.propose(values('x')).effects)
    expect(a.receive('c', heartbeatAnswer(at(1), 2, 1)).events).toEqual([
      { type: 'chosen', first: 2, values: values('x') },
    ])
  })

  it('what is known of the others is there to be looked at', () => {
    const a = leadingA()
    instantly(a, a.propose(values('x', 'y')).effects)
    // With the promise of b it leads; of c it has heard nothing yet.
    expect(a.peers.get('c')).toEqual({ through: 0, lag: 3, heardAtMs: 0, hasVoted: false })
    a.tick(70)
    a.receive('c', heartbeatAnswer(at(1), 2, 1))
    expect(a.peers).toEqual(
      new Map([
        ['b', { through: 1, lag: 2, heardAtMs: 0, hasVoted: true }],
        ['c', { through: 2, lag: 1, heardAtMs: 70, hasVoted: true }],
      ]),
    )
    instantly(a, a.receive('c', prepare(C3, 1)))
    expect(a.peers.size).toBe(0)
    expect(a.slotsInFlight).toBe(0)
  })
})

describe('commands that are handed over', () => {
  it('go to the leader, which tells its host; who knows no leader drops them', () => {
    const follower = nodeA()
    expect(follower.forward(values('x'))).toEqual(NO_EFFECTS)
    follower.receive('b', heartbeat(B1, 1, 0))
    const message = { type: 'forward', values: values('x') } as const
    expect(follower.forward(values('x')).send).toEqual([{ to: 'b', message }])
    expect(nodeA().receive('c', message)).toEqual(NO_EFFECTS)
    const leader = leadingA()
    expect(leader.receive('c', message).events).toEqual([
      { type: 'forwarded', from: 'c', values: values('x') },
    ])
    expect(leader.forward(values('x'))).toEqual(NO_EFFECTS)
  })

  it('and are refused: who asked is told by their beginnings, and believes only its leader', () => {
    const long = Uint8Array.from({ length: 2 * REFUSED_HEAD_BYTES }, (_, index) => index)
    const heads = [bytes('x'), long.slice(0, REFUSED_HEAD_BYTES)]
    const message = { type: 'forwardRefused', heads } as const
    expect(leadingA().refuse('c', [bytes('x'), long]).send).toEqual([{ to: 'c', message }])
    const follower = nodeA()
    expect(follower.receive('b', message)).toEqual(NO_EFFECTS)
    follower.receive('b', heartbeat(B1, 1, 0))
    expect(follower.receive('c', message)).toEqual(NO_EFFECTS)
    expect(follower.receive('b', message).events).toEqual([{ type: 'forward-refused', heads }])
  })

  it('a refusal of as many as one message may hand over fits into a frame', () => {
    const heads = Array.from({ length: MAX_BATCH_VALUES }, () => new Uint8Array(REFUSED_HEAD_BYTES))
    const message = { type: 'forwardRefused', heads } as const
    expect(
      encode({ cluster: 'c'.repeat(255), from: 'a'.repeat(255), message }).length,
    ).toBeLessThan(MAX_FRAME_BYTES)
  })
})

describe('options that can never work', () => {
  it.each([
    [{ id: 'all' }],
    [{ heartbeatPeriodMs: 0 }],
    [{ livenessWindowMs: -1 }],
    [{ livenessWindowMs: 200 }],
    [{ retransmitIntervalMs: NaN }],
    [{ maxAcceptsInFlight: 0 }],
    [{ maxAcceptsInFlight: 1.5 }],
    [{ maxAcceptsInFlight: 17 }],
    [{ maxBytesInFlight: 0 }],
    [{ members: Array.from({ length: 256 }, () => ({ id: 'n', address: '' })) }],
  ])('are refused: %j', (options) => {
    expect(() => nodeA(options)).toThrow(InvalidArgumentError)
  })

  it('before the first tick the engine wants one', () => {
    const fresh = new MultiPaxos({ id: 'a', quorums: majority(['a']), random: () => 0 })
    expect([fresh.id, fresh.nextTickAtMs]).toEqual(['a', 0])
  })
})
