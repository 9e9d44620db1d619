/**
 * Mistakes in the rules of the members: whose votes count, who may vote, and what a leader may
 * propose around a change. Each must be seen by a test of core, by the explorer, or by the fuzz.
 */
import type { Mutant } from './mutant.ts'

const MULTI = 'packages/core/src/multi'

const CHANGE = { type: 'tests', file: 'multi/members-change.test.ts' } as const
const ALONE = { type: 'tests', file: 'multi/admission-alone.test.ts' } as const
const KNOWN = { type: 'tests', file: 'multi/members-known.test.ts' } as const
const ADMISSION = { type: 'tests', file: 'multi/members-admission.test.ts' } as const
const FUZZ = { type: 'tests', file: 'multi/members-fuzz.test.ts' } as const
const EXPLORE = { type: 'explore', model: 'members' } as const

export const MEMBERS_MUTANTS: readonly Mutant[] = [
  {
    name: 'members: a leader proposes behind a change of its own that is not chosen',
    file: `${MULTI}/leader.ts`,
    from: `    const slot = this.#propose(step, phase2, values)
    phase2.stopAt(slot)
`,
    to: `    const slot = this.#propose(step, phase2, values)
`,
    caughtBy: [CHANGE],
  },
  {
    name: 'members: a leader proposes behind a change that it recovered, before it is chosen',
    file: `${MULTI}/leader.ts`,
    from: '    if (found.barrier !== null) phase2.stopAt(found.barrier)\n',
    to: '',
    caughtBy: [FUZZ, EXPLORE],
  },
  {
    name: 'members: a change is proposed before who is to vote has promised',
    file: `${MULTI}/reconfiguration.ts`,
    from: '    return phase1.isComplete(next)\n',
    to: '    return true\n',
    caughtBy: [CHANGE],
  },
  {
    name: 'members: a leader goes on behind a change without the promises of who votes there',
    file: `${MULTI}/reconfiguration.ts`,
    from: '    if (!phase1.isComplete(this.#electorate)) return\n',
    to: '',
    caughtBy: [EXPLORE],
  },
  {
    name: 'members: a change is proposed before anything is chosen under the ballot',
    file: `${MULTI}/reconfiguration.ts`,
    from: 'if (!isSettled || !this.isOpen) return false',
    to: 'if (!this.isOpen) return false',
    caughtBy: [CHANGE],
  },
  {
    name: 'members: behind a change those decide who decided before',
    file: `${MULTI}/phase2.ts`,
    from: `    this.#electorate = electorate
    this.#barrier = null
`,
    to: '    this.#barrier = null\n',
    caughtBy: [CHANGE],
  },
  {
    name: 'members: a change is complete before a quorum has stored it',
    file: `${MULTI}/reconfiguration.ts`,
    from: 'if (!this.isOpen || !phase2.isStored(version)) return false',
    to: 'if (!this.isOpen) return false',
    caughtBy: [CHANGE],
  },
  {
    name: 'members: a leader that was removed goes on',
    file: `${MULTI}/leader.ts`,
    from: "return this.#role.phase === 'leading' && this.#reconfiguration.hasLeft",
    to: "return this.#role.phase === 'preparing' && this.#reconfiguration.hasLeft",
    caughtBy: [CHANGE],
  },
  {
    name: 'members: whoever has left is told nothing any more',
    file: `${MULTI}/members.ts`,
    from: '      if (after.version > this.#toldThrough) this.#leaving.set(after.version, this.current)\n',
    to: '',
    caughtBy: [KNOWN],
  },
  {
    name: 'members: votes count of any incarnation',
    file: `${MULTI}/electorate.ts`,
    from: 'return this.isVoter(id) && (named === null || named === incarnation)',
    to: 'return this.isVoter(id) && named !== id',
    caughtBy: [CHANGE, EXPLORE],
  },
  {
    name: 'members: a promise counts that was asked of one who may not vote yet',
    file: `${MULTI}/phase1.ts`,
    from: 'return electorate.named(acceptor) !== null || !this.#invitedByName.has(acceptor)',
    to: 'return true',
    caughtBy: [{ type: 'tests', file: 'multi/phase1-incarnations.test.ts' }],
  },
  {
    name: 'members: a candidate goes on that has asked others than those who vote',
    file: `${MULTI}/leader.ts`,
    from: "return this.#role.phase === 'preparing' && this.#asked !== this.#electorate",
    to: "return this.#role.phase === 'preparing' && this.#asked === null",
    caughtBy: [KNOWN],
  },
  {
    name: 'admission: an empty disk votes before all others have answered',
    file: `${MULTI}/admission.ts`,
    from: 'if (electorate.version > 0 || this.waitsFor(electorate).length > 0) return false',
    to: 'if (electorate.version > 0) return false',
    caughtBy: [ADMISSION, EXPLORE],
  },
  {
    name: 'admission: answers let in where the members have changed',
    file: `${MULTI}/admission.ts`,
    from: 'if (electorate.version > 0 || this.waitsFor(electorate).length > 0) return false',
    to: 'if (this.waitsFor(electorate).length > 0) return false',
    caughtBy: [ALONE],
  },
  {
    name: 'admission: who may lead alone is let in by others',
    file: `${MULTI}/admission.ts`,
    from: '    if (electorate.quorums.isPhase1Quorum(new Set([this.#id]))) return false\n',
    to: '',
    caughtBy: [ALONE],
  },
  {
    name: 'admission: an answer to another incarnation is believed',
    file: `${MULTI}/admission.ts`,
    from: "if (to !== this.#incarnation || this.standing(electorate) !== 'waiting') return false",
    to: "if (to === '' || this.standing(electorate) !== 'waiting') return false",
    caughtBy: [ALONE],
  },
  {
    name: 'admission: who answers that it has voted counts as one that has not',
    file: `${MULTI}/admission.ts`,
    from: `    if (hadVoted) this.#answeredBy.delete(from)
    else this.#answeredBy.add(from)
`,
    to: `    if (hadVoted) this.#answeredBy.add(from)
    else this.#answeredBy.add(from)
`,
    caughtBy: [ADMISSION, EXPLORE],
  },
  {
    name: 'admission: who has voted says that it had heard of the new one before',
    file: `${MULTI}/admission.ts`,
    from: 'if (!hasVoted) this.#heardBefore.set(from, incarnation)',
    to: 'this.#heardBefore.set(from, incarnation)',
    caughtBy: [ADMISSION, EXPLORE],
  },
  {
    name: 'admission: a state that was replaced votes',
    file: `${MULTI}/admission.ts`,
    from: "return this.#isAdmitted && standing !== 'replaced' && standing !== 'waiting'",
    to: "return this.#isAdmitted && standing !== 'waiting'",
    caughtBy: [ALONE],
  },
  {
    name: 'admission: whoever asks is given a promise',
    file: `${MULTI}/node.ts`,
    from: 'return isNamed || this.#introductions.votes(electorate)',
    to: 'return isNamed || electorate.version >= 0',
    caughtBy: [ALONE, EXPLORE],
  },
  {
    name: 'admission: a state accepts that may not vote',
    file: `${MULTI}/node.ts`,
    from: `    if (!this.#introductions.votes(this.members.current)) return
    if (message.type === 'logAccept')`,
    to: `    if (message.type === 'logAccept')`,
    caughtBy: [ADMISSION, FUZZ],
  },
]
