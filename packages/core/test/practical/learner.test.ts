import { majority, MAX_ACCEPTANCES } from '@paxos/core'
import { Learner } from '@paxos/core/practical'
import { describe, expect, it } from 'vitest'
import { accepted, at, proposal } from '../messages.ts'

const ABC = majority(['a', 'b', 'c'])
const ABCDE = majority(['a', 'b', 'c', 'd', 'e'])

describe('a value is chosen', () => {
  it('when a majority has accepted it at one ballot', () => {
    const learner = new Learner<string>(ABC)
    learner.receiveAccepted('a', accepted(at(1), 'x'))
    learner.receiveAccepted('b', accepted(at(2, 'b'), 'x'))
    expect(learner.chosen).toBeNull()
    learner.receiveAccepted('c', accepted(at(2, 'b'), 'x'))
    expect(learner.chosen).toEqual(proposal(at(2, 'b'), 'x'))
  })

  it('by acceptors, not by messages, and not by strangers', () => {
    const learner = new Learner<string>(ABC)
    for (const from of ['a', 'a', 'a', 'x', 'y', 'z']) {
      learner.receiveAccepted(from, accepted(at(1), 'x'))
    }
    expect(learner.chosen).toBeNull()
    expect(learner.acceptedAt(at(1))).toEqual(new Set(['a']))
  })

  it('however late older acceptances come', () => {
    const learner = new Learner<string>(ABC)
    learner.receiveAccepted('a', accepted(at(2, 'b'), 'y'))
    learner.receiveAccepted('a', accepted(at(1), 'x'))
    expect(learner.chosen).toBeNull()
    learner.receiveAccepted('c', accepted(at(2, 'b'), 'y'))
    expect(learner.chosen?.value).toBe('y')
  })

  it('when another node says so, or stable storage', () => {
    const learner = new Learner<string>(ABC)
    learner.learn(proposal(at(1), 'x'))
    expect(learner.chosen).toEqual(proposal(at(1), 'x'))
    expect(new Learner(ABC, proposal(at(1), 'x')).chosen).toEqual(proposal(at(1), 'x'))
  })

  it('for ever', () => {
    const learner = new Learner<string>(ABC, proposal(at(1), 'x'))
    learner.learn(proposal(at(9), 'other'))
    learner.receiveAccepted('a', accepted(at(9), 'other'))
    learner.receiveAccepted('b', accepted(at(9), 'other'))
    expect(learner.chosen).toEqual(proposal(at(1), 'x'))
  })

  it('P3: null and undefined are chosen like others, once', () => {
    for (const value of [null, undefined]) {
      const learner = new Learner<string | null | undefined>(majority(['a']))
      learner.receiveAccepted('a', accepted(at(1), value))
      expect(learner.chosen).toEqual({ ballot: at(1), value })
      learner.learn(proposal(at(2), 'other'))
      expect(learner.chosen).toEqual({ ballot: at(1), value })
    }
  })
})

describe('a liar', () => {
  it('makes a learner keep MAX_ACCEPTANCES of its own, and pushes out nobody else’s', () => {
    const learner = new Learner<string>(ABC)
    learner.receiveAccepted('a', accepted(at(1), 'x'))
    for (let round = 2; round < 2 + 3 * MAX_ACCEPTANCES; round += 1) {
      learner.receiveAccepted('c', accepted(at(round), 'garbage'))
    }
    const kept = Array.from({ length: 4 * MAX_ACCEPTANCES }, (_, round) => at(round)).filter(
      (ballot) => learner.acceptedAt(ballot).has('c'),
    )
    expect(kept.map(({ round }) => round)).toEqual(
      Array.from({ length: MAX_ACCEPTANCES }, (_, index) => 2 + 2 * MAX_ACCEPTANCES + index),
    )
    learner.receiveAccepted('b', accepted(at(1), 'x'))
    expect(learner.chosen).toEqual(proposal(at(1), 'x'))
  })
})

describe('who holds the chosen value', () => {
  it('is tracked after the choice, acceptor by acceptor', () => {
    const learner = new Learner<string>(ABC)
    learner.receiveAccepted('a', accepted(at(1), 'x'))
    expect(learner.holders).toEqual(new Set())
    learner.receiveAccepted('b', accepted(at(1), 'x'))
    expect(learner.holders).toEqual(new Set(['a', 'b']))
    learner.receiveAccepted('c', accepted(at(1), 'x'))
    expect(learner.holders).toEqual(new Set(['a', 'b', 'c']))
  })

  it('includes those that accepted at a higher ballot, not those at a lower one', () => {
    const learner = new Learner<string>(ABCDE)
    learner.receiveAccepted('a', accepted(at(1), 'overtaken'))
    for (const id of ['b', 'c', 'd']) learner.receiveAccepted(id, accepted(at(2, 'b'), 'x'))
    learner.receiveAccepted('e', accepted(at(3, 'c'), 'x'))
    expect(learner.holders).toEqual(new Set(['b', 'c', 'd', 'e']))
    learner.receiveAccepted('a', accepted(at(3, 'c'), 'x'))
    expect(learner.holders).toEqual(new Set(['a', 'b', 'c', 'd', 'e']))
  })
})

describe('a quorum that changes', () => {
  it('shrinks: what fewer have accepted may be chosen by that', () => {
    const learner = new Learner<string>(ABCDE)
    learner.receiveAccepted('a', accepted(at(1), 'x'))
    learner.receiveAccepted('b', accepted(at(1), 'x'))
    expect(learner.chosen).toBeNull()
    learner.setQuorums(ABC)
    expect(learner.chosen).toEqual(proposal(at(1), 'x'))
  })

  it('shrinks: those that left do not count, even if they come back', () => {
    const learner = new Learner<string>(ABCDE)
    learner.receiveAccepted('a', accepted(at(1), 'x'))
    learner.receiveAccepted('e', accepted(at(1), 'x'))
    learner.setQuorums(ABC)
    expect(learner.chosen).toBeNull()
    learner.setQuorums(majority(['a', 'e']))
    expect(learner.chosen).toBeNull()
  })

  it('grows: it takes the majority of the larger', () => {
    const learner = new Learner<string>(ABC)
    learner.receiveAccepted('a', accepted(at(1), 'x'))
    learner.setQuorums(ABCDE)
    learner.receiveAccepted('b', accepted(at(1), 'x'))
    expect(learner.chosen).toBeNull()
    learner.receiveAccepted('d', accepted(at(1), 'x'))
    expect(learner.chosen).toEqual(proposal(at(1), 'x'))
  })
})
