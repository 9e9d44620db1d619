/**
 * Mistakes in the members of a log: who is counted, when a change is made and when it is complete,
 * and what those may do who are no members any more. The stories of core must see each of them.
 */
import type { Mutant } from './mutant.ts'

const MULTI = 'packages/core/src/multi'

const byStory = (story: string) => [{ type: 'tests', file: `multi/${story}.test.ts` }] as const

export const MEMBER_RULE_MUTANTS: readonly Mutant[] = [
  {
    name: 'members: a change is made whatever it was to take the place of',
    file: `${MULTI}/configuration.ts`,
    from: '  if (entry.replaces !== before.version) return before\n',
    to: '',
    caughtBy: byStory('members-change'),
  },
  {
    name: 'members: a change is proposed before anything is chosen under the ballot of its leader',
    file: `${MULTI}/reconfiguration.ts`,
    from: 'if (!isSettled || ',
    to: 'if (',
    caughtBy: byStory('members-change'),
  },
  {
    name: 'members: a leader goes on behind a members entry that is not chosen',
    file: `${MULTI}/leader.ts`,
    from: '    phase2.stopAt(slot)\n',
    to: '',
    caughtBy: byStory('members-change'),
  },
  {
    name: 'members: a change is proposed before a quorum of who is to vote has promised',
    file: `${MULTI}/reconfiguration.ts`,
    from: '    return phase1.isComplete(next)\n',
    to: '    return true\n',
    caughtBy: byStory('members-change'),
  },
  {
    name: 'members: a joiner that has promised a higher ballot is asked for ever',
    file: `${MULTI}/leader.ts`,
    from: "? 'outbid' : 'ignored'",
    to: "? 'ignored' : 'ignored'",
    caughtBy: byStory('members-change'),
  },
  {
    name: 'members: a leader leads on where another state of its id votes',
    file: `${MULTI}/reconfiguration.ts`,
    from: "!(incarnation === '' ? electorate.isVoter(id) : electorate.counts(id, incarnation))",
    to: '!electorate.isVoter(id)',
    caughtBy: byStory('members-change'),
  },
  {
    name: 'members: a leader that was removed, and that nobody hears, never gives up',
    file: `${MULTI}/node.ts`,
    from: '(this.#campaigns || this.leader.hasLeft)',
    to: 'this.#campaigns',
    caughtBy: byStory('members-change'),
  },
  {
    name: 'members: a removed leader does not hand over',
    file: `${MULTI}/succession.ts`,
    from: '    this.#leader.handOver(step, next.id)\n',
    to: '',
    caughtBy: byStory('members-change'),
  },
  {
    name: 'members: who learns of other members does not save that',
    file: `${MULTI}/node.ts`,
    from: '      this.acceptor.keepChosen(step)\n',
    to: '',
    caughtBy: byStory('members'),
  },
  {
    name: 'members: a vote counts whichever state of an id gave it',
    file: `${MULTI}/electorate.ts`,
    from: '(named === null || named === incarnation)',
    to: '(named === null || incarnation.length >= 0)',
    caughtBy: byStory('members-admission'),
  },
  {
    name: 'members: a promise that was asked for by name counts where nobody is named',
    file: `${MULTI}/phase1.ts`,
    from: '!this.#invitedByName.has(acceptor)',
    to: 'true',
    caughtBy: byStory('phase1'),
  },
  {
    name: 'members: an empty disk votes in what the leader proposes',
    file: `${MULTI}/node.ts`,
    from: "    if (!this.#introductions.votes(this.members.current)) return\n    if (message.type === 'logAccept')",
    to: "    if (message.type === 'logAccept')",
    caughtBy: byStory('members-admission'),
  },
  {
    name: 'members: an empty disk promises to whoever asks',
    file: `${MULTI}/node.ts`,
    from: '    return isNamed || ',
    to: '    return names === undefined || isNamed || ',
    caughtBy: byStory('members-admission'),
  },
  {
    name: 'members: an empty disk votes when one of the others has not voted',
    file: `${MULTI}/admission.ts`,
    from: 'this.waitsFor(electorate).length > 0) return false',
    to: 'this.#answeredBy.size === 0) return false',
    caughtBy: byStory('members-admission'),
  },
  {
    name: 'members: an answer to the state that was lost lets in the one after it',
    file: `${MULTI}/admission.ts`,
    from: 'if (to !== this.#incarnation || ',
    to: 'if (',
    caughtBy: byStory('members-admission'),
  },
  {
    name: 'members: who has voted says that it had not to every state of an id that it has heard',
    file: `${MULTI}/admission.ts`,
    from: 'return hasVoted && this.#heardBefore.get(from) !== incarnation',
    to: 'return hasVoted && !this.#heardBefore.has(from)',
    caughtBy: byStory('members-admission'),
  },
  {
    name: 'members: who is no member any more is followed when it leads',
    file: `${MULTI}/node.ts`,
    from: 'return !isMember && from !== this.way.leaderId',
    to: 'return from === null && from !== this.way.leaderId',
    caughtBy: byStory('members-return'),
  },
  {
    name: 'members: who is no member any more gets promises',
    file: `${MULTI}/node.ts`,
    from: '    if (!electorate.isVoter(from) && isPast) return false\n',
    to: '',
    caughtBy: byStory('members-return'),
  },
  {
    name: 'members: who is no member any more gets support',
    file: `${MULTI}/node.ts`,
    from: 'const mayLead = electorate.isVoter(from) || (message.version ?? 0) > electorate.version',
    to: 'const mayLead = (message.version ?? 0) >= 0',
    caughtBy: byStory('members-return'),
  },
  {
    name: 'members: a snapshot names the newest members, whatever its slot',
    file: `${MULTI}/members.ts`,
    from: '({ version }) => version <= through',
    to: '({ version }) => version <= Math.max(through, Infinity)',
    caughtBy: byStory('members-return'),
  },
  {
    name: 'members: nobody looks for a learner that has lost its way',
    file: `${MULTI}/node.ts`,
    from: '      this.leader.announceTo(step, id, this.nowMs)\n',
    to: '',
    caughtBy: byStory('members-return'),
  },
  {
    name: 'members: a candidate that learns of others by a snapshot goes on with those before',
    file: `${MULTI}/leader.ts`,
    from: "this.#role.phase === 'preparing' && this.#asked !== this.#electorate",
    to: "this.#role.phase === 'preparing' && this.#asked === null",
    caughtBy: byStory('members-return'),
  },
  {
    name: 'members: a learner leans on the one above it alone',
    file: `${MULTI}/polls.ts`,
    from: 'if (count % every !== every - 1) return upstream',
    to: 'if (every > 0) return upstream',
    caughtBy: byStory('members-learners'),
  },
]
