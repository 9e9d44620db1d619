/**
 * The explorer finds what goes wrong when a rule of the members is taken out, on the very classes of
 * core. That it finds nothing with all rules in force is what `pnpm explore` shows.
 */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Electorate } from '../../core/src/multi/electorate.ts'
import { Phase2 } from '../../core/src/multi/phase2.ts'
import { explore, MEMBERS_CASES, membersModel, replay } from '../src/explore/index.ts'
import type { MembersOptions } from '../src/explore/index.ts'

afterEach(() => void vi.restoreAllMocks())

/** The promise that is broken, as a run that real objects repeat. */
async function broken(options: MembersOptions): Promise<string> {
  const model = membersModel(options)
  const { violation } = await explore(model, { fold: true })
  if (violation === null) throw new Error('nothing was found')
  expect(replay(model, violation).broken).toEqual({
    promise: violation.broken,
    afterSteps: violation.steps.length,
  })
  return violation.broken
}

const vote = (incarnation: string) => ({ id: incarnation.replace(/\d/, ''), incarnation })

describe('without its rule', () => {
  it('a disk that was lost votes as if nothing had been: what was acknowledged is gone', async () => {
    const found = await broken({ ...MEMBERS_CASES.wiped, trustEmptyState: true })
    expect(found).toMatch(/agreement: .*"x".* and .* are both chosen in slot 1/)
  })

  it('a leader goes on behind a barrier without the promises of who votes there', async () => {
    vi.spyOn(Electorate.prototype, 'isPhase1Quorum').mockImplementation(function (
      this: Electorate,
      votes,
    ) {
      return this.version > 0 || this.quorums.isPhase1Quorum(new Set(votes.keys()))
    })
    const found = await broken(MEMBERS_CASES.barrier)
    expect(found).toMatch(/agreement: .*"x1 of a".* and .* are both chosen in slot 2/)
  })

  it('a candidate counts the votes of an older configuration behind the change', async () => {
    vi.spyOn(Phase2.prototype, 'setElectorate').mockImplementation(function (this: Phase2) {
      // Only that: the barrier is lifted.
      // oxlint-disable-next-line typescript/unbound-method -- it is applied to what it is a method of
      Reflect.apply(this.stopAt, this, [null])
    })
    const found = await broken(MEMBERS_CASES.older)
    expect(found).toMatch(/a says that .*"x1 of a".* is chosen in slot 2, and nothing is/)
  })

  it('a leader proposes behind a change that is not chosen yet', async () => {
    vi.spyOn(Phase2.prototype, 'stopAt').mockImplementation(() => undefined)
    const found = await broken(MEMBERS_CASES.recovered)
    expect(found).toMatch(/a says that .*"x1 of a".* is chosen in slot 2, and nothing is/)
  })

  it('what another incarnation accepts counts for the one that is named', async () => {
    vi.spyOn(Electorate.prototype, 'counts').mockImplementation(function (this: Electorate, id) {
      return this.isVoter(id)
    })
    const found = await broken(MEMBERS_CASES.replaced)
    expect(found).toMatch(/a says that .* is chosen in slot 2, and nothing is/)
  })
})

describe('a model of members', () => {
  it('says who decides a slot by what is chosen below it, and counts only whom that names', () => {
    const model = membersModel(MEMBERS_CASES.recovered)
    const [a0, b0, b1] = ['a0', 'b0', 'b1'].map(vote)
    if (a0 === undefined || b0 === undefined || b1 === undefined) throw new Error('unreachable')
    const change = JSON.stringify({ bytes: 'a0 b1 for 0' })
    const noOp = JSON.stringify({ bytes: '\u0000' })
    expect(model.decides?.([a0, b0], [])).toBe(true)
    expect(model.decides?.([a0, b1], [noOp])).toBe(false)
    expect(model.decides?.([a0, b1], [noOp, change])).toBe(true)
    expect(model.decides?.([a0, b0], [noOp, change])).toBe(false)
    expect(model.decides?.([a0, b1], [change, noOp, change])).toBe(true)
  })
})
