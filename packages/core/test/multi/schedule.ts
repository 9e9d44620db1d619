/**
 * Random schedules for clusters of logs: what the network, the disks, the hosts and their
 * applications do, as data that fast-check generates and shrinks. Playing one must be deterministic,
 * and must work for every schedule on every cluster.
 */
import type { NodeId } from '@paxos/core'
import type { LeaseRule } from '@paxos/core/multi'
import * as fc from 'fast-check'
import type { LogCluster } from './cluster.ts'

/** A crash, rather in the middle of a save if `busy`; `reached` saves had reached the disk. */
interface Crash {
  readonly type: 'crash'
  readonly node: number
  readonly busy: boolean
  readonly reached: number
}

/** One thing that happens. The numbers choose among what there is, modulo how many there are. */
export type Happening =
  | { readonly type: 'time'; readonly ms: number }
  | { readonly type: 'cut' | 'cut one way'; readonly node: number; readonly other: number }
  | { readonly type: 'isolate' | 'hold saves' | 'release saves'; readonly node: number }
  | { readonly type: 'restart'; readonly node: number }
  | { readonly type: 'snapshot' | 'lead' | 'resign'; readonly node: number }
  | { readonly type: 'read'; readonly node: number; readonly byLease: boolean }
  | { readonly type: 'hand over'; readonly node: number; readonly other: number }
  | { readonly type: 'heal' }
  /** Whoever leads is heard no more, and believes that it leads, while another one is told to. */
  | { readonly type: 'overtake'; readonly node: number; readonly ms: number }
  | { readonly type: 'weather'; readonly loss: number; readonly duplication: number }
  | Crash
  | { readonly type: 'propose'; readonly node: number; readonly count: number }

type Weights = Readonly<Record<Happening['type'] | 'long time', number>>

const MIXED: Weights = {
  time: 30,
  'long time': 10,
  cut: 4,
  'cut one way': 4,
  isolate: 4,
  heal: 6,
  crash: 5,
  restart: 8,
  'hold saves': 2,
  'release saves': 4,
  snapshot: 4,
  lead: 6,
  resign: 1,
  'hand over': 2,
  overtake: 2,
  read: 8,
  weather: 4,
  propose: 20,
}

/** Leaders that come and go, whatever the others hear. */
const RIVALS: Weights = {
  ...MIXED,
  lead: 20,
  'long time': 4,
  isolate: 10,
  heal: 10,
  crash: 0,
  overtake: 6,
}

/** Nodes that hardly stay up, with saves that are seldom finished. */
const CRASHES: Weights = { ...MIXED, crash: 20, restart: 25, 'hold saves': 10, 'release saves': 10 }

/** Leases of a heartbeat or two, and of a liveness window. Every second log has none. */
const LEASES: readonly (LeaseRule | null)[] = [
  null,
  { durationMs: 300, maxDriftPpm: 100_000 },
  null,
  { durationMs: 1000, maxDriftPpm: 250_000 },
]

export const schedules = fc.record({
  seed: fc.nat(1_000_000),
  happenings: fc.oneof(...[MIXED, RIVALS, CRASHES].map(happeningsWith)),
  lease: fc.constantFrom(...LEASES),
})

/** Clocks that run as wrong as a lease allows, and right. */
export function ratesWithin(
  lease: LeaseRule | null,
  ids: readonly NodeId[],
  seed: number,
): Readonly<Record<NodeId, number>> {
  const drift = (lease?.maxDriftPpm ?? 0) / 1_000_000
  return Object.fromEntries(
    ids.map((id, index) => [id, 1 + drift * (((seed + index * (1 + (seed % 2))) % 3) - 1)]),
  )
}

function happeningsWith(weights: Weights): fc.Arbitrary<Happening[]> {
  const node = fc.nat(1000)
  const other = fc.nat(1000)
  const alone = (type: 'isolate' | 'restart' | 'hold saves' | 'release saves') => ({
    weight: weights[type],
    arbitrary: fc.record({ type: fc.constant(type), node }),
  })
  const asked = (type: 'snapshot' | 'lead' | 'resign') => ({
    weight: weights[type],
    arbitrary: fc.record({ type: fc.constant(type), node }),
  })
  const happenings: readonly fc.WeightedArbitrary<Happening>[] = [
    alone('isolate'),
    alone('restart'),
    alone('hold saves'),
    alone('release saves'),
    asked('snapshot'),
    asked('lead'),
    asked('resign'),
    {
      weight: weights.read,
      arbitrary: fc.record({ type: fc.constant('read'), node, byLease: fc.boolean() }),
    },
    { weight: weights.time, arbitrary: fc.record({ type: fc.constant('time'), ms: fc.nat(30) }) },
    {
      weight: weights['long time'],
      arbitrary: fc.record({ type: fc.constant('time'), ms: fc.nat(3000) }),
    },
    { weight: weights.cut, arbitrary: fc.record({ type: fc.constant('cut'), node, other }) },
    {
      weight: weights['cut one way'],
      arbitrary: fc.record({ type: fc.constant('cut one way'), node, other }),
    },
    {
      weight: weights['hand over'],
      arbitrary: fc.record({ type: fc.constant('hand over'), node, other }),
    },
    {
      weight: weights.overtake,
      arbitrary: fc.record({
        type: fc.constant('overtake'),
        node,
        ms: fc.integer({ min: 20, max: 300 }),
      }),
    },
    { weight: weights.heal, arbitrary: fc.record({ type: fc.constant('heal') }) },
    {
      weight: weights.weather,
      arbitrary: fc.record({
        type: fc.constant('weather'),
        loss: fc.constantFrom(0, 0, 0.1, 0.3),
        duplication: fc.constantFrom(0, 0.2),
      }),
    },
    {
      weight: weights.crash,
      arbitrary: fc.record({
        type: fc.constant('crash'),
        node,
        busy: fc.boolean(),
        reached: fc.nat(2),
      }),
    },
    {
      weight: weights.propose,
      arbitrary: fc.record({
        type: fc.constant('propose'),
        node,
        count: fc.integer({ min: 1, max: 4 }),
      }),
    },
  ]
  return fc.array(fc.oneof(...happenings), { size: 'max', maxLength: 120 })
}

