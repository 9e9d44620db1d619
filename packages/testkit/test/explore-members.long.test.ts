/**
 * What takes seconds of the members: that cases which the explorer visits whole get on, and what it
 * finds without a rule that only a large case needs.
 */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Electorate } from '../../core/src/multi/electorate.ts'
import { membersEntryIn } from '../../core/src/multi/entry.ts'
import { Members } from '../../core/src/multi/members.ts'
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

/** Those that are visited quickly: `pnpm explore` visits them all. */
const CASES: readonly MembersCase[] = ['recovered', 'older']

describe('every state', () => {
  it.each(CASES)('of the case %s keeps every promise, and the case gets on', async (name) => {
    const found = await explore(membersModel(MEMBERS_CASES[name]), { fold: true })
    expect(found).toMatchObject({ refuted: null, complete: true, violation: null })
    expect(found.states).toBeGreaterThan(500)
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
})

describe('an empty disk', () => {
  it('of who alone may lead is let in by nobody: what it proposed nobody may know', async () => {
    const options: MembersOptions = {
      title: 'one of two that leads alone, and whose disk is lost',
      initial: ['a', 'b'],
      quorums: { type: 'flexible', phase1: 1, phase2: 2 },
      changes: [],
      nodes: { a: { leads: 2, wipes: 1, proposes: 2 }, b: {} },
      slots: 2,
    }
    const found = await explore(membersModel(options), { fold: true, maxDepth: 8 })
    expect(found).toMatchObject({ refuted: null, violation: null })
    expect(await broken({ ...options, trustEmptyState: true })).toMatch(/two values at one ballot/)
  })
})
