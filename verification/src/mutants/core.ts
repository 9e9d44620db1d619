/**
 * Mistakes in the protocol of one decree: `essential`, `practical`, and what both stand on. The
 * explorer must see all those by which two values could be chosen.
 */
import type { Mutant } from './mutant.ts'

const ESSENTIAL = 'packages/core/src/essential.ts'
const PRACTICAL = 'packages/core/src/practical'

const BY_ESSENTIAL = [
  { type: 'explore', model: 'essential' },
  { type: 'tests', file: 'essential.test.ts' },
] as const
const BY_PRACTICAL = [
  { type: 'explore', model: 'practical' },
  { type: 'tests', file: 'crash.test.ts' },
  { type: 'tests', file: 'practical/acceptor.test.ts' },
  { type: 'tests', file: 'practical/proposer.test.ts' },
  { type: 'tests', file: 'practical/learner.test.ts' },
  { type: 'tests', file: 'practical/node.test.ts' },
] as const

/** How a learner of `essential` counts. */
const ESSENTIAL_COUNT = `  receiveAccepted(from: NodeId, accepted: AcceptedMessage<V>): Proposal<V> | null {
    if (this.#chosen !== null) return this.#chosen
    const { ballot, value } = accepted
    const acceptors = this.#acceptedAt.get(formatBallot(ballot)) ?? new Set()
    this.#acceptedAt.set(formatBallot(ballot), acceptors.add(from))
    if (!this.#quorums.isPhase2Quorum(acceptors)) return null
    this.#acceptedAt.clear()
    this.#chosen = { ballot, value }
`

