import type { NodeId } from '@paxos/core'
import { describe, expect, it } from 'vitest'
import { extent } from '../../../testkit/src/fuzz.ts'
import { LogCluster } from './cluster.ts'

const IDS = ['a', 'b', 'c']

/** A crash of `node` around its save number `save`, counted over all its lives. */
interface CrashPoint {
  readonly node: NodeId
  readonly save: number
  readonly fate: 'lost' | 'reached'
}

/**
 * a leads, and proposes what only it holds; c, which it does not hear, takes over, and replaces it;
 * snapshots are taken on the way. Crashes come where `points` say.
 */
function play(points: readonly CrashPoint[]): LogCluster {
  const cluster = new LogCluster({ ids: IDS, snapshotEvery: 4, options: { election: 'external' } })
  const due = new Set(points)
  cluster.crashAtSave = (id, count) => {
    const point = [...due].find(({ node, save }) => node === id && save === count)
    if (point === undefined) return null
    due.delete(point)
    return point.fate
  }
  const lead = (id: NodeId) => cluster.input(id, 'is told to lead', (engine) => engine.lead())
  lead('a')
  cluster.run(100)
  for (let count = 0; count < 3; count += 1) cluster.propose('a')
  cluster.run(100)
  cluster.isolate('a')
  for (let count = 0; count < 3; count += 1) cluster.propose('a')
  lead('c')
  cluster.run(1300)
  for (let count = 0; count < 5; count += 1) cluster.propose('c')
  cluster.run(300)
  cluster.heal()
  // In calm: whoever is told to lead does, and everybody gets to know everything.
  for (let tries = 0; tries < 10 && !cluster.leaders.includes('b'); tries += 1) {
    lead('b')
    cluster.run(1000)
  }
  cluster.propose('b', 'last')
  cluster.runUntil(() => cluster.isQuiet)
  return cluster
}

function expectOneLog(cluster: LogCluster): void {
  const [first, ...rest] = IDS.map((id) => cluster.machine(id).commands)
  expect(first).toContain('last')
  for (const log of rest) expect(log).toEqual(first)
}

/** How often each node saves when nobody crashes. */
const SAVES = 12

const points: readonly CrashPoint[] = IDS.flatMap((node) =>
  Array.from({ length: SAVES }, (_, index) => index + 1).flatMap((save) =>
    (['lost', 'reached'] as const).map((fate) => ({ node, save, fate })),
  ),
)

describe('P12: a crash between every pair of storage operations, while a suffix is replaced', () => {
  it('the story without a crash saves about so often at each node, and replaces what a had alone', () => {
    const cluster = play([])
    expectOneLog(cluster)
    for (const id of IDS) {
      const saves = cluster.trace.lines.filter((line) => line.startsWith(`${id.padEnd(7)}durable`))
      expect(saves.length).toBeGreaterThanOrEqual(SAVES - 4)
    }
    const accepted = cluster.trace.lines.filter((line) => line.startsWith('a      durable: '))
    expect(accepted.some((line) => line.includes('accepted 5: x4 at 1.a'))).toBe(true)
    expect(accepted.some((line) => /accepted .*5: .* at 2\.c/.test(line))).toBe(true)
  })

  const titled = points.map((point) => {
    const { node, save, fate } = point
    return [
      `at ${node}, in its save ${save}, which ${fate === 'lost' ? 'is lost' : 'reached the disk'}`,
      point,
    ] as const
  })
  it.each(titled)('%s', (_, point) => {
    expectOneLog(play([point]))
  })

  it('any two crashes', () => {
    const some = points.filter(({ save }) => save % extent(6, 2) === 0)
    for (const [index, first] of some.entries()) {
      for (const second of some.slice(index + 1)) expectOneLog(play([first, second]))
    }
  })
})

describe('P10: what belongs together is saved together', () => {
  it('fetched entries, the promise that they ask for, and that they are chosen: one change', () => {
    const cluster = new LogCluster()
    const leader = cluster.runUntilLed()
    const late = IDS.find((id) => id !== leader) ?? ''
    cluster.isolate(late)
    for (let count = 0; count < 5; count += 1) cluster.propose(leader)
    cluster.run(500)
    cluster.heal()
    cluster.runUntil(() => cluster.machine(late).commands.length === 5)
    const saves = cluster.trace.lines.filter((line) => line.startsWith(`${late}      saves: `))
    expect(saves.some((line) => /accepted 1: .*; chosen through \d/.test(line))).toBe(true)
  })

  it('all nodes at once lose power, again and again: what was told as chosen stays', () => {
    for (let seed = 1; seed <= 15; seed += 1) {
      const cluster = new LogCluster({ seed, snapshotEvery: 5 })
      const told = new Set<string>()
      for (let round = 0; round < 4; round += 1) {
        const leader = cluster.runUntilLed()
        for (let count = 0; count < 6; count += 1) cluster.propose(leader)
        cluster.run(8 + seed)
        for (const id of IDS) for (const each of cluster.machine(id).commands) told.add(each)
        for (const id of IDS) cluster.crash(id, seed % 3)
        for (const id of IDS) cluster.restart(id)
      }
      const leader = cluster.runUntilLed()
      cluster.propose(leader, 'last')
      cluster.runUntil(() => cluster.isQuiet)
      expectOneLog(cluster)
      expect(cluster.machine(leader).commands).toEqual(expect.arrayContaining([...told]))
      expect(told.size).toBeGreaterThan(0)
    }
  })
})
