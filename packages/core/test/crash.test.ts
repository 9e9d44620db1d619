import { majority, type NodeId } from '@paxos/core'
import { HeartbeatNode } from '@paxos/core/functional'
import { Node } from '@paxos/core/practical'
import { describe, expect, it } from 'vitest'
import { Cluster, onTheWire, seededRandom, type ClusterOptions, type Engine } from './cluster.ts'

const IDS = ['a', 'b', 'c']
const ABC = majority(IDS)

/** A crash of `node` around its save number `save`, counted over all its lives. */
interface CrashPoint {
  readonly node: NodeId
  readonly save: number
  /** Whether the save had reached the disk, though nobody was told. */
  readonly reached: boolean
}

/** Every point at which a node can crash, if each saves so many times. */
function crashPoints(saves: number): CrashPoint[] {
  return IDS.flatMap((node) =>
    Array.from({ length: saves }, (_, save) => [
      { node, save, reached: false },
      { node, save, reached: true },
    ]).flat(),
  )
}

/**
 * Runs a cluster to the end as it would go without faults, but crashes each node at its point
 * instead of completing that save, and restarts it at once.
 */
function settleWithCrashes<E extends Engine<string>>(
  cluster: Cluster<string, E>,
  points: readonly CrashPoint[],
): void {
  const saves = new Map<NodeId, number>(IDS.map((id) => [id, 0]))
  const due = new Set(points)
  for (;;) {
    const saving = IDS.find((id) => cluster.disk(id).running > 0)
    if (saving === undefined) {
      if (cluster.inFlight.length === 0) return
      cluster.deliver()
      continue
    }
    const count = saves.get(saving) ?? 0
    saves.set(saving, count + 1)
    const point = [...due].find(({ node, save }) => node === saving && save === count)
    if (point === undefined) {
      cluster.completeSave(saving)
      continue
    }
    due.delete(point)
    cluster.crash(saving, point.reached ? 1 : 0)
    cluster.restart(saving)
  }
}

/** After the crashes: somebody takes over, and everybody must know the same. */
function expectAgreement<E extends Engine<string>>(cluster: Cluster<string, E>): void {
  const { chosen } = cluster.safety
  expect(chosen).not.toBeNull()
  for (const id of IDS) expect(JSON.stringify(cluster.engine(id).chosen?.value)).toBe(chosen)
}

describe('P10: a crash between every pair of storage operations', () => {
  const nodes: ClusterOptions<string, Node<string>> = {
    ids: IDS,
    quorums: ABC,
    create: (id, saved) => new Node({ id, quorums: ABC, saved }),
  }

  /** a gets 'x' chosen, then c tries to get 'y' chosen; with crashes in between. */
  const play = (points: readonly CrashPoint[]): Cluster<string, Node<string>> => {
    const cluster = new Cluster(nodes)
    for (const [id, value] of [
      ['a', 'x'],
      ['c', 'y'],
    ] as const) {
      cluster.propose(id, value)
      cluster.input(id, 'prepares', (node) => node.prepare())
      settleWithCrashes(cluster, points)
    }
    // In calm, until it goes through: a restarted node is refused while it catches up.
    cluster.propose('b', 'z')
    cluster.run(2000, () => {
      for (const id of IDS) {
        const { chosen, phase } = cluster.engine(id)
        if (chosen !== null) continue
        if (id === 'b' && phase === 'idle') cluster.input(id, 'prepares', (node) => node.prepare())
        else if (id !== 'b') cluster.input(id, 'asks', (node) => node.learn())
      }
    })
    return cluster
  }

  it('the story without a crash saves three times at each node, or more', () => {
    const { lines } = play([]).trace
    for (const id of IDS) {
      const saves = lines.filter((line) => line.startsWith(`${id.padEnd(7)}durable: `))
      expect(saves.length).toBeGreaterThanOrEqual(3)
    }
  })

  const titled = crashPoints(5).map((point) => {
    const fate = point.reached ? 'which had reached the disk' : 'which is lost'
    return [`at ${point.node}, in its save ${point.save + 1}, ${fate}`, point] as const
  })
  it.each(titled)('%s', (_, point) => {
    expectAgreement(play([point]))
  })

  it('any two crashes', () => {
    const points = crashPoints(4)
    for (const [index, first] of points.entries()) {
      for (const second of points.slice(index + 1)) expectAgreement(play([first, second]))
    }
  })

  it('what was chosen before a crash is chosen after it, whoever crashes and whoever leads', () => {
    for (const crashed of IDS) {
      for (const leader of IDS) {
        const cluster = new Cluster(nodes)
        cluster.propose('a', 'x')
        cluster.input('a', 'prepares', (node) => node.prepare())
        cluster.settle()
        expect(cluster.safety.chosen).toBe('"x"')
        for (const id of IDS) cluster.crash(id)
        for (const id of IDS) if (id !== crashed) cluster.restart(id)
        if (leader === crashed) continue
        cluster.propose(leader, 'y')
        cluster.input(leader, 'prepares', (node) => node.prepare())
        cluster.settle()
        expect(cluster.engine(leader).chosen?.value).toBe('x')
      }
    }
  })

  it('HeartbeatNode too, at every save of its life', () => {
    for (const point of crashPoints(5)) {
      const random = seededRandom(5)
      const cluster = new Cluster<string, HeartbeatNode<string>>({
        ids: IDS,
        quorums: ABC,
        create: (id, saved) => new HeartbeatNode({ id, quorums: ABC, saved, random }),
      })
      for (const id of IDS) cluster.propose(id, `of ${id}`)
      cluster.advance(1500)
      settleWithCrashes(cluster, [point])
      for (const id of IDS) cluster.propose(id, `of ${id}, again`)
      cluster.run(6000)
      expectAgreement(cluster)
    }
  })
})

describe('P7: how messages are carried changes nothing', () => {
  type Bytes = Uint8Array
  const story = (carry: ClusterOptions<Bytes, Node<Bytes>>['carry'] & {}): readonly string[] => {
    const cluster = new Cluster<Bytes, Node<Bytes>>({
      ids: IDS,
      quorums: ABC,
      carry,
      create: (id, saved) => new Node({ id, quorums: ABC, saved: freeze(saved) }),
    })
    for (const id of ['a', 'c', 'b', 'a']) {
      cluster.propose(id, Uint8Array.of(id.charCodeAt(0)))
      cluster.input(id, 'prepares', (node) => node.prepare())
      for (let step = 0; step < 7; step += 1) {
        const saving = IDS.find((each) => cluster.disk(each).running > 0)
        if (saving === undefined) cluster.deliver(cluster.inFlight.length - 1)
        else cluster.completeSave(saving)
        if (step === 3) cluster.duplicate()
      }
    }
    cluster.crash('b')
    cluster.restart('b')
    cluster.run(3000)
    return cluster.trace.lines
  }

  it('as the very objects, as clones, or as bytes: the same story, line by line', () => {
    const asObjects = story((_, message) => message)
    expect(asObjects.some((line) => line.includes('learns'))).toBe(true)
    expect(story((_, message) => structuredClone(message))).toEqual(asObjects)
    expect(story(onTheWire)).toEqual(asObjects)
  })

  it('an engine never modifies a message or a saved state that it was given', () => {
    const frozen = story((_, message) => freeze(message))
    expect(frozen).toEqual(story(onTheWire))
  })
})

/** Any attempt to modify what this returns throws. The bytes of a value cannot be frozen. */
function freeze<T>(thing: T): T {
  if (typeof thing !== 'object' || thing === null || thing instanceof Uint8Array) return thing
  Object.values(thing).forEach(freeze)
  return Object.freeze(thing)
}
