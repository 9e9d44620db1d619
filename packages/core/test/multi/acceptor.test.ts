import { InvariantError, type Saved, type Snapshot } from '@paxos/core'
import { MAX_BATCH_VALUES, MAX_SLOTS_AHEAD, MultiPaxos, PAGE_BYTES } from '@paxos/core/multi'
import { encode } from '@paxos/core/wire'
import { describe, expect, it } from 'vitest'
import { at } from '../messages.ts'
import { ABC, accept, accepted, bytes, disbelieved, entry, heartbeat } from './one-node.ts'
import {
  instantly,
  knowsMore,
  nodeA,
  NO_EFFECTS,
  only,
  prepare,
  promise,
  values,
} from './one-node.ts'

const answeredThrough = (effects: ReturnType<MultiPaxos['receive']>) =>
  only(effects.send, 'logHeartbeatAnswer').map(({ message }) => message.through)

const learnt = (node: MultiPaxos, effects: ReturnType<MultiPaxos['receive']>) =>
  instantly(node, effects).events.filter(({ type }) => type === 'chosen')

const B1 = at(1, 'b')
const C2 = at(2, 'c')

describe('promises', () => {
  it('P1: leave when they are durable; a duplicate that comes meanwhile is not answered', () => {
    const a = nodeA()
    const first = a.receive('b', prepare(B1, 1))
    expect(first.send).toEqual([])
    expect(first.save).toEqual({
      change: { promised: B1 },
      then: [{ to: 'b', message: promise(B1, 1) }],
    })
    expect(a.receive('b', prepare(B1, 1))).toEqual(NO_EFFECTS)
    a.saved()
    expect(a.receive('b', prepare(B1, 1)).send).toEqual([{ to: 'b', message: promise(B1, 1) }])
  })

  it('hold for every slot: an Accept and a Prepare below are refused, whatever their slot', () => {
    const a = nodeA()
    instantly(a, a.receive('c', prepare(C2, 7)))
    const nack = { to: 'b', message: { type: 'nack', ballot: B1, promised: C2 } }
    expect(a.receive('b', accept(B1, 1, 1, ['x'])).send).toEqual([nack])
    expect(a.receive('b', prepare(B1, 100)).send).toEqual([nack])
    expect(a.receive('b', heartbeat(B1, 1, 0)).send).toEqual([nack])
  })

  it('report what was accepted from the slot on that was asked for, in ascending slots, with gaps', () => {
    const a = nodeA()
    instantly(a, a.receive('b', accept(B1, 1, 5, ['5'])))
    instantly(a, a.receive('b', accept(B1, 1, 2, ['2', '3'])))
    const { sent } = instantly(a, a.receive('c', prepare(C2, 3)))
    expect(sent[0]?.message).toEqual(
      promise(C2, 3, { entries: [entry(3, B1, '3'), entry(5, B1, '5')] }),
    )
  })

  it('come in pages that fit in a frame, and each page can be asked for again', () => {
    const a = nodeA()
    const large = Array.from({ length: 12 }, (_, index) => String(index).repeat(100_000))
    for (const [index, value] of large.entries()) {
      instantly(a, a.receive('b', accept(B1, 1, index + 1, [value])))
    }
    const found = []
    for (let from = 1; from > 0;) {
      const { sent } = instantly(a, a.receive('c', prepare(C2, from)))
      const [answer] = only(sent, 'logPromise')
      if (answer === undefined) throw new Error('no promise')
      a.tick(10_000 * from)
      const [again] = only(a.receive('c', prepare(C2, from)).send, 'logPromise')
      expect(again?.message.entries[0]).toEqual(answer.message.entries[0])
      expect(answer.message.entries.length).toBeGreaterThan(0)
      expect(encode({ cluster: '', from: 'a', ...answer }).length).toBeLessThan(PAGE_BYTES + 50_000)
      found.push(...answer.message.entries)
      from = answer.message.next
    }
    expect(found.map(({ slot }) => slot)).toEqual(large.map((_, index) => index + 1))
  })

  it('a page that may be on its way is not sent again, and then less and less often', () => {
    const a = nodeA()
    instantly(a, a.receive('b', accept(B1, 1, 1, ['x'.repeat(100_000)])))
    instantly(a, a.receive('c', prepare(C2, 1)))
    const answeredAtMs: number[] = []
    for (let nowMs = 50; nowMs <= 2000; nowMs += 50) {
      a.tick(nowMs)
      if (a.receive('c', prepare(C2, 1)).send.length > 0) answeredAtMs.push(nowMs)
    }
    expect(answeredAtMs).toEqual([100, 300, 700, 1500])
    // The question before this one came late, or twice.
    expect(a.receive('c', prepare(C2, 2)).send).toHaveLength(1)
    a.tick(60_000)
    expect(a.receive('c', prepare(C2, 1))).toEqual(NO_EFFECTS)
  })

  it('a page is small at first, grows while the candidate asks on at once, and shrinks when it does not', () => {
    const a = nodeA()
    const value = 'x'.repeat(1000)
    for (let first = 1; first < 2000; first += 400) {
      instantly(
        a,
        a.receive(
          'b',
          accept(
            B1,
            1,
            first,
            Array.from({ length: 400 }, () => value),
          ),
        ),
      )
    }
    let [from, nowMs] = [1, 1]
    const pageAfter = (ms: number): number => {
      a.tick((nowMs += ms))
      const { sent } = instantly(a, a.receive('c', prepare(C2, from)))
      const [page] = only(sent, 'logPromise')
      from = page?.message.next ?? 0
      return page?.message.entries.length ?? 0
    }
    const sizes = [0, 5, 5, 5, 5, 900, 5].map(pageAfter)
    expect(sizes).toEqual([15, 30, 60, 120, 240, 120, 240])
  })

  it('a page holds at least one entry, however large, and at most MAX_BATCH_VALUES', () => {
    const a = nodeA()
    instantly(a, a.receive('b', accept(B1, 1, 1, ['x'.repeat(1_000_000)])))
    const many = Array.from({ length: MAX_BATCH_VALUES }, () => '')
    instantly(a, a.receive('b', accept(B1, 1, 2, many)))
    const [first] = only(instantly(a, a.receive('c', prepare(C2, 1))).sent, 'logPromise')
    expect(first?.message.entries).toHaveLength(1)
    expect(first?.message.next).toBe(2)
    const [second] = only(a.receive('c', prepare(C2, 2)).send, 'logPromise')
    expect(second?.message.entries.length).toBeLessThanOrEqual(MAX_BATCH_VALUES)
    expect(second?.message.entries.length).toBeGreaterThan(1000)
  })
})

