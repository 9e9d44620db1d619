/**
 * Random schedules for property tests: what the network, the disks, the clock, the applications and
 * the failure detectors do to a cluster, as data that fast-check generates and shrinks. Playing one
 * must be deterministic, and must work for every schedule on every cluster.
 */
import type { Effects, NodeId } from '@paxos/core'
import * as fc from 'fast-check'
import type { Cluster, Engine } from './cluster.ts'

/** A crash, rather in the middle of a save if `busy`; `reached` saves had reached the disk. */
interface Crash {
  readonly type: 'crash'
  readonly node: number
  readonly busy: boolean
  readonly reached: number
}

/** One thing that happens. The numbers choose among what there is, modulo how many there are. */
export type Happening =
  | { readonly type: 'deliver' | 'lose' | 'duplicate'; readonly letter: number }
  | { readonly type: 'save' | 'restart' | 'lead' | 'cut off'; readonly node: number }
  | Crash
  | { readonly type: 'propose'; readonly node: number; readonly value: number }
  | { readonly type: 'flow'; readonly steps: number }
  | { readonly type: 'time'; readonly ms: number }

const letter = fc.nat(1000)
const node = fc.nat(1000)

/** How often each thing happens, relative to the others. */
type Weights = Readonly<Record<Happening['type'] | 'long time', number>>

/** Mostly progress, so that runs get somewhere; enough of everything else. */
const MIXED: Weights = {
  flow: 10,
  deliver: 20,
  save: 20,
  lose: 4,
  duplicate: 4,
  'cut off': 3,
  crash: 2,
  restart: 6,
  lead: 6,
  propose: 4,
  time: 6,
  'long time': 2,
}

/** Rivals that hear little of each other, so that different values get accepted. */
const RIVALS: Weights = { ...MIXED, flow: 20, 'cut off': 12, lead: 15, crash: 0, 'long time': 6 }

/** Nodes that hardly stay up, with saves that are seldom finished. */
const CRASHES: Weights = { ...MIXED, flow: 20, crash: 8, restart: 20, save: 10 }

export const schedules = fc.oneof(...[MIXED, RIVALS, CRASHES].map(scheduleWith))

function scheduleWith(weights: Weights): fc.Arbitrary<Happening[]> {
  const happenings: readonly fc.WeightedArbitrary<Happening>[] = [
    { weight: weights.flow, arbitrary: fc.record({ type: fc.constant('flow'), steps: fc.nat(8) }) },
    { weight: weights.deliver, arbitrary: fc.record({ type: fc.constant('deliver'), letter }) },
    { weight: weights.lose, arbitrary: fc.record({ type: fc.constant('lose'), letter }) },
    { weight: weights.duplicate, arbitrary: fc.record({ type: fc.constant('duplicate'), letter }) },
    { weight: weights.save, arbitrary: fc.record({ type: fc.constant('save'), node }) },
    { weight: weights['cut off'], arbitrary: fc.record({ type: fc.constant('cut off'), node }) },
    {
      weight: weights.crash,
      arbitrary: fc.record({
        type: fc.constant('crash'),
        node,
        busy: fc.boolean(),
        reached: fc.nat(2),
      }),
    },
    { weight: weights.restart, arbitrary: fc.record({ type: fc.constant('restart'), node }) },
    { weight: weights.lead, arbitrary: fc.record({ type: fc.constant('lead'), node }) },
    {
      weight: weights.propose,
      arbitrary: fc.record({ type: fc.constant('propose'), node, value: fc.nat(4) }),
    },
    { weight: weights.time, arbitrary: fc.record({ type: fc.constant('time'), ms: fc.nat(400) }) },
    {
      weight: weights['long time'],
      arbitrary: fc.record({ type: fc.constant('time'), ms: fc.nat(3000) }),
    },
  ]
  return fc.array(fc.oneof(...happenings), { size: 'max', maxLength: 250 })
}

/** Does to `cluster` what the schedule says, as far as it can be done. */
export function play<E extends Engine<Uint8Array>>(
  cluster: Cluster<Uint8Array, E>,
  schedule: readonly Happening[],
  lead: (engine: E) => Effects<Uint8Array>,
): void {
  cluster.ids.forEach((id, index) => {
    cluster.propose(id, valueOf(index))
  })
  for (const each of schedule) playOne(cluster, each, lead)
}

/** The values of the schedules: few, so that rivals collide, and the empty one too. */
export function valueOf(number: number): Uint8Array {
  return number === 0 ? new Uint8Array() : Uint8Array.of(number)
}

function playOne<E extends Engine<Uint8Array>>(
  cluster: Cluster<Uint8Array, E>,
  happening: Happening,
  lead: (engine: E) => Effects<Uint8Array>,
): void {
  const { running, ids, inFlight } = cluster
  switch (happening.type) {
    case 'deliver':
    case 'lose':
    case 'duplicate':
      if (inFlight.length > 0) cluster[happening.type](happening.letter % inFlight.length)
      return
    case 'save': {
      const id = choose(saving(cluster), happening.node)
      if (id !== null) cluster.completeSave(id)
      return
    }
    case 'cut off': {
      const id = choose(ids, happening.node)
      for (let index = inFlight.length - 1; index >= 0; index -= 1) {
        if (inFlight[index]?.from === id || inFlight[index]?.to === id) cluster.lose(index)
      }
      return
    }
    case 'flow':
      for (let step = 0; step < happening.steps; step += 1) {
        const [id] = saving(cluster)
        if (id !== undefined) cluster.completeSave(id)
        else if (inFlight.length > 0) cluster.deliver()
      }
      return
    case 'crash': {
      const busy = happening.busy ? saving(cluster) : []
      const id = choose(busy.length > 0 ? busy : running, happening.node)
      if (id !== null) cluster.crash(id, happening.reached)
      return
    }
    case 'restart': {
      const id = choose(
        ids.filter((each) => !running.includes(each)),
        happening.node,
      )
      if (id !== null) cluster.restart(id)
      return
    }
    case 'lead': {
      const id = choose(running, happening.node)
      if (id !== null) cluster.input(id, 'is told to lead', lead)
      return
    }
    case 'propose': {
      const id = choose(running, happening.node)
      if (id !== null) cluster.propose(id, valueOf(happening.value))
      return
    }
    case 'time':
      return cluster.advance(happening.ms)
  }
}

function saving<E extends Engine<Uint8Array>>(cluster: Cluster<Uint8Array, E>): NodeId[] {
  return cluster.ids.filter((id) => cluster.disk(id).running > 0)
}

function choose<T>(from: readonly T[], number: number): T | null {
  return from.length === 0 ? null : (from[number % from.length] ?? null)
}
