import {
  EMPTY_SAVED,
  InvalidArgumentError,
  InvariantError,
  majority,
  NO_EFFECTS,
  type NodeId,
  type Saved,
} from '@paxos/core'
import { Node, type NodeOptions } from '@paxos/core/practical'
import { describe, expect, it } from 'vitest'
import { Cluster } from '../cluster.ts'
import { instantly } from '../instant.ts'
import {
  accept,
  accepted,
  at,
  chosen,
  heartbeat,
  nack,
  prepare,
  proclamation,
  promise,
  proposal,
  propose,
} from '../messages.ts'

const ABC = majority(['a', 'b', 'c'])
const ABCDE = majority(['a', 'b', 'c', 'd', 'e'])

const nodeA = (options: Partial<NodeOptions<string>> = {}): Node<string> =>
  new Node<string>({ id: 'a', quorums: ABC, ...options })
const to = <M>(id: NodeId, message: M) => ({ to: id, message })

/** a leads with 1.a, has proposed 'x', and has accepted it itself. Time is 0. */
const leadingA = (options: Partial<NodeOptions<string>> = {}): Node<string> => {
  const node = nodeA(options)
  const { acceptors } = options.quorums ?? ABC
  node.tick(0)
  node.propose('x')
  instantly(node, node.prepare())
  for (const id of acceptors) if (id !== 'a') instantly(node, node.receive(id, promise(at(1))))
  if (node.phase !== 'leading') throw new Error('everybody has promised')
  return node
}

describe('a ballot from beginning to end, at its proposer', () => {
  it('each step leaves only what its save allows', () => {
    const a = nodeA()
    expect(a.propose('x')).toEqual(NO_EFFECTS)

    expect(a.prepare()).toEqual({
      send: [],
      save: {
        change: { promised: at(1) },
        then: [to('b', prepare(at(1))), to('c', prepare(at(1)))],
      },
      events: [],
    })
    expect(a.phase).toBe('preparing')
    expect(a.saved()).toEqual(NO_EFFECTS)

    // A second promise, with a's own: b's message and a's disk make a quorum.
    expect(a.receive('b', promise(at(1)))).toEqual({
      send: [to('all', accept(at(1), 'x'))],
      save: {
        change: { promised: at(1), accepted: [{ slot: 1, ballot: at(1), value: 'x' }] },
        then: [to('all', accepted(at(1), 'x'))],
      },
      events: [{ type: 'leadership-acquired', ballot: at(1) }],
    })
    expect(a.ballot).toEqual(at(1))
    expect(a.saved()).toEqual(NO_EFFECTS)

    expect(a.receive('b', accepted(at(1), 'x'))).toEqual({
      send: [],
      save: { change: { chosenThrough: 1 }, then: [] },
      events: [{ type: 'chosen', ballot: at(1), value: 'x' }],
    })
    expect(a.saved()).toEqual(NO_EFFECTS)
    expect(a.chosen).toEqual(proposal(at(1), 'x'))
  })

  it('its own promise does not count before it is durable', () => {
    const a = nodeA({ quorums: majority(['a', 'b']) })
    a.prepare()
    expect(a.receive('b', promise(at(1))).events).toEqual([])
    expect(a.phase).toBe('preparing')
    expect(a.saved().events).toEqual([{ type: 'leadership-acquired', ballot: at(1) }])
  })

  it('its own acceptance does not count before it is durable', () => {
    const a = nodeA({ quorums: majority(['a', 'b']) })
    a.propose('x')
    instantly(a, a.prepare())
    a.receive('b', promise(at(1)))
    expect(a.receive('b', accepted(at(1), 'x')).events).toEqual([])
    expect(a.saved().events).toEqual([{ type: 'chosen', ballot: at(1), value: 'x' }])
  })

  it('P14: alone, it tells nothing as chosen before both of its saves are reported', () => {
    const a = nodeA({ quorums: majority(['a']) })
    a.propose('x')
    expect(a.prepare()).toMatchObject({ send: [], save: { then: [] }, events: [] })
    expect(a.chosen).toBeNull()
    const second = a.saved()
    expect(second.save?.change.accepted).toEqual([{ slot: 1, ballot: at(1), value: 'x' }])
    expect(second.events).toEqual([{ type: 'leadership-acquired', ballot: at(1) }])
    expect(a.chosen).toBeNull()
    expect(a.saved().events).toEqual([{ type: 'chosen', ballot: at(1), value: 'x' }])
  })

  it('a leader without a value waits for one, and proposes the first', () => {
    const a = nodeA()
    instantly(a, a.prepare())
    const leads = a.receive('b', promise(at(1)))
    expect(leads).toEqual({
      send: [],
      events: [{ type: 'leadership-acquired', ballot: at(1) }],
    })
    expect(a.nextTickAtMs).toBeNull()
    expect(a.propose('x').send).toEqual([to('all', accept(at(1), 'x'))])
    expect(a.propose('y')).toEqual(NO_EFFECTS)
  })

  it('a leader proposes what another node hands it, and only the first', () => {
    const a = nodeA()
    instantly(a, a.prepare())
    a.receive('b', promise(at(1)))
    expect(a.receive('b', propose('of b')).send).toEqual([to('all', accept(at(1), 'of b'))])
    expect(a.receive('c', propose('of c'))).toEqual(NO_EFFECTS)
  })

  it('the first proposal of a node stands', () => {
    const a = nodeA()
    a.propose('first')
    a.propose('second')
    expect(a.wanted).toEqual({ value: 'first' })
  })

  it('who does not lead proposes nothing for others', () => {
    expect(nodeA().receive('b', propose('x'))).toEqual(NO_EFFECTS)
  })

  it('a value that promises reveal goes before its own', () => {
    const a = nodeA()
    a.propose('own')
    instantly(a, a.prepare())
    const leads = a.receive('b', promise(at(1), proposal(at(1, ''), 'old')))
    expect(leads.send).toEqual([to('all', accept(at(1), 'old'))])
  })

  it('a leader that learns what was chosen before it has proposed proposes nothing more', () => {
    const a = nodeA()
    instantly(a, a.prepare())
    instantly(a, a.receive('b', promise(at(1))))
    instantly(a, a.receive('c', chosen(at(2, 'c'), 'x')))
    expect(a.phase).toBe('leading')
    expect(a.propose('y')).toEqual(NO_EFFECTS)
    expect(a.receive('b', propose('z'))).toEqual(NO_EFFECTS)
  })

  it('who knows what was chosen proposes nothing more', () => {
    const a = nodeA()
    a.propose('own')
    instantly(a, a.receive('b', chosen(at(1, 'b'), 'x')))
    instantly(a, a.prepare())
    const leads = a.receive('c', promise(at(2), proposal(at(1, 'b'), 'x')))
    expect(leads).toEqual({
      send: [],
      events: [{ type: 'leadership-acquired', ballot: at(2) }],
    })
    expect(a.propose('y')).toEqual(NO_EFFECTS)
    expect(a.receive('b', propose('z'))).toEqual(NO_EFFECTS)
  })
})

