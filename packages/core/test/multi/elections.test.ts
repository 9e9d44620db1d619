import { majority, type NodeId } from '@paxos/core'
import { MAX_WINDOW_FACTOR, type MultiPaxos } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import { Election } from '../../src/multi/election.ts'
import { at } from '../messages.ts'
import { LogCluster } from './cluster.ts'
import { accept, heartbeat, instantly, knowsMore, nodeA, only } from './one-node.ts'
import { prepare, type MessageOf } from './one-node.ts'

const FIVE = ['a', 'b', 'c', 'd', 'e'] as const

/** Messages of one type that arrive from now on. */
function countArrivals(cluster: LogCluster, type: string, from?: NodeId): () => number {
  let count = 0
  cluster.filter = (sender, _, message) => {
    if (message.type === type && (from === undefined || sender === from)) count += 1
    return true
  }
  return () => count
}

const others = (cluster: LogCluster, id: NodeId): NodeId[] =>
  cluster.ids.filter((each) => each !== id)

/** Waits until all of `ids` have applied a new command of `by`. */
function expectProgress(cluster: LogCluster, by: NodeId, ids: readonly NodeId[]): void {
  const command = cluster.propose(by)
  cluster.runUntil(() => ids.every((id) => cluster.machine(id).commands.includes(command)))
}

describe('with part of the links cut, whoever reaches a quorum makes progress (Omni-Paxos, §2)', () => {
  it('quorum loss: the one node that still reaches a quorum leads, although it hears the old leader', () => {
    const cluster = new LogCluster({ ids: FIVE })
    const leader = cluster.runUntilLed()
    const [hub = '', ...rest] = others(cluster, leader)
    cluster.connectOnly([hub, leader], ...rest.map((id) => [hub, id] as const))
    cluster.runUntil(() => cluster.engine(leader).phase !== 'leading')
    cluster.runUntil(() => cluster.engine(hub).room.values > 0)
    expectProgress(cluster, hub, cluster.ids)
    // And it stays so: nobody who reaches less disturbs it.
    const { ballot } = cluster.engine(hub)
    cluster.run(10_000)
    expect(cluster.engine(hub).ballot).toEqual(ballot)
  })

  it('constrained election: a node that missed commands leads when only it reaches a quorum', () => {
    const cluster = new LogCluster({ ids: FIVE })
    const leader = cluster.runUntilLed()
    const [hub = '', ...rest] = others(cluster, leader)
    cluster.isolate(hub)
    const missed = Array.from({ length: 30 }, () => cluster.propose(leader))
    cluster.run(500)
    expect(cluster.machine(hub).commands).toEqual([])
    cluster.connectOnly(...rest.map((id) => [hub, id] as const))
    cluster.runUntil(() => cluster.engine(hub).room.values > 0)
    expectProgress(cluster, hub, [hub, ...rest])
    expect(cluster.machine(hub).commands.slice(0, 30)).toEqual(missed)
  })

  it('constrained election: even when what it missed is compacted everywhere else', () => {
    const cluster = new LogCluster({ ids: FIVE })
    const leader = cluster.runUntilLed()
    const [hub = '', ...rest] = others(cluster, leader)
    cluster.isolate(hub)
    // More than any tail in memory holds.
    for (let count = 0; count < 60; count += 1) cluster.propose(leader, `big${count}`, 100_000)
    cluster.run(2000)
    for (const id of rest) cluster.takeSnapshot(id)
    cluster.run(100)
    for (const id of rest) expect(cluster.engine(id).compactedThrough).toBeGreaterThan(5)
    cluster.connectOnly(...rest.map((id) => [hub, id] as const))
    cluster.runUntil(() => cluster.engine(hub).room.values > 0)
    expect(cluster.events(hub).some(({ type }) => type === 'snapshot-installed')).toBe(true)
    expectProgress(cluster, hub, [hub, ...rest])
  })

  it('chained: a node that does not hear the leader learns from the one between, and disturbs neither', () => {
    const cluster = new LogCluster()
    const leader = cluster.runUntilLed()
    const [between = '', end = ''] = others(cluster, leader)
    cluster.cut(leader, end)
    const { ballot } = cluster.engine(leader)
    const prepares = countArrivals(cluster, 'logPrepare')
    for (let round = 0; round < 10; round += 1) {
      expectProgress(cluster, leader, [leader, between, end])
      cluster.run(1000)
    }
    expect(prepares()).toBe(0)
    expect(cluster.engine(leader).ballot).toEqual(ballot)
    expect(cluster.engine(end).leader).toBeNull()
    expect(cluster.engine(end).chosenThrough).toBe(cluster.engine(leader).chosenThrough)
  })

  it('chained: when the leader at one end dies, the other two go on', () => {
    const cluster = new LogCluster()
    const leader = cluster.runUntilLed()
    const [between = '', end = ''] = others(cluster, leader)
    cluster.cut(leader, end)
    cluster.run(3000)
    cluster.crash(leader)
    cluster.runUntil(() => [between, end].some((id) => cluster.engine(id).room.values > 0))
    expectProgress(cluster, end, [between, end])
  })
})

