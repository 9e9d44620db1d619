import { majority } from '@paxos/core'
import { Proposer } from '@paxos/core/practical'
import { describe, expect, it } from 'vitest'
import { accept, at, nack, promise, proposal } from '../messages.ts'

const ABC = majority(['a', 'b', 'c'])
const ABCDE = majority(['a', 'b', 'c', 'd', 'e'])
const proposer = (quorums = ABC, seen = at(4, 'b')): Proposer<string> =>
  new Proposer<string>('a', quorums, seen)

/** A proposer that leads with 5.a. */
const leader = (quorums = ABC, accepted: ReturnType<typeof proposal<string>> | null = null) => {
  const leading = proposer(quorums)
  const { ballot } = leading.prepare()
  for (const id of quorums.acceptors) leading.receivePromise(id, promise(ballot, accepted))
  if (!leading.checkPromises()) throw new Error('everybody has promised')
  return leading
}

describe('preparing', () => {
  it('starts above the highest ballot on stable storage', () => {
    expect(proposer().prepare().ballot).toEqual(at(5))
    expect(new Proposer('a', ABC, null).prepare().ballot).toEqual(at(1))
  })

  it('goes above ballots that it observes of other proposers, and of its own past', () => {
    const one = proposer()
    one.observe(at(8, 'c'))
    one.observe(at(2, 'c'))
    expect(one.prepare().ballot).toEqual(at(9))
    expect(one.prepare().ballot).toEqual(at(10))
  })

  it('leads once a quorum has promised this very ballot, each acceptor counted once', () => {
    const one = proposer()
    const { ballot } = one.prepare()
    one.receivePromise('b', promise(ballot))
    one.receivePromise('b', promise(ballot))
    one.receivePromise('c', promise(at(4)))
    one.receivePromise('stranger', promise(ballot))
    expect(one.checkPromises()).toBe(false)
    expect(one.attempt).toMatchObject({ phase: 'preparing', promisedBy: new Set(['b']) })
    one.receivePromise('c', promise(ballot))
    expect(one.checkPromises()).toBe(true)
    expect(one.attempt).toEqual({ phase: 'leading', ballot, nackedBy: new Set(), accept: null })
    expect(one.checkPromises()).toBe(false)
  })

  it('promises while idle count for nothing', () => {
    const one = proposer()
    one.receivePromise('b', promise(at(4)))
    one.receivePromise('c', promise(at(4)))
    expect(one.checkPromises()).toBe(false)
    expect(one.attempt).toEqual({ phase: 'idle' })
  })

  it.each([
    ['the last report is the highest', [proposal(at(1), 'x'), proposal(at(2), 'y')], 'y'],
    ['the first report is the highest', [proposal(at(2), 'y'), proposal(at(1), 'x')], 'y'],
    ['one reports nothing', [proposal(at(2), 'y'), null], 'y'],
    ['the other reports nothing', [null, proposal(at(2), 'y')], 'y'],
  ] as const)('is bound by the highest-numbered acceptance: %s', (_, [first, second], value) => {
    const one = proposer()
    one.want('own')
    const { ballot } = one.prepare()
    one.receivePromise('b', promise(ballot, first))
    one.receivePromise('c', promise(ballot, second))
    one.checkPromises()
    expect(one.attempt).toMatchObject({ phase: 'leading', accept: accept(ballot, value) })
  })
})

describe('proposing', () => {
  it('is for leaders', () => {
    const one = proposer()
    expect(one.proposeAtBallot('x')).toBeNull()
    one.prepare()
    expect(one.proposeAtBallot('x')).toBeNull()
  })

  it('P9: a ballot proposes one value in its life, though its promises would do for two', () => {
    const one = leader()
    expect(one.proposeAtBallot('x')).toEqual(accept(at(5), 'x'))
    expect(one.proposeAtBallot('x')).toBeNull()
    expect(one.proposeAtBallot('y')).toBeNull()
    expect(one.attempt).toMatchObject({ accept: accept(at(5), 'x') })
  })

  it('a leader that is bound by an acceptance proposes nothing else', () => {
    expect(leader(ABC, proposal(at(1), 'x')).proposeAtBallot('y')).toBeNull()
  })

  it('P3: null and undefined are values: wanted once, proposed once', () => {
    for (const value of [null, undefined]) {
      const one = new Proposer<string | null | undefined>('a', majority(['a']), null)
      expect(one.wanted).toBeNull()
      one.want(value)
      one.want('second')
      expect(one.wanted).toEqual({ value })
      const { ballot } = one.prepare()
      one.receivePromise('a', promise(ballot))
      one.checkPromises()
      expect(one.proposeAtBallot(value)).toEqual(accept(ballot, value))
      expect(one.proposeAtBallot('second')).toBeNull()
    }
  })
})

