/**
 * What every learner of one decree owes: what an acceptor has accepted stays accepted, and a quorum
 * that a learner has heard of makes it say so, whatever came before, between and afterwards.
 */
import { majority } from '@paxos/core'
import type { AcceptedMessage, Ballot, NodeId, QuorumSystem, Saved } from '@paxos/core'
import { Learner as EssentialLearner } from '@paxos/core/essential'
import { ExternalNode } from '@paxos/core/external'
import { HeartbeatNode } from '@paxos/core/functional'
import { Learner as PracticalLearner, Node } from '@paxos/core/practical'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { accepted, at } from './messages.ts'

const ABC = majority(['a', 'b', 'c'])

interface AnyLearner {
  receive(from: NodeId, message: AcceptedMessage<string>): void
  readonly chosen: { readonly ballot: Ballot; readonly value: string } | null
}

function counting(learner: EssentialLearner<string> | PracticalLearner<string>): AnyLearner {
  return {
    receive: (from, message) => void learner.receiveAccepted(from, message),
    get chosen() {
      return learner.chosen
    },
  }
}

const LEARNERS: readonly {
  readonly name: string
  readonly create: (quorums: QuorumSystem) => AnyLearner
}[] = [
  { name: 'essential Learner', create: (quorums) => counting(new EssentialLearner(quorums)) },
  { name: 'practical Learner', create: (quorums) => counting(new PracticalLearner(quorums)) },
  { name: 'Node', create: (quorums) => new Node({ id: 'learner', quorums }) },
  {
    name: 'HeartbeatNode',
    create: (quorums) => new HeartbeatNode({ id: 'learner', quorums, random: () => 0 }),
  },
  { name: 'ExternalNode', create: (quorums) => new ExternalNode({ id: 'learner', quorums }) },
]

describe.each(LEARNERS)('$name: what an acceptor accepted stays accepted', ({ create }) => {
  it('a quorum at a ballot counts, though one of it has accepted a higher one since', () => {
    const learner = create(ABC)
    learner.receive('a', accepted(at(5), 'x'))
    learner.receive('a', accepted(at(6, 'b'), 'x'))
    expect(learner.chosen).toBeNull()
    learner.receive('c', accepted(at(5), 'x'))
    expect(learner.chosen).toEqual({ ballot: at(5), value: 'x' })
  })

  it('three of five at 5, of whom one had gone on to 6 before the third was heard', () => {
    const learner = create(majority(['a', 'b', 'c', 'd', 'e']))
    for (const from of ['a', 'b']) learner.receive(from, accepted(at(5), 'x'))
    learner.receive('a', accepted(at(6, 'b'), 'x'))
    expect(learner.chosen).toBeNull()
    learner.receive('c', accepted(at(5), 'x'))
    expect(learner.chosen).toEqual({ ballot: at(5), value: 'x' })
  })

  it('in whatever order acceptances come: it knows once a quorum is heard, and not before', () => {
    const heard = fc.record({
      from: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'stranger'),
      round: fc.integer({ min: 1, max: 8 }),
      node: fc.constantFrom('a', 'b'),
    })
    const quorums = majority(['a', 'b', 'c', 'd', 'e'])
    fc.assert(
      fc.property(fc.array(heard, { maxLength: 40 }), (messages) => {
        const learner = create(quorums)
        const acceptedAt = new Map<string, Set<NodeId>>()
        let isChosen = false
        for (const { from, round, node } of messages) {
          learner.receive(from, accepted(at(round, node), 'x'))
          const acceptors = acceptedAt.get(`${round} ${node}`) ?? new Set()
          acceptedAt.set(`${round} ${node}`, acceptors.add(from))
          isChosen ||= quorums.isPhase2Quorum(acceptors)
          expect(learner.chosen !== null).toBe(isChosen)
        }
      }),
      { numRuns: 100 },
    )
  })
})

describe('a node that starts again', () => {
  it('counts what it had accepted itself', () => {
    const saved: Saved<string> = {
      promised: at(5),
      accepted: [{ slot: 1, ballot: at(5), value: 'x' }],
      chosenThrough: 0,
      snapshot: null,
    }
    const node = new Node<string>({ id: 'b', quorums: ABC, saved })
    expect(node.chosen).toBeNull()
    expect(node.receive('a', accepted(at(5), 'x')).events).toEqual([
      { type: 'chosen', ballot: at(5), value: 'x' },
    ])
    expect(node.holders).toEqual(new Set(['a', 'b']))
  })
})