describe('at an acceptor, nothing leaves before it is durable', () => {
  it('a promise waits for its save, and goes to who asked', () => {
    expect(nodeA().receive('b', prepare(at(1, 'b')))).toEqual({
      send: [],
      save: { change: { promised: at(1, 'b') }, then: [to('b', promise(at(1, 'b')))] },
      events: [],
    })
  })

  it('an acceptance waits for its save, and goes to every learner', () => {
    expect(nodeA().receive('b', accept(at(1, 'b'), 'x'))).toEqual({
      send: [],
      save: {
        change: { promised: at(1, 'b'), accepted: [{ slot: 1, ballot: at(1, 'b'), value: 'x' }] },
        then: [to('all', accepted(at(1, 'b'), 'x'))],
      },
      events: [],
    })
  })

  it('P1: a Prepare that comes again is answered only when the first save is done', () => {
    const a = nodeA()
    a.receive('b', prepare(at(1, 'b')))
    expect(a.receive('b', prepare(at(1, 'b')))).toEqual(NO_EFFECTS)
    a.saved()
    expect(a.receive('b', prepare(at(1, 'b')))).toEqual({
      send: [to('b', promise(at(1, 'b')))],
      events: [],
    })
  })

  it('P1: an Accept that comes again is answered only when the first save is done', () => {
    const a = nodeA()
    a.receive('b', accept(at(1, 'b'), 'x'))
    expect(a.receive('b', accept(at(1, 'b'), 'x'))).toEqual(NO_EFFECTS)
    a.saved()
    expect(a.receive('b', accept(at(1, 'b'), 'x'))).toEqual({
      send: [to('all', accepted(at(1, 'b'), 'x'))],
      events: [],
    })
  })

  it('refusals name the promised ballot, and wait for nothing', () => {
    const a = nodeA()
    a.receive('c', prepare(at(7, 'c')))
    const refusal = nack(at(1, 'b'), at(7, 'c'))
    expect(a.receive('b', prepare(at(1, 'b')))).toEqual({ send: [to('b', refusal)], events: [] })
    expect(a.receive('b', accept(at(1, 'b'), 'x'))).toEqual({
      send: [to('b', refusal)],
      events: [],
    })
  })

  it('saves may overlap: each report counts for the oldest', () => {
    const a = nodeA()
    a.receive('b', prepare(at(1, 'b')))
    a.receive('c', prepare(at(1, 'c')))
    a.saved()
    expect(a.receive('c', prepare(at(1, 'c')))).toEqual(NO_EFFECTS)
    a.saved()
    expect(a.receive('c', prepare(at(1, 'c'))).send).toEqual([to('c', promise(at(1, 'c')))])
  })

  it('a save that was never asked for cannot be reported', () => {
    expect(() => nodeA().saved()).toThrow(InvariantError)
  })
})

