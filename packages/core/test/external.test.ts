import { InvalidArgumentError, majority, NO_EFFECTS } from '@paxos/core'
import { ExternalNode, type ExternalNodeOptions } from '@paxos/core/external'
import { describe, expect, it } from 'vitest'
import { Cluster } from './cluster.ts'
import { instantly } from './instant.ts'
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
  propose,
} from './messages.ts'

const ABC = majority(['a', 'b', 'c'])

const nodeA = (options: Partial<ExternalNodeOptions<string>> = {}): ExternalNode<string> =>
  new ExternalNode<string>({ id: 'a', quorums: ABC, ...options })
const to = <M>(id: string, message: M) => ({ to: id, message })
const all = <M>(message: M) => to('all', message)

/** a was told to lead at 0 ms, and leads with 1.a. */
const leadingA = (options: Partial<ExternalNodeOptions<string>> = {}): ExternalNode<string> => {
  const node = nodeA(options)
  node.tick(0)
  instantly(node, node.takeOver())
  instantly(node, node.receive('b', promise(at(1))))
  if (node.phase !== 'leading') throw new Error('a quorum has promised')
  return node
}

describe('leading when told', () => {
  it('never prepares by itself, however long it hears nobody', () => {
    const a = nodeA()
    a.propose('x')
    expect(a.nextTickAtMs).toBeNull()
    for (let ms = 0; ms < 100_000; ms += 500) expect(a.tick(ms)).toEqual(NO_EFFECTS)
    expect(a.phase).toBe('idle')
  })

  it('told to, it prepares, and asks again until a quorum has promised', () => {
    const a = nodeA()
    a.tick(0)
    const attempt = instantly(a, a.takeOver())
    expect(attempt.changes).toEqual([{ promised: at(1) }])
    expect(attempt.sent).toEqual([to('b', prepare(at(1))), to('c', prepare(at(1)))])
    for (let ms = 200; ms <= 1000; ms += 200) {
      expect(a.nextTickAtMs).toBe(ms)
      expect(a.tick(ms).send).toEqual(attempt.sent)
    }
  })

  it('leading, it proclaims itself at once, reports it, and proposes its value', () => {
    const a = nodeA()
    a.tick(0)
    a.propose('x')
    instantly(a, a.takeOver())
    const leads = a.receive('c', promise(at(1)))
    expect(leads.send).toEqual([all(accept(at(1), 'x')), all(proclamation(at(1)))])
    expect(leads.events).toEqual([
      { type: 'leadership-acquired', ballot: at(1) },
      { type: 'leader-changed', leader: 'a' },
    ])
    expect(a).toMatchObject({ id: 'a', leader: 'a', phase: 'leading', ballot: at(1) })
  })

  it('P8: repeats its proclamation every period of milliseconds', () => {
    const a = leadingA({ proclamationPeriodMs: 30 })
    const times: number[] = []
    for (let ms = 1; ms <= 160; ms += 1) if (a.tick(ms).send.length > 0) times.push(ms)
    expect(times).toEqual([30, 60, 90, 120, 150])
    expect(leadingA().nextTickAtMs).toBe(1000)
  })

  it('its proclamations say when a value is chosen', () => {
    const a = leadingA()
    instantly(a, a.propose('x'))
    instantly(a, a.receive('b', accepted(at(1), 'x')))
    expect(a.holders).toEqual(new Set(['a', 'b']))
    expect(a.tick(1000).send).toEqual([all(proclamation(at(1), true))])
  })

  it('refused, it reports so and waits for the next word of the detector', () => {
    const a = nodeA()
    a.tick(0)
    instantly(a, a.takeOver())
    expect(a.receive('b', nack(at(1), at(8, 'b'))).events).toEqual([
      { type: 'preempted', ballot: at(1), promised: at(8, 'b') },
    ])
    for (let ms = 200; ms < 10_000; ms += 200) expect(a.tick(ms)).toEqual(NO_EFFECTS)
    expect(a.takeOver().save?.change).toEqual({ promised: at(9) })
  })

  it('told again while it leads, it starts afresh at a higher ballot', () => {
    const a = leadingA()
    const again = a.takeOver()
    expect(again.events).toEqual([
      { type: 'leader-changed', leader: null },
      { type: 'leadership-lost', ballot: at(1) },
    ])
    expect(again.save?.change).toEqual({ promised: at(2) })
  })

  it('told to while it follows, it forgets its leader', () => {
    const a = nodeA()
    a.receive('b', proclamation(at(1, 'b')))
    expect(a.takeOver()).toMatchObject({
      save: { change: { promised: at(2) } },
      events: [{ type: 'leader-changed', leader: null }],
    })
    expect(a.leader).toBeNull()
  })

  it('loses its leadership to the Nacks of a quorum, and reports it', () => {
    const a = leadingA()
    instantly(a, a.propose('x'))
    a.receive('b', nack(at(1), at(2, 'b')))
    expect(a.receive('c', nack(at(1), at(2, 'b'))).events).toEqual([
      { type: 'leadership-lost', ballot: at(1) },
      { type: 'leader-changed', leader: null },
    ])
    expect(a.leader).toBeNull()
    for (let ms = 0; ms < 10_000; ms += 500) expect(a.tick(ms)).toEqual(NO_EFFECTS)
  })

  it('a passive node that is told to lead does not, and a leader that turns passive stops', () => {
    const passive = nodeA({ active: false })
    expect(passive.takeOver()).toEqual(NO_EFFECTS)
    const a = leadingA()
    expect(a.setActive(false)).toEqual({
      send: [],
      events: [
        { type: 'leadership-lost', ballot: at(1) },
        { type: 'leader-changed', leader: null },
      ],
    })
    expect(a.tick(1000)).toEqual(NO_EFFECTS)
  })
})

