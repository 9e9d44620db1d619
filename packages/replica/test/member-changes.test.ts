/** What changes of members come to, and which are refused: a table of each, and a property of all. */
import { describe, expect, it } from 'vitest'
import { requireConfiguration, quorumsOf, votersOf } from '@paxos/core/multi'
import type { Configuration, ConfiguredMember, MembersEntry } from '@paxos/core/multi'
import { MAX_FORMER_MEMBERS } from '@paxos/core/multi'
import { MembersRefusedError } from '@paxos/replica'
import type { MembersChange } from '@paxos/replica'
import { entryOf, isMade, newVotersOf, refusalFromWords } from '../src/member-changes.ts'
import { refusalInWords, requireLiveQuorum, stepsOf } from '../src/member-changes.ts'

const at = (id: string) => `memory://${id}`

function member(text: string): ConfiguredMember {
  const [, id = '', role, incarnation = null] = /^(\w+)(\?)?(?:=(\w+))?$/.exec(text) ?? []
  return { id, address: at(id), role: role === '?' ? 'learner' : 'voter', incarnation }
}

/** 'a=1 b c?': the voters a, which is named '1', and b, which nobody named, and the learner c. */
function members(text: string, more: Partial<Configuration> = {}): Configuration {
  const each = text.split(' ').map(member)
  return { version: 7, members: each, quorums: { type: 'majority' }, former: [], ...more }
}

const wordsOf = ({ members: each }: Pick<MembersEntry, 'members'>): string =>
  each
    .map(({ id, role, incarnation }) => {
      const mark = role === 'learner' ? '?' : ''
      return `${id}${mark}${incarnation === null ? '' : `=${incarnation}`}`
    })
    .join(' ')

/** Every entry of a change, each made in the place of the one before. */
function entriesOf(configuration: Configuration, change: MembersChange): MembersEntry[] {
  let now = configuration
  return stepsOf(configuration, change).map((step) => {
    const entry = entryOf(now, step)
    now = { ...entry, version: now.version + 1 }
    return entry
  })
}

function refusalOf(run: () => unknown): MembersRefusedError {
  try {
    run()
  } catch (error) {
    if (error instanceof MembersRefusedError) return error
    throw error
  }
  throw new Error('It was not refused.')
}

describe('a change of members', () => {
  it.each<[string, string, MembersChange, readonly string[]]>([
    [
      'a voter joins: it learns first (P28)',
      'a=1',
      { add: { b: { address: at('b') } } },
      ['a=1 b?', 'a=1 b'],
    ],
    ['a learner joins', 'a', { add: { b: { address: at('b'), role: 'learner' } } }, ['a b?']],
    ['a voter leaves', 'a=1 b=2 c=3', { remove: ['b'] }, ['a=1 c=3']],
    ['a learner becomes a voter', 'a b? c?', { promote: ['c'] }, ['a b? c']],
    ['a voter becomes a learner', 'a=1 b=2 c=3', { demote: ['c'] }, ['a=1 b=2 c?=3']],
    ['a member moves, and keeps its disk', 'a=1 b=2', { move: { b: at('z') } }, ['a=1 b=2']],
    [
      'a voter gets a new disk',
      'a=1 b=2 c=3',
      { renew: { b: at('z') } },
      ['a=1 b? c=3', 'a=1 b c=3'],
    ],
    ['a learner gets a new disk', 'a=1 b?', { renew: { b: at('z') } }, ['a=1 b?']],
    [
      'a voter takes the place of another, which leaves with the same entry',
      'a=1 b=2 c=3',
      { add: { d: { address: at('d') } }, remove: ['c'] },
      ['a=1 b=2 c=3 d?', 'a=1 b=2 d'],
    ],
    [
      'others take the places of all',
      'a=1 b=2',
      { add: { c: { address: at('c') }, d: { address: at('d') } }, remove: ['a', 'b'] },
      ['a=1 b=2 c? d?', 'c d'],
    ],
  ])('%s', (_, before, change, entries) => {
    expect(entriesOf(members(before), change).map(wordsOf)).toEqual(entries)
  })

  it('says which version each of its entries takes the place of', () => {
    const entries = entriesOf(members('a'), { add: { b: { address: at('b') } } })
    expect(entries.map(({ replaces }) => replaces)).toEqual([7, 8])
  })

  it('takes over addresses, weights and quorums as it says, and nothing else', () => {
    const before = members('a=1 b=2 c=3')
    const [moved] = entriesOf(before, {
      move: { b: at('z') },
      weigh: { c: 3 },
      quorums: { type: 'weighted' },
    })
    expect(moved).toEqual({
      type: 'members',
      replaces: 7,
      members: [
        member('a=1'),
        { ...member('b=2'), address: at('z') },
        { ...member('c=3'), weight: 3 },
      ],
      quorums: { type: 'weighted' },
      former: [],
    })
    const [back] = entriesOf({ ...before, ...moved, version: 9 }, { weigh: { c: 1 } })
    expect(back?.members[2]).toEqual(member('c=3'))
  })

  it('P31: remembers who left, the newest first and not for ever, until the id is a member again', () => {
    const former = Array.from({ length: MAX_FORMER_MEMBERS }, (_, n) => ({
      id: `x${n}`,
      address: at(`x${n}`),
    }))
    const [left] = entriesOf(members('a b c', { former }), { remove: ['c', 'b'] })
    expect(left?.former.map(({ id }) => id)).toEqual([
      'b',
      'c',
      ...former.slice(0, -2).map(({ id }) => id),
    ])
    const [again] = entriesOf(members('a', { former }), {
      add: { x3: { address: at('new'), role: 'learner' } },
    })
    expect(again?.former.map(({ id }) => id)).not.toContain('x3')
    expect(again?.former).toHaveLength(MAX_FORMER_MEMBERS - 1)
  })

  it('is known again when it is made, and not before', () => {
    const before = members('a=1 b=2 c=3')
    const [first, last] = stepsOf(before, { add: { d: { address: at('d') } }, remove: ['c'] })
    if (first === undefined || last === undefined) throw new Error('There are not two steps.')
    expect(isMade(before, first)).toBe(false)
    const between = { ...entryOf(before, first), version: 8 }
    expect([isMade(between, first), isMade(between, last)]).toEqual([true, false])
    const after = { ...entryOf(between, last), version: 9 }
    expect(isMade(after, last)).toBe(true)
    expect(
      isMade(
        { ...after, quorums: { type: 'weighted' } },
        { ...last, quorums: { type: 'majority' } },
      ),
    ).toBe(false)
  })
})