describe('ballots of other proposers', () => {
  it.each([
    ['a Prepare', prepare(at(7, 'b'))],
    ['an Accept', accept(at(7, 'b'), 'x')],
    ['an Accepted', accepted(at(7, 'b'), 'x')],
    ['a heartbeat', heartbeat(at(7, 'b'))],
    ['a proclamation', proclamation(at(7, 'b'))],
    ['a Nack to an older ballot', nack(at(1), at(7, 'b'))],
    ['a Chosen', chosen(at(7, 'b'), 'x')],
  ])('%s is observed: the next attempt goes above it', (_, message) => {
    const a = nodeA()
    instantly(a, a.receive('b', message))
    const attempt = a.prepare()
    expect(attempt.save?.change).toEqual({ promised: at(8) })
    expect(attempt.save?.then).toContainEqual(to('c', prepare(at(8))))
  })

  it('a passive node observes too', () => {
    const a = nodeA({ active: false })
    a.receive('b', prepare(at(7, 'b')))
    a.setActive(true)
    expect(a.prepare().save?.change).toEqual({ promised: at(8) })
  })
})

describe('leadership', () => {
  it('an attempt that is refused says so at once, and the next one jumps past the refusal', () => {
    const a = nodeA()
    instantly(a, a.prepare())
    expect(a.receive('b', nack(at(1), at(41, 'c')))).toEqual({
      send: [],
      events: [{ type: 'preempted', ballot: at(1), promised: at(41, 'c') }],
    })
    expect(a.phase).toBe('idle')
    expect(a.ballot).toBeNull()
    expect(a.prepare().save?.change).toEqual({ promised: at(42) })
  })

  it('P6: any number of Nacks for one Prepare ends one attempt, and starts none', () => {
    const a = nodeA({ quorums: ABCDE })
    a.tick(0)
    instantly(a, a.prepare())
    expect(a.receive('b', nack(at(1), at(2, 'c'))).events).toHaveLength(1)
    for (const from of ['b', 'c', 'd', 'e', 'b', 'c', 'd', 'e']) {
      expect(a.receive(from, nack(at(1), at(2, 'c')))).toEqual(NO_EFFECTS)
    }
    expect(a.tick(10_000)).toEqual(NO_EFFECTS)
  })

  it('is lost when so many refuse that the rest is no quorum', () => {
    const a = leadingA()
    expect(a.receive('b', nack(at(1), at(2, 'b')))).toEqual(NO_EFFECTS)
    expect(a.phase).toBe('leading')
    expect(a.receive('c', nack(at(1), at(2, 'b')))).toEqual({
      send: [],
      events: [{ type: 'leadership-lost', ballot: at(1) }],
    })
    expect(a.phase).toBe('idle')
  })

  it('P6: a leader that a minority refused prepares one new ballot, however many Nacks', () => {
    const a = leadingA({ quorums: ABCDE })
    for (let count = 0; count < 5; count += 1) {
      for (const from of ['b', 'c']) {
        expect(a.receive(from, nack(at(1), at(6, 'b')))).toEqual(NO_EFFECTS)
      }
    }
    const again = a.tick(200)
    expect(again.events).toEqual([{ type: 'leadership-lost', ballot: at(1) }])
    expect(again.save?.change).toEqual({ promised: at(7) })
    expect(again.send).toEqual([])
    expect(a.ballot).toEqual(at(7))
    for (const from of ['b', 'c', 'd', 'e']) {
      expect(a.receive(from, nack(at(1), at(6, 'b')))).toEqual(NO_EFFECTS)
    }
    expect(a.ballot).toEqual(at(7))
  })

  it('a leader whose own acceptor has promised away hears it from itself', () => {
    const a = nodeA()
    instantly(a, a.prepare())
    a.receive('b', promise(at(1)))
    instantly(a, a.receive('b', prepare(at(2, 'b'))))
    // Its own refusal is one of two that it takes; it never leaves the node.
    expect(a.propose('x')).toEqual({ send: [to('all', accept(at(1), 'x'))], events: [] })
    expect(a.receive('c', nack(at(1), at(2, 'b'))).events).toEqual([
      { type: 'leadership-lost', ballot: at(1) },
    ])
  })

  it('is given up by resigning, and by preparing again', () => {
    const lost = { type: 'leadership-lost', ballot: at(1) }
    expect(leadingA().resign()).toEqual({ send: [], events: [lost] })
    expect(leadingA().prepare()).toMatchObject({
      save: { change: { promised: at(2) } },
      events: [lost],
    })
    expect(nodeA().resign()).toEqual(NO_EFFECTS)
  })

  it('after resigning, late promises and acceptances lead to nothing new', () => {
    const a = nodeA()
    a.propose('x')
    instantly(a, a.prepare())
    a.resign()
    expect(a.receive('b', promise(at(1)))).toEqual(NO_EFFECTS)
    expect(a.receive('c', promise(at(1)))).toEqual(NO_EFFECTS)
    expect(a.nextTickAtMs).toBeNull()
  })
})