describe('following a proclamation', () => {
  it('reports the leader once, and follows a higher one only', () => {
    const a = nodeA()
    expect(a.receive('b', proclamation(at(2, 'b'))).events).toEqual([
      { type: 'leader-changed', leader: 'b' },
    ])
    expect(a.receive('b', proclamation(at(2, 'b')))).toEqual(NO_EFFECTS)
    expect(a.receive('c', proclamation(at(1, 'c')))).toEqual(NO_EFFECTS)
    expect(a.leader).toBe('b')
    expect(a.receive('c', proclamation(at(3, 'c'))).events).toEqual([
      { type: 'leader-changed', leader: 'c' },
    ])
  })

  it('P5: a leader that follows another sends no Accept of its own, whatever comes', () => {
    const a = leadingA()
    instantly(a, a.propose('x'))
    const follows = instantly(a, a.receive('b', proclamation(at(2, 'b'))))
    expect(follows.events).toEqual([
      { type: 'leadership-lost', ballot: at(1) },
      { type: 'leader-changed', leader: 'b' },
    ])
    const later = [
      a.receive('c', promise(at(1))),
      a.receive('c', propose('of c')),
      a.propose('y'),
      ...[200, 400, 600, 1000].map((ms) => a.tick(ms)),
    ].flatMap(({ send }) => send)
    expect(later.map(({ message }) => message.type)).not.toContain('accept')
  })

  it('P5: nor does one that had sent its Prepare, when its promises come late', () => {
    const a = nodeA()
    a.tick(0)
    a.propose('x')
    instantly(a, a.takeOver())
    const follows = instantly(a, a.receive('b', proclamation(at(1, 'b'))))
    expect(follows.sent).toEqual([to('b', propose('x'))])
    expect(a.phase).toBe('idle')
    expect(a.receive('b', promise(at(1)))).toEqual(NO_EFFECTS)
    expect(a.receive('c', promise(at(1)))).toEqual(NO_EFFECTS)
  })

  it('hands its value to the leader, and asks it for a chosen one', () => {
    const a = nodeA()
    a.tick(0)
    a.propose('x')
    expect(a.receive('b', proclamation(at(1, 'b'), true)).send).toEqual([
      to('b', { type: 'learn' }),
      to('b', propose('x')),
    ])
    expect(a.tick(200).send).toEqual([to('b', propose('x'))])
    instantly(a, a.receive('b', chosen(at(1, 'b'), 'y')))
    expect(a.tick(400)).toEqual(NO_EFFECTS)
    expect(a.chosen?.value).toBe('y')
  })

  it('goes on following a leader whose rival has only prepared', () => {
    const a = nodeA()
    a.receive('b', proclamation(at(1, 'b')))
    instantly(a, a.receive('c', prepare(at(2, 'c'))))
    expect(a.leader).toBe('b')
  })

  it('does not take a heartbeat for a proclamation', () => {
    const a = nodeA()
    expect(a.receive('b', heartbeat(at(1, 'b'), true))).toEqual(NO_EFFECTS)
    expect(a.leader).toBeNull()
  })
})