export const CORE_MUTANTS: readonly Mutant[] = [
  {
    name: 'a quorum is half of the acceptors, and not more than half',
    file: 'packages/core/src/quorum.ts',
    from: 'return members * 2 > ids.length',
    to: 'return members * 2 >= ids.length',
    caughtBy: [
      { type: 'explore', model: 'practical' },
      { type: 'tests', file: 'quorum.test.ts' },
    ],
  },
  {
    name: 'a quorum is n/2 acceptors, rounded down',
    file: 'packages/core/src/quorum.ts',
    from: 'return members * 2 > ids.length',
    to: 'return members >= Math.floor(ids.length / 2)',
    caughtBy: BY_ESSENTIAL,
  },
  {
    name: 'quorums that are given are not asked whether those of phase 1 meet those of phase 2',
    file: 'packages/core/src/quorum.ts',
    from: 'if (phase1[set] && phase2[all ^ set]) {',
    to: 'if (phase1[set] && phase1[all ^ set] && phase2[all ^ set]) {',
    caughtBy: [{ type: 'tests', file: 'quorum.test.ts' }],
  },
  {
    name: 'a quorum that is none any more when an acceptor joins it is taken',
    file: 'packages/core/src/quorum.ts',
    from: '(phase2[set] && !phase2[more])',
    to: '(phase2[set] && !phase2[set])',
    caughtBy: [{ type: 'tests', file: 'quorum.test.ts' }],
  },
  {
    name: 'quorums that all acceptors together do not make up are taken',
    file: 'packages/core/src/quorum.ts',
    from: 'if (!phase1[all] || !phase2[all])',
    to: 'if (!phase1[all] && !phase2[all])',
    caughtBy: [{ type: 'tests', file: 'quorum.test.ts' }],
  },
  {
    name: 'the largest system of quorums that is said to be checked is not',
    file: 'packages/core/src/quorum.ts',
    from: 'if (ids.length > MAX_CHECKED_ACCEPTORS) return',
    to: 'if (ids.length >= MAX_CHECKED_ACCEPTORS) return',
    caughtBy: [{ type: 'tests', file: 'quorum.test.ts' }],
  },
  {
    name: 'sizes of quorums that only touch are taken for quorums that meet',
    file: 'packages/core/src/quorum-systems.ts',
    from: 'phase1 + phase2 > total) return quorums',
    to: 'phase1 + phase2 >= total) return quorums',
    caughtBy: [{ type: 'tests', file: 'quorum-systems.test.ts' }],
  },
  {
    name: 'one acceptor of one row of a grid chooses',
    file: 'packages/core/src/quorum-systems.ts',
    from: 'isPhase2Quorum: (nodes) => kept.every(',
    to: 'isPhase2Quorum: (nodes) => kept.some(',
    caughtBy: [{ type: 'tests', file: 'quorum-systems.test.ts' }],
  },
  {
    name: 'quorums that are given to a running node are not checked',
    file: 'packages/core/src/leadership.ts',
    from: `    requireQuorums(quorums)
    return`,
    to: '    return',
    caughtBy: [{ type: 'tests', file: 'quorum.test.ts' }],
  },
  {
    name: 'the quorums of a log are not checked',
    file: 'packages/core/src/multi/options.ts',
    from: '  requireQuorums(quorums)\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'quorum.test.ts' }],
  },
  {
    name: 'two nodes’ ballots of the same round are taken for the same ballot',
    file: 'packages/core/src/ballot.ts',
    from: '  return compareIds(a.node, b.node)\n',
    to: '  return 0\n',
    caughtBy: BY_ESSENTIAL,
  },
  {
    name: 'essential: an acceptor accepts below its promise, if it has accepted nothing higher',
    file: ESSENTIAL,
    from: 'if (compareBallots(accept.ballot, this.#promised) < 0) return null',
    to: 'if (compareBallots(accept.ballot, this.#accepted?.ballot ?? null) < 0) return null',
    caughtBy: BY_ESSENTIAL,
  },
  {
    name: 'essential: an acceptor accepts only above its promise, with > where >= is due',
    file: ESSENTIAL,
    from: 'if (compareBallots(accept.ballot, this.#promised) < 0) return null',
    to: 'if (compareBallots(accept.ballot, this.#promised) <= 0) return null',
    caughtBy: BY_ESSENTIAL,
  },
  {
    name: 'essential: an acceptor promises whatever it is asked, and its promise goes down',
    file: ESSENTIAL,
    from: 'if (compareBallots(prepare.ballot, this.#promised) < 0) return null',
    to: 'if (compareBallots(prepare.ballot, this.#accepted?.ballot ?? null) < 0) return null',
    caughtBy: BY_ESSENTIAL,
  },
  {
    name: 'essential: an acceptor does not raise its promise when it accepts',
    file: ESSENTIAL,
    from: '    this.#promised = accept.ballot\n',
    to: '',
    caughtBy: BY_ESSENTIAL,
  },
  {
    name: 'essential: a promise does not tell what was accepted before',
    file: ESSENTIAL,
    from: "return { type: 'promise', ballot: prepare.ballot, accepted: this.#accepted }",
    to: "return { type: 'promise', ballot: prepare.ballot, accepted: null }",
    caughtBy: BY_ESSENTIAL,
  },
  {
    name: 'essential: a proposer takes the value of the lowest accepted ballot, not the highest',
    file: ESSENTIAL,
    from: 'if (compareBallots(promise.accepted?.ballot ?? null, seen?.ballot ?? null) > 0) {',
    to: `if (
      promise.accepted !== null &&
      (seen === null || compareBallots(promise.accepted.ballot, seen.ballot) < 0)
    ) {`,
    caughtBy: BY_ESSENTIAL,
  },
  {
    name: 'essential: a proposer takes the accepted value that it hears of last',
    file: ESSENTIAL,
    from: 'if (compareBallots(promise.accepted?.ballot ?? null, seen?.ballot ?? null) > 0) {',
    to: 'if (promise.accepted !== null) {',
    caughtBy: BY_ESSENTIAL,
  },
  {
    name: 'essential: a proposer proposes its own value, whatever the promises reveal',
    file: ESSENTIAL,
    from: 'const value = proven === null ? attempt.wanted : proven.value',
    to: 'const value = attempt.wanted',
    caughtBy: BY_ESSENTIAL,
  },
  {
    name: 'essential: a proposer counts promises of an earlier ballot of its own',
    file: ESSENTIAL,
    from: 'if (attempt === null || !sameBallot(promise.ballot, attempt.ballot)) return null',
    to: 'if (attempt === null) return null',
    caughtBy: BY_ESSENTIAL,
  },
  {
    name: 'essential: a proposer uses a ballot again after a restart',
    file: ESSENTIAL,
    from: '    this.#highestSeen = seen\n',
    to: '    this.#highestSeen = seen === null ? seen : null\n',
    caughtBy: BY_ESSENTIAL,
  },
  {
    name: 'essential: a restarted acceptor remembers what it accepted, and not what it promised',
    file: ESSENTIAL,
    from: '    this.#promised = promised\n',
    to: '    this.#promised = promised === null ? null : (accepted?.ballot ?? null)\n',
    caughtBy: BY_ESSENTIAL,
  },
  {
    name: 'essential: a learner counts acceptances of different ballots together',
    file: ESSENTIAL,
    from: 'const acceptors = this.#acceptedAt.get(formatBallot(ballot)) ?? new Set()',
    to: 'const acceptors = new Set([...this.#acceptedAt.values()].flatMap((each) => [...each]))',
    caughtBy: BY_ESSENTIAL,
  },
  {
    name: 'essential: a learner counts one acceptor twice that says the same twice',
    file: ESSENTIAL,
    from: ESSENTIAL_COUNT,
    to: `  readonly #heard: Ballot[] = []

  receiveAccepted(_from: NodeId, accepted: AcceptedMessage<V>): Proposal<V> | null {
    if (this.#chosen !== null) return this.#chosen
    const { ballot, value } = accepted
    this.#heard.push(ballot)
    const count = this.#heard.filter((at) => sameBallot(at, ballot)).length
    if (count * 2 > this.#quorums.acceptors.size) this.#chosen = { ballot, value }
`,
    caughtBy: BY_ESSENTIAL,
  },
  {
    name: 'essential: a learner keeps only the newest acceptance of each acceptor',
    file: ESSENTIAL,
    from: ESSENTIAL_COUNT,
    to: `  readonly #newest = new Map<NodeId, Ballot>()

  receiveAccepted(from: NodeId, accepted: AcceptedMessage<V>): Proposal<V> | null {
    if (this.#chosen !== null) return this.#chosen
    const { ballot, value } = accepted
    if (compareBallots(ballot, this.#newest.get(from) ?? null) < 0) return null
    this.#newest.set(from, ballot)
    const acceptors = new Set<NodeId>()
    for (const [node, at] of this.#newest) if (sameBallot(at, ballot)) acceptors.add(node)
    if (this.#quorums.isPhase2Quorum(acceptors)) this.#chosen = { ballot, value }
`,
    caughtBy: [{ type: 'explore', model: 'essential' }],
  },
  {
    name: 'essential: a learner forgets who has accepted at a ballot when the next one says so',
    file: ESSENTIAL,
    from: 'const acceptors = this.#acceptedAt.get(formatBallot(ballot)) ?? new Set()',
    to: 'const acceptors = new Set<NodeId>()',
    caughtBy: BY_ESSENTIAL,
  },
  {
    name: 'practical: an answer is sent before the save that it rests on',
    file: `${PRACTICAL}/step.ts`,
    from: `      this.save(answer.change)
      this.sendAfterSave(to, answer.message)`,
    to: `      this.save(answer.change)
      this.send(to, answer.message)`,
    caughtBy: BY_PRACTICAL,
  },
  {
    name: 'practical: a repeated Prepare is answered while the first promise is still being saved',
    file: `${PRACTICAL}/acceptor.ts`,
    from: 'if (order === 0) return this.settled ? { message, change: null } : null',
    to: 'if (order === 0) return { message, change: null }',
    caughtBy: BY_PRACTICAL,
  },
  {
    name: 'practical: a repeated Accept is answered while the first acceptance is still being saved',
    file: `${PRACTICAL}/acceptor.ts`,
    from: `ballot)) {
      return this.settled ? { message, change: null } : null`,
    to: `ballot)) {
      return { message, change: null }`,
    caughtBy: BY_PRACTICAL,
  },
  {
    name: 'practical: an acceptor accepts below its promise',
    file: `${PRACTICAL}/acceptor.ts`,
    from: `    if (compareBallots(ballot, this.#promised) < 0) return this.#refuse(ballot)
    const message: Message<V> = { type: 'accepted', ballot, value }`,
    to: `    if (compareBallots(ballot, this.#accepted?.ballot ?? null) < 0) return this.#refuse(ballot)
    const message: Message<V> = { type: 'accepted', ballot, value }`,
    caughtBy: BY_PRACTICAL,
  },
  {
    name: 'practical: a restarted acceptor has forgotten what it promised',
    file: `${PRACTICAL}/acceptor.ts`,
    from: 'this.#promised = highestBallot(saved.promised, this.#accepted?.ballot ?? null)',
    to: 'this.#promised = this.#accepted?.ballot ?? null',
    caughtBy: BY_PRACTICAL,
  },
  {
    name: 'practical: a node that hears what is chosen takes what it had accepted for it',
    file: `${PRACTICAL}/acceptor.ts`,
    from: 'if (compareBallots(proposal.ballot, this.#accepted?.ballot ?? null) <= 0) {',
    to: 'if (this.#accepted !== null) {',
    caughtBy: BY_PRACTICAL,
  },
  {
    name: 'practical: a Prepare is sent before the candidate’s own promise is saved',
    file: `${PRACTICAL}/node.ts`,
    from: 'if (id !== this.id) step.sendAfterSave(id, prepare)',
    to: 'if (id !== this.id) step.send(id, prepare)',
    caughtBy: BY_PRACTICAL,
  },
  {
    name: 'practical: a proposer takes the value of the lowest accepted ballot, not the highest',
    file: `${PRACTICAL}/proposer.ts`,
    from: `    const isHigher =
      compareBallots(promise.accepted?.ballot ?? null, attempt.highestAccepted?.ballot ?? null) > 0`,
    to: `    const isHigher =
      promise.accepted !== null &&
      (attempt.highestAccepted === null ||
        compareBallots(promise.accepted.ballot, attempt.highestAccepted.ballot) < 0)`,
    caughtBy: BY_PRACTICAL,
  },
  {
    name: 'practical: a leader proposes what it recovered under the old ballot',
    file: `${PRACTICAL}/proposer.ts`,
    from: "highestAccepted === null ? null : { type: 'accept', ballot, value: highestAccepted.value }",
    to: "highestAccepted === null ? null : { type: 'accept', ...highestAccepted }",
    caughtBy: BY_PRACTICAL,
  },
  {
    name: 'practical: a ballot proposes a second value',
    file: `${PRACTICAL}/proposer.ts`,
    from: "if (attempt.phase !== 'leading' || attempt.accept !== null) return null",
    to: "if (attempt.phase !== 'leading') return null",
    caughtBy: BY_PRACTICAL,
  },
  {
    name: 'practical: a learner counts acceptances of different ballots together',
    file: `${PRACTICAL}/learner.ts`,
    from: 'if (this.#quorums.isPhase2Quorum(this.acceptedAt(proposal.ballot))) this.learn(proposal)',
    to: `const accepted = new Set(this.#acceptances.keys())
    if (this.#quorums.isPhase2Quorum(accepted)) this.learn(proposal)`,
    caughtBy: BY_PRACTICAL,
  },
  {
    name: 'practical: a learner keeps only the newest acceptance of each acceptor',
    file: `${PRACTICAL}/learner.ts`,
    from: 'ascending.slice(-MAX_ACCEPTANCES)',
    to: 'ascending.slice(-1)',
    caughtBy: [{ type: 'explore', model: 'practical' }],
  },
  {
    name: 'practical: a learner keeps the lowest acceptances of each acceptor, not the highest',
    file: `${PRACTICAL}/learner.ts`,
    from: 'ascending.slice(-MAX_ACCEPTANCES)',
    to: 'ascending.slice(0, MAX_ACCEPTANCES)',
    caughtBy: [{ type: 'tests', file: 'practical/learner.test.ts' }],
  },
  {
    name: 'practical: a learner keeps all that it was ever told',
    file: `${PRACTICAL}/learner.ts`,
    from: 'ascending.slice(-MAX_ACCEPTANCES)',
    to: 'ascending',
    caughtBy: [{ type: 'tests', file: 'practical/learner.test.ts' }],
  },
  {
    name: 'practical: a node that starts again does not count what it had accepted itself',
    file: `${PRACTICAL}/node.ts`,
    from: 'if (accepted !== null) this.#learner.receiveAccepted(',
    to: 'if (accepted !== null && this.active === null) this.#learner.receiveAccepted(',
    caughtBy: [{ type: 'tests', file: 'learners.test.ts' }],
  },
  {
    name: 'the wire rounds an integer that is too large to be exact',
    file: 'packages/core/src/wire/reader.ts',
    from: "    if (value > Number.MAX_SAFE_INTEGER) throw malformed('an integer is above 2^53 - 1')\n",
    to: '',
    caughtBy: [{ type: 'tests', file: 'wire/malformed.test.ts' }],
  },
  {
    name: 'the wire swaps two fields of an Accept, which nodes of an earlier release read otherwise',
    file: 'packages/core/src/wire/envelope.ts',
    from: `    message({
      ballot,
      base: positive,
      first: positive,`,
    to: `    message({
      ballot,
      first: positive,
      base: positive,`,
    caughtBy: [{ type: 'tests', file: 'wire/vectors.test.ts' }],
  },
  {
    name: 'members: an entry that replaces another version counts',
    file: 'packages/core/src/multi/configuration.ts',
    from: '  if (entry.replaces !== before.version) return before\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'multi/configuration.test.ts' }],
  },
  {
    name: 'members: one that has left may be there',
    file: 'packages/core/src/multi/configuration.ts',
    from: '    [...members, ...former].map(({ id }) => id),',
    to: '    members.map(({ id }) => id),',
    caughtBy: [{ type: 'tests', file: 'multi/configuration.test.ts' }],
  },
  {
    name: 'the wire keeps alive what a frame has between its values',
    file: 'packages/core/src/wire/field.ts',
    from: 'length <= held + (bounds.length / 2) * BETWEEN_BYTES',
    to: 'length >= held',
    caughtBy: [{ type: 'tests', file: 'wire/codec.test.ts' }],
  },
  {
    name: 'the wire makes the next frame in the memory of the last',
    file: 'packages/core/src/wire/writer.ts',
    from: 'return this.#buffer.slice(this.#start)',
    to: 'return this.#buffer.subarray(this.#start)',
    caughtBy: [{ type: 'tests', file: 'wire/codec.test.ts' }],
  },
  {
    name: 'the wire takes an introduction of nobody',
    file: 'packages/core/src/wire/field.ts',
    from: "export const nonEmptyId = text(MAX_ID_BYTES, '')",
    to: 'export const nonEmptyId = text(MAX_ID_BYTES)',
    caughtBy: [{ type: 'tests', file: 'wire/malformed.test.ts' }],
  },
]