describe('a liveness window that is shorter than a round trip', () => {
  it.each([2000, 5000])(
    'of %d ms makes elections slow, and none fail for ever: the window grows with each',
    (roundTripMs) => {
      const travelMs = roundTripMs / 2
      const cluster = new LogCluster({ latencyMs: [travelMs - 50, travelMs] })
      cluster.run(40 * roundTripMs)
      const leader = cluster.runUntilLed()
      const { ballot } = cluster.engine(leader)
      for (let count = 0; count < 5; count += 1) expectProgress(cluster, leader, cluster.ids)
      expect(cluster.engine(leader).ballot).toEqual(ballot)
    },
  )
})

describe('asking before campaigning', () => {
  it('a node that was cut off for long disturbs nobody when it is back', () => {
    const cluster = new LogCluster()
    const leader = cluster.runUntilLed()
    const { ballot } = cluster.engine(leader)
    const [away = ''] = others(cluster, leader)
    cluster.isolate(away)
    cluster.run(20_000)
    const { promised } = cluster.engine(away)
    cluster.heal()
    cluster.run(5000)
    expect(promised).toEqual(ballot)
    expect(cluster.engine(leader).ballot).toEqual(ballot)
    expect(cluster.engine(away).leader).toBe(leader)
  })

  it('a node whose messages arrive, but which hears nothing, disturbs nobody', () => {
    const cluster = new LogCluster()
    const leader = cluster.runUntilLed()
    const { ballot } = cluster.engine(leader)
    const [deaf = '', third = ''] = others(cluster, leader)
    cluster.cutOneWay(leader, deaf)
    cluster.cutOneWay(third, deaf)
    cluster.run(10_000)
    expect(cluster.engine(leader).ballot).toEqual(ballot)
  })

  it('a restarted node supports nobody for a window: it cannot know who leads', () => {
    const cluster = new LogCluster()
    const leader = cluster.runUntilLed()
    const { ballot } = cluster.engine(leader)
    const [deaf = '', restarted = ''] = others(cluster, leader)
    cluster.cut(leader, deaf)
    cluster.run(5000)
    for (let round = 0; round < 5; round += 1) {
      cluster.crash(restarted)
      cluster.restart(restarted)
      cluster.run(700)
    }
    expect(cluster.engine(leader).ballot).toEqual(ballot)
  })

  it('a leader that no quorum follows steps down within a window, and tells so', () => {
    const cluster = new LogCluster({ ids: FIVE })
    const leader = cluster.runUntilLed()
    const [friend = '', ...rest] = others(cluster, leader)
    cluster.cut(leader, ...rest)
    cluster.run(1500)
    expect(cluster.engine(leader).phase).not.toBe('leading')
    expect(cluster.engine(leader).leader).toBeNull()
    expect(cluster.events(leader).map(({ type }) => type)).toContain('leadership-lost')
    expect(cluster.engine(leader).propose([Uint8Array.of(9)]).first).toBeNull()
    expect(cluster.running).toContain(friend)
  })

  it('a lost leader is replaced within three windows', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const cluster = new LogCluster({ ids: FIVE, seed })
      const leader = cluster.runUntilLed()
      cluster.crash(leader)
      cluster.runUntil(() => cluster.leaders.some((id) => cluster.engine(id).room.values > 0), 3000)
    }
  })
})

