import { EMPTY_SAVED, InvalidArgumentError, majority, NO_EFFECTS } from '@paxos/core'
import { HeartbeatNode, type HeartbeatNodeOptions } from '@paxos/core/functional'
import { describe, expect, it } from 'vitest'
import { Cluster, seededRandom } from './cluster.ts'
import { instantly } from './instant.ts'
import {
  accept,
  accepted,
  at,
  chosen,
  heartbeat,
  nack,
  prepare,
  promise,
  proposal,
  propose,
} from './messages.ts'

const ABC = majority(['a', 'b', 'c'])

/** No jitter, unless the test brings some: the window is exactly 1000 ms. */
const nodeA = (options: Partial<HeartbeatNodeOptions<string>> = {}): HeartbeatNode<string> =>
  new HeartbeatNode<string>({ id: 'a', quorums: ABC, random: () => 0, ...options })
const to = <M>(id: string, message: M) => ({ to: id, message })
const all = <M>(message: M) => to('all', message)

/** a has taken over at 1000 ms, and leads with 1.a. */
const leadingA = (options: Partial<HeartbeatNodeOptions<string>> = {}): HeartbeatNode<string> => {
  const node = nodeA(options)
  node.tick(0)
  instantly(node, node.tick(1000))
  instantly(node, node.receive('b', promise(at(1))))
  if (node.phase !== 'leading') throw new Error('a quorum has promised')
  return node
}

const threeNodes = (seed = 1): Cluster<string, HeartbeatNode<string>> => {
  const random = seededRandom(seed)
  return new Cluster<string, HeartbeatNode<string>>({
    ids: ['a', 'b', 'c'],
    quorums: ABC,
    create: (id, saved) => new HeartbeatNode({ id, quorums: ABC, saved, random }),
  })
}

describe('taking over', () => {
  it('is put off for as long as the host stood still, and for a quarter of a window to read', () => {
    const a = nodeA()
    a.tick(0)
    a.tick(900)
    // 4.75 s are not counted: of the window 100 ms are left, and 250 ms are allowed.
    expect(a.tick(5900, 4750)).toEqual(NO_EFFECTS)
    expect(a.tick(6149)).toEqual(NO_EFFECTS)
    a.tick(6150)
    expect(a.phase).toBe('preparing')
    // Of another, 900 ms.
    const b = nodeA()
    b.tick(0)
    b.tick(100)
    b.tick(5100, 4750)
    b.tick(5749)
    expect(b.phase).toBe('idle')
    b.tick(5750)
    expect(b.phase).toBe('preparing')
  })

  it('a node that hears nobody for a liveness window prepares, and not before', () => {
    const a = nodeA()
    expect(a.tick(50)).toEqual(NO_EFFECTS)
    expect(a.nextTickAtMs).toBe(1050)
    expect(a.tick(1049)).toEqual(NO_EFFECTS)
    expect(a.phase).toBe('idle')
    expect(a.tick(1050).save).toEqual({
      change: { promised: at(1) },
      then: [to('b', prepare(at(1))), to('c', prepare(at(1)))],
    })
    expect(a.phase).toBe('preparing')
  })

  it('before the first tick it only asks for the time', () => {
    expect(nodeA().nextTickAtMs).toBe(0)
    expect(nodeA().leader).toBeNull()
  })

  it('each heartbeat of the leader restarts the window', () => {
    const a = nodeA()
    for (let ms = 0; ms <= 5000; ms += 900) {
      expect(a.tick(ms).save).toBeUndefined()
      a.receive('b', heartbeat(at(1, 'b')))
    }
    expect(a.tick(5499)).toEqual(NO_EFFECTS)
    expect(a.tick(5500)).toMatchObject({
      save: { change: { promised: at(2) } },
      events: [{ type: 'leader-changed', leader: null }],
    })
  })

  it('it stands back for a window when somebody else has just tried', () => {
    const a = nodeA()
    a.tick(0)
    a.tick(900)
    instantly(a, a.receive('b', prepare(at(1, 'b'))))
    expect(a.nextTickAtMs).toBe(1900)
    expect(a.tick(1899)).toEqual(NO_EFFECTS)
    expect(a.tick(1900).save?.change).toEqual({ promised: at(2) })
  })

  it.each([
    ['a Prepare that it refuses', prepare(at(4, 'c'))],
    ['a Prepare that it has answered before', prepare(at(5, 'b'))],
    ['a heartbeat below the leader', heartbeat(at(4, 'c'))],
    ['an Accept', accept(at(5, 'b'), 'x')],
    ['a question', { type: 'learn' } as const],
  ])('but %s does not hold it back', (_, message) => {
    const a = nodeA({ saved: { ...EMPTY_SAVED, promised: at(5, 'b') } })
    a.tick(0)
    a.receive('b', heartbeat(at(5, 'b')))
    a.tick(900)
    instantly(a, a.receive('c', message))
    expect(a.tick(1000).save?.change).toEqual({ promised: at(6) })
  })

  it('it yields when a higher Prepare comes while it prepares: one of two goes through', () => {
    const a = nodeA()
    a.tick(0)
    instantly(a, a.tick(1000))
    const yielding = instantly(a, a.receive('b', prepare(at(2, 'b'))))
    expect(yielding.sent).toEqual([to('b', promise(at(2, 'b')))])
    expect(a.phase).toBe('idle')
    expect(a.receive('c', promise(at(1)))).toEqual(NO_EFFECTS)
    expect(a.nextTickAtMs).toBe(2000)
  })

  it('it does not yield to a lower Prepare', () => {
    const a = nodeA()
    a.tick(0)
    instantly(a, a.tick(1000))
    expect(a.receive('', prepare(at(1, ''))).send).toEqual([to('', nack(at(1, ''), at(1)))])
    expect(a.phase).toBe('preparing')
  })

  it('refused, it waits for a whole window and then jumps past the refusal', () => {
    const a = nodeA()
    a.tick(0)
    instantly(a, a.tick(1000))
    a.tick(1100)
    expect(a.receive('b', nack(at(1), at(30, 'c'))).events).toEqual([
      { type: 'preempted', ballot: at(1), promised: at(30, 'c') },
    ])
    expect(a.tick(2099)).toEqual(NO_EFFECTS)
    expect(a.tick(2100).save?.change).toEqual({ promised: at(31) })
  })

  it('unanswered, it asks again at the retransmission interval, and afresh after a window', () => {
    const a = nodeA()
    a.tick(0)
    instantly(a, a.tick(1000))
    expect(a.nextTickAtMs).toBe(1200)
    expect(a.tick(1200).send).toEqual([to('b', prepare(at(1))), to('c', prepare(at(1)))])
    for (let ms = 1400; ms < 2000; ms += 200) expect(a.tick(ms).send).toHaveLength(2)
    expect(a.tick(2000).save?.change).toEqual({ promised: at(2) })
  })
})

