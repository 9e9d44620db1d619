import {
  flexible,
  InvalidArgumentError,
  majority,
  MAX_CHECKED_ACCEPTORS,
  requireQuorums,
  weighted,
} from '@paxos/core'
import type { NodeId, QuorumSystem } from '@paxos/core'
import { ExternalNode } from '@paxos/core/external'
import { HeartbeatNode } from '@paxos/core/functional'
import { MultiPaxos } from '@paxos/core/multi'
import { Node } from '@paxos/core/practical'
import { describe, expect, it } from 'vitest'
import { Cluster } from './cluster.ts'
import { instantly } from './instant.ts'
import { accepted, at, nack, promise } from './messages.ts'

const IDS = ['a', 'b', 'c', 'd', 'e']

describe('a majority', () => {
  it.each([
    { acceptors: 1, needed: 1 },
    { acceptors: 2, needed: 2 },
    { acceptors: 3, needed: 2 },
    { acceptors: 4, needed: 3 },
    { acceptors: 5, needed: 3 },
  ])('of $acceptors is $needed, in both phases', ({ acceptors, needed }) => {
    const ids = IDS.slice(0, acceptors)
    const quorums = majority(ids)
    for (let count = 0; count <= acceptors; count += 1) {
      // Whichever they are: the first so many, or the last.
      for (const nodes of [new Set(ids.slice(0, count)), new Set(ids.slice(acceptors - count))]) {
        expect(quorums.isPhase1Quorum(nodes)).toBe(count >= needed)
        expect(quorums.isPhase2Quorum(nodes)).toBe(count >= needed)
      }
    }
  })

  it('any two of them share an acceptor', () => {
    for (let size = 1; size <= 5; size += 1) {
      const ids = IDS.slice(0, size)
      const quorums = subsets(ids).filter((nodes) => majority(ids).isPhase1Quorum(nodes))
      for (const one of quorums) {
        for (const other of quorums) expect([...one].some((id) => other.has(id))).toBe(true)
      }
    }
  })

  it('meets that of one acceptor more or less, but not that of two: change one at a time', () => {
    for (let size = 1; size < 5; size += 1) {
      const [fewer, more] = [IDS.slice(0, size), IDS.slice(0, size + 1)]
      expect([meetsEvery(fewer, more), meetsEvery(more, fewer)]).toEqual([true, true])
    }
    // {a, b} may have chosen a value of which {c, d, e} have never heard.
    expect(meetsEvery(IDS.slice(0, 3), IDS)).toBe(false)
  })

  it('does not count strangers', () => {
    const quorums = majority(['a', 'b', 'c'])
    expect(quorums.isPhase1Quorum(new Set(['a', 'x', 'y', 'z']))).toBe(false)
    expect(quorums.isPhase2Quorum(new Set(['x', 'y', 'z']))).toBe(false)
    expect(quorums.isPhase2Quorum(new Set(['a', 'x', 'c']))).toBe(true)
  })

  it('names its acceptors, whatever their ids', () => {
    expect(majority(new Set(['', '0', 'node 1'])).acceptors).toEqual(new Set(['', '0', 'node 1']))
  })

  it.each([
    ['nobody', []],
    ['one acceptor twice', ['a', 'b', 'a']],
    ["one that is called 'all'", ['a', 'all']],
  ])('of %s is refused', (_, ids) => {
    expect(() => majority(ids)).toThrow(InvalidArgumentError)
  })
})