describe('a disk that is stuck', () => {
  it('costs its leader the leadership within two windows, and the cluster nothing that was proposed', () => {
    const cluster = new LogCluster()
    const leader = cluster.runUntilLed()
    cluster.run(1000)
    cluster.holdSaves(leader)
    const commands = Array.from({ length: 5 }, () => cluster.propose(leader))
    const isReplaced = () => cluster.leaders.some((id) => id !== leader)
    cluster.runUntil(isReplaced, 2000)
    cluster.runUntil(() => cluster.engine(leader).phase === 'idle', 1000)
    const [next = ''] = cluster.leaders
    expectProgress(cluster, next, others(cluster, leader))
    expect(cluster.machine(next).commands.slice(0, 5)).toEqual(commands)
    // It tries nothing while its disk is stuck, though nobody else leads any more.
    const campaigns = countArrivals(cluster, 'campaign', leader)
    cluster.crash(next)
    cluster.run(5000)
    expect(campaigns()).toBe(0)
    cluster.releaseSaves(leader)
    cluster.runUntil(() => cluster.leaders.length === 1)
    expectProgress(cluster, leader, cluster.running)
  })

  it('changes nothing where all disks are as slow: somebody else would be no better', () => {
    // Slower than a window. An election takes longer then, and the window with it.
    const cluster = new LogCluster({ saveMs: [1600, 1600] })
    cluster.run(20_000)
    const leader = cluster.runUntilLed()
    const { ballot } = cluster.engine(leader)
    for (let count = 0; count < 5; count += 1) expectProgress(cluster, leader, [leader])
    expect(cluster.engine(leader).ballot).toEqual(ballot)
  })

  it('is none while a snapshot is written, which takes as long as it is large', () => {
    const cluster = new LogCluster()
    const leader = cluster.runUntilLed()
    expectProgress(cluster, leader, cluster.ids)
    const { ballot } = cluster.engine(leader)
    cluster.holdSaves(leader)
    cluster.takeSnapshot(leader)
    expectProgress(cluster, leader, cluster.ids)
    cluster.run(5000)
    expect(cluster.engine(leader).ballot).toEqual(ballot)
  })
})

/** Node a campaigns at 1250 ms. */
const campaigning = () => {
  const a = nodeA()
  const [question] = only(a.tick(1250).send, 'campaign')
  if (question === undefined) throw new Error('a does not campaign')
  const answer = (rest: Partial<MessageOf<'support'>> = {}): MessageOf<'support'> => {
    const { run, number } = question.message
    const promised = null
    return { type: 'support', run, number, granted: true, promised, chosenThrough: 0, ...rest }
  }
  return { a, answer }
}