describe('retransmission', () => {
  it('of a Prepare: after the interval, to those only that have not answered', () => {
    const a = nodeA({ quorums: ABCDE, retransmitIntervalMs: 50 })
    a.tick(1000)
    instantly(a, a.prepare())
    a.receive('d', promise(at(1)))
    expect(a.nextTickAtMs).toBe(1050)
    expect(a.tick(1049)).toEqual(NO_EFFECTS)
    const missing = ['b', 'c', 'e'].map((id) => to(id, prepare(at(1))))
    expect(a.tick(1050)).toEqual({ send: missing, events: [] })
    a.receive('b', promise(at(1)))
    expect(a.nextTickAtMs).toBeNull()
  })

  it('of an Accept: after the interval, to those only that have not answered', () => {
    const a = leadingA({ quorums: ABCDE })
    a.receive('c', accepted(at(1), 'x'))
    expect(a.nextTickAtMs).toBe(200)
    const missing = ['b', 'd', 'e'].map((id) => to(id, accept(at(1), 'x')))
    expect(a.tick(200)).toEqual({ send: missing, events: [] })
  })

  it('stops once the value is chosen', () => {
    const a = leadingA()
    expect(a.nextTickAtMs).toBe(200)
    instantly(a, a.receive('b', accepted(at(1), 'x')))
    expect(a.nextTickAtMs).toBeNull()
    expect(a.tick(200)).toEqual(NO_EFFECTS)
    expect(a.tick(10_000)).toEqual(NO_EFFECTS)
  })

  it('P8: again and again at the interval in milliseconds, from when each was due', () => {
    const a = nodeA({ quorums: ABCDE, retransmitIntervalMs: 75 })
    a.tick(10)
    instantly(a, a.prepare())
    const times: number[] = []
    for (let ms = 10; ms <= 400; ms += 1) if (a.tick(ms).send.length > 0) times.push(ms)
    expect(times).toEqual([85, 160, 235, 310, 385])

    const leader = leadingA({ retransmitIntervalMs: 75 })
    const accepts: number[] = []
    for (let ms = 0; ms <= 400; ms += 1) if (leader.tick(ms).send.length > 0) accepts.push(ms)
    expect(accepts).toEqual([75, 150, 225, 300, 375])
  })

  it('of a Prepare waits for its save, as the first one did', () => {
    const a = nodeA()
    a.tick(0)
    a.prepare()
    expect(a.tick(200)).toEqual(NO_EFFECTS)
    expect(a.nextTickAtMs).toBe(400)
    a.saved()
    expect(a.tick(400).send).toEqual([to('b', prepare(at(1))), to('c', prepare(at(1)))])
  })

  it('of an Accept does not make its own acceptance count before it is durable', () => {
    const a = nodeA()
    a.tick(0)
    a.propose('x')
    instantly(a, a.prepare())
    a.receive('b', promise(at(1)))
    expect(a.tick(200)).toEqual({
      send: [to('b', accept(at(1), 'x')), to('c', accept(at(1), 'x'))],
      events: [],
    })
    expect(a.receive('b', accepted(at(1), 'x')).events).toEqual([])
    expect(a.saved().events).toHaveLength(1)
  })

  it('an engine that was never told the time asks for it, and then waits the whole interval', () => {
    const a = nodeA()
    expect(a.nextTickAtMs).toBeNull()
    instantly(a, a.prepare())
    expect(a.nextTickAtMs).toBe(0)
    expect(a.tick(5000)).toEqual(NO_EFFECTS)
    expect(a.nextTickAtMs).toBe(5200)
  })

  it('a new attempt waits for its own interval, not for the rest of an old one', () => {
    const a = nodeA()
    a.tick(0)
    instantly(a, a.prepare())
    a.receive('b', nack(at(1), at(2, 'b')))
    a.tick(190)
    instantly(a, a.prepare())
    expect(a.nextTickAtMs).toBe(390)
  })
})