describe('a change of members is refused', () => {
  it.each<[string, MembersRefusedError['reason'], string, MembersChange]>([
    ['that changes nothing', 'meaningless', 'a b', {}],
    ['that adds who is there', 'duplicate-id', 'a b', { add: { b: { address: at('z') } } }],
    [
      'P32: to an address that is taken',
      'duplicate-address',
      'a b',
      { add: { c: { address: 'MEMORY://b/' } } },
    ],
    ['P32: that swaps addresses in part', 'duplicate-address', 'a b', { move: { a: at('b') } }],
    ['to no address', 'meaningless', 'a b', { move: { a: '' } }],
    ['of somebody who is no member, leaving', 'unknown-member', 'a b', { remove: ['c'] }],
    ['of somebody who is no member, moving', 'unknown-member', 'a b', { move: { c: at('c') } }],
    ['of somebody who is no member, anew', 'unknown-member', 'a b', { renew: { c: at('c') } }],
    ['of somebody who is no member, weighed', 'unknown-member', 'a b', { weigh: { c: 2 } }],
    ['that promotes a voter', 'meaningless', 'a b', { promote: ['b'] }],
    ['that demotes a learner', 'meaningless', 'a b?', { demote: ['b'] }],
    ['that removes the last voter', 'no-voter', 'a b?', { remove: ['a'] }],
    ['that takes the only voter’s disk', 'no-voter', 'a', { renew: { a: at('z') } }],
    ['that says two things of one', 'meaningless', 'a b', { remove: ['b'], move: { b: at('z') } }],
    [
      'with quorums that need not meet',
      'quorums',
      'a b c',
      { quorums: { type: 'flexible', phase1: 1, phase2: 2 } },
    ],
    ['with a grid that has holes', 'quorums', 'a b c', { quorums: { type: 'grid', columns: 2 } }],
  ])('%s', (_, reason, before, change) => {
    const refusal = refusalOf(() => entriesOf(members(before), change))
    expect(refusal.reason).toBe(reason)
    // A last sentence says the way out.
    expect(refusal.message).toMatch(/\. [A-Z][^.]*(?:\.|; [^.]*\.)$/)
  })

  it('P34: with which the voters that are heard would be no quorum, though they are one today', () => {
    const [entry] = entriesOf(members('a b c d?'), { promote: ['d'] })
    if (entry === undefined) throw new Error('There is no entry.')
    expect(() => requireLiveQuorum(entry, new Set(['a', 'b', 'd']))).not.toThrow()
    const refusal = refusalOf(() => requireLiveQuorum(entry, new Set(['a', 'b'])))
    expect(refusal).toMatchObject({ reason: 'no-live-quorum' })
    expect(refusal.message).toContain('"c", "d" are not heard')
  })

  it('of which both phases need a quorum that is alive', () => {
    const [entry] = entriesOf(members('a b c d'), {
      quorums: { type: 'flexible', phase1: 3, phase2: 2 },
    })
    if (entry === undefined) throw new Error('There is no entry.')
    expect(() => requireLiveQuorum(entry, new Set(['a', 'b']))).toThrow(MembersRefusedError)
  })

  it('in words that say the reason again on the node that asked', () => {
    const [entry] = entriesOf(members('a b'), { remove: ['a'] })
    if (entry === undefined) throw new Error('There is no entry.')
    const refusal = refusalOf(() => requireLiveQuorum(entry, new Set()))
    const heard = refusalFromWords(refusalInWords(refusal))
    expect(heard).toMatchObject({ reason: 'no-live-quorum', message: refusal.message })
    const other = refusalFromWords('Something: of a later release.')
    expect(other).toMatchObject({ reason: 'other', message: 'Something: of a later release.' })
  })
})