/** Does to `cluster` what the schedule says, as far as it can be done. */
export function play(cluster: LogCluster, happenings: readonly Happening[]): void {
  happenings.forEach((happening, index) => playOne(cluster, happening, index))
}

/** The end of all faults: everybody runs, hears everybody, and saves what was held back. */
export function calm(cluster: LogCluster): void {
  cluster.heal()
  cluster.loss = 0
  cluster.duplication = 0
  for (const id of cluster.ids) {
    if (!cluster.running.includes(id)) cluster.restart(id)
    cluster.releaseSaves(id)
  }
}

function playOne(cluster: LogCluster, happening: Happening, index: number): void {
  const { running, ids } = cluster
  if (happening.type === 'time') cluster.run(happening.ms)
  else if (happening.type === 'heal') cluster.heal()
  else if (happening.type === 'overtake') overtake(cluster, happening, index)
  else if (happening.type === 'weather') {
    cluster.loss = happening.loss
    cluster.duplication = happening.duplication
  } else if (happening.type === 'restart') {
    const crashed = ids.filter((id) => !running.includes(id))
    const id = choose(crashed, happening.node)
    if (id !== null) cluster.restart(id)
  } else {
    const isBusy = happening.type === 'crash' && happening.busy
    const busy = isBusy ? running.filter((each) => cluster.disk(each).running > 0) : []
    const id = choose(busy.length > 0 ? busy : running, happening.node)
    if (id !== null) playAt(cluster, id, happening, index)
  }
}

/** So often the former leader is asked what it knows, while the other one writes. */
const OVERTAKING_READS = 5

function overtake(
  cluster: LogCluster,
  { node, ms }: Extract<Happening, { readonly type: 'overtake' }>,
  index: number,
): void {
  const [leader] = cluster.leaders
  const rivals = cluster.running.filter((id) => id !== leader)
  const rival = choose(rivals, node)
  if (leader === undefined || rival === null) return
  cluster.isolate(leader)
  cluster.input(rival, 'is told to lead', (engine) => engine.lead())
  cluster.propose(rival)
  for (let read = 0; read < OVERTAKING_READS; read += 1) {
    cluster.run(ms)
    // A node that crashed at a save has no engine.
    if (cluster.running.includes(leader)) cluster.read(leader, index + read / 10, true)
  }
}

function playAt(
  cluster: LogCluster,
  id: NodeId,
  happening: Exclude<
    Happening,
    { readonly type: 'time' | 'heal' | 'overtake' | 'weather' | 'restart' }
  >,
  index: number,
): void {
  const others = cluster.ids.filter((other) => other !== id)
  const other = 'other' in happening ? choose(others, happening.other) : null
  switch (happening.type) {
    case 'cut':
      if (other !== null) cluster.cut(id, other)
      return
    case 'cut one way':
      if (other !== null) cluster.cutOneWay(id, other)
      return
    case 'isolate':
      return cluster.isolate(id)
    case 'hold saves':
      return cluster.holdSaves(id)
    case 'release saves':
      return cluster.releaseSaves(id)
    case 'crash':
      cluster.crash(id, happening.reached)
      return cluster.releaseSaves(id)
    case 'snapshot':
      if (cluster.machine(id).applied > 0) cluster.takeSnapshot(id)
      return
    case 'lead':
      return cluster.input(id, 'is told to lead', (engine) => engine.lead())
    case 'resign':
      return cluster.input(id, 'is told to resign', (engine) => engine.resign())
    case 'hand over':
      if (other === null) return
      return cluster.input(id, `is told to hand over to ${other}`, (engine) =>
        engine.transfer(other, 1000),
      )
    case 'read':
      return cluster.read(id, index, happening.byLease)
    case 'propose':
      for (let count = 0; count < happening.count; count += 1) cluster.propose(id)
  }
}

function choose<T>(from: readonly T[], number: number): T | null {
  return from.length === 0 ? null : (from[number % from.length] ?? null)
}