describe('the support for a campaign', () => {
  it('of a quorum lets the node prepare, above every ballot that the answers name', () => {
    const { a, answer } = campaigning()
    expect(a.promised).toBeNull()
    const { save } = a.receive('c', answer({ promised: at(7, 'b') }))
    expect(save?.change.promised).toEqual(at(8))
  })

  it.each<[string, NodeId, Partial<MessageOf<'support'>>]>([
    ['an answer to an earlier campaign', 'b', { number: 9 }],
    ['an answer to an earlier run of the node', 'b', { run: 9 }],
    ['a refusal', 'b', { granted: false }],
    ['the answer of a node that does not vote', 'stranger', {}],
  ])('%s counts for nothing', (_, from, rest) => {
    const { a, answer } = campaigning()
    expect(a.receive(from, answer(rest)).save).toBeUndefined()
    expect(a.phase).toBe('idle')
  })

  it('is asked for again where no answer came, and anew in the next window', () => {
    const { a, answer } = campaigning()
    a.receive('b', answer({ granted: false }))
    const again = only(a.tick(1450).send, 'campaign')
    expect(again.map(({ to }) => to)).toEqual(['b', 'c'])
    expect(again[0]?.message.number).toBe(answer().number)
    const next = only(a.tick(2500).send, 'campaign')
    expect(next[0]?.message.number).toBe(answer().number + 1)
  })

  it('counts when it comes after the window: it took that long to travel', () => {
    const { a, answer } = campaigning()
    a.tick(2500)
    a.tick(3750)
    expect(a.receive('b', answer()).save).toBeDefined()
  })

  it('counts for a window, and is taken back by a refusal', () => {
    const quorums = majority(FIVE)
    const election = new Election(1000, 0, () => 0)
    const say = (granted: boolean) =>
      ({
        type: 'support',
        run: election.run,
        number: 1,
        granted,
        promised: null,
        chosenThrough: 0,
      }) as const
    election.begin('a', 0)
    election.receiveSupport('b', say(true), 100)
    election.begin('a', 1000)
    expect([election.isSupportedBy('b', 1099), election.isSupportedBy('b', 1100)]).toEqual([
      true,
      false,
    ])
    election.receiveSupport('c', say(true), 1100)
    expect(election.isSupported(quorums, 1100)).toBe(false)
    election.receiveSupport('b', say(true), 1200)
    expect(election.isSupported(quorums, 1200)).toBe(true)
    election.receiveSupport('c', say(false), 1300)
    expect(election.isSupported(quorums, 1300)).toBe(false)
  })

  it('counts for nothing when the question is older than the longest window', () => {
    const election = new Election(1000, 0, () => 0)
    const granted = (number: number) =>
      ({
        type: 'support',
        run: election.run,
        number,
        granted: true,
        promised: null,
        chosenThrough: 0,
      }) as const
    for (let begun = 0; begun <= MAX_WINDOW_FACTOR + 1; begun += 1)
      election.begin('a', begun * 1000)
    const nowMs = (MAX_WINDOW_FACTOR + 1) * 1000
    election.receiveSupport('b', granted(1), nowMs)
    expect(election.isSupportedBy('b', nowMs)).toBe(false)
    election.receiveSupport('b', granted(2), nowMs)
    expect(election.isSupportedBy('b', nowMs)).toBe(true)
  })

  it('of the silence before counts for nothing, when a leader was heard between', () => {
    const { a, answer } = campaigning()
    a.receive('c', heartbeat(at(1, 'c'), 1, 0))
    a.tick(4000)
    a.tick(6000)
    expect(a.receive('b', answer({ number: answer().number })).save).toBeUndefined()
  })

  it('counts for nothing any more once a leader is heard', () => {
    const { a, answer } = campaigning()
    a.receive('c', heartbeat(at(1, 'c'), 1, 0))
    expect(a.receive('b', answer()).save).toBeUndefined()
  })
})

/** Whether node a supports a campaign of c at that time. */
function supportsAt(a: MultiPaxos, nowMs: number): boolean | undefined {
  a.tick(nowMs)
  return only(a.receive('c', knowsMore(0)).send, 'support')[0]?.message.granted
}

