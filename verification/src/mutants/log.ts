/**
 * Mistakes in the replicated log: acceptors, leaders, catch-up, elections, reads and sessions. The
 * simulator must see all those that break a promise to a client or between nodes.
 */
import type { Mutant } from './mutant.ts'

const MULTI = 'packages/core/src/multi'

/** What only shows where there is more to carry than links carry. */
const BY_GRID = [{ type: 'grid' }] as const

const SIMULATE = { type: 'simulate', profile: 'swarm', seeds: 40 } as const
/** Where it takes a leader that is one no more. */
const LEADERS = { type: 'simulate', profile: 'leaders', seeds: 100 } as const

/** What takes a rarer run than the simulator finds in so few seeds, a property of the engine sees. */
const BY_SIMULATION = [SIMULATE, { type: 'tests', file: 'multi/properties.test.ts' }] as const

const BY_RELAY = [{ type: 'tests', file: 'multi/relay.test.ts' }] as const

export const LOG_MUTANTS: readonly Mutant[] = [
  {
    name: 'log: a promise is sent before its save',
    file: `${MULTI}/acceptor.ts`,
    from: 'if (order > 0) step.sendAfterSave(from, promise)',
    to: 'if (order > 0) step.send(from, promise)',
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'log: an acceptance is sent before its save',
    file: `${MULTI}/acceptor.ts`,
    from: 'if (isNew) step.sendAfterSave(from, message)',
    to: 'if (isNew) step.send(from, message)',
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'log: a repeated Prepare is answered while the first promise is still being saved',
    file: `${MULTI}/acceptor.ts`,
    from: 'if (order === 0 && !this.settled) return',
    to: 'if (order === 0 && this.#log.last < 0) return',
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'log: a refusal of what was forwarded is believed from anybody',
    file: `${MULTI}/node.ts`,
    from: '    if (!this.#isAsked(from)) return\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'multi/leader.test.ts' }],
  },
  {
    name: 'log: an acceptor accepts only above its promise, with > where >= is due',
    file: `${MULTI}/acceptor.ts`,
    from: 'if (compareBallots(ballot, this.#promised) < 0) return this.refuse(step, from, ballot)',
    to: 'if (compareBallots(ballot, this.#promised) <= 0) return this.refuse(step, from, ballot)',
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'log: a restarted acceptor has forgotten what it promised',
    file: `${MULTI}/acceptor.ts`,
    from: `      (highest, { ballot }) => highestBallot(highest, ballot),
      saved.promised,`,
    to: `      (highest, { ballot }) => highestBallot(highest, ballot),
      null as Ballot | null,`,
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'log: an acceptor keeps in a slot what it had accepted first',
    file: `${MULTI}/acceptor.ts`,
    from: '.filter(({ slot }) => !sameBallot(this.#log.get(slot)?.ballot ?? null, ballot))',
    to: '.filter(({ slot }) => this.#log.get(slot) === undefined)',
    caughtBy: BY_SIMULATION,
    isSlow: true,
  },
  {
    name: 'log: a follower takes what it holds for chosen, at whatever ballot it accepted it',
    file: `${MULTI}/acceptor.ts`,
    from: 'const learnt = Math.min(through, this.heldThrough(ballot, base))',
    to: 'const learnt = Math.min(through, this.#log.last)',
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'log: a leader counts itself before its own save',
    file: `${MULTI}/leader.ts`,
    from: 'phase2.receiveAccepted(id, this.#acceptor.durablyHeldThrough(ballot, base), nowMs)',
    to: 'phase2.receiveAccepted(id, this.#acceptor.heldThrough(ballot, base), nowMs)',
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'log: the answer to a heartbeat claims what is not saved yet',
    file: `${MULTI}/node.ts`,
    from: 'const through = this.acceptor.durablyHeldThrough(ballot, base)',
    to: 'const through = this.acceptor.heldThrough(ballot, base)',
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'log: a Prepare is sent before the candidate’s own promise is saved',
    file: `${MULTI}/leader.ts`,
    from: 'if (prepare !== null) step.sendAfterSave(peer, prepare)',
    to: 'if (prepare !== null) step.send(peer, prepare)',
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'log: a candidate counts its own promise before it is saved',
    file: `${MULTI}/leader.ts`,
    from: "    this.#role = { phase: 'preparing', phase1 }\n",
    to: `    this.#role = { phase: 'preparing', phase1 }
    phase1.countOwnPromise(this.#settings.id, this.#acceptor.log.entriesFrom(phase1.from))
`,
    caughtBy: [
      { type: 'explore', model: 'multi' },
      { type: 'tests', file: 'multi/properties.test.ts' },
    ],
    isSlow: true,
  },
  {
    name: 'log: a leader takes the value of the lowest accepted ballot, not the highest',
    file: `${MULTI}/phase1.ts`,
    from: 'if (compareBallots(entry.ballot, known) > 0) this.#accepted.set(entry.slot, entry)',
    to: `const isLower = known === null || compareBallots(entry.ballot, known) < 0
      if (isLower) this.#accepted.set(entry.slot, entry)`,
    caughtBy: [LEADERS, { type: 'tests', file: 'multi/properties.test.ts' }],
    isSlow: true,
  },
  {
    name: 'log: a new leader closes gaps by moving up what is behind them, without no-ops',
    file: `${MULTI}/phase1.ts`,
    from: 'values.push(this.#accepted.get(slot)?.value ?? NO_OP)',
    to: `const found = this.#accepted.get(slot)
      if (found !== undefined) values.push(found.value)`,
    caughtBy: BY_SIMULATION,
    isSlow: true,
  },
  {
    name: 'log: a promise counts when its first page is in',
    file: `${MULTI}/phase1.ts`,
    from: `    if (page.next > 0) {
      this.#nextPage.set(acceptor, page.next)
      return 'more'
    }
`,
    to: '',
    caughtBy: [SIMULATE, { type: 'tests', file: 'multi/leader.test.ts' }],
    isSlow: true,
  },
  {
    name: 'log: a candidate asks for every page of a promise from the first on',
    file: `${MULTI}/phase1.ts`,
    from: 'const from = this.#nextPage.get(acceptor) ?? this.from',
    to: 'const { from } = this',
    caughtBy: BY_GRID,
    isSlow: true,
  },
  {
    name: 'log: everything is sent at once to an acceptor, whatever its link carries',
    file: `${MULTI}/flow.ts`,
    from: 'return isSilent || count >= MAX_FLIGHTS ? 0 : Math.max(0, this.#pace.bytes - bytes)',
    to: 'return isSilent || count >= MAX_FLIGHTS ? 0 : Infinity + bytes',
    caughtBy: BY_GRID,
    isSlow: true,
  },
  {
    name: 'log: a candidate that lacks slots which others have compacted fills them with no-ops',
    file: `${MULTI}/phase1.ts`,
    from: `    if (page.compactedThrough >= page.from || page.chosenThrough > reach) return 'behind'\n`,
    to: `    if (page.chosenThrough > reach) return 'behind'\n`,
    caughtBy: [LEADERS, { type: 'tests', file: 'multi/properties.test.ts' }],
    isSlow: true,
  },
  {
    name: 'log: a candidate counts promises of an earlier ballot of its own',
    file: `${MULTI}/phase1.ts`,
    from: "if (!sameBallot(page.ballot, this.ballot) || !isWhole(page)) return 'ignored'",
    to: "if (!isWhole(page)) return 'ignored'",
    caughtBy: BY_SIMULATION,
    isSlow: true,
  },
  {
    name: 'log: a leader counts acknowledgements of an earlier leadership of its own',
    file: `${MULTI}/leader.ts`,
    from: "if (role.phase !== 'leading' || !sameBallot(message.ballot, role.phase2.ballot)) return",
    to: "if (role.phase !== 'leading') return",
    caughtBy: [
      SIMULATE,
      { type: 'tests', file: 'multi/leader.test.ts' },
      { type: 'tests', file: 'multi/reads.test.ts' },
    ],
    isSlow: true,
  },
  {
    name: 'log: a leader takes for chosen what any one node holds',
    file: `${MULTI}/phase2.ts`,
    from: 'return ends.toSorted((a, b) => b - a).find(isChosen) ?? this.base - 1',
    to: 'return ends.toSorted((a, b) => b - a).find((end) => end > 0 || isChosen(end)) ?? this.base - 1',
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'log: catch-up hands out entries that are not known to be chosen',
    file: `${MULTI}/provider.ts`,
    from: 'const { entries } = log.page(from, chosenThrough, maxBytes)',
    to: 'const { entries } = log.page(from, log.last, maxBytes)',
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'log: a page of catch-up is taken although it begins behind a gap',
    file: `${MULTI}/catch-up.ts`,
    from: 'const isUseful = isWhole && page.from <= chosenThrough + 1 && last > chosenThrough',
    to: 'const isUseful = isWhole && last > chosenThrough',
    caughtBy: [SIMULATE, { type: 'tests', file: 'multi/catch-up.test.ts' }],
    isSlow: true,
  },
  {
    name: 'log: with a snapshot of another node, what was accepted and not chosen stays as the tail',
    file: `${MULTI}/acceptor.ts`,
    from: 'this.#log.compact(snapshot.through, 0)',
    to: 'this.#log.compact(snapshot.through, TAIL_BYTES)',
    caughtBy: [
      { ...LEADERS, seeds: 300 },
      { type: 'tests', file: 'multi/catch-up.test.ts' },
    ],
    isSlow: true,
  },
  {
    name: 'log: for slots that are compacted the durable snapshot is sent, however far it reaches',
    file: `${MULTI}/provider.ts`,
    from: 'find((each) => each.snapshot.through >= from)',
    to: 'find((each) => each.snapshot.through >= 0)',
    caughtBy: [{ type: 'tests', file: 'multi/catch-up.test.ts' }],
  },
  {
    name: 'log: who does not answer is asked again before anybody else',
    file: `${MULTI}/catch-up.ts`,
    from: '      source.uselessAt,\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'multi/catch-up.test.ts' }],
  },
  {
    name: 'log: the log behind a snapshot that is being fetched is forgotten meanwhile',
    file: `${MULTI}/log.ts`,
    from: 'bytes > (cut < needed ? tailBytes : MAX_KEPT_LOG_BYTES)',
    to: 'bytes > tailBytes || cut < needed - MAX_KEPT_LOG_BYTES',
    caughtBy: [{ type: 'tests', file: 'multi/catch-up.test.ts' }],
  },
  {
    name: 'log: whatever somebody may still fetch is kept, however much it is',
    file: `${MULTI}/log.ts`,
    from: 'bytes > (cut < needed ? tailBytes : MAX_KEPT_LOG_BYTES)',
    to: 'cut < needed && bytes > Math.min(tailBytes, MAX_KEPT_LOG_BYTES)',
    caughtBy: [{ type: 'tests', file: 'multi/catch-up.test.ts' }],
  },
  {
    name: 'log: who gets no answer asks for as much again and again',
    file: `${MULTI}/source.ts`,
    from: 'this.#pageBytes = Math.max(this.#pageBytes / 2, MIN_PAGE_BYTES)',
    to: 'this.#pageBytes = Math.max(this.#pageBytes, MIN_PAGE_BYTES)',
    caughtBy: [{ type: 'tests', file: 'multi/catch-up.test.ts' }],
  },
  {
    name: 'log: the log is truncated one slot too far',
    file: `${MULTI}/log.ts`,
    from: 'slot <= Math.min(cut, this.#last); slot += 1) {\n      this.#entries.delete(slot)',
    to: 'slot <= Math.min(cut + 1, this.#last); slot += 1) {\n      this.#entries.delete(slot)',
    caughtBy: BY_SIMULATION,
    isSlow: true,
  },
  {
    name: 'log: a snapshot is installed without the promise that came with it',
    file: `${MULTI}/acceptor.ts`,
    from: 'const promised = highestBallot(this.#promised, ballot) ?? ballot',
    to: 'const promised = this.#promised ?? ballot',
    caughtBy: [SIMULATE, { type: 'tests', file: 'multi/catch-up.test.ts' }],
    isSlow: true,
  },
  {
    name: 'log: a node raises a ballot without the support of the others',
    file: `${MULTI}/node.ts`,
    from: '    if (this.#election.isSupported(quorums)) this.prepare(step)\n    else this.#askForSupport(step)',
    to: '    this.prepare(step)',
    caughtBy: [SIMULATE, { type: 'tests', file: 'multi/elections.test.ts' }],
    isSlow: true,
  },
  {
    name: 'log: a node supports every campaign, although it hears a leader',
    file: `${MULTI}/node.ts`,
    from: 'const granted = isFree && this.#settings.quorums.acceptors.has(from)',
    to: 'const granted = this.#settings.quorums.acceptors.has(from) || isFree',
    caughtBy: [SIMULATE, { type: 'tests', file: 'multi/elections.test.ts' }],
    isSlow: true,
  },
  {
    name: 'log: a leader that no quorum follows goes on leading',
    file: `${MULTI}/node.ts`,
    from: 'if (!isFollowed && this.#campaigns) return this.resign(step)\n',
    to: '',
    caughtBy: [SIMULATE, { type: 'tests', file: 'multi/elections.test.ts' }],
    isSlow: true,
  },
  {
    name: 'log: nothing is sent again',
    file: `${MULTI}/node.ts`,
    from: '    this.leader.retransmit(step, nowMs)\n',
    to: '',
    caughtBy: BY_SIMULATION,
    isSlow: true,
  },
  {
    name: 'log: a ballot that speaks for another node is believed',
    file: `${MULTI}/guard.ts`,
    from: "if (!isFromOwner(from, message)) return 'owner'",
    to: "if (from === '' && !isFromOwner(from, message)) return 'owner'",
    caughtBy: [SIMULATE, { type: 'tests', file: 'multi/acceptor.test.ts' }],
    isSlow: true,
  },
  {
    name: 'log: what was passed on is passed on again',
    file: `${MULTI}/node.ts`,
    from: 'this.#relay === null && relayed !== true',
    to: 'this.#relay === null',
    caughtBy: BY_RELAY,
  },
  {
    name: 'log: a relay passes on what fits in no frame',
    file: `${MULTI}/node.ts`,
    from: '} else if (isBatch(taken)) {',
    to: '} else if (taken.length > 0) {',
    caughtBy: BY_RELAY,
  },
  {
    name: 'log: a refusal is not passed back to who asked',
    file: `${MULTI}/node.ts`,
    from: '      this.#relayedFor.add(from)\n',
    to: '',
    caughtBy: BY_RELAY,
  },
  {
    name: 'reads: an answer serves a relayed read that came after its question',
    file: `${MULTI}/reads.ts`,
    from: 'asked.number === question.number) return\n    this.#waiting.remote',
    to: 'asked.number === question.number) return\n    const reads = this.#asked?.reads ?? this.#waiting\n    reads.remote',
    caughtBy: BY_RELAY,
  },
  {
    name: 'reads: a question stays due when there is nobody to ask',
    file: `${MULTI}/node.ts`,
    from: '    else this.#requests.fail(step)\n',
    to: '',
    caughtBy: BY_RELAY,
  },
  {
    name: 'reads: a follower serves a read without asking the leader',
    file: `${MULTI}/node.ts`,
    from: 'else this.#requests.add(step, id)',
    to: "else step.tell({ type: 'read-ready', id, slot: this.acceptor.chosenThrough })",
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'reads: a leader serves a read without asking whether it still leads',
    file: `${MULTI}/leader.ts`,
    from: "if (typeof read === 'number') this.#role.reads.add(step, read)",
    to: `const slot = this.#acceptor.chosenThrough
    if (typeof read === 'number') step.tell({ type: 'read-ready', id: read, slot })`,
    caughtBy: [LEADERS, { type: 'tests', file: 'multi/properties.test.ts' }],
    isSlow: true,
  },
  {
    name: 'reads: a new leader names a slot before a value of its own ballot is chosen',
    file: `${MULTI}/leader.ts`,
    from: 'const beginsRound = chosenThrough >= recoveredThrough && reads.begin(id, chosenThrough)',
    to: 'const beginsRound = (recoveredThrough < 0 || phase2.isRecovered) && reads.begin(id, chosenThrough)',
    caughtBy: [LEADERS, { type: 'tests', file: 'multi/properties.test.ts' }],
  },
  {
    name: 'reads: an answer to an earlier round confirms a later one',
    file: `${MULTI}/reads.ts`,
    from: 'if (this.#round?.readId === readId) this.#round.confirmedBy.add(from)',
    to: 'if (readId > 0) this.#round?.confirmedBy.add(from)',
    caughtBy: [SIMULATE, { type: 'tests', file: 'multi/reads.test.ts' }],
  },
  {
    name: 'sessions: a command that is chosen twice is applied twice',
    file: `${MULTI}/sessions.ts`,
    from: `    if (result !== undefined) return { type: 'duplicate', result: new Uint8Array(result) }
    if (results.size`,
    to: '    if (results.size',
    caughtBy: [SIMULATE, { type: 'tests', file: 'multi/sessions.test.ts' }],
  },
  {
    name: 'sessions: an acknowledgement forgets one result too many',
    file: `${MULTI}/sessions.ts`,
    from: 'for (let each = session.acknowledged; each < acknowledged; each += 1) results.delete(each)',
    to: 'for (let each = session.acknowledged; each <= acknowledged; each += 1) results.delete(each)',
    caughtBy: [SIMULATE, { type: 'tests', file: 'multi/sessions.test.ts' }],
  },
  {
    name: 'sessions: a table in a snapshot forgets when each session was used',
    file: `${MULTI}/sessions.ts`,
    from: '      writer.integer(usedAt)\n',
    to: '      writer.integer(openedAt)\n',
    caughtBy: [SIMULATE, { type: 'tests', file: 'multi/sessions.test.ts' }],
  },
  {
    name: 'sessions: one that is opened again after its end has the name of the first',
    file: `${MULTI}/session-id.ts`,
    from: 'for (let [at, rest] = [bytes.length - 1, slot]; rest > 0; at -= 1) {',
    to: 'for (let [at, rest] = [bytes.length - 1, slot % 1]; rest > 0; at -= 1) {',
    caughtBy: [{ type: 'tests', file: 'multi/sessions.test.ts' }],
  },
  {
    name: 'sessions: one that is in use leaves for a new one',
    file: `${MULTI}/sessions.ts`,
    from: 'const [oldest] = this.#unused',
    to: 'const [oldest] = this.#sessions.keys()',
    caughtBy: [{ type: 'tests', file: 'multi/sessions.test.ts' }],
  },
  {
    name: 'sessions: behind a snapshot all count as never used',
    file: `${MULTI}/sessions.ts`,
    from: "if (space === 'caller' && isUnused(session)) this.#unused.add(id)",
    to: "if (space === 'caller') this.#unused.add(id)",
    caughtBy: [{ type: 'tests', file: 'multi/sessions.test.ts' }],
  },
  {
    name: 'sessions: callers take the places of nodes',
    file: `${MULTI}/sessions.ts`,
    from: "return this.#sizes[space] >= (space === 'node' ? nodeSessions : sessions)",
    to: 'return this.size >= sessions + (this.#sizes[space] > 0 ? 0 : nodeSessions)',
    caughtBy: [{ type: 'tests', file: 'multi/sessions.test.ts' }],
  },
  {
    name: 'sessions: one ends that was used since its leader looked',
    file: `${MULTI}/sessions.ts`,
    from: '.filter(({ session, usedAt }) => this.usedAt(session) === usedAt)',
    to: '.filter(({ session, usedAt }) => (this.usedAt(session) ?? 0) >= usedAt)',
    caughtBy: [{ type: 'tests', file: 'multi/sessions.test.ts' }],
  },
]