describe('refusals', () => {
  it('in phase 1 the first one ends the attempt, and the next goes above what it names', () => {
    const one = proposer(ABCDE)
    one.prepare()
    expect(one.receiveNack('b', nack(at(5), at(70, 'c')))).toBe(true)
    expect(one.prepare().ballot).toEqual(at(71))
  })

  it('in phase 2 it takes so many that the rest is no quorum, each acceptor counted once', () => {
    const one = leader(ABCDE)
    one.proposeAtBallot('x')
    for (const from of ['b', 'b', 'b', 'c', 'c', 'stranger', 'stranger too']) {
      expect(one.receiveNack(from, nack(at(5), at(6, 'c')))).toBe(false)
    }
    expect(one.attempt).toMatchObject({ phase: 'leading', nackedBy: new Set(['b', 'c']) })
    expect(one.receiveNack('d', nack(at(5), at(6, 'c')))).toBe(true)
  })

  it('those of another ballot, of strangers, or to nobody end nothing', () => {
    const one = proposer()
    expect(one.receiveNack('b', nack(at(4), at(6, 'c')))).toBe(false)
    one.prepare()
    expect(one.receiveNack('b', nack(at(4), at(6, 'c')))).toBe(false)
    expect(one.receiveNack('stranger', nack(at(7), at(8, 'c')))).toBe(false)
  })

  it('even those tell what ballot to go above', () => {
    const one = proposer()
    one.receiveNack('b', nack(at(1), at(70, 'c')))
    expect(one.prepare().ballot).toEqual(at(71))
  })
})

it('resigning ends the attempt, and its late promises', () => {
  const one = proposer()
  const { ballot } = one.prepare()
  one.resign()
  one.receivePromise('b', promise(ballot))
  one.receivePromise('c', promise(ballot))
  expect(one.checkPromises()).toBe(false)
  expect(one.prepare().ballot).toEqual(at(6))
})

describe('a quorum that changes in mid-ballot', () => {
  it('grows: the promises that sufficed do not any more', () => {
    const one = proposer(ABC)
    const { ballot } = one.prepare()
    one.receivePromise('a', promise(ballot))
    one.receivePromise('b', promise(ballot))
    one.setQuorums(ABCDE)
    expect(one.checkPromises()).toBe(false)
    one.receivePromise('d', promise(ballot))
    expect(one.checkPromises()).toBe(true)
  })

  it('shrinks: the promises of those that stay may suffice at once', () => {
    const one = proposer(ABCDE)
    const { ballot } = one.prepare()
    one.receivePromise('a', promise(ballot))
    one.receivePromise('b', promise(ballot))
    expect(one.checkPromises()).toBe(false)
    one.setQuorums(ABC)
    expect(one.checkPromises()).toBe(true)
  })

  it('shrinks: the promises of those that left do not count', () => {
    const one = proposer(ABCDE)
    const { ballot } = one.prepare()
    for (const id of ['a', 'd', 'e']) one.receivePromise(id, promise(ballot))
    one.setQuorums(ABC)
    expect(one.checkPromises()).toBe(false)
  })

  it('but what those that left had accepted still binds', () => {
    const one = proposer(ABCDE)
    const { ballot } = one.prepare()
    one.receivePromise('e', promise(ballot, proposal(at(3, 'e'), 'old')))
    one.setQuorums(ABC)
    one.receivePromise('a', promise(ballot))
    one.receivePromise('b', promise(ballot))
    one.checkPromises()
    expect(one.attempt).toMatchObject({ accept: accept(ballot, 'old') })
  })
})
