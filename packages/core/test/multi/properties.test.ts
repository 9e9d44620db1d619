import * as fc from 'fast-check'
import { extent } from '../../../testkit/src/fuzz.ts'
import { describe, expect, it } from 'vitest'
import { LogCluster } from './cluster.ts'
import { calm, play, ratesWithin, schedules } from './schedule.ts'

/** Enough for a campaign that fails, a snapshot, and another campaign. */
const CALM_MS = 15_000

/** So slow that crashes and cuts come in the middle of things. */
const SLOW = { latencyMs: [1, 10], saveMs: [0, 15], snapshotEvery: 9 } as const

describe('for every schedule of crashes, cuts, losses, slow disks and commands: one log', () => {
  // Agreement, validity, order, durability and reads are checked after every step, in safety.ts;
  // when the faults stop, everybody applies everything that a running node still wants.
  it.each([
    ['three nodes', ['a', 'b', 'c'], 'heartbeat', 400],
    ['five nodes', ['a', 'b', 'c', 'd', 'e'], 'heartbeat', 150],
    ['two nodes', ['', 'all together'], 'heartbeat', 60],
    ['a node alone', ['z'], 'heartbeat', 60],
    ['three nodes that lead when told', ['a', 'b', 'c'], 'external', 200],
  ] as const)('%s', (_, ids, election, numRuns) => {
    fc.assert(
      fc.property(schedules, ({ seed, happenings, lease }) => {
        const rates = ratesWithin(lease, ids, seed)
        const cluster = new LogCluster({ ...SLOW, ids, seed, lease, rates, options: { election } })
        play(cluster, happenings)
        calm(cluster)
        expectProgress(cluster, election)
      }),
      { numRuns: extent(Math.ceil(numRuns / 8), numRuns) },
    )
  })
})

it('the schedules get there: rivals, refusals, recoveries, lost saves, snapshots, reads, leases', () => {
  let leaseReads = 0
  const samples = fc.sample(schedules, { numRuns: 150, seed: 1 })
  const stories = samples.map(({ seed, happenings, lease }) => {
    const rates = ratesWithin(lease, ['a', 'b', 'c'], seed)
    const cluster = new LogCluster({ ...SLOW, seed, lease, rates })
    play(cluster, happenings)
    leaseReads += cluster.leaseReads
    return cluster.trace.lines
  })
  const howMany = (pattern: RegExp): number =>
    stories.filter((lines) => lines.some((line) => pattern.test(line))).length

  expect(howMany(/learns slot/)).toBeGreaterThan(60)
  expect(howMany(/→ .* nack/)).toBeGreaterThan(30)
  expect(howMany(/→ .* promise .*, accepted \d/)).toBeGreaterThan(20)
  expect(howMany(/no longer leads/)).toBeGreaterThan(35)
  expect(howMany(/lost: .*accepted/)).toBeGreaterThan(8)
  expect(howMany(/→ .* fetched \d/)).toBeGreaterThan(25)
  expect(howMany(/takes a snapshot/)).toBeGreaterThan(25)
  expect(howMany(/takes over/)).toBeGreaterThan(40)
  expect(howMany(/may answer read/)).toBeGreaterThan(10)
  expect(howMany(/cannot answer read/)).toBeGreaterThan(60)
  expect(leaseReads).toBeGreaterThan(10)
})

function expectProgress(cluster: LogCluster, election: 'heartbeat' | 'external'): void {
  const [first = ''] = cluster.ids
  // A failure detector that is right at last: it says so until it is done.
  if (election === 'external') {
    until(5, () => {
      cluster.run(1000)
      if (cluster.engine(first).phase === 'leading') return true
      cluster.input(first, 'is told to lead', (engine) => engine.lead())
      return false
    })
  }
  for (const id of cluster.ids) cluster.propose(id, `last of ${id}`)
  cluster.runUntil(() => cluster.isQuiet && cluster.leaders.length === 1, CALM_MS)
  const logs = cluster.ids.map((id) => cluster.machine(id).commands)
  for (const log of logs) expect(log).toEqual(logs[0])
  for (const id of cluster.ids) expect(logs[0]).toContain(`last of ${id}`)
  // A read may fail while a leader takes a higher ballot, and is then tried again.
  cluster.ids.forEach((id, index) => {
    until(5, (tries) => {
      const read = -1 - index - 10 * tries
      cluster.read(id, read)
      cluster.run(500)
      return cluster.reads(id).get(read) === cluster.safety.chosenThrough
    })
  })
}

function until(maxTries: number, isDone: (tries: number) => boolean): void {
  for (let tries = 0; tries < maxTries; tries += 1) if (isDone(tries)) return
  throw new Error(`not done in ${maxTries} tries`)
}
