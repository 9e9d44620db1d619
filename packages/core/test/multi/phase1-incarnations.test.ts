import { describe, expect, it } from 'vitest'
import type { LogPromiseMessage } from '../../src/multi/messages.ts'
import { Electorate } from '../../src/multi/electorate.ts'
import { Phase1 } from '../../src/multi/phase1.ts'

const ballotOf = (round: number) => ({ round, node: 'a' })

const promise = (round: number, incarnation: string): LogPromiseMessage => ({
  type: 'logPromise',
  ballot: ballotOf(round),
  from: 1,
  entries: [],
  next: 0,
  chosenThrough: 0,
  compactedThrough: 0,
  incarnation,
})

const anybody = new Electorate({
  version: 0,
  members: ['a', 'b'].map((id) => ({ id, address: id, role: 'voter', incarnation: null })),
  quorums: { type: 'majority' },
  former: [],
})

describe('what a former incarnation had promised', () => {
  it('at an earlier ballot takes nothing from what the present one promises', () => {
    const phase1 = new Phase1(ballotOf(2), 1, 100)
    phase1.ask('b', 0)
    expect(phase1.receivePromise('b', promise(2, 'b1'))).toBe('complete')
    expect(phase1.receivePromise('b', promise(1, 'b0'))).toBe('ignored')
    expect(phase1.counts('b', anybody)).toBe(true)
  })

  it('at this ballot counts for the present one no more', () => {
    const phase1 = new Phase1(ballotOf(2), 1, 100)
    phase1.ask('b', 0)
    const first = { ...promise(2, 'b0'), entries: [], next: 0 }
    const page = { slot: 1, ballot: ballotOf(1), value: Uint8Array.of(0) }
    expect(phase1.receivePromise('b', { ...first, entries: [page], next: 2 })).toBe('more')
    expect(phase1.receivePromise('b', { ...promise(2, 'b1'), from: 2 })).toBe('ignored')
    expect(phase1.counts('b', anybody)).toBe(false)
  })
})

it('the promise of one that was asked by its name counts only where that is named', () => {
  const members = anybody.configuration.members.map((each) => ({ ...each, incarnation: 'b1' }))
  const named = new Electorate({ ...anybody.configuration, version: 3, members })
  const phase1 = new Phase1(ballotOf(2), 1, 100)
  phase1.invite('b', named, 1)
  phase1.ask('b', 0)
  expect(phase1.receivePromise('b', promise(2, 'b1'))).toBe('complete')
  expect(phase1.counts('b', named)).toBe(true)
  expect(phase1.counts('b', anybody)).toBe(false)
})