describe('who has promised', () => {
  it('supports nobody else while the candidate asks for page after page; to ask again does not count', () => {
    const a = nodeA()
    const many = Array.from({ length: 40 }, () => 'x'.repeat(1000))
    instantly(a, a.receive('c', accept(at(1, 'c'), 1, 1, many)))
    expect([supportsAt(a, 999), supportsAt(a, 1000)]).toEqual([false, true])
    const { sent } = instantly(a, a.receive('b', prepare(at(2, 'b'), 1)))
    const next = only(sent, 'logPromise')[0]?.message.next ?? 0
    expect([next > 1, supportsAt(a, 1900)]).toEqual([true, false])
    expect(a.receive('b', prepare(at(2, 'b'), next)).send).toHaveLength(1)
    expect(supportsAt(a, 2899)).toBe(false)
    a.receive('b', prepare(at(2, 'b'), next))
    expect(supportsAt(a, 2900)).toBe(true)
  })

  it('is patient for longer with each round that led to no steady leader, and then less again', () => {
    const a = nodeA()
    for (let round = 1; round <= 6; round += 1) {
      instantly(a, a.receive('b', prepare(at(round, 'b'), 1)))
    }
    expect([supportsAt(a, 2999), supportsAt(a, 3000)]).toEqual([false, true])
    for (let nowMs = 3000; nowMs <= 13_000; nowMs += 200) {
      a.tick(nowMs)
      a.receive('b', heartbeat(at(6, 'b'), 1, 0))
    }
    expect([supportsAt(a, 13_999), supportsAt(a, 14_000)]).toEqual([false, true])
  })

  it('is patient up to MAX_WINDOW_FACTOR windows, however many rounds there were', () => {
    const a = nodeA()
    for (let round = 1; round <= 100; round += 1) {
      instantly(a, a.receive('b', prepare(at(round, 'b'), 1)))
    }
    // Rounds that nobody can have tried count for nothing.
    instantly(a, a.receive('b', prepare(at(1_000_000, 'b'), 1)))
    const limitMs = MAX_WINDOW_FACTOR * 1000
    expect([supportsAt(a, limitMs - 1), supportsAt(a, limitMs)]).toEqual([false, true])
  })

  it('is no more patient for a round that is far ahead: it was away, or somebody is', () => {
    const a = nodeA()
    instantly(a, a.receive('b', prepare(at(1_000_000, 'b'), 1)))
    expect([supportsAt(a, 999), supportsAt(a, 1000)]).toEqual([false, true])
  })
})