describe('a passive node listens and stays silent', () => {
  it('promises, accepts, refuses, answers and proposes nothing', () => {
    const saved: Saved<string> = {
      ...EMPTY_SAVED,
      promised: at(5, 'b'),
      accepted: [{ slot: 1, ballot: at(5, 'b'), value: 'x' }],
      chosenThrough: 1,
    }
    const a = nodeA({ active: false, saved })
    expect(a.active).toBe(false)
    for (const message of [
      prepare(at(9, 'b')),
      accept(at(9, 'b'), 'x'),
      prepare(at(1, 'b')),
      accept(at(1, 'b'), 'y'),
      propose('z'),
      { type: 'learn' } as const,
    ]) {
      expect(a.receive('b', message)).toEqual(NO_EFFECTS)
    }
    expect(a.prepare()).toEqual(NO_EFFECTS)
    expect(a.propose('own')).toEqual(NO_EFFECTS)
    expect(nodeA({ active: false }).learn('b')).toEqual(NO_EFFECTS)
    expect(a.promised).toEqual(at(5, 'b'))
    expect(a.nextTickAtMs).toBeNull()
  })

  it('learns, tells its application, and records it', () => {
    const a = nodeA({ active: false })
    a.receive('b', accepted(at(1, 'b'), 'x'))
    expect(a.receive('c', accepted(at(1, 'b'), 'x'))).toEqual({
      send: [],
      save: {
        change: {
          promised: at(1, 'b'),
          accepted: [{ slot: 1, ballot: at(1, 'b'), value: 'x' }],
          chosenThrough: 1,
        },
        then: [],
      },
      events: [{ type: 'chosen', ballot: at(1, 'b'), value: 'x' }],
    })
  })

  it('gives up its leadership when it becomes passive, and votes again when active', () => {
    const a = leadingA()
    expect(a.setActive(false)).toEqual({
      send: [],
      events: [{ type: 'leadership-lost', ballot: at(1) }],
    })
    expect(a.receive('b', prepare(at(2, 'b')))).toEqual(NO_EFFECTS)
    expect(a.setActive(true)).toEqual(NO_EFFECTS)
    expect(a.receive('b', prepare(at(2, 'b'))).save?.then).toEqual([
      to('b', promise(at(2, 'b'), proposal(at(1), 'x'))),
    ])
  })
})