const windowsOf = (seed: number): number[] => {
  const a = nodeA({ random: seededRandom(seed), quorums: majority(['a', 'b']) })
  const times: number[] = []
  a.tick(0)
  for (let count = 0; count < 20; count += 1) {
    let nowMs = a.nextTickAtMs
    for (let ticks = 0; a.tick(nowMs).save === undefined; ticks += 1) {
      if (ticks > 100) throw new Error('it never takes over')
      nowMs = a.nextTickAtMs
    }
    a.saved()
    times.push(nowMs)
  }
  return times
}

describe('jitter', () => {
  it('comes from the seeded source alone: the same seed, the same times', () => {
    expect(windowsOf(7)).toEqual(windowsOf(7))
    expect(windowsOf(7)).not.toEqual(windowsOf(8))
  })

  it('makes each window up to half as long again, and never shorter', () => {
    const times = windowsOf(7)
    const windows = times.map((time, index) => time - (times[index - 1] ?? 0))
    for (const window of windows) {
      expect(window).toBeGreaterThanOrEqual(1000)
      expect(window).toBeLessThanOrEqual(1500)
    }
    expect(new Set(windows).size).toBe(windows.length)
  })
})

describe('leading', () => {
  it('a new leader says so at once, and then every period', () => {
    const a = nodeA()
    a.tick(0)
    instantly(a, a.tick(1000))
    a.tick(1010)
    const leads = instantly(a, a.receive('b', promise(at(1))))
    expect(leads.sent).toEqual([all(heartbeat(at(1)))])
    expect(leads.events).toEqual([
      { type: 'leadership-acquired', ballot: at(1) },
      { type: 'leader-changed', leader: 'a' },
    ])
    expect(a).toMatchObject({ id: 'a', leader: 'a', phase: 'leading', ballot: at(1) })
    expect(a.nextTickAtMs).toBe(1210)
  })

  it('P8: heartbeats come every period of milliseconds, for many periods', () => {
    const a = leadingA({ heartbeatPeriodMs: 70, livenessWindowMs: 1000 })
    const times: number[] = []
    for (let ms = 1001; ms <= 1500; ms += 1) {
      const { send } = a.tick(ms)
      expect(send.length).toBeLessThanOrEqual(1)
      if (send.length === 1) times.push(ms)
    }
    expect(times).toEqual([1070, 1140, 1210, 1280, 1350, 1420, 1490])
  })

  it('it does not take over from itself, however long it leads', () => {
    const a = leadingA()
    for (let ms = 1200; ms < 20_000; ms += 200) {
      expect(a.tick(ms)).toEqual({ send: [all(heartbeat(at(1)))], events: [] })
    }
  })

  it('heartbeats say when a value is chosen', () => {
    const a = leadingA()
    instantly(a, a.receive('b', chosen(at(1, ''), 'x')))
    expect(a.tick(1200).send).toEqual([all(heartbeat(at(1), true))])
  })

  it('it proposes its value when it comes to lead, or when it gets one', () => {
    const before = nodeA()
    before.tick(0)
    before.propose('x')
    instantly(before, before.tick(1000))
    const leads = before.receive('b', promise(at(1)))
    expect(leads.send).toEqual([all(accept(at(1), 'x')), all(heartbeat(at(1)))])
    expect(leadingA().propose('y').send).toEqual([all(accept(at(1), 'y'))])
  })

  it('it retransmits what it proposed between heartbeats', () => {
    const a = leadingA({ retransmitIntervalMs: 50 })
    instantly(a, a.propose('x'))
    expect(a.nextTickAtMs).toBe(1050)
    expect(a.tick(1050).send).toEqual([to('b', accept(at(1), 'x')), to('c', accept(at(1), 'x'))])
  })
})