describe('leadership that is handed over or directed', () => {
  it('transfer: the other leads within a few messages, and nothing that was proposed is lost', () => {
    const cluster = new LogCluster()
    const leader = cluster.runUntilLed()
    const [next = ''] = others(cluster, leader)
    const commands = Array.from({ length: 10 }, () => cluster.propose(leader))
    cluster.input(leader, 'hands over', (engine) => engine.transfer(next, 1000))
    cluster.runUntil(() => cluster.engine(next).room.values > 0, 100)
    cluster.runUntil(() => cluster.isQuiet)
    for (const id of cluster.ids) expect(cluster.machine(id).commands).toEqual(commands)
  })

  it('handOver is heard from the leader alone, and says nothing when one does not lead', () => {
    const cluster = new LogCluster()
    const leader = cluster.runUntilLed()
    const [b = '', c = ''] = others(cluster, leader)
    expect(cluster.engine(b).transfer(c, 1000)).toEqual({ send: [], events: [] })
    cluster.inject(b, c, { type: 'handOver', ballot: { round: 1, node: b } })
    cluster.run(1000)
    expect(cluster.leaders).toEqual([leader])
    expect(cluster.engine(c).promised?.node).toBe(leader)
  })

  it('external: nobody leads until told, and the leader stays although nobody answers', () => {
    const cluster = new LogCluster({ options: { election: 'external' } })
    cluster.run(10_000)
    expect(cluster.leaders).toEqual([])
    expect(cluster.engine('a').promised).toBeNull()
    cluster.input('b', 'is told to lead', (engine) => engine.lead())
    cluster.runUntil(() => cluster.engine('b').room.values > 0)
    expectProgress(cluster, 'c', cluster.ids)
    cluster.isolate('b')
    cluster.run(10_000)
    expect(cluster.leaders).toEqual(['b'])
    cluster.input('b', 'is told to resign', (engine) => engine.resign())
    expect(cluster.leaders).toEqual([])
    expect(cluster.engine('b').leader).toBeNull()
  })

  it('external: a candidate that lacks compacted slots leads by itself once it has them', () => {
    const cluster = new LogCluster({ options: { election: 'external' } })
    cluster.input('b', 'is told to lead', (engine) => engine.lead())
    cluster.runUntil(() => cluster.engine('b').room.values > 0)
    cluster.isolate('a')
    for (let count = 0; count < 60; count += 1) cluster.propose('b', `big${count}`, 100_000)
    cluster.run(1000)
    cluster.takeSnapshot('b')
    cluster.takeSnapshot('c')
    cluster.run(100)
    cluster.heal()
    cluster.crash('b')
    cluster.input('a', 'is told to lead', (engine) => engine.lead())
    cluster.runUntil(() => cluster.engine('a').room.values > 0, 3000)
    expect(cluster.machine('a').commands).toHaveLength(60)
  })

  it('P6: a candidate that many refuse takes one higher ballot, not one for each refusal', () => {
    const cluster = new LogCluster({ ids: FIVE, options: { election: 'external' } })
    cluster.input('e', 'is told to lead', (engine) => engine.lead())
    cluster.run(100)
    cluster.input('e', 'is told to lead again', (engine) => engine.lead())
    cluster.run(100)
    const prepares = new Set<number>()
    cluster.filter = (from, _, message) => {
      if (from === 'a' && message.type === 'logPrepare') prepares.add(message.ballot.round)
      return true
    }
    // Its own ballot is below what the others have promised.
    cluster.crash('a')
    cluster.disk('a').forget()
    cluster.restart('a')
    cluster.input('a', 'is told to lead', (engine) => engine.lead())
    cluster.run(1000)
    expect([...prepares]).toEqual([1])
    expect(cluster.events('a').filter(({ type }) => type === 'preempted')).toHaveLength(1)
    cluster.input('a', 'is told to lead', (engine) => engine.lead())
    cluster.run(100)
    expect([...prepares]).toEqual([1, 3])
    expect(cluster.engine('a').phase).toBe('leading')
  })

  it('an acceptor that promised a higher ballot follows again: the leader goes above it', () => {
    const cluster = new LogCluster()
    const leader = cluster.runUntilLed()
    const [stuck = '', gone = ''] = others(cluster, leader)
    const { ballot } = cluster.engine(leader)
    const round = (ballot?.round ?? 0) + 5
    cluster.inject(gone, stuck, { type: 'logPrepare', ballot: { round, node: gone }, from: 1 })
    cluster.runUntil(() => cluster.engine(stuck).promised?.node === leader, 5000)
    expectProgress(cluster, leader, cluster.ids)
    expect(cluster.leaders).toEqual([leader])
    expect(cluster.engine(leader).ballot?.round).toBeGreaterThan(round)
  })
})

describe('P2: who led before a restart leads by a new ballot or not at all', () => {
  it.each(['heartbeat', 'external'] as const)('%s', (election) => {
    const cluster = new LogCluster({ options: { election } })
    cluster.input('a', 'is told to lead', (engine) => engine.lead())
    cluster.runUntil(() => cluster.engine('a').room.values > 0)
    cluster.crash('a')
    cluster.restart('a')
    expect(cluster.engine('a').phase).toBe('idle')
    expect(cluster.engine('a').room.values).toBe(0)
    cluster.run(50)
    cluster.input('a', 'is told to lead', (engine) => engine.lead())
    expect(cluster.engine('a').ballot?.round).toBeGreaterThan(1)
    cluster.runUntil(() => cluster.engine('a').room.values > 0)
  })
})