describe('correcting a stale proclaimer', () => {
  it('a leader answers a proclamation below its own with its own, to that node only', () => {
    const a = leadingA()
    expect(a.receive('', proclamation(at(1, '')))).toEqual({
      send: [to('', proclamation(at(1)))],
      events: [],
    })
    expect(a.leader).toBe('a')
  })

  it('a node that does not lead corrects nobody', () => {
    const a = nodeA()
    a.receive('b', proclamation(at(5, 'b')))
    expect(a.receive('c', proclamation(at(4, 'c')))).toEqual(NO_EFFECTS)
    const preparing = nodeA()
    instantly(preparing, preparing.takeOver())
    expect(preparing.receive('', proclamation(at(1, '')))).toEqual(NO_EFFECTS)
  })
})

describe('a quorum that changes', () => {
  it('may make a preparing node the leader', () => {
    const a = nodeA({ quorums: majority(['a', 'b', 'c', 'd', 'e']) })
    a.tick(0)
    instantly(a, a.takeOver())
    a.receive('b', promise(at(1)))
    const smaller = a.setQuorums(ABC)
    expect(smaller.send).toEqual([all(proclamation(at(1)))])
    expect(a.leader).toBe('a')
  })
})

const three = (): Cluster<string, ExternalNode<string>> =>
  new Cluster<string, ExternalNode<string>>({
    ids: ['a', 'b', 'c'],
    quorums: ABC,
    create: (id, saved) => new ExternalNode({ id, quorums: ABC, saved }),
  })

describe('a cluster of three whose detector lies', () => {
  it('two nodes that are told to lead at once agree in the end, and both report who leads', () => {
    const cluster = three()
    cluster.propose('a', 'x')
    cluster.propose('b', 'y')
    for (const id of ['a', 'b']) {
      cluster.input(id, 'is told to lead', (engine) => engine.takeOver())
    }
    cluster.run(5000)
    expect(cluster.ids.map((id) => cluster.engine(id).leader)).toEqual(['b', 'b', 'b'])
    for (const id of cluster.ids) expect(cluster.engine(id).chosen?.value).toBe('y')
  })

  it('a leader that missed its successor is corrected by it', () => {
    const cluster = three()
    cluster.input('a', 'is told to lead', (engine) => engine.takeOver())
    cluster.settle()
    cluster.input('b', 'is told to lead', (engine) => engine.takeOver())
    cluster.completeSave('b')
    cluster.lose(cluster.find('b', 'a', 'prepare'))
    cluster.deliver(cluster.find('b', 'c', 'prepare'))
    cluster.completeSave('c')
    cluster.deliver(cluster.find('c', 'b', 'promise'))
    cluster.lose(cluster.find('b', 'a', 'proclamation'))
    expect(cluster.engine('a').leader).toBe('a')
    expect(cluster.engine('b').leader).toBe('b')

    cluster.advance(1000)
    cluster.lose(cluster.find('b', 'a', 'proclamation'))
    cluster.deliver(cluster.find('a', 'b', 'proclamation'))
    expect(cluster.engine('b').leader).toBe('b')
    cluster.deliver(cluster.find('b', 'a', 'proclamation'))
    expect(cluster.engine('a').leader).toBe('b')
  })
})

it.each([[0], [-5], [Number.NaN]])(
  'a proclamation period of %d ms is refused',
  (proclamationPeriodMs) => {
    expect(() => nodeA({ proclamationPeriodMs })).toThrow(InvalidArgumentError)
  },
)