describe('acceptances', () => {
  it('P1: leave when they are durable; a duplicate that comes meanwhile is not answered', () => {
    const a = nodeA()
    const first = a.receive('b', accept(B1, 1, 1, ['x', 'y']))
    expect(first.send).toEqual([])
    expect(first.save).toEqual({
      change: { promised: B1, accepted: [entry(1, B1, 'x'), entry(2, B1, 'y')] },
      then: [{ to: 'b', message: accepted(B1, 2) }],
    })
    expect(a.receive('b', accept(B1, 1, 1, ['x', 'y']))).toEqual(NO_EFFECTS)
    a.saved()
    expect(a.receive('b', accept(B1, 1, 1, ['x', 'y'])).send).toEqual([
      { to: 'b', message: accepted(B1, 2) },
    ])
  })

  it('the answer to a heartbeat claims no more than is durable', () => {
    const a = nodeA()
    a.receive('b', accept(B1, 1, 1, ['x']))
    expect(answeredThrough(a.receive('b', heartbeat(B1, 1, 0)))).toEqual([0])
    a.receive('b', accept(B1, 1, 2, ['y']))
    a.saved()
    expect(answeredThrough(a.receive('b', heartbeat(B1, 1, 0)))).toEqual([1])
    a.saved()
    expect(answeredThrough(a.receive('b', heartbeat(B1, 1, 0)))).toEqual([2])
  })

  it('that leave a gap are stored, and acknowledged when it closes', () => {
    const a = nodeA()
    const through = (first: number, text: string) =>
      only(instantly(a, a.receive('b', accept(B1, 1, first, [text]))).sent, 'logAccepted').map(
        ({ message }) => message.through,
      )
    expect(through(3, 'z')).toEqual([0])
    expect(through(2, 'y')).toEqual([0])
    expect(through(1, 'x')).toEqual([3])
  })

  it('one value a slot and ballot: a second one at the same ballot is not taken', () => {
    const a = nodeA()
    instantly(a, a.receive('b', accept(B1, 1, 1, ['x'])))
    expect(instantly(a, a.receive('b', accept(B1, 1, 1, ['y']))).changes).toEqual([])
    const { sent } = instantly(a, a.receive('c', prepare(C2, 1)))
    expect(sent[0]?.message).toMatchObject({ entries: [entry(1, B1, 'x')] })
  })

  it('P15: ballot and slot compare each by itself: a higher ballot wins in a lower slot and a higher one', () => {
    const a = nodeA()
    instantly(a, a.receive('b', accept(at(9, 'b'), 1, 1, ['x', 'y', 'z'])))
    instantly(a, a.receive('a2', accept(at(10, 'a2'), 2, 2, ['v'])))
    expect(a.receive('b', accept(at(9, 'b'), 1, 10, ['w'])).send).toEqual([
      { to: 'b', message: { type: 'nack', ballot: at(9, 'b'), promised: at(10, 'a2') } },
    ])
    const { sent } = instantly(a, a.receive('c', prepare(at(11, 'c'), 1)))
    expect(sent[0]?.message).toMatchObject({
      entries: [entry(1, at(9, 'b'), 'x'), entry(2, at(10, 'a2'), 'v'), entry(3, at(9, 'b'), 'z')],
    })
  })

  it('are dropped beyond reach, and when they cannot be what a leader says', () => {
    const a = nodeA()
    const reach = MAX_SLOTS_AHEAD
    expect(a.receive('b', accept(B1, 1, reach + 1, ['x'])).save).toBeUndefined()
    expect(a.receive('b', accept(B1, 1, 2 ** 33 - 1, ['x'])).save).toBeUndefined()
    expect(a.receive('b', accept(B1, 1, reach, ['x', 'y'])).save).toBeUndefined()
    expect(a.receive('b', accept(B1, 5, 4, ['x'])).save).toBeUndefined()
    expect(a.receive('b', accept(B1, 1, 1, [])).save).toBeUndefined()
    expect(a.receive('b', accept(B1, 1, reach, ['x'])).save).toBeDefined()
  })

  it('a ballot that speaks for another node, or is absurdly high, is not believed', () => {
    const a = nodeA()
    const stolen = disbelieved('c', 'owner')
    expect(a.receive('c', accept(B1, 1, 1, ['x']))).toEqual(stolen)
    expect(a.receive('c', prepare(B1, 1))).toEqual(stolen)
    expect(a.receive('c', heartbeat(B1, 1, 0))).toEqual(stolen)
    const last = at(Number.MAX_SAFE_INTEGER, 'b')
    const far = disbelieved('b', 'round')
    expect(a.receive('b', prepare(last, 1))).toEqual(far)
    expect(a.receive('b', { type: 'nack', ballot: at(1), promised: last })).toEqual(far)
    instantly(a, a.lead())
    expect(a.ballot).toEqual(at(1))
    expect(a.receive('a', prepare(at(5), 1))).toEqual(NO_EFFECTS)
  })
})

