/**
 * Mistakes of the host about members that change: what is refused, what is made once, who is told, and
 * which disk may vote. Virtual clusters must see them, and the parts one by one.
 */
import type { Mutant } from './mutant.ts'

const REPLICA = 'packages/replica/src'

const BY_CHANGES = [{ type: 'tests', file: 'member-changes.test.ts' }] as const

const BY_PARTS = [{ type: 'tests', file: 'members-parts.test.ts' }] as const

const BY_CLUSTER = [{ type: 'tests', file: 'members.test.ts' }] as const

const BY_VIEW = [{ type: 'tests', file: 'members-view.test.ts' }] as const

const BY_BOOK = [{ type: 'tests', file: 'address-book.test.ts' }] as const

export const MEMBER_CALL_MUTANTS: readonly Mutant[] = [
  {
    name: 'members: a new voter votes at once, and learns later',
    file: `${REPLICA}/member-changes.ts`,
    from: "const as = { address, role: 'learner', incarnation: null, weight, priority } as const",
    to: 'const as = { address, role, incarnation: null, weight, priority } as const',
    caughtBy: BY_CHANGES,
  },
  {
    name: 'members: an id that is used again stays among those who left',
    file: `${REPLICA}/member-changes.ts`,
    from: '.filter(({ id }) => !members.has(id))',
    to: '.filter(({ id }) => id.length >= 0)',
    caughtBy: BY_CHANGES,
  },
  {
    name: 'members: two have one address, written in two ways',
    file: `${REPLICA}/member-changes.ts`,
    from: 'const plain = plainAddress(address)',
    to: 'const plain = address',
    caughtBy: BY_CHANGES,
  },
  {
    name: 'members: a change is made by which no quorum is heard any more',
    file: `${REPLICA}/members-leader.ts`,
    from: 'requireLiveQuorum(named, this.#alive(configuration, named))',
    to: 'requireLiveQuorum(named, new Set(named.members.map(({ id }) => id)))',
    caughtBy: [...BY_PARTS, ...BY_CLUSTER],
  },
  {
    name: 'members: who is heard and waits to be let in is counted as there',
    file: `${REPLICA}/members-leader.ts`,
    from: '? vote.has(member.id)',
    to: '? lately.has(member.id)',
    caughtBy: [...BY_PARTS, ...BY_CLUSTER],
  },
  {
    name: 'members: a disk that is not the one that is named is counted as there',
    file: `${REPLICA}/members-leader.ts`,
    from: ': member.incarnation === (this.#heard.get(member.id)?.incarnation ?? member.incarnation)),',
    to: ': member.incarnation !== null),',
    caughtBy: BY_PARTS,
  },
  {
    name: 'members: a leader thinks that all vote for it',
    file: 'packages/core/src/multi/leader.ts',
    from: 'return through >= phase2.base || chosenThrough > 0',
    to: 'return through >= 0 || chosenThrough > 0',
    caughtBy: [{ type: 'tests', file: 'multi/leader.test.ts' }],
  },
  {
    name: 'members: who moves is counted as there',
    file: `${REPLICA}/members-leader.ts`,
    from: '(addresses.get(member.id) === member.address || isAt(member.id, member.address)) &&',
    to: 'addresses.get(member.id) !== null &&',
    caughtBy: BY_CLUSTER,
  },
  {
    name: 'members: a new voter need not have learned',
    file: `${REPLICA}/members-leader.ts`,
    from: 'if (id !== this.#options.id && storedThrough < this.#neededThrough) {',
    to: 'if (id !== this.#options.id && storedThrough < 0) {',
    caughtBy: BY_PARTS,
  },
  {
    name: 'members: the former disk of a member is named again in the place of a new one',
    file: `${REPLICA}/members-leader.ts`,
    from: "if (incarnation === '' || incarnation === this.#spent(from)) return",
    to: "if (incarnation === '') return",
    caughtBy: BY_PARTS,
  },
  {
    name: 'members: the last words of a node that was removed are taken for those of who joins under its id',
    file: `${REPLICA}/members-leader.ts`,
    from: 'if (this.#before !== null && isOther) this.#heard.delete(id)',
    to: 'if (this.#before === null && isOther) this.#heard.delete(id)',
    caughtBy: BY_PARTS,
  },
  {
    name: 'members: a new voter is promoted that spoke long ago, and may have stopped',
    file: `${REPLICA}/members-leader.ts`,
    from: 'if (disk === null || !this.#isThere(id)) {',
    to: 'if (disk === null) {',
    caughtBy: BY_PARTS,
  },
  {
    name: 'members: a leader proposes an entry that takes the place of another version',
    file: `${REPLICA}/members-leader.ts`,
    from: 'if (entry.replaces !== configuration.version) return null',
    to: 'if (entry.replaces > configuration.version) return null',
    caughtBy: BY_PARTS,
  },
  {
    name: 'members: disks are named before all are heard',
    file: `${REPLICA}/members-leader.ts`,
    from: "if (named.some(({ role, incarnation }) => role === 'voter' && incarnation === null)) return null",
    to: "if (named.every(({ role, incarnation }) => role === 'voter' && incarnation === null)) return null",
    caughtBy: BY_PARTS,
  },
  {
    name: 'members: a leader refuses the very change that is under way',
    file: `${REPLICA}/membership.ts`,
    from: '    if (this.#options.engine.isChanging) return false\n',
    to: '',
    caughtBy: BY_CLUSTER,
  },
  {
    name: 'members: a change that waits behind another one is not under way',
    file: 'packages/core/src/multi/multi-paxos.ts',
    from: 'return phase2 !== null && (phase2.barrier !== null || !isOpen)',
    to: 'return phase2 !== null && phase2.barrier !== null && isOpen',
    caughtBy: [{ type: 'tests', file: 'multi/members-change.test.ts' }],
  },
  {
    name: 'members: a refusal of what somebody may have is for good',
    file: `${REPLICA}/members-calls.ts`,
    from: 'throw this.#isOut ? notForGood(refusal) : refusal',
    to: 'throw refusal',
    caughtBy: [...BY_PARTS, ...BY_CLUSTER],
  },
  {
    name: 'members: what was given to the leader is with nobody',
    file: `${REPLICA}/membership.ts`,
    from: 'input(() => engine.forward([bytes]))\n    return true',
    to: 'input(() => engine.forward([bytes]))\n    return false',
    caughtBy: BY_CLUSTER,
  },
  {
    name: 'members: a call resolves when its entry is chosen, and not when it is complete',
    file: `${REPLICA}/members-calls.ts`,
    from: 'if (this.#madeBy !== null && view.isComplete(this.#madeBy)) this.outcome.resolve(view.report)',
    to: 'if (this.#madeBy !== null) this.outcome.resolve(view.report)',
    caughtBy: BY_PARTS,
  },
  {
    name: 'members: a change is made on another version than the expected one',
    file: `${REPLICA}/members-calls.ts`,
    from: 'const isOther = this.#expected !== null && !this.#hasChanged',
    to: 'const isOther = this.#expected === -1 && !this.#hasChanged',
    caughtBy: BY_PARTS,
  },
  {
    name: 'members: a change is made again behind a snapshot that may hold it',
    file: `${REPLICA}/members-calls.ts`,
    from: 'if (isBySnapshot) throw',
    to: 'if (isBySnapshot && before < 0) throw',
    caughtBy: BY_PARTS,
  },
  {
    name: 'members: an entry that may be lost is not given again',
    file: `${REPLICA}/members-calls.ts`,
    from: 'this.#calls[0]?.give()',
    to: 'void this.#calls[0]',
    caughtBy: BY_PARTS,
  },
  {
    name: 'members: a new voter that nobody hears is waited for for ever',
    file: `${REPLICA}/members-calls.ts`,
    from: 'if (nowMs - this.#behind.sinceMs < NEW_VOTER_PATIENCE_MS) return',
    to: 'if (nowMs - this.#behind.sinceMs < Infinity) return',
    caughtBy: BY_PARTS,
  },
  {
    name: 'members: a node stops for members of long ago, while it catches up',
    file: `${REPLICA}/surely.ts`,
    from: 'return heard.length >= Math.max(1, others.length / 2) && most <= chosenThrough',
    to: 'return heard.length >= Math.max(1, others.length / 2)',
    caughtBy: BY_PARTS,
  },
  {
    name: 'members: a node whose disk was lost goes on as if it were another’s affair',
    file: `${REPLICA}/membership.ts`,
    from: "if (engine.standing === 'replaced') this.#replaced()",
    to: "if (engine.standing === 'none') this.#replaced()",
    caughtBy: BY_CLUSTER,
  },
  {
    name: 'members: a node that was removed never stops',
    file: `${REPLICA}/membership.ts`,
    from: "else if (engine.standing === 'removed') this.#removed()",
    to: "else if (engine.standing === 'none') this.#removed()",
    caughtBy: BY_CLUSTER,
  },
  {
    name: 'members: the disks of a first start are never named',
    file: `${REPLICA}/membership.ts`,
    from: 'if (naming !== null) this.#input(naming)',
    to: 'void naming',
    caughtBy: BY_CLUSTER,
  },
  {
    name: 'members: who left is forgotten before the change is complete',
    file: `${REPLICA}/members-view.ts`,
    from: 'of [...members, ...this.#leaving, ...former, ...membersOf(given)]) {',
    to: 'of [...members, ...former, ...membersOf(given)]) {',
    caughtBy: BY_VIEW,
  },
  {
    name: 'members: nobody is asked of whom a node was told when it was started',
    file: `${REPLICA}/replica-node.ts`,
    from: 'acquaintances: [...settings.members.keys()],',
    to: 'acquaintances: [],',
    caughtBy: BY_CLUSTER,
  },
  {
    name: 'members: a learner is taken for a relay',
    file: `${REPLICA}/replica-node.ts`,
    from: 'relays: () => this.#host.lastHeardFirst.filter((peer) => this.#voters.has(peer)),',
    to: 'relays: () => this.#host.lastHeardFirst,',
    caughtBy: BY_CLUSTER,
  },
  {
    name: 'members: the transport is never told who joins',
    file: `${REPLICA}/host.ts`,
    from: 'if (this.#told === null || sameAddresses(peers, this.#told)) return',
    to: 'if (this.#told !== null || sameAddresses(peers, this.#peers)) return',
    caughtBy: BY_BOOK,
  },
  {
    name: 'members: a node that knows later members compares the first ones',
    file: `${REPLICA}/host.ts`,
    from: 'const isComparable = this.#options.knowsFirstMembersOnly()',
    to: 'const isComparable = true',
    caughtBy: BY_BOOK,
  },
]