describe('losing the leadership', () => {
  it('to a higher heartbeat: it follows, and sends no Accept of its own any more', () => {
    const a = leadingA()
    instantly(a, a.propose('x'))
    const follows = instantly(a, a.receive('b', heartbeat(at(2, 'b'))))
    expect(follows.events).toEqual([
      { type: 'leadership-lost', ballot: at(1) },
      { type: 'leader-changed', leader: 'b' },
    ])
    expect(follows.sent).toEqual([to('b', propose('x'))])
    expect(a).toMatchObject({ leader: 'b', phase: 'idle', ballot: null })
    for (let ms = 1000; ms < 2000; ms += 50) {
      const types = a.tick(ms).send.map(({ message }) => message.type)
      expect(types.filter((type) => type !== 'propose')).toEqual([])
    }
  })

  it('not to a lower heartbeat', () => {
    const a = leadingA()
    expect(a.receive('', heartbeat(at(1, '')))).toEqual(NO_EFFECTS)
    expect(a.leader).toBe('a')
  })

  it('to the Nacks of a quorum: it leaves the field to its rival for a window', () => {
    const a = leadingA()
    instantly(a, a.propose('x'))
    a.tick(1100)
    expect(a.receive('b', nack(at(1), at(2, 'b')))).toEqual(NO_EFFECTS)
    expect(a.receive('c', nack(at(1), at(2, 'b'))).events).toEqual([
      { type: 'leadership-lost', ballot: at(1) },
      { type: 'leader-changed', leader: null },
    ])
    expect(a.nextTickAtMs).toBe(2100)
  })

  it('a leader that a minority refused prepares again, and stands back while it does', () => {
    const a = leadingA()
    instantly(a, a.propose('x'))
    a.receive('b', nack(at(1), at(2, 'b')))
    const again = instantly(a, a.tick(1200))
    expect(again.events).toEqual([
      { type: 'leadership-lost', ballot: at(1) },
      { type: 'leader-changed', leader: null },
    ])
    expect(again.sent).toEqual([to('b', prepare(at(3))), to('c', prepare(at(3)))])
    expect(a.tick(2199).save).toBeUndefined()
    expect(a.tick(2200).save?.change).toEqual({ promised: at(4) })
  })

  it('by becoming passive', () => {
    const a = leadingA()
    expect(a.setActive(false).events).toEqual([
      { type: 'leadership-lost', ballot: at(1) },
      { type: 'leader-changed', leader: null },
    ])
    for (let ms = 1000; ms < 5000; ms += 100) expect(a.tick(ms)).toEqual(NO_EFFECTS)
    expect(a.setActive(true)).toEqual(NO_EFFECTS)
    expect(a.tick(5899)).toEqual(NO_EFFECTS)
    expect(a.tick(5900).save?.change).toEqual({ promised: at(2) })
  })
})