describe('learning', () => {
  it('a follower learns what it holds at the ballot of the leader that says so, and no other value', () => {
    const a = nodeA()
    instantly(a, a.receive('b', accept(B1, 1, 1, ['x', 'y', 'z'])))
    instantly(a, a.receive('c', accept(C2, 1, 1, ['x'])))
    // The leader with 2.c says that 1 to 3 are chosen; what is held in 2 and 3 is of 1.b.
    expect(learnt(a, a.receive('c', heartbeat(C2, 1, 3)))).toEqual([
      { type: 'chosen', first: 1, values: values('x') },
    ])
    expect(learnt(a, a.receive('c', accept(C2, 1, 2, ['v', 'w'], 3)))).toEqual([
      { type: 'chosen', first: 2, values: values('v', 'w') },
    ])
  })

  it('P17: what an old leader proposed and nobody chose is replaced by what the new one proposes', () => {
    const a = nodeA({ random: () => 0 })
    instantly(a, a.lead())
    instantly(a, a.receive('b', promise(at(1), 1)))
    instantly(a, a.propose(values('lost', 'lost too')).effects)
    const { events } = instantly(a, a.receive('c', accept(C2, 1, 1, ['kept', 'noted'], 2)))
    expect(events).toEqual([
      { type: 'leadership-lost', ballot: at(1) },
      { type: 'leader-changed', leader: 'c' },
      { type: 'chosen', first: 1, values: values('kept', 'noted') },
    ])
    const { sent } = instantly(a, a.receive('b', prepare(at(3, 'b'), 1)))
    expect(sent[0]?.message).toMatchObject({
      entries: [entry(1, C2, 'kept'), entry(2, C2, 'noted'), entry(3, at(1), 'lost too')],
    })
  })

  it('below the base of a leader nothing is learnt from it: such slots are fetched', () => {
    const a = nodeA()
    instantly(a, a.receive('c', accept(C2, 3, 3, ['z'], 2)))
    const { sent, events } = instantly(a, a.receive('c', heartbeat(C2, 3, 3)))
    expect(events).toEqual([])
    expect(only(sent, 'logHeartbeatAnswer')[0]?.message.through).toBe(3)
    const page = [entry(1, B1, 'x'), entry(2, B1, 'y')]
    expect(
      learnt(a, a.receive('c', { type: 'fetched', from: 1, entries: page, chosenThrough: 3 })),
    ).toEqual([{ type: 'chosen', first: 1, values: values('x', 'y') }])
    expect(learnt(a, a.receive('c', heartbeat(C2, 3, 3)))).toEqual([
      { type: 'chosen', first: 3, values: values('z') },
    ])
  })

  it('that something is chosen costs no save of its own, and rides on the next one', () => {
    const a = nodeA()
    instantly(a, a.receive('b', accept(B1, 1, 1, ['x'])))
    expect(a.receive('b', heartbeat(B1, 1, 1)).save).toBeUndefined()
    const { save } = a.receive('b', accept(B1, 1, 2, ['y'], 1))
    expect(save?.change.chosenThrough).toBe(1)
  })

  it('fetched entries are stored with their ballots, and the highest of them is promised with them', () => {
    const a = nodeA()
    instantly(a, a.receive('b', accept(B1, 1, 1, ['old', 'same'])))
    a.receive('c', knowsMore(3))
    const page = [entry(1, at(4, 'c'), 'x'), entry(2, B1, 'same'), entry(3, at(7, 'c'), 'z')]
    const { save } = a.receive('c', { type: 'fetched', from: 1, entries: page, chosenThrough: 3 })
    expect(save?.change).toEqual({
      promised: at(7, 'c'),
      accepted: [page[0], page[2]],
      chosenThrough: 3,
    })
    a.saved()
    // A leader with a lower ballot may not count this node for other values in those slots.
    expect(a.receive('b', accept(at(5, 'b'), 1, 3, ['w'])).send).toMatchObject([
      { to: 'b', message: { type: 'nack' } },
    ])
  })

  it('an acceptance at a higher ballot is not taken back by a fetched entry', () => {
    const a = nodeA()
    instantly(a, a.receive('c', accept(C2, 1, 1, ['x'])))
    a.receive('b', knowsMore(1))
    const page = [entry(1, B1, 'x')]
    const { changes, events } = instantly(
      a,
      a.receive('b', { type: 'fetched', from: 1, entries: page, chosenThrough: 1 }),
    )
    expect(changes).toEqual([])
    expect(events).toEqual([{ type: 'chosen', first: 1, values: values('x') }])
    const { sent } = instantly(a, a.receive('b', prepare(at(3, 'b'), 1)))
    expect(sent[0]?.message).toMatchObject({ entries: [entry(1, C2, 'x')] })
  })

  it('a chosen slot is acknowledged at a higher ballot without being stored again', () => {
    const a = nodeA()
    instantly(a, a.receive('b', accept(B1, 1, 1, ['x', 'y'], 0)))
    instantly(a, a.receive('b', heartbeat(B1, 1, 2)))
    const { sent, changes } = instantly(a, a.receive('c', accept(C2, 1, 1, ['x', 'y', 'z'])))
    expect(changes.flatMap((change) => change.accepted ?? [])).toEqual([entry(3, C2, 'z')])
    expect(only(sent, 'logAccepted')[0]?.message.through).toBe(3)
  })

  it('P3: a slot may hold an empty value, and it is chosen like any other', () => {
    const a = nodeA()
    instantly(a, a.receive('b', accept(B1, 1, 1, [''])))
    expect(learnt(a, a.receive('b', heartbeat(B1, 1, 1)))).toEqual([
      { type: 'chosen', first: 1, values: [new Uint8Array()] },
    ])
  })
})

