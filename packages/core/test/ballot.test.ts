import { describe, expect, it } from 'vitest'
import {
  compareBallots,
  formatBallot,
  highestBallot,
  nextBallot,
  sameBallot,
  type Ballot,
} from '@paxos/core'

const ballot = (round: number, node: string): Ballot => ({ round, node })

describe('ballots are totally ordered (Paxos Made Simple, §2.2)', () => {
  it.each([
    ['the round decides first', ballot(1, 'z'), ballot(2, 'a')],
    ['10 is above 9: rounds are numbers, not text', ballot(9, 'a'), ballot(10, 'a')],
    ['the node breaks a tie', ballot(3, 'a'), ballot(3, 'b')],
    ['the empty id is an id', ballot(3, ''), ballot(3, 'a')],
    ['a prefix is below what it begins', ballot(3, 'a'), ballot(3, 'ab')],
    ['ids order by code point, as their UTF-8 bytes do', ballot(3, '\uffff'), ballot(3, '😀')],
  ])('%s', (_, lower, higher) => {
    expect(compareBallots(lower, higher)).toBeLessThan(0)
    expect(compareBallots(higher, lower)).toBeGreaterThan(0)
    expect(highestBallot(lower, higher)).toBe(higher)
    expect(highestBallot(higher, lower)).toBe(higher)
    expect(sameBallot(lower, higher)).toBe(false)
  })

  it('P4: who has promised nothing compares below every ballot, and equal to itself', () => {
    for (const any of [ballot(0, ''), ballot(0, 'a'), ballot(-1, 'a')]) {
      expect(compareBallots(null, any)).toBeLessThan(0)
      expect(compareBallots(any, null)).toBeGreaterThan(0)
      expect(highestBallot(null, any)).toBe(any)
    }
    expect(compareBallots(null, null)).toBe(0)
    expect(sameBallot(null, null)).toBe(true)
  })

  it('the next ballot of a node is above everything it has seen', () => {
    expect(nextBallot(null, 'a')).toEqual(ballot(1, 'a'))
    expect(nextBallot(ballot(7, 'z'), 'a')).toEqual(ballot(8, 'a'))
  })

  it('reads well', () => {
    expect(formatBallot(ballot(7, 'a'))).toBe('7.a')
    expect(formatBallot(null)).toBe('none')
  })
})
