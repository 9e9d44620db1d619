/** What the simulation holds against a cluster that tells its operators something else than it does. */
import { quorumsOf } from '@paxos/core/multi'
import type { Configuration } from '@paxos/core/multi'
import type { Invariant } from '@paxos/testkit/simulation'
import { describe, expect, it } from 'vitest'
import { Changes } from '../src/simulation/changes.ts'
import { fitting, otherQuorums } from '../src/simulation/other-quorums.ts'

const configuration = (version: number, ids: string): Configuration => ({
  version,
  members: Array.from(ids, (id) => ({
    id,
    address: `memory://${id}.1`,
    role: 'voter',
    incarnation: null,
  })),
  quorums: { type: 'majority' },
  former: [],
})

const three = configuration(0, 'abc')
const four = configuration(1, 'abcd')

/** An operator wants d at its address, in the place of version 0. */
function wanted() {
  const broken: Invariant[] = []
  const changes = new Changes((invariant) => broken.push(invariant))
  const intention = changes.begin({ add: { d: { address: 'memory://d.1' } } }, 0)
  return { broken, changes, intention }
}

describe('what operators are told', () => {
  it('is held against nobody who makes a change once, and says so, or says nothing', () => {
    const { broken, changes, intention } = wanted()
    changes.made(three, four)
    changes.end(intention, 'completed', 0)
    const other = changes.begin({ move: { a: 'memory://a.2' } }, 1)
    changes.end(other, 'timedOut', 0)
    expect(broken).toEqual([])
    expect(changes.counts).toMatchObject({ asked: 2, completed: 1, timedOut: 1, made: 1, joins: 1 })
  })

  it('changed-as-told: a change that resolves is made', () => {
    const { broken, changes, intention } = wanted()
    changes.end(intention, 'completed', 0)
    expect(broken).toEqual(['changed-as-told'])
  })

  it('changed-as-told: a change is made once, however often it is asked for', () => {
    const { broken, changes } = wanted()
    changes.made(three, four)
    changes.made(four, configuration(2, 'abc'))
    expect(broken).toEqual([])
    changes.made(configuration(2, 'abc'), configuration(3, 'abcd'))
    expect(broken).toEqual(['changed-as-told'])
  })

  it.each(['before it is told', 'after it was told'])(
    'changed-as-told: a change that is refused for good is not made %s',
    (when) => {
      const { broken, changes, intention } = wanted()
      if (when === 'before it is told') changes.made(three, four)
      changes.end(intention, 'refused', 0)
      if (when === 'after it was told') changes.made(three, four)
      expect(broken).toEqual(['changed-as-told'])
    },
  )

  it('may be made in steps, of which the next takes the place of the one before, long after it timed out', () => {
    const { changes, intention } = wanted()
    changes.end(intention, 'timedOut', 0)
    expect(changes.possible(60_000, intention.expected + 1)).toEqual([])
    changes.made(three, four)
    expect(changes.possible(60_000, four.version)).toEqual([intention])
    expect(changes.possible(60_000, four.version + 1)).toEqual([])
  })

  it('may be a refusal of a change that is made, where it says that it may be', () => {
    const { broken, changes, intention } = wanted()
    changes.end(intention, 'refused', 0, true)
    expect(changes.possible(60_000, 0)).toEqual([intention])
    changes.made(three, four)
    expect(broken).toEqual([])
  })
})

/** So many voters, as a node says who there is. */
const seenOf = (count: number) => {
  const { members, quorums } = configuration(7, 'abcdef'.slice(0, count))
  const weighed = members.map((member) => ({ ...member, weight: 1, priority: 0 }))
  return { version: 7, members: weighed, quorums, lease: null, isComplete: true }
}

describe('the quorums that operators ask for', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'fit %d voters, whatever is drawn, and are of every kind',
    (count) => {
      const seen = seenOf(count)
      const types = new Set<string>()
      for (let pick = 0; pick < 1; pick += 0.05) {
        const { quorums = seen.quorums, weigh = {} } = otherQuorums(seen, pick)
        const members = seen.members.map((each) => ({ ...each, weight: weigh[each.id] ?? 1 }))
        expect(quorumsOf({ members, quorums }).acceptors.size).toBe(count)
        types.add(quorums.type)
      }
      expect(types.size).toBe(count === 4 || count === 6 ? 4 : 3)
    },
  )

  it('are a majority again where who votes is changed, and sizes would not fit', () => {
    const seen = { ...seenOf(3), quorums: { type: 'flexible', phase1: 3, phase2: 1 } as const }
    const majority = { quorums: { type: 'majority' } }
    expect(fitting({ remove: ['c'] }, seen)).toMatchObject(majority)
    expect(fitting({ add: { d: { address: 'memory://d' } } }, seen)).toMatchObject(majority)
    const exchanged = { add: { d: { address: 'memory://d' } }, remove: ['a'] }
    expect(fitting(exchanged, seen)).toBe(exchanged)
    expect(fitting({ remove: ['c'] }, seenOf(3))).not.toMatchObject(majority)
  })
})