describe('learning from others', () => {
  it('asks one node or all, only while it knows nothing', () => {
    const a = nodeA()
    expect(a.learn('b').send).toEqual([to('b', { type: 'learn' })])
    expect(a.learn().send).toEqual([to('all', { type: 'learn' })])
    instantly(a, a.receive('b', chosen(at(1, 'b'), 'x')))
    expect(a.learn()).toEqual(NO_EFFECTS)
  })

  it('who knows answers, who does not is silent', () => {
    const a = nodeA()
    expect(a.receive('b', { type: 'learn' })).toEqual(NO_EFFECTS)
    instantly(a, a.receive('b', chosen(at(1, 'b'), 'x')))
    expect(a.receive('c', { type: 'learn' }).send).toEqual([to('c', chosen(at(1, 'b'), 'x'))])
  })

  it('tells its application once, however often it is told', () => {
    const a = nodeA()
    expect(a.receive('b', chosen(at(1, 'b'), 'x')).events).toHaveLength(1)
    expect(a.receive('c', chosen(at(1, 'b'), 'x'))).toEqual(NO_EFFECTS)
    expect(a.receive('b', accepted(at(1, 'b'), 'x'))).toEqual(NO_EFFECTS)
    expect(a.receive('c', accepted(at(1, 'b'), 'x'))).toEqual(NO_EFFECTS)
    expect(a.chosen).toEqual(proposal(at(1, 'b'), 'x'))
  })

  it('goes on tracking which acceptors hold the chosen value', () => {
    const a = leadingA()
    expect(a.holders).toEqual(new Set())
    a.receive('c', accepted(at(1), 'x'))
    expect(a.holders).toEqual(new Set(['a', 'c']))
    a.receive('b', accepted(at(1), 'x'))
    expect(a.holders).toEqual(new Set(['a', 'b', 'c']))
  })
})

describe('after a restart', () => {
  const saved: Saved<string> = {
    ...EMPTY_SAVED,
    promised: at(3),
    accepted: [{ slot: 1, ballot: at(3), value: 'x' }],
  }

  it('P2: a node that led runs phase 1 again, at a new ballot', () => {
    const a = nodeA({ saved })
    expect(a.phase).toBe('idle')
    expect(a.propose('y')).toEqual(NO_EFFECTS)
    expect(a.tick(10_000)).toEqual(NO_EFFECTS)
    expect(a.receive('b', promise(at(3)))).toEqual(NO_EFFECTS)
    expect(a.receive('c', promise(at(3)))).toEqual(NO_EFFECTS)
    expect(a.prepare().save).toEqual({
      change: { promised: at(4) },
      then: [to('b', prepare(at(4))), to('c', prepare(at(4)))],
    })
  })

  it('it reports what it had accepted', () => {
    const a = nodeA({ saved })
    expect(a.accepted).toEqual(proposal(at(3), 'x'))
    expect(a.receive('b', prepare(at(4, 'b'))).save?.then).toEqual([
      to('b', promise(at(4, 'b'), proposal(at(3), 'x'))),
    ])
  })

  it('its own acceptance binds it like those of others', () => {
    const a = nodeA({ saved })
    a.propose('y')
    instantly(a, a.prepare())
    expect(a.receive('b', promise(at(4))).send).toEqual([to('all', accept(at(4), 'x'))])
  })

  it('it knows a value that it had recorded as chosen, answers with it, and tells it never', () => {
    const a = nodeA({ saved: { ...saved, chosenThrough: 1 } })
    expect(a.chosen).toEqual(proposal(at(3), 'x'))
    expect(a.receive('b', { type: 'learn' }).send).toEqual([to('b', chosen(at(3), 'x'))])
    expect(a.receive('b', chosen(at(3), 'x'))).toEqual(NO_EFFECTS)
    expect(a.learn()).toEqual(NO_EFFECTS)
  })
})

describe('a quorum that changes', () => {
  it('grows in mid-ballot: the attempt goes on until enough of the new ones have promised', () => {
    const a = nodeA()
    a.tick(0)
    a.propose('x')
    instantly(a, a.prepare())
    expect(a.setQuorums(ABCDE)).toEqual(NO_EFFECTS)
    expect(a.receive('b', promise(at(1)))).toEqual(NO_EFFECTS)
    const missing = ['c', 'd', 'e'].map((id) => to(id, prepare(at(1))))
    expect(a.tick(200).send).toEqual(missing)
    expect(a.receive('e', promise(at(1))).send).toEqual([to('all', accept(at(1), 'x'))])
  })

  it('shrinks in mid-ballot: the promises of those that stay may suffice at once', () => {
    const a = nodeA({ quorums: ABCDE })
    a.propose('x')
    instantly(a, a.prepare())
    a.receive('b', promise(at(1)))
    const smaller = a.setQuorums(ABC)
    expect(smaller.events).toEqual([{ type: 'leadership-acquired', ballot: at(1) }])
    expect(smaller.send).toEqual([to('all', accept(at(1), 'x'))])
  })

  it('shrinks in phase 2: what those that stay have accepted may be chosen at once', () => {
    const a = leadingA({ quorums: ABCDE })
    a.receive('b', accepted(at(1), 'x'))
    expect(a.setQuorums(ABC).events).toEqual([{ type: 'chosen', ballot: at(1), value: 'x' }])
  })

  it('grows in phase 2: the value is chosen by a quorum of the larger', () => {
    const a = leadingA()
    a.setQuorums(ABCDE)
    expect(a.receive('b', accepted(at(1), 'x')).events).toEqual([])
    expect(a.receive('e', accepted(at(1), 'x')).events).toHaveLength(1)
  })

  it('a node that is no acceptor can lead, but its own promise and acceptance do not count', () => {
    const p = new Node<string>({ id: 'p', quorums: ABC })
    p.propose('x')
    const attempt = instantly(p, p.prepare())
    expect(attempt.sent.map((each) => each.to)).toEqual(['a', 'b', 'c'])
    expect(p.receive('a', promise(at(1, 'p'))).events).toEqual([])
    const leads = instantly(p, p.receive('b', promise(at(1, 'p'))))
    expect(leads.sent).toContainEqual(to('all', accept(at(1, 'p'), 'x')))
    expect(p.receive('a', accepted(at(1, 'p'), 'x')).events).toEqual([])
    expect(p.receive('c', accepted(at(1, 'p'), 'x')).events).toHaveLength(1)
  })
})

