/** The simulator where leaders have leases and clocks run wrong: what it does, and that it notices. */
import { drawPlan, PROFILES, Simulation } from '@paxos/testkit/simulation'
import type { Action, ClientCall, Parts, Plan, RunResult } from '@paxos/testkit/simulation'
import { describe, expect, it } from 'vitest'
import { extent } from '../src/fuzz.ts'

const NODES = ['a', 'b', 'c'] as const
const LEASE = { durationMs: 1000, maxDriftPpm: 100_000 }

function ask(
  id: number,
  atMs: number,
  node: number,
  rest: Pick<ClientCall, 'call' | 'look'>,
): ClientCall {
  return { type: 'call', id, atMs, client: id, node, key: 'x', patienceMs: 4000, ...rest }
}

/**
 * The leader is cut off with its lease, and its clock runs at one rate, those of the others at another.
 * What is written with the others is then read from it.
 */
function cutOff(leader: number, own: number, others: number): readonly Action[] {
  const [away, ...rest] = [...NODES.slice(leader), ...NODES.slice(0, leader)]
  const [other] = rest
  if (away === undefined || other === undefined) throw new Error('there are three nodes')
  const drifts = NODES.map((node): Action => {
    return { type: 'clock-drift', atMs: 3000, node, rate: node === away ? own : others }
  })
  const through = NODES.findIndex((id) => id === other)
  return [
    ...drifts,
    { type: 'partition', atMs: 3000, untilMs: 9000, left: [away], right: rest },
    ask(1, 3010, through, { call: 'put' }),
    ...Array.from({ length: 20 }, (_, index) =>
      ask(2 + index, 3100 + index * 200, leader, {
        call: 'get',
        look: { consistency: 'lease' },
      }),
    ),
  ]
}

function planWith(actions: readonly Action[]): Plan {
  return {
    seed: 1,
    nodes: NODES,
    leases: { first: LEASE, maxDriftPpm: LEASE.maxDriftPpm, slowestClock: 0.9 },
    faultsEndMs: 10_000,
    delayMs: { min: 1, max: 1 },
    syncMs: { min: 1, max: 1 },
    snapshotEveryEntries: 10_000,
    sessionTimeoutMs: 3_600_000,
    clientsWithSession: 1,
    actions: actions.toSorted((a, b) => a.atMs - b.atMs),
  }
}

function run(actions: readonly Action[], parts: Parts = {}): Promise<RunResult> {
  return new Simulation(planWith(actions), { parts }).run()
}

async function firstLeader(): Promise<number> {
  const { leaderships } = await run([])
  return NODES.findIndex((id) => id === leaderships[0]?.node)
}

describe('a leader that is cut off with its lease', () => {
  it('answers nothing old, however wrong clocks run within the bound', async () => {
    const leader = await firstLeader()
    const { violation, operations } = await run(cutOff(leader, 0.9, 1.1))
    expect(violation).toBeNull()
    expect(operations.answered).toBeGreaterThan(2)
  })

  it('is noticed when clocks run wrong beyond the bound: a read shows what is no longer so', async () => {
    const leader = await firstLeader()
    const { violation } = await run(cutOff(leader, 0.2, 4))
    expect(violation).toMatchObject({ invariant: 'linearizable' })
  })
})

/** What it is shown may be 200 ms old. */
function askForOld(id: number, atMs: number): ClientCall {
  return ask(id, atMs, id, { call: 'get', look: { consistency: 'bounded', maxStalenessMs: 200 } })
}

describe('what may be some time old', () => {
  const actions = [
    ...[500, 1500, 2500].map((atMs, index) => ask(index + 1, atMs, 0, { call: 'append' })),
    ...Array.from({ length: 9 }, (_, index) => askForOld(10 + index, 3000 + index * 100)),
  ]

  it('shows what was answered before that', async () => {
    const { violation, operations } = await run(actions)
    expect(violation).toBeNull()
    expect(operations.answered).toBeGreaterThan(3)
  })

  it('is noticed when it is older', async () => {
    const stale: Parts = {
      stateMachine: (inner) => ({ ...inner, query: () => '' }),
      blindTo: ['linearizable'],
    }
    const { violation } = await run(actions, stale)
    expect(violation).toMatchObject({ invariant: 'as-fresh-as-asked' })
  })
})

it('leaders have leases and let others lead, clocks run wrong, and every promise is kept', async () => {
  const counts = new Map<string, number>()
  const enough = 4
  const seeds = extent(1, enough)
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { violation, injected } = await Simulation.ofSeed(seed, PROFILES.leases).run()
    expect(violation, `pnpm simulate --profile leases --seed ${seed}`).toBeNull()
    for (const kind of ['transfer', 'clock-drift', 'partition', 'pause'] as const) {
      counts.set(kind, (counts.get(kind) ?? 0) + (injected[kind] ?? 0))
    }
  }
  if (seeds < enough) return
  for (const [kind, count] of counts) expect(count, kind).toBeGreaterThan(0)
})

it('has leases, and reads by them, under one profile alone', () => {
  for (const profile of Object.values(PROFILES)) {
    const { actions, leases } = drawPlan(3, profile)
    const looks = actions.some((action) => action.type === 'call' && action.look !== undefined)
    expect(leases !== undefined).toBe(profile.name === 'leases')
    expect(looks).toBe(profile.name === 'leases')
  }
})

it('draws no clock that runs more wrong than leases allow, nor one that jumps', () => {
  const { leases, clockRates = [], perMinute } = PROFILES.leases
  const drift = (leases?.maxDriftPpm ?? 0) / 1_000_000
  expect(drift).toBeGreaterThan(0)
  expect(Math.min(...clockRates)).toBeGreaterThanOrEqual(1 - drift)
  expect(Math.max(...clockRates)).toBeLessThanOrEqual(1 + drift)
  expect(perMinute['clock-jump']).toBe(0)
  for (let seed = 1; seed <= 20; seed += 1) {
    for (const action of drawPlan(seed, PROFILES.leases).actions) {
      if (action.type === 'clock-drift') expect(clockRates).toContain(action.rate)
    }
  }
})