describe('who votes anew', () => {
  it.each([
    ['nobody, where members are only named', 'a b', 'a=1 b=2', ''],
    ['who joins', 'a', 'a b=2', 'b'],
    ['who is another incarnation', 'a=1 b=2', 'a=1 b=3', 'b'],
    ['whom a change would let vote as whoever it is', 'a=1 b=2', 'a=1 b', 'b'],
    ['no learner', 'a=1', 'a=1 b?', ''],
  ])('is %s', (_, before, after, expected) => {
    const anew = newVotersOf(members(before), members(after))
    expect(anew.map(({ id }) => id).join(' ')).toBe(expected)
  })
})

describe('whatever changes', () => {
  it('every entry makes a cluster whose quorums meet, and no one votes who was no member before', () => {
    const random = seeded(20_261_129)
    const below = (n: number) => Math.floor(random() * n)
    const ids = ['a', 'b', 'c', 'd', 'e', 'f']
    const some = () => ids.filter(() => random() < 0.25)
    let now = members('a b c')
    let [made, refused] = [0, 0]
    for (let round = 0; round < 3000; round += 1) {
      const record = <T>(value: () => T) => Object.fromEntries(some().map((id) => [id, value()]))
      const change: MembersChange = {
        ...(random() < 0.5 && {
          add: record(() => ({
            address: at(`${below(9)}`),
            ...(random() < 0.4 && { role: 'learner' as const }),
            weight: 1 + below(3),
          })),
        }),
        ...(random() < 0.3 && { remove: some() }),
        ...(random() < 0.2 && { move: record(() => at(`${below(9)}`)) }),
        ...(random() < 0.2 && { renew: record(() => at(`${below(9)}`)) }),
        ...(random() < 0.2 && { promote: some() }),
        ...(random() < 0.2 && { demote: some() }),
        ...(random() < 0.3 && { quorums: ruleOf(below, now) }),
      }
      try {
        for (const step of stepsOf(now, change)) {
          const entry = entryOf(now, step)
          expect(entry.replaces).toBe(now.version)
          requireConfiguration(entry)
          requireMeeting(entry)
          const were = new Set(now.members.map(({ id }) => id))
          for (const { id } of votersOf(entry)) expect(were).toContain(id)
          now = { ...entry, version: now.version + 1 }
          expect(isMade(now, step)).toBe(true)
          made += 1
        }
      } catch (error) {
        if (!(error instanceof MembersRefusedError)) throw error
        refused += 1
      }
    }
    // Neither branch was empty.
    expect(Math.min(made, refused)).toBeGreaterThan(200)
  })
})

/** Asks every pair of complements, as what is known to meet by its sizes is not asked elsewhere. */
function requireMeeting(entry: MembersEntry): void {
  const quorums = quorumsOf(entry)
  const voters = [...quorums.acceptors]
  for (let set = 0; set < 2 ** voters.length; set += 1) {
    const some = new Set(voters.filter((_, bit) => (set >> bit) & 1))
    const others = new Set(voters.filter((id) => !some.has(id)))
    expect(quorums.isPhase1Quorum(some) && quorums.isPhase2Quorum(others)).toBe(false)
  }
}

function ruleOf(below: (n: number) => number, now: Configuration): Configuration['quorums'] {
  const voters = votersOf(now).length
  const phase1 = 1 + below(voters)
  const rules: readonly Configuration['quorums'][] = [
    { type: 'majority' },
    { type: 'weighted' },
    { type: 'flexible', phase1, phase2: voters - phase1 + 1 },
    { type: 'grid', columns: 1 + below(2) },
  ]
  return rules[below(rules.length)] ?? { type: 'majority' }
}

/** Park and Miller's generator. */
function seeded(seed: number): () => number {
  let state = seed % 2_147_483_647
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}
