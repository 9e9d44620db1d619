/** The simulator where the members change and disks are lost: what it does, and that it notices. */
import { drawPlan, PROFILES, Simulation } from '@paxos/testkit/simulation'
import type { Action, ClientCall, Parts, Plan, RunResult } from '@paxos/testkit/simulation'
import { describe, expect, it } from 'vitest'
import { extent } from '../src/fuzz.ts'

function ask(id: number, atMs: number, node: number, call: ClientCall['call']): ClientCall {
  return { type: 'call', id, atMs, client: 0, node, key: 'x', call, patienceMs: 2000 }
}

/**
 * b holds with a what c has not heard of, since before any disk was named; then b loses its disk, and
 * is with c alone.
 */
const LOST_VOTE: readonly Action[] = [
  { type: 'partition', atMs: 60, untilMs: 3000, left: ['c'], right: ['a', 'b'] },
  ask(1, 2000, 0, 'put'),
  { type: 'partition', atMs: 3000, untilMs: 9000, left: ['a'], right: ['b', 'c'] },
  { type: 'wipe', atMs: 3000, untilMs: 3200, node: 'b' },
  ask(2, 6500, 2, 'get'),
]

/** A cluster that begins with one node, and has three when that one loses its disk. */
const GROWN: readonly Action[] = [
  ...[1000, 3000].map((atMs): Action => ({
    type: 'change',
    atMs,
    operator: 0,
    want: 'add-voter',
    pick: 0,
    through: 0,
    attemptMs: 6000,
    patienceMs: 6000,
  })),
  ask(1, 6000, 0, 'put'),
  { type: 'wipe', atMs: 8000, untilMs: 8500, node: 'a' },
  ask(2, 9000, 0, 'put'),
]

function planWith(actions: readonly Action[]): Plan {
  return {
    seed: 1,
    nodes: ['a', 'b', 'c'],
    spares: [],
    faultsEndMs: 10_000,
    delayMs: { min: 1, max: 1 },
    syncMs: { min: 1, max: 1 },
    snapshotEveryEntries: 10_000,
    sessionTimeoutMs: 3_600_000,
    clientsWithSession: 1,
    actions,
  }
}

function run(actions: readonly Action[], parts: Parts = {}): Promise<RunResult> {
  return new Simulation(planWith(actions), { parts }).run()
}

/** Nodes that believe of every empty disk that it never held anything. */
const trusting: Parts = { options: (options) => ({ ...options, trustEmptyDisk: true }) }

describe('a disk that is lost before it was named', () => {
  it('waits, and nothing is lost with it', async () => {
    const { violation, injected, operations } = await run(LOST_VOTE)
    expect(violation).toBeNull()
    expect(injected).toMatchObject({ wipe: 1 })
    expect(operations.answered).toBeGreaterThan(0)
  })

  it('is noticed when it votes as if there had been nothing', async () => {
    const { violation } = await run(LOST_VOTE, trusting)
    expect(violation).toMatchObject({ invariant: 'empty-disk-waits', node: 'b' })
  })

  it('is noticed also by what is lost with it, when nobody looks at who votes', async () => {
    const blind: Parts = { ...trusting, blindTo: ['empty-disk-waits'] }
    const { violation } = await run(LOST_VOTE, blind)
    expect(['agreement', 'one-value-a-ballot']).toContain(violation?.invariant)
  })

  it('is lost alone: of those that are not named, the next one stays', async () => {
    const second: Action = { type: 'wipe', atMs: 3100, untilMs: 3200, node: 'c' }
    const { violation, injected } = await run([...LOST_VOTE, second])
    expect(violation).toBeNull()
    expect(injected).toMatchObject({ wipe: 1 })
  })
})

it('the first of a cluster is told of the others when its disk is lost, and does not begin another', async () => {
  const plan: Plan = { ...planWith(GROWN), nodes: ['a'], spares: ['p', 'q'] }
  const { violation, injected, changes } = await new Simulation(plan).run()
  expect(violation).toBeNull()
  expect(injected).toMatchObject({ wipe: 1 })
  expect(changes.completed).toBeGreaterThanOrEqual(3)
})

it('members join and leave, disks are lost, and every promise is kept', async () => {
  const counts = new Map<string, number>()
  const enough = 12
  const seeds = extent(1, enough)
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { violation, changes, injected } = await Simulation.ofSeed(seed, PROFILES.members).run()
    expect(violation, `pnpm simulate --profile members --seed ${seed}`).toBeNull()
    expect(Math.min(changes.asked, changes.made)).toBeGreaterThan(0)
    for (const [name, count] of Object.entries({ ...changes, wipes: injected.wipe ?? 0 })) {
      counts.set(name, (counts.get(name) ?? 0) + count)
    }
  }
  if (seeds < enough) return
  // Who does not get on is rarely waited for until he is given up.
  for (const [name, count] of counts)
    if (name !== 'notPromoted') expect(count, name).toBeGreaterThan(0)
})

it('changes the members under two profiles alone, and there in every seed', () => {
  for (const profile of Object.values(PROFILES)) {
    const { actions, spares } = drawPlan(3, profile)
    const isChanging = actions.some(({ type }) => type === 'change')
    expect(isChanging).toBe(profile.name === 'members' || profile.name === 'leases')
    expect(spares !== undefined).toBe(isChanging)
  }
})