describe('options', () => {
  it.each([[0], [-1], [Number.NaN], [Number.POSITIVE_INFINITY]])(
    'a retransmission interval of %d ms is refused',
    (retransmitIntervalMs) => {
      expect(() => nodeA({ retransmitIntervalMs })).toThrow(InvalidArgumentError)
    },
  )

  it("no node is called 'all'", () => {
    expect(() => nodeA({ id: 'all' })).toThrow(InvalidArgumentError)
  })

  it('the defaults are an active node that retransmits after 200 ms', () => {
    expect(nodeA()).toMatchObject({ active: true, retransmitIntervalMs: 200 })
  })
})

describe('P3: falsy values and ids', () => {
  it.each([[''], [0], [false], [null]])('%j is chosen exactly once', (value) => {
    const ids = ['', '0', 'c']
    const quorums = majority(ids)
    const cluster = new Cluster<unknown, Node<unknown>>({
      ids,
      quorums,
      create: (id, saved) => new Node<unknown>({ id, quorums, saved }),
    })
    cluster.propose('', value)
    cluster.input('', 'prepares', (node) => node.prepare())
    cluster.completeSave('')
    cluster.lose(cluster.find('', 'c', 'prepare'))
    cluster.settle()
    expect(cluster.safety.chosen).toBe(JSON.stringify(value))

    // A rival that hears nothing of it until now proposes it again, and nobody is told twice.
    cluster.propose('c', 'another')
    cluster.input('c', 'prepares', (node) => node.prepare())
    cluster.settle()
    for (const id of ids) {
      expect(cluster.engine(id).chosen?.value).toBe(value)
      const told = cluster.trace.lines.filter((line) => line.startsWith(`${id.padEnd(7)}learns `))
      expect(told).toHaveLength(1)
    }
  })

  it('falsy values are retransmitted', () => {
    const a = new Node<unknown>({ id: '', quorums: majority(['', 'b', 'c']) })
    a.tick(0)
    a.propose(null)
    instantly(a, a.prepare())
    instantly(a, a.receive('b', promise(at(1, ''))))
    expect(a.tick(200).send).toEqual([
      to('b', accept(at(1, ''), null)),
      to('c', accept(at(1, ''), null)),
    ])
  })
})

const isValue = (value: string): boolean => value !== '!'

describe('a value that is none', () => {
  it.each([
    accept(at(1, 'b'), '!'),
    propose('!'),
    promise(at(1), proposal(at(1, 'b'), '!')),
    chosen(at(1, 'b'), '!'),
  ])('is neither accepted, proposed nor believed, in a $type', (message) => {
    const a = nodeA({ isValue })
    instantly(a, a.prepare())
    expect(a.receive('b', message)).toEqual({
      send: [],
      events: [{ type: 'disbelieved', from: 'b', reason: 'value' }],
    })
  })

  it('is learnt where a quorum has chosen it all the same', () => {
    const a = nodeA({ isValue })
    a.receive('b', accepted(at(1, 'b'), '!'))
    a.receive('c', accepted(at(1, 'b'), '!'))
    expect(a.chosen?.value).toBe('!')
  })
})