describe('flexible quorums: 4 of 5 to prepare, 2 of 5 to choose', () => {
  const quorums = flexible(IDS, { phase1: 4, phase2: 2 })
  const leading = (): Node<string> => {
    const a = new Node<string>({ id: 'a', quorums })
    a.propose('x')
    instantly(a, a.prepare())
    expect(a.receive('b', promise(at(1))).events).toEqual([])
    expect(a.receive('c', promise(at(1))).events).toEqual([])
    const leads = instantly(a, a.receive('d', promise(at(1))))
    expect(leads.events).toEqual([{ type: 'leadership-acquired', ballot: at(1) }])
    return a
  }

  it('an engine leads with four promises and chooses with two acceptances', () => {
    const a = leading()
    const event = { type: 'chosen', ballot: at(1), value: 'x' }
    expect(a.receive('e', accepted(at(1), 'x')).events).toEqual([event])
  })

  it('a leader stays until those that have not refused are no phase 2 quorum', () => {
    const a = leading()
    for (const id of ['b', 'c', 'd']) {
      expect(a.receive(id, nack(at(1), at(2, 'e'))).events).toEqual([])
    }
    expect(a.receive('e', nack(at(1), at(2, 'e'))).events).toHaveLength(1)
  })

  it('a value that two have chosen survives a new leader, whichever four promise to it', () => {
    for (const without of ['a', 'b', 'c', 'd']) {
      const cluster = clusterOf(quorums)
      cluster.propose('a', 'x')
      cluster.input('a', 'prepares', (node) => node.prepare())
      cluster.completeSave('a')
      for (const id of ['b', 'c', 'd']) {
        cluster.deliver(cluster.find('a', id, 'prepare'))
        cluster.completeSave(id)
        cluster.deliver(cluster.find(id, 'a', 'promise'))
      }
      cluster.completeSave('a')
      cluster.deliver(cluster.find('a', 'b', 'accept'))
      cluster.completeSave('b')
      expect(cluster.safety.chosen).toBe('"x"')

      // Nobody else has heard of it. e takes over without one of the others.
      while (cluster.inFlight.length > 0) cluster.lose()
      cluster.crash(without)
      cluster.propose('e', 'y')
      cluster.input('e', 'observes', (node) =>
        node.receive('a', { type: 'heartbeat', ballot: at(1), chosen: false }),
      )
      cluster.input('e', 'prepares', (node) => node.prepare())
      cluster.settle()
      expect(cluster.engine('e').chosen?.value).toBe('x')
    }
  })
})

describe('weighted quorums: a has 3 votes of 5', () => {
  const quorums = weighted(
    new Map([
      ['a', 3],
      ['b', 1],
      ['c', 1],
    ]),
  )

  it('a alone is a quorum', () => {
    const cluster = clusterOf(quorums)
    cluster.crash('b')
    cluster.crash('c')
    cluster.propose('a', 'x')
    cluster.input('a', 'prepares', (node) => node.prepare())
    cluster.settle()
    expect(cluster.engine('a').chosen?.value).toBe('x')
  })

  it('the others without a are none', () => {
    const cluster = clusterOf(quorums)
    cluster.crash('a')
    cluster.propose('b', 'x')
    cluster.input('b', 'prepares', (node) => node.prepare())
    cluster.settle()
    expect(cluster.engine('b').phase).toBe('preparing')
    cluster.restart('a')
    cluster.run(300)
    expect(cluster.engine('b').chosen?.value).toBe('x')
  })
})

/** Quorums by which two values could be chosen, or none. */
const REFUSED: readonly {
  readonly title: string
  readonly quorums: QuorumSystem
  readonly said: RegExp
}[] = [
  {
    title: 'two of four in both phases',
    quorums: counting(['a', 'b', 'c', 'd'], 2, 2),
    said: /\{a, b\} and \{c, d\}, quorums of phases 1 and 2, do not meet/,
  },
  {
    title: 'three of five to prepare, two of five to choose',
    quorums: counting(IDS, 3, 2),
    said: /\{a, b, c\} and \{d, e\}, quorums of phases 1 and 2, do not meet/,
  },
  {
    title: 'one whose own promise is enough, whatever the others have chosen',
    quorums: { ...majority(['a', 'b', 'c']), isPhase1Quorum: (nodes) => nodes.has('a') },
    said: /\{a\} and \{b, c\}, quorums of phases 1 and 2, do not meet/,
  },
  {
    title: 'nobody at all to choose',
    quorums: counting(['a', 'b', 'c'], 3, 0),
    said: /\{a, b, c\} and \{\}, quorums of phases 1 and 2, do not meet/,
  },
  {
    title: 'exactly two of three',
    quorums: { ...majority(['a', 'b', 'c']), isPhase2Quorum: (nodes) => nodes.size === 2 },
    said: /\{a, b\} is a quorum, and \{a, b, c\} is none/,
  },
  {
    title: 'four of three to prepare',
    quorums: counting(['a', 'b', 'c'], 4, 2),
    said: /All acceptors together are no quorum/,
  },
  { title: 'nobody', quorums: counting([], 0, 0), said: /A quorum needs acceptors/ },
  { title: "one that is called 'all'", quorums: counting(['all'], 1, 1), said: /'all' addresses/ },
  {
    title: `the largest system that is checked, of ${MAX_CHECKED_ACCEPTORS}`,
    quorums: counting(numbered(MAX_CHECKED_ACCEPTORS), 6, 6),
    said: /quorums of phases 1 and 2, do not meet/,
  },
]

