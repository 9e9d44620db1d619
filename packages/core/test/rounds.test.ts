import { CEILING_INTERVAL_MS, majority, MAX_ROUND, ROUNDS_STEP } from '@paxos/core'
import type { Effects, Message, NodeId } from '@paxos/core'
import { ExternalNode } from '@paxos/core/external'
import { HeartbeatNode } from '@paxos/core/functional'
import { Node } from '@paxos/core/practical'
import { describe, expect, it } from 'vitest'
import { Ceiling } from '../src/rounds.ts'
import { Cluster, seededRandom } from './cluster.ts'
import { instantly } from './instant.ts'
import { accept, accepted, at, chosen, heartbeat, nack, prepare } from './messages.ts'
import { proclamation, promise, proposal } from './messages.ts'

const ABC = majority(['a', 'b', 'c'])
const STEP = ROUNDS_STEP
const YEAR_MS = 365.25 * 86_400_000

describe('what a node believes of a number', () => {
  it('is what it knows and a step more at least, wherever it starts', () => {
    for (const known of [0, 1, STEP - 1, STEP, 5 * STEP + 7]) {
      expect(new Ceiling(known).admits(known + STEP, 0)).toBe(true)
      expect(new Ceiling(known).admits(known + 4 * STEP, 0)).toBe(false)
    }
  })

  it('rises by a step an interval while higher numbers are heard, however many there are', () => {
    const ceiling = new Ceiling(0)
    const highest = (nowMs: number): number => {
      for (let times = 0; times < 100; times += 1) ceiling.admits(MAX_ROUND, nowMs)
      return [9, 8, 7, 6, 5, 4, 3].find((steps) => ceiling.admits(steps * STEP - 1, nowMs)) ?? 0
    }
    expect(highest(0)).toBe(3)
    expect(highest(CEILING_INTERVAL_MS - 1)).toBe(3)
    expect(highest(CEILING_INTERVAL_MS)).toBe(4)
    expect(highest(10 * CEILING_INTERVAL_MS)).toBe(5)
  })

  it('stays where it is while numbers are low', () => {
    const ceiling = new Ceiling(0)
    for (let nowMs = 0; nowMs < 1e6; nowMs += 1000) ceiling.admits(STEP - 1, nowMs)
    expect(ceiling.admits(3 * STEP, 1e6)).toBe(false)
  })

  it('lasts for half a century of a flood, and never comes to the last step', () => {
    expect(((MAX_ROUND / STEP) * CEILING_INTERVAL_MS) / YEAR_MS).toBeGreaterThan(50)
    for (const known of [MAX_ROUND, MAX_ROUND - STEP, MAX_ROUND - 2 * STEP]) {
      const ceiling = new Ceiling(known)
      for (let nowMs = 0; nowMs < 3000; nowMs += 200) ceiling.admits(MAX_ROUND, nowMs)
      expect(ceiling.admits(MAX_ROUND + 1 - STEP, 3000)).toBe(false)
    }
  })
})

const LAST = at(MAX_ROUND, 'b')
const FAR: readonly Message<string>[] = [
  prepare(LAST),
  promise(LAST),
  promise(at(1), proposal(LAST, 'x')),
  nack(at(1), LAST),
  accept(LAST, 'x'),
  accepted(LAST, 'x'),
  chosen(LAST, 'x'),
  heartbeat(LAST, true),
  proclamation(LAST, true),
]
const STOLEN: readonly Message<string>[] = [
  prepare(at(1, 'c')),
  accept(at(1, 'c'), 'x'),
  heartbeat(at(1, 'c')),
  proclamation(at(1, 'c')),
]

interface SingleDecree {
  tick(nowMs: number): Effects<string>
  receive(from: NodeId, message: Message<string>): Effects<string>
  saved(): Effects<string>
  readonly nextTickAtMs: number | null
}

