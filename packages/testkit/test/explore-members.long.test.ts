/**
 * With all rules of the members in force the explorer finds nothing, in any state of the smallest
 * cases; and it finds what goes wrong without one of them, where that takes seconds.
 */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Electorate } from '../../core/src/multi/electorate.ts'
import { membersEntryIn } from '../../core/src/multi/entry.ts'
import { Members } from '../../core/src/multi/members.ts'
import { Phase2 } from '../../core/src/multi/phase2.ts'
import { explore, MEMBERS_CASES, membersModel, replay } from '../src/explore/index.ts'
import type { MembersCase, MembersOptions } from '../src/explore/index.ts'

afterEach(() => void vi.restoreAllMocks())

async function broken(options: MembersOptions): Promise<string> {
  const model = membersModel(options)
  const { violation } = await explore(model, { fold: true })
  if (violation === null) throw new Error('nothing was found')
  expect(replay(model, violation).broken?.promise).toBe(violation.broken)
  return violation.broken
}

const CASES: readonly (readonly [MembersCase, number])[] = []

describe('every state', () => {
  it.each(CASES)('of the case %s keeps every promise', async (name, states) => {
    const found = await explore(membersModel(MEMBERS_CASES[name]), { fold: true })
    expect(found).toMatchObject({ refuted: null, complete: true, violation: null, states })
    expect(found.neverChosen).toEqual([])
  })
})

describe('without its rule', () => {
  it('a change is made that takes the place of another configuration than it names', async () => {
    vi.spyOn(Members.prototype, 'after').mockImplementation((slot, value) => {
      const entry = value === undefined ? null : membersEntryIn(value)
      if (entry === null) return null
      const { members, quorums, former } = entry
      return new Electorate({ version: slot, members, quorums, former })
    })
    const found = await broken(MEMBERS_CASES.racing)
    expect(found).toMatch(/b says that .* is chosen in slot 4, and nothing is/)
  })

  it('a leader proposes behind a change that is not chosen yet', async () => {
    vi.spyOn(Phase2.prototype, 'stopAt').mockImplementation(() => undefined)
    const found = await broken(MEMBERS_CASES.disjoint)
    expect(found).toMatch(/a says that .*"x1 of a".* is chosen in slot 3, and nothing is/)
  })

  it('what another incarnation accepts counts for the one that is named', async () => {
    const receiveAccepted = Phase2.prototype.receiveAccepted
    vi.spyOn(Phase2.prototype, 'receiveAccepted').mockImplementation(function (
      this: Phase2,
      from,
      _incarnation,
      through,
      nowMs,
    ) {
      receiveAccepted.call(this, from, `${from}0`, through, nowMs)
    })
    const found = await broken(MEMBERS_CASES.replaced)
    expect(found).toMatch(/a says that .*"a0 b1 for 0".* is chosen in slot 2, and nothing is/)
  })
})