describe('following', () => {
  it('a follower knows its leader, and changes to a higher one only', () => {
    const a = nodeA()
    a.tick(0)
    expect(a.receive('b', heartbeat(at(2, 'b'))).events).toEqual([
      { type: 'leader-changed', leader: 'b' },
    ])
    expect(a.receive('b', heartbeat(at(2, 'b')))).toEqual(NO_EFFECTS)
    expect(a.receive('c', heartbeat(at(1, 'c')))).toEqual(NO_EFFECTS)
    expect(a.leader).toBe('b')
    expect(a.receive('c', heartbeat(at(3, 'c'))).events).toEqual([
      { type: 'leader-changed', leader: 'c' },
    ])
  })

  it('one that prepares follows a leader above its ballot, not one below', () => {
    const a = nodeA()
    a.tick(0)
    instantly(a, a.tick(1000))
    expect(a.receive('', heartbeat(at(1, '')))).toEqual(NO_EFFECTS)
    expect(a.phase).toBe('preparing')
    a.receive('b', heartbeat(at(1, 'b')))
    expect(a.phase).toBe('idle')
    expect(a.leader).toBe('b')
  })

  it('it hands its value to the leader, at the retransmission interval, until one is chosen', () => {
    const a = nodeA()
    a.tick(0)
    a.receive('b', heartbeat(at(1, 'b')))
    expect(a.propose('x').send).toEqual([to('b', propose('x'))])
    expect(a.nextTickAtMs).toBe(200)
    expect(a.tick(199)).toEqual(NO_EFFECTS)
    expect(a.tick(200).send).toEqual([to('b', propose('x'))])
    instantly(a, a.receive('b', chosen(at(1, 'b'), 'other')))
    expect(a.tick(400)).toEqual(NO_EFFECTS)
  })

  it('it hands its value to a new leader at once', () => {
    const a = nodeA()
    a.tick(0)
    expect(a.propose('x')).toEqual(NO_EFFECTS)
    expect(a.receive('b', heartbeat(at(1, 'b'))).send).toEqual([to('b', propose('x'))])
    expect(a.receive('c', heartbeat(at(2, 'c'))).send).toEqual([to('c', propose('x'))])
  })

  it('it asks for a chosen value with each heartbeat that speaks of one, until it knows', () => {
    const a = nodeA()
    a.tick(0)
    const beat = heartbeat(at(1, 'b'), true)
    expect(a.receive('b', beat).send).toEqual([to('b', { type: 'learn' })])
    expect(a.receive('b', beat).send).toEqual([to('b', { type: 'learn' })])
    expect(instantly(a, a.receive('b', chosen(at(1, 'b'), 'x'))).events).toEqual([
      { type: 'chosen', ballot: at(1, 'b'), value: 'x' },
    ])
    expect(a.receive('b', beat)).toEqual(NO_EFFECTS)
  })

  it('the leader proposes what it is handed', () => {
    const a = leadingA()
    expect(a.receive('c', propose('of c')).send).toEqual([all(accept(at(1), 'of c'))])
  })

  it('who learned from another can lead above what it learned', () => {
    const a = nodeA()
    a.tick(0)
    instantly(a, a.receive('b', chosen(at(7, 'b'), 'x')))
    expect(a.tick(1000).save?.change).toEqual({ promised: at(8) })
  })

  it('a passive node follows and learns, and says nothing', () => {
    const a = nodeA({ active: false })
    a.tick(0)
    a.propose('x')
    expect(a.receive('b', heartbeat(at(1, 'b'), true))).toEqual({
      send: [],
      events: [{ type: 'leader-changed', leader: 'b' }],
    })
    expect(a.receive('b', prepare(at(2, 'b')))).toEqual(NO_EFFECTS)
    expect(a.receive('b', accepted(at(1, 'b'), 'y'))).toEqual(NO_EFFECTS)
    expect(a.receive('c', accepted(at(1, 'b'), 'y')).events).toEqual([
      { type: 'chosen', ballot: at(1, 'b'), value: 'y' },
    ])
  })
})

