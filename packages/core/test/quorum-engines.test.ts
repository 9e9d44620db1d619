/** Every engine of a single decree takes a quorum system as a value, and goes by it in both phases. */
import { flexible, grid, weighted } from '@paxos/core'
import type { NodeId, QuorumSystem } from '@paxos/core'
import { Learner, Proposer } from '@paxos/core/essential'
import { ExternalNode } from '@paxos/core/external'
import { HeartbeatNode } from '@paxos/core/functional'
import { Node } from '@paxos/core/practical'
import { describe, expect, it } from 'vitest'
import { instantly } from './instant.ts'
import { accepted, at, promise } from './messages.ts'

interface Case {
  readonly name: string
  readonly quorums: QuorumSystem
  /** Who makes, with a and in this order, a quorum to prepare, and the last of them makes it one. */
  readonly electing: readonly NodeId[]
  readonly choosing: readonly NodeId[]
}

const FIVE = ['a', 'b', 'c', 'd', 'e']

const CASES: readonly Case[] = [
  {
    name: 'flexible',
    quorums: flexible(FIVE, { phase1: 4, phase2: 2 }),
    electing: ['b', 'c', 'd'],
    choosing: ['e'],
  },
  {
    name: 'weighted',
    quorums: weighted(new Map(FIVE.map((id) => [id, id === 'b' ? 3 : 1]))),
    electing: ['c', 'd', 'e'],
    choosing: ['b'],
  },
  {
    name: 'grid',
    quorums: grid([
      ['a', 'b'],
      ['c', 'd'],
    ]),
    electing: ['c', 'b'],
    choosing: ['b', 'd'],
  },
]

const random = (): number => 0

/** Nodes that have begun to prepare ballot 1.a for 'x'. */
const preparing = {
  practical: (quorums: QuorumSystem) => {
    const node = new Node<string>({ id: 'a', quorums })
    instantly(node, node.propose('x'))
    instantly(node, node.prepare())
    return node
  },
  functional: (quorums: QuorumSystem) => {
    const node = new HeartbeatNode<string>({ id: 'a', quorums, random })
    node.tick(0)
    instantly(node, node.propose('x'))
    instantly(node, node.tick(1000))
    return node
  },
  external: (quorums: QuorumSystem) => {
    const node = new ExternalNode<string>({ id: 'a', quorums })
    node.tick(0)
    instantly(node, node.propose('x'))
    instantly(node, node.takeOver())
    return node
  },
}

describe.each(CASES)('$name', ({ quorums, electing, choosing }) => {
  it.each(Object.entries(preparing))('%s', (_, prepared) => {
    const node = prepared(quorums)
    for (const peer of electing) {
      expect(node.phase).toBe('preparing')
      instantly(node, node.receive(peer, promise(at(1))))
    }
    expect(node.phase).toBe('leading')
    for (const peer of choosing) {
      expect(node.chosen).toBeNull()
      instantly(node, node.receive(peer, accepted(at(1), 'x')))
    }
    expect(node.chosen?.value).toBe('x')
  })

  it('essential', () => {
    const [proposer, learner] = [new Proposer<string>('a', quorums), new Learner<string>(quorums)]
    proposer.prepare('x')
    const answers = ['a', ...electing].map((id) => proposer.receivePromise(id, promise(at(1))))
    expect(answers.map((answer) => answer?.value)).toEqual([...electing.map(() => undefined), 'x'])
    const learnt = ['a', ...choosing].map((id) => learner.receiveAccepted(id, accepted(at(1), 'x')))
    expect(learnt.map((each) => each?.value)).toEqual([...choosing.map(() => undefined), 'x'])
  })
})