describe('a restart', () => {
  const snapshot: Snapshot = { through: 2, members: [], bytes: bytes('state') }
  const saved: Saved = {
    promised: C2,
    accepted: [entry(3, B1, '3'), entry(4, C2, '4'), entry(5, C2, '5')],
    snapshot,
    chosenThrough: 4,
  }

  it('tells what is known to be chosen above the snapshot, with the first input and once', () => {
    const a = new MultiPaxos({ id: 'a', quorums: ABC, random: () => 0.5, saved })
    expect(a.tick(0).events).toEqual([{ type: 'chosen', first: 3, values: values('3', '4') }])
    expect(a.tick(1).events).toEqual([])
    expect([a.chosenThrough, a.compactedThrough, a.promised]).toEqual([4, 2, C2])
  })

  it('holds what it held: the leader needs to send nothing again', () => {
    const a = nodeA({ saved })
    const [answer] = only(a.receive('c', heartbeat(C2, 4, 4)).send, 'logHeartbeatAnswer')
    expect(answer?.message.through).toBe(5)
  })

  it('never uses a ballot again, even one that only an acceptance tells of', () => {
    const a = nodeA({
      saved: { ...saved, promised: B1, accepted: [entry(3, at(8, 'c'), '3')], chosenThrough: 2 },
    })
    instantly(a, a.lead())
    expect(a.ballot).toEqual(at(9))
  })

  it.each<[string, Partial<Saved>]>([
    ['a chosen slot without a value', { chosenThrough: 6 }],
    ['a snapshot of slots that no ballot can have chosen', { promised: null, accepted: [] }],
  ])('refuses a state that cannot be: %s', (_, change) => {
    const broken = { ...saved, ...change }
    expect(() => nodeA({ saved: broken })).toThrow(InvariantError)
  })

  it('a save that was never asked for is an error of the host', () => {
    expect(() => nodeA().saved()).toThrow(InvariantError)
  })
})