describe('a quorum that changes', () => {
  it('may make a preparing node the leader', () => {
    const a = nodeA({ quorums: majority(['a', 'b', 'c', 'd', 'e']) })
    a.tick(0)
    instantly(a, a.tick(1000))
    a.receive('b', promise(at(1)))
    const smaller = a.setQuorums(ABC)
    expect(smaller.events).toEqual([
      { type: 'leadership-acquired', ballot: at(1) },
      { type: 'leader-changed', leader: 'a' },
    ])
    expect(smaller.send).toEqual([all(heartbeat(at(1)))])
  })
})

const story = (seed: number): readonly string[] => {
  const cluster = threeNodes(seed)
  cluster.propose('b', 'x')
  cluster.run(3000)
  return cluster.trace.lines
}

describe('a cluster of three', () => {
  it('elects one leader, and keeps it', () => {
    const cluster = threeNodes()
    cluster.run(20_000)
    const elections = cluster.trace.lines.filter((line) => line.includes(' leads with '))
    expect(elections).toHaveLength(1)
    const leaders = cluster.ids.map((id) => cluster.engine(id).leader)
    expect(new Set(leaders).size).toBe(1)
  })

  it('chooses the value of a follower, and tells everybody', () => {
    const cluster = threeNodes()
    cluster.run(3000)
    const { leader } = cluster.engine('a')
    const follower = cluster.ids.find((id) => id !== leader) ?? ''
    cluster.propose(follower, 'x')
    cluster.run(1000)
    for (const id of cluster.ids) {
      expect(cluster.engine(id).chosen?.value).toBe('x')
      expect(cluster.engine(id).holders).toEqual(new Set(cluster.ids))
    }
  })

  it('replaces a leader that died within a window and a half, and keeps what it had chosen', () => {
    const cluster = threeNodes()
    cluster.propose('a', 'x')
    cluster.run(3000)
    const dead = cluster.engine('a').leader ?? ''
    cluster.crash(dead)
    cluster.run(1600)
    const alive = cluster.running.map((id) => cluster.engine(id))
    const [one, other] = alive.map(({ leader }) => leader)
    expect(one).toBe(other)
    expect(one).not.toBe(dead)
    expect(alive.map(({ chosen: known }) => known?.value)).toEqual(['x', 'x'])
  })

  it('a node that was away learns the chosen value from the leader', () => {
    const cluster = threeNodes()
    cluster.crash('c')
    cluster.propose('a', 'x')
    cluster.run(5000)
    cluster.restart('c')
    expect(cluster.engine('c').chosen).toBeNull()
    cluster.run(500)
    expect(cluster.engine('c').chosen?.value).toBe('x')
  })

  it('a restarted node knows the chosen value from disk, though it hears nobody', () => {
    const cluster = threeNodes()
    cluster.propose('a', 'x')
    cluster.run(5000)
    cluster.crash('c')
    cluster.restart('c')
    expect(cluster.engine('c').chosen?.value).toBe('x')
  })

  it('a whole cluster that restarts elects a leader anew and agrees as before', () => {
    const cluster = threeNodes()
    cluster.propose('a', 'x')
    cluster.run(5000)
    for (const id of cluster.ids) cluster.crash(id)
    for (const id of cluster.ids) cluster.restart(id)
    cluster.propose('b', 'y')
    cluster.run(5000)
    const leaders = cluster.ids.map((id) => cluster.engine(id).leader)
    expect(new Set(leaders).size).toBe(1)
    expect(leaders[0]).not.toBeNull()
    for (const id of cluster.ids) expect(cluster.engine(id).chosen?.value).toBe('x')
  })

  it('is deterministic: the same seed, the same story', () => {
    expect(story(3)).toEqual(story(3))
    expect(story(3)).not.toEqual(story(4))
  })
})

describe('options', () => {
  it.each([
    ['a heartbeat period of 0 ms', { heartbeatPeriodMs: 0 }],
    ['a liveness window that is no number', { livenessWindowMs: Number.NaN }],
    ['a window as long as the period', { heartbeatPeriodMs: 300, livenessWindowMs: 300 }],
    ['an interval below 0 ms', { retransmitIntervalMs: -1 }],
  ])('%s is refused', (_, options) => {
    expect(() => nodeA(options)).toThrow(InvalidArgumentError)
  })

  it('knows from disk what was chosen', () => {
    const a = nodeA({
      saved: {
        ...EMPTY_SAVED,
        promised: at(1),
        accepted: [{ slot: 1, ballot: at(1), value: 'x' }],
        chosenThrough: 1,
      },
    })
    expect(a.chosen).toEqual(proposal(at(1), 'x'))
  })
})
