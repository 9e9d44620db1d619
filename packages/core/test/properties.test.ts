import { majority, type Effects, type NodeId } from '@paxos/core'
import { ExternalNode } from '@paxos/core/external'
import { HeartbeatNode } from '@paxos/core/functional'
import { Node } from '@paxos/core/practical'
import * as fc from 'fast-check'
import { extent } from '../../testkit/src/fuzz.ts'
import { describe, expect, it } from 'vitest'
import { Cluster, onTheWire, seededRandom, type ClusterOptions, type Engine } from './cluster.ts'
import { play, schedules, valueOf } from './schedule.ts'

type Value = Uint8Array

/** How long after the last fault everybody must know, in virtual milliseconds. */
const CALM_MS = 20_000

const SIZES: readonly { ids: readonly NodeId[]; appointed: NodeId; runs: number }[] = [
  { ids: ['a', 'b', 'c'], appointed: 'b', runs: 400 },
  { ids: ['a', 'b', 'c', 'd'], appointed: 'd', runs: 100 },
  { ids: ['', 'b', 'node 3', 'd', '😀'], appointed: '', runs: 250 },
]

describe.each(SIZES)('$ids.length nodes: any faults, then calm; agreement always', (size) => {
  const { ids, appointed, runs } = size
  const quorums = majority(ids)

  it('Node, with hosts that prepare at any time', () => {
    holdsForEverySchedule(
      runs,
      ids,
      (id, saved) => new Node<Value>({ id, quorums, saved }),
      (engine) => engine.prepare(),
      // After the faults, one host tries again whenever it was refused, and the others ask.
      (cluster) => {
        for (const id of ids) {
          const engine = cluster.engine(id)
          if (engine.chosen !== null) continue
          if (id !== appointed) cluster.input(id, 'asks', (node) => node.learn(appointed))
          else if (engine.phase === 'idle') cluster.input(id, 'prepares', prepare)
        }
      },
    )
  })

  it('HeartbeatNode, which is told nothing', () => {
    holdsForEverySchedule(
      runs,
      ids,
      (id, saved, life) => {
        const random = seededRandom(life * 10 + ids.indexOf(id))
        return new HeartbeatNode<Value>({ id, quorums, saved, random })
      },
      () => ({ send: [], events: [] }),
    )
  })

  it('ExternalNode, with a failure detector that lies until the faults are over', () => {
    holdsForEverySchedule(
      runs,
      ids,
      (id, saved) => new ExternalNode<Value>({ id, quorums, saved }),
      (engine) => engine.takeOver(),
      (cluster) => {
        const { phase } = cluster.engine(appointed)
        if (phase === 'idle') cluster.input(appointed, 'is told to lead', takeOver)
      },
    )
  })
})

it('the schedules reach what matters: rivals, recovered values, lost saves', () => {
  const ids = ['a', 'b', 'c']
  const quorums = majority(ids)
  const create: ClusterOptions<Value, Node<Value>>['create'] = (id, saved) =>
    new Node({ id, quorums, saved })
  const stories = fc.sample(schedules, { numRuns: 200, seed: 1 }).map((schedule) => {
    const cluster = new Cluster({ ids, quorums, create, carry: onTheWire })
    play(cluster, schedule, prepare)
    return cluster.trace.lines
  })
  const howMany = (pattern: RegExp): number =>
    stories.filter((lines) => lines.some((line) => pattern.test(line))).length

  expect(howMany(/learns/)).toBeGreaterThan(80)
  expect(howMany(/nack/)).toBeGreaterThan(80)
  expect(howMany(/→ .* promise .*, accepted </)).toBeGreaterThan(80)
  expect(howMany(/no longer leads/)).toBeGreaterThan(80)
  expect(howMany(/lost: /)).toBeGreaterThan(20)
  const accepted = stories.map((lines) =>
    lines.flatMap((line) => /durable: .*accepted \S+ (<.*>)/.exec(line)?.[1] ?? []),
  )
  expect(accepted.filter((values) => new Set(values).size > 1).length).toBeGreaterThan(5)
})

const prepare = (node: Node<Value>): Effects<Value> => node.prepare()
const takeOver = (node: ExternalNode<Value>): Effects<Value> => node.takeOver()

function holdsForEverySchedule<E extends Engine<Value>>(
  runs: number,
  ids: readonly NodeId[],
  create: ClusterOptions<Value, E>['create'],
  lead: (engine: E) => Effects<Value>,
  betweenSteps: (cluster: Cluster<Value, E>) => void = () => undefined,
): void {
  fc.assert(
    fc.property(schedules, (schedule) => {
      const quorums = majority(ids)
      const cluster = new Cluster<Value, E>({ ids, quorums, create, carry: onTheWire })
      play(cluster, schedule, lead)
      const before = cluster.safety.chosen

      for (const id of ids) if (!cluster.running.includes(id)) cluster.restart(id)
      for (const id of ids) cluster.propose(id, valueOf(9))
      cluster.run(CALM_MS, () => betweenSteps(cluster))

      const known = ids.map((id) => cluster.engine(id).chosen?.value ?? null)
      if (known.includes(null)) {
        throw new Error(`somebody does not know what was chosen\n${cluster.trace.last(40)}`)
      }
      expect(new Set(known.map(String)).size).toBe(1)
      if (before !== null) expect(cluster.safety.chosen).toBe(before)
    }),
    { numRuns: extent(Math.ceil(runs / 8), runs) },
  )
}
