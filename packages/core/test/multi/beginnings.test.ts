/** How long it takes until somebody leads who could lead from the start, and who has to wait. */
import { majority } from '@paxos/core'
import { MultiPaxos } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import { at } from '../messages.ts'
import { LogCluster } from './cluster.ts'
import { ABC, instantly, nodeA, only } from './one-node.ts'

const LATENCY_MS = [5, 20] as const
const SAVE_MS = [1, 5] as const
const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1)

/** The jitter of a tenth of half a window, and two questions with their answers, the second one saved. */
const LED_WITHIN_MS = 50 + 4 * 20 + 2 * 5
/** A node that is up before the others asks again every 200 ms. */
const ASKED_AGAIN_MS = 200

const rounds = (cluster: LogCluster): number[] =>
  cluster.running.map((id) => cluster.engine(id).ballot?.round ?? 0)

describe('a node that votes alone', () => {
  it.each([
    ['that is new', null],
    ['that starts again', at(7)],
  ])('%s leads with its first tick and save', (_, promised) => {
    const saved = { promised, accepted: [], snapshot: null, chosenThrough: 0 }
    const a = new MultiPaxos({ id: 'a', quorums: majority(['a']), random: () => 0.9, saved })
    instantly(a, a.tick(12_345))
    expect([a.phase, a.chosenThrough]).toEqual(['leading', 1])
  })
})

describe('a cluster that starts for the first time', () => {
  it.each(SEEDS)('has a leader within some round trips, with seed %i', (seed) => {
    const cluster = new LogCluster({ seed, latencyMs: LATENCY_MS, saveMs: SAVE_MS })
    cluster.runUntil(() => cluster.leaders.length > 0, LED_WITHIN_MS)
    // And those that asked at the same time settle it by the one round: no duel.
    cluster.run(1_000)
    expect(cluster.leaders).toHaveLength(1)
    expect(Math.max(...rounds(cluster))).toBeLessThanOrEqual(2)
  })

  it.each(SEEDS)('has one as soon after a majority is up, with seed %i', (seed) => {
    const cluster = new LogCluster({ seed, latencyMs: LATENCY_MS, saveMs: SAVE_MS })
    for (const id of ['b', 'c']) cluster.crash(id)
    cluster.run(777)
    cluster.restart('c')
    cluster.runUntil(() => cluster.leaders.length > 0, ASKED_AGAIN_MS + LED_WITHIN_MS)
  })
})

describe('a node that starts', () => {
  it('anew in a cluster that has a leader is refused, and disturbs nobody', () => {
    const cluster = new LogCluster()
    const leader = cluster.runUntilLed()
    const { ballot } = cluster.engine(leader)
    const [lost = ''] = cluster.ids.filter((id) => id !== leader)
    cluster.crash(lost)
    cluster.disk(lost).forget()
    cluster.restart(lost)
    cluster.run(5_000)
    expect(cluster.leaders).toEqual([leader])
    expect(cluster.engine(leader).ballot).toEqual(ballot)
  })

  it('again waits a window like after a leader, and supports nobody before', () => {
    const saved = { promised: at(1), accepted: [], snapshot: null, chosenThrough: 0 }
    const a = nodeA({ saved, livenessWindowMs: 1_000 })
    const asked = { type: 'campaign', run: 1, number: 1, chosenThrough: 0 } as const
    a.tick(999)
    expect(
      only(a.receive('b', asked).send, 'support').map(({ message }) => message.granted),
    ).toEqual([false])
    expect(only(a.tick(1_249).send, 'campaign')).toEqual([])
    expect(only(a.tick(1_250).send, 'campaign')).toHaveLength(2)
  })

  it('anew supports others, and asks them, from the beginning', () => {
    const a = new MultiPaxos({ id: 'a', quorums: ABC, random: () => 0.5 })
    const asked = { type: 'campaign', run: 1, number: 1, chosenThrough: 0 } as const
    expect(only(a.tick(500).send, 'campaign')).toEqual([])
    const [answer] = only(a.receive('b', asked).send, 'support')
    expect(answer?.message.granted).toBe(true)
    expect(only(a.tick(525).send, 'campaign')).toHaveLength(2)
  })
})