/** Any `phase1` of `ids` to prepare and any `phase2` to choose, whether they meet or not. */
function counting(ids: readonly NodeId[], phase1: number, phase2: number): QuorumSystem {
  const count = (nodes: ReadonlySet<NodeId>): number => ids.filter((id) => nodes.has(id)).length
  return {
    acceptors: new Set(ids),
    isPhase1Quorum: (nodes) => count(nodes) >= phase1,
    isPhase2Quorum: (nodes) => count(nodes) >= phase2,
  }
}

/** What counts by the quorums that it is given. */
const GIVEN: readonly [string, (quorums: QuorumSystem) => unknown][] = [
  ['requireQuorums', (quorums) => requireQuorums(quorums)],
  ['HeartbeatNode', (quorums) => new HeartbeatNode({ id: 'a', quorums, random: () => 0 })],
  ['HeartbeatNode.setQuorums', (quorums) => heartbeatNode().setQuorums(quorums)],
  ['ExternalNode', (quorums) => new ExternalNode({ id: 'a', quorums })],
  ['ExternalNode.setQuorums', (quorums) => externalNode().setQuorums(quorums)],
  ['MultiPaxos', (quorums) => new MultiPaxos({ id: 'a', quorums, random: () => 0 })],
]

const heartbeatNode = () =>
  new HeartbeatNode({ id: 'a', quorums: majority(['a']), random: () => 0 })
const externalNode = () => new ExternalNode({ id: 'a', quorums: majority(['a']) })

describe.each(GIVEN)('%s', (_name, give) => {
  it.each(REFUSED)('refuses $title, and says why', ({ quorums, said }) => {
    expect(() => give(quorums)).toThrow(InvalidArgumentError)
    expect(() => give(quorums)).toThrow(said)
  })

  it.each([
    ['a majority', majority(IDS)],
    ['four of five to prepare, two of five to choose', flexible(IDS, { phase1: 4, phase2: 2 })],
    ['all to prepare, one to choose', flexible(IDS, { phase1: 5, phase2: 1 })],
    [
      'more weight for one',
      weighted(new Map([['a', 3], ...['b', 'c'].map((id) => [id, 1] as const)])),
    ],
    ['a single acceptor', flexible(['a'], { phase1: 1, phase2: 1 })],
  ])('takes %s', (_title, quorums) => {
    expect(() => give(quorums)).not.toThrow()
  })
})

it('asks nothing of a system that is too large to ask about every set of it', () => {
  const quorums = {
    acceptors: new Set(numbered(MAX_CHECKED_ACCEPTORS + 1)),
    isPhase1Quorum: () => expect.fail('asked'),
    isPhase2Quorum: () => expect.fail('asked'),
  }
  expect(() => requireQuorums(quorums)).not.toThrow()
})

function numbered(count: number): NodeId[] {
  return Array.from({ length: count }, (_, index) => `node ${index}`)
}

function clusterOf(quorums: QuorumSystem): Cluster<string, Node<string>> {
  return new Cluster<string, Node<string>>({
    ids: [...quorums.acceptors],
    quorums,
    create: (id, saved) => new Node<string>({ id, quorums, saved }),
  })
}

function subsets(ids: readonly NodeId[]): ReadonlySet<NodeId>[] {
  return ids.reduce<Set<NodeId>[]>(
    (sets, id) => [...sets, ...sets.map((set) => new Set(set).add(id))],
    [new Set()],
  )
}

/** Whether every phase 2 quorum of a majority of `ids` meets every phase 1 quorum of `others`. */
function meetsEvery(ids: readonly NodeId[], others: readonly NodeId[]): boolean {
  return subsets(ids)
    .filter((nodes) => majority(ids).isPhase2Quorum(nodes))
    .every((one) =>
      subsets(others)
        .filter((nodes) => majority(others).isPhase1Quorum(nodes))
        .every((other) => [...one].some((id) => other.has(id))),
    )
}