const options = { id: 'a', quorums: ABC, random: () => 0 }
const ENGINES: readonly {
  readonly name: string
  readonly make: () => SingleDecree & { lead: () => Effects<string> }
}[] = [
  {
    name: 'Node',
    make: () => {
      const node = new Node<string>(options)
      return Object.assign(node, { lead: () => node.prepare() })
    },
  },
  {
    name: 'HeartbeatNode',
    make: () => {
      const node = new HeartbeatNode<string>(options)
      return Object.assign(node, { lead: () => node.tick(1000) })
    },
  },
  {
    name: 'ExternalNode',
    make: () => {
      const node = new ExternalNode<string>(options)
      return Object.assign(node, { lead: () => node.takeOver() })
    },
  },
]
const told = (reason: string) => ({
  send: [],
  events: [{ type: 'disbelieved', from: 'b', reason }],
})

describe.each(ENGINES)('$name', ({ make }) => {
  it.each(FAR)(
    'is told of a far round by $type, does nothing, and counts on from its own',
    (far) => {
      const node = make()
      node.tick(0)
      node.tick(10)
      const nextTickAtMs = node.nextTickAtMs
      expect(node.receive('b', far)).toEqual(told('round'))
      expect(node.nextTickAtMs).toBe(nextTickAtMs)
      expect(node.lead().save?.change).toEqual({ promised: at(1) })
    },
  )

  it.each(STOLEN)('does not believe a $type whose ballot is of another node', (stolen) => {
    const node = make()
    node.tick(0)
    expect(node.receive('b', stolen)).toEqual(told('owner'))
    expect(node.lead().save?.change).toEqual({ promised: at(1) })
  })

  it('comes to believe a round that is said again and again', () => {
    const node = make()
    let said = 0
    for (let nowMs = 0; nowMs < 20 * CEILING_INTERVAL_MS; nowMs += CEILING_INTERVAL_MS) {
      node.tick(nowMs)
      const { changes } = instantly(node, node.receive('b', prepare(at(9 * STEP, 'b'))))
      said += 1
      if (changes.length > 0) break
    }
    expect(said).toBe(8)
  })
})

describe('a cluster of HeartbeatNodes', () => {
  const ids = ['a', 'b', 'c']
  const cluster = (seed: number) => {
    const random = seededRandom(seed)
    return new Cluster<string, HeartbeatNode<string>>({
      ids,
      quorums: ABC,
      create: (id, saved) => new HeartbeatNode({ id, quorums: ABC, saved, random }),
    })
  }
  const EDGES = [STEP, 2 * STEP - 1, 2 * STEP, 3 * STEP - 1, 3 * STEP]
  it.each(EDGES)('chooses on every node after a promise of round %d by one of them', (round) => {
    const nodes = cluster(1)
    nodes.run(3000)
    nodes.input('b', 'is lied to', (node) => node.receive('c', prepare(at(round, 'c'))))
    nodes.run(5000)
    for (const id of ids) {
      nodes.crash(id)
      nodes.restart(id)
    }
    nodes.propose('a', 'x')
    nodes.run(10_000)
    expect(ids.map((id) => nodes.engine(id).chosen?.value)).toEqual(['x', 'x', 'x'])
  })

  it('waits for a node that was flooded for a time about as long, and follows it then', () => {
    const nodes = cluster(2)
    nodes.run(3000)
    const started = nodes.nowMs
    let steps = 3
    nodes.run(2000, () => {
      nodes.input('b', 'is flooded', (node) =>
        node.receive('c', prepare(at(steps * STEP - 1, 'c'))),
      )
      if (nodes.engine('b').phase === 'idle' && nodes.nowMs - started >= steps * 200) steps += 1
    })
    const flooded = nodes.disk('b').saved.promised?.round ?? 0
    expect(flooded).toBeGreaterThan(5 * STEP)
    nodes.crash('a')
    nodes.propose('c', 'x')
    nodes.run(2 * (nodes.nowMs - started) + 10_000)
    expect(['b', 'c'].map((id) => nodes.engine(id).chosen?.value)).toEqual(['x', 'x'])
  })
})
