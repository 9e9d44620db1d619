/**
 * Mistakes in the replica, which joins the log to a disk, a network and a state machine. The
 * simulator must see them, as clients and nodes would.
 */
import type { Mutant } from './mutant.ts'

const REPLICA = 'packages/replica/src'

const SIMULATE = { type: 'simulate', profile: 'swarm', seeds: 40 } as const

const BY_SIMULATION = [SIMULATE, { type: 'tests', file: 'replica.test.ts' }] as const

const BY_HAND_OVER = [{ type: 'tests', file: 'hand-over.test.ts' }] as const

const BY_TRAVELS = [{ type: 'tests', file: 'travels.test.ts' }] as const

const BY_FAILURES = [{ type: 'tests', file: 'failures.test.ts' }] as const

const BY_SLOW = [{ type: 'tests', file: 'slow.test.ts' }] as const

export const REPLICA_MUTANTS: readonly Mutant[] = [
  {
    name: 'replica: a node that stood still takes the others for silent',
    file: `${REPLICA}/attention.ts`,
    from: 'if (passedMs > 2 * this.#everyMs) return passedMs - this.#everyMs',
    to: 'if (passedMs > 2e6 * this.#everyMs) return passedMs - this.#everyMs',
    caughtBy: BY_SLOW,
  },
  {
    name: 'replica: a leader takes a slow snapshot before it says what is chosen',
    file: `${REPLICA}/snapshots.ts`,
    from: '    announce()\n',
    to: '    void announce\n',
    caughtBy: BY_SLOW,
  },
  {
    name: 'replica: every node takes snapshots at slots of its own',
    file: `${REPLICA}/applier.ts`,
    from: 'Math.floor(this.#appliedThrough / every) > Math.floor(this.#snapshotThrough / every)',
    to: 'this.#appliedThrough - this.#snapshotThrough >= every',
    caughtBy: BY_SLOW,
  },
  {
    name: 'replica: sessions end for a time in which their leader stood still',
    file: `${REPLICA}/maintenance.ts`,
    from: 'if (nowMs - dueAtMs >= sessionTimeoutMs / EXPIRY_CHECKS_PER_TIMEOUT) this.leads()',
    to: 'if (nowMs < dueAtMs - sessionTimeoutMs) this.leads()',
    caughtBy: BY_SLOW,
  },
  {
    name: 'replica: close() keeps to itself that a disk is not released',
    file: `${REPLICA}/release.ts`,
    from: 'await Promise.race([this.#done, tooLong])',
    to: 'await Promise.race([this.#done, tooLong.catch(() => undefined)])',
    caughtBy: BY_SLOW,
  },
  {
    name: 'replica: a transport that hangs keeps the disk from being released',
    file: `${REPLICA}/release.ts`,
    from: "this.#release('durability', () => durability.close())",
    to: "this.#release('durability', async () => {\n        await this.#release('transport', () => transport.close())\n        await durability.close()\n      })",
    caughtBy: BY_SLOW,
  },
  {
    name: 'replica: nobody hears of a disk that does not confirm a save',
    file: `${REPLICA}/watch.ts`,
    from: "tell({ type: 'disk-behind', saving })",
    to: 'void saving',
    caughtBy: BY_SLOW,
  },
  {
    name: 'replica: a node that stood still complains of the silence before it reads what came',
    file: `${REPLICA}/watch.ts`,
    from: 'if (!wasAway) this.#check()',
    to: 'this.#check()',
    caughtBy: BY_SLOW,
  },
  {
    name: 'replica: who stood still once is never watched again',
    file: `${REPLICA}/watch.ts`,
    from: 'const dueAtMs = clock.nowMs() + livenessWindowMs / 2\n',
    to: 'const dueAtMs = this.#startedAtMs + livenessWindowMs / 2\n',
    caughtBy: BY_SLOW,
  },
  {
    name: 'replica: what rests on a save is sent before the save is done',
    file: `${REPLICA}/host.ts`,
    from: '    const durable = this.#options.durability.save(change)',
    to: `    for (const outgoing of then) this.#send(outgoing)
    const durable = this.#options.durability.save(change)`,
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'replica: what was chosen last is told with the next heartbeat',
    file: `${REPLICA}/replica-node.ts`,
    from: '    this.#snapshots.takeIfDue()\n    this.#tellSoon()\n',
    to: '    this.#snapshots.takeIfDue()\n',
    caughtBy: BY_TRAVELS,
  },
  {
    name: 'replica: a save that failed is taken for done',
    file: `${REPLICA}/host.ts`,
    from: `    } catch (error) {
      return this.#stop(error)
    }
    this.#savesAtMs.shift()`,
    to: `    } catch {
      // It may succeed the next time.
    }
    this.#savesAtMs.shift()`,
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'replica: saves are reported as they resolve, not in their order',
    file: `${REPLICA}/host.ts`,
    from: 'this.#afterSave(Promise.all([this.#lastSave, durable]), change, then)',
    to: 'this.#afterSave(durable, change, then)',
    caughtBy: [{ type: 'tests', file: 'synod.test.ts' }],
  },
  {
    name: 'replica: a frame is believed although its sender is not who the transport says',
    file: `${REPLICA}/host.ts`,
    from: "if (envelope.from !== from || !this.#book.has(from)) return this.#drop('stranger', from)",
    to: "if (!this.#book.has(from)) return this.#drop('stranger', from)",
    caughtBy: [{ type: 'tests', file: 'synod.test.ts' }],
  },
  {
    name: 'replica: a frame of a node with other members is believed',
    file: `${REPLICA}/host.ts`,
    from: 'if (isComparable && theirs !== this.#membersDigest) return this.#refuse(from)',
    to: 'if (isComparable && theirs !== this.#membersDigest) this.#refuse(from)',
    caughtBy: [{ type: 'tests', file: 'peers.test.ts' }],
  },
  {
    name: 'replica: a node with nothing chosen takes part although the members of another differ',
    file: `${REPLICA}/host.ts`,
    from: 'if (this.#options.isFresh() && isOfFirst && this.#book.hasDiffering(nowMs)) {',
    to: 'if (!this.#options.isFresh() && isOfFirst && this.#book.hasDiffering(nowMs)) {',
    caughtBy: [{ type: 'tests', file: 'peers.test.ts' }],
  },
  {
    name: 'replica: a new node listens to no cluster that runs while another new one differs',
    file: `${REPLICA}/host.ts`,
    from: 'const isOfFirst = isComparable && envelope.membersDigest !== undefined',
    to: 'const isOfFirst = isComparable',
    caughtBy: [{ type: 'tests', file: 'members.test.ts' }],
  },
  {
    name: 'replica: a peer that does not answer is tried only where the log says',
    file: `${REPLICA}/whereabouts.ts`,
    from: 'const next = addresses[(addresses.indexOf(at) + 1) % addresses.length] ?? at',
    to: 'const next = addresses[0] ?? at',
    caughtBy: [
      { type: 'tests', file: 'whereabouts.test.ts' },
      { type: 'tests', file: 'members.test.ts' },
    ],
  },
  {
    name: 'replica: a peer that answers is left for another address',
    file: `${REPLICA}/whereabouts.ts`,
    from: 'if (place !== undefined) place.sinceMs = nowMs',
    to: 'if (place !== undefined) void nowMs',
    caughtBy: [{ type: 'tests', file: 'whereabouts.test.ts' }],
  },
  {
    name: 'replica: a peer is sought elsewhere as soon as the log says that it moves',
    file: `${REPLICA}/whereabouts.ts`,
    from: 'return isHeard || isKnown ? { ...fresh, at: before.at } : fresh',
    to: 'return isKnown ? { ...fresh, at: before.at } : fresh',
    caughtBy: [
      { type: 'tests', file: 'whereabouts.test.ts' },
      { type: 'tests', file: 'members.test.ts' },
    ],
  },
  {
    name: 'replica: two peers are at one address',
    file: `${REPLICA}/whereabouts.ts`,
    from: 'const address = addresses.find((each) => !taken.has(plainAddress(each)))',
    to: 'const [address] = addresses',
    caughtBy: [{ type: 'tests', file: 'whereabouts.test.ts' }],
  },
  {
    name: 'replica: a former disk of a member is taken for it where it answers',
    file: `${REPLICA}/members-leader.ts`,
    from: 'return named === null ? incarnation !== this.#spent(id) : incarnation === named',
    to: 'return named === null || incarnation === named',
    caughtBy: [{ type: 'tests', file: 'members-parts.test.ts' }],
  },
  {
    name: 'replica: who moves is no part of a quorum where it is already',
    file: `${REPLICA}/members-leader.ts`,
    from: '(addresses.get(member.id) === member.address || isAt(member.id, member.address)) &&',
    to: 'addresses.get(member.id) === member.address &&',
    caughtBy: [
      { type: 'tests', file: 'members-parts.test.ts' },
      { type: 'tests', file: 'members.test.ts' },
    ],
  },
  {
    name: 'replica: a removed node stops before its own call resolves',
    file: `${REPLICA}/membership.ts`,
    from: 'if (isHeld) this.completed(version)\n      return',
    to: 'if (!isHeld) return',
    caughtBy: [{ type: 'tests', file: 'members.test.ts' }],
  },
  {
    name: 'replica: a change of which half is made says that nothing was changed',
    file: `${REPLICA}/members-calls.ts`,
    from: 'return this.#hasChanged && error instanceof MembersRefusedError',
    to: 'return !this.#hasChanged && error instanceof MembersRefusedError',
    caughtBy: [{ type: 'tests', file: 'members-parts.test.ts' }],
  },
  {
    name: 'replica: nobody greets the others before anything is chosen',
    file: `${REPLICA}/host.ts`,
    from: 'for (const peer of silent) this.#hello(peer)',
    to: 'void silent',
    caughtBy: [{ type: 'tests', file: 'peers.test.ts' }],
  },
  {
    name: 'replica: a listener that has left is kept',
    file: `${REPLICA}/event-stream.ts`,
    from: 'this.#onLeft(this)',
    to: 'this.#waiting.length = 0',
    caughtBy: [{ type: 'tests', file: 'waiting.test.ts' }],
  },
  {
    name: 'replica: an option that nobody knows is ignored',
    file: `${REPLICA}/replica-settings.ts`,
    from: "requireOptions('Replica.open', options, OPTIONS)",
    to: "requireOptions('Replica.open', {}, OPTIONS)",
    caughtBy: [{ type: 'tests', file: 'arguments.test.ts' }],
  },
  {
    name: 'replica: a restored node has lost the table of sessions',
    file: `${REPLICA}/applier.ts`,
    from: 'this.#table = table\n',
    to: 'this.#table = table.size > 0 ? new SessionTable() : table\n',
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'replica: a snapshot is taken without the table of sessions',
    file: `${REPLICA}/applier.ts`,
    from: 'return encodeState({ sessions, machine, revision: this.#revision })',
    to: `const none = new SessionTable().encode()
    return encodeState({ sessions: none, machine, revision: this.#revision })`,
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'replica: a snapshot is taken with the number of its slot for a revision',
    file: `${REPLICA}/applier.ts`,
    from: 'machine, revision: this.#revision })',
    to: 'machine, revision: this.#appliedThrough })',
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'replica: a revision counts commands alone, and is another behind an older snapshot',
    file: `${REPLICA}/applier.ts`,
    from: 'Math.max(1, commandsOf(entry).length)',
    to: 'commandsOf(entry).length',
    caughtBy: [{ type: 'tests', file: 'parts.test.ts' }],
  },
  {
    name: 'replica: an entry is read anew for each of its commands that is applied again',
    file: `${REPLICA}/machine.ts`,
    from: 'if (value !== read) [read',
    to: 'if (value.length >= 0) [read',
    caughtBy: [{ type: 'tests', file: 'failures.test.ts' }],
  },
  {
    name: 'replica: the commands of one entry have one revision',
    file: `${REPLICA}/applier.ts`,
    from: 'this.#revision + 1 + index',
    to: 'this.#revision + 1',
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'replica: the results of one entry are answered in another order',
    file: `${REPLICA}/proposals.ts`,
    from: 'settleOne(outcome, found[index])',
    to: 'settleOne(outcome, found.toReversed()[index])',
    caughtBy: [{ type: 'tests', file: 'parts.test.ts' }],
  },
  {
    name: 'replica: a lone command waits for others, though few are on their way',
    file: `${REPLICA}/proposals.ts`,
    from: '2 ** Math.max(0, this.#ownEntries - FREE_ENTRIES + 1)',
    to: '2 ** Math.max(1, this.#ownEntries - FREE_ENTRIES + 1)',
    caughtBy: [{ type: 'tests', file: 'parts.test.ts' }],
  },
  {
    name: 'replica: commands do not gather while many entries are on their way',
    file: `${REPLICA}/proposals.ts`,
    from: '    if (isAll && together.length < this.#fewest) return 0\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'parts.test.ts' }],
  },
  {
    name: 'replica: a command that failed beside others undoes those before it in its entry',
    file: `${REPLICA}/machine.ts`,
    from: '.slice(first, first + count)',
    to: '.slice(first, first)',
    caughtBy: BY_FAILURES,
  },
  {
    name: 'replica: each node ends idle sessions by its own clock',
    file: `${REPLICA}/applier.ts`,
    from: '    const entry = entryIn(value)\n    const failed',
    to: `    const entry = entryIn(value)
    const sessions = this.sessionsIdleSince(nowMs - this.#settings.sessionTimeoutMs)
    this.#table.apply(slot, { type: 'expire-unused', sessions }, (bytes) => bytes)
    const failed`,
    caughtBy: [
      SIMULATE,
      { type: 'tests', file: 'parts.test.ts' },
      { type: 'tests', file: 'replica.test.ts' },
    ],
  },
  {
    name: 'replica: a retry gets a sequence of its own, and is applied twice',
    file: `${REPLICA}/proposals.ts`,
    from: '      if (!isAbandoned(pending)) continue\n',
    to: `      if (pending.type === 'commands') {
        this.#remove(key)
        this.#calls.putBack(pending.calls)
      }
      if (!isAbandoned(pending)) continue
`,
    caughtBy: BY_SIMULATION,
  },
  {
    name: 'replica: a command whose fate a snapshot hides is proposed afresh',
    file: `${REPLICA}/proposals.ts`,
    from: '        reject(pending, found)\n',
    to: "        if (pending.type === 'commands') this.#calls.putBack(pending.calls)\n",
    caughtBy: BY_SIMULATION,
    isSlow: true,
  },
  {
    name: 'replica: a command that was handed over once is never handed over again',
    file: `${REPLICA}/hand-over.ts`,
    from: '      if (nowMs() - sinceMs >= patienceMs) this.#miss()\n',
    to: '',
    caughtBy: BY_HAND_OVER,
  },
  {
    name: 'replica: a command that the leader has is handed over again',
    file: `${REPLICA}/hand-over.ts`,
    from: 'this.#taken.set(key, { ...item, isTaken: true })',
    to: 'this.#given.set(key, item)',
    caughtBy: BY_HAND_OVER,
  },
  {
    name: 'replica: a new leader is not given what the former one had',
    file: `${REPLICA}/hand-over.ts`,
    from: 'if (leadership === this.#leadership) return',
    to: "if (leadership === this.#leadership || this.#leadership !== '') return",
    caughtBy: BY_HAND_OVER,
  },
  {
    name: 'replica: retries come at regular intervals',
    file: `${REPLICA}/hand-over.ts`,
    from: 'retryAfterMs * (1 + this.#jitter)',
    to: 'retryAfterMs * 1.5',
    caughtBy: BY_HAND_OVER,
  },
  {
    name: 'replica: as much is on its way where nothing arrives as where everything does',
    file: `${REPLICA}/hand-over.ts`,
    from: '    this.#windowBytes = Math.min(this.#windowBytes / 2, MIN_FORWARDED_BYTES)\n',
    to: '',
    caughtBy: BY_HAND_OVER,
  },
  {
    name: 'replica: what does not get through holds up the rest',
    file: `${REPLICA}/hand-over.ts`,
    from: 'this.#waiting = new Map([...waiting, ...this.#waiting])',
    to: 'this.#waiting = new Map([...this.#waiting, ...waiting])',
    caughtBy: BY_HAND_OVER,
  },
  {
    name: 'replica: that the leader is heard again is no sign',
    file: `${REPLICA}/forwarding.ts`,
    from: '    if (silentMs > 2 * heartbeatPeriodMs) this.wanted.heardAgain()\n',
    to: '',
    caughtBy: BY_TRAVELS,
  },
  {
    name: 'replica: a read looks for no other way to the leader',
    file: `${REPLICA}/forwarding.ts`,
    from: 'isIdle && (areOthersWaiting || this.wanted.areWaiting)',
    to: 'isIdle && this.wanted.areWaiting',
    caughtBy: BY_TRAVELS,
  },
  {
    name: 'replica: a leader’s own commands leave no room for those of others',
    file: `${REPLICA}/forwarding.ts`,
    from: 'this.#outbox.add(value, MAX_OWN_OUTBOX_BYTES)',
    to: 'this.#outbox.add(value)',
    caughtBy: [{ type: 'tests', file: 'parts.test.ts' }],
  },
  {
    name: 'replica: a leader proposes a copy of what it has begun to choose',
    file: `${REPLICA}/outbox.ts`,
    from: '    if (key !== null && this.#keys.has(key)) return true\n',
    to: '',
    caughtBy: BY_TRAVELS,
  },
  {
    name: 'replica: a leader proposes a copy of what it has recovered',
    file: `${REPLICA}/forwarding.ts`,
    from: '    this.#outbox.begin(this.#options.engine.recovered)\n',
    to: '',
    caughtBy: BY_TRAVELS,
  },
  {
    name: 'replica: a leader proposes a copy of what is applied',
    file: `${REPLICA}/applier.ts`,
    from: "      if (this.#isApplied(entry)) return 'nothing'\n",
    to: '',
    caughtBy: BY_TRAVELS,
  },
  {
    name: 'replica: a leader never forgets what it has chosen',
    file: `${REPLICA}/forwarding.ts`,
    from: '    this.#outbox.applied(value)\n',
    to: '',
    caughtBy: BY_TRAVELS,
  },
  {
    name: 'replica: a command that was applied here before is waited for',
    file: `${REPLICA}/proposals.ts`,
    from: '    if (this.#answer(ticket, outcome)) return true\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'parts.test.ts' }],
  },
  {
    name: 'replica: a session that was opened in a snapshot is waited for',
    file: `${REPLICA}/proposals.ts`,
    from: '        if (session !== null) this.opened(pending.space, pending.nonce, session)\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'parts.test.ts' }],
  },
  {
    name: 'replica: a node that does not reach the leader tries nobody else',
    file: `${REPLICA}/route.ts`,
    from: '    this.#take(this.#next())\n',
    to: '    this.#take(null)\n',
    caughtBy: BY_TRAVELS,
  },
  {
    name: 'replica: a read is answered from a state that is older than its slot',
    file: `${REPLICA}/reads.ts`,
    from: 'if (slot <= appliedThrough) read.answer()',
    to: 'if (slot <= appliedThrough || this.#confirmed.size >= 0) read.answer()',
    caughtBy: [SIMULATE, { type: 'tests', file: 'parts.test.ts' }],
  },
  {
    name: 'replica: a read that failed is forgotten',
    file: `${REPLICA}/reads.ts`,
    from: '    this.#failed.push(read)\n',
    to: '',
    caughtBy: [
      { type: 'simulate', profile: 'leaders', seeds: 150 },
      { type: 'tests', file: 'replica.test.ts' },
    ],
    isSlow: true,
  },
  {
    name: 'replica: a value that no node could apply is taken from another node',
    file: `${REPLICA}/forwarding.ts`,
    from: "const effect = fits ? foresee(value) : 'unreadable'",
    to: "const effect = fits ? 'something' : 'unreadable'",
    caughtBy: BY_FAILURES,
  },
  {
    name: 'replica: a command that failed half-way is not undone',
    file: `${REPLICA}/machine.ts`,
    from: '    this.#undo(place.slot, thrown)\n',
    to: '',
    caughtBy: BY_FAILURES,
  },
  {
    name: 'replica: a command that was undone is applied again with the next one',
    file: `${REPLICA}/machine.ts`,
    from: `    if ('value' in made) {
      this.#note(place)`,
    to: `    this.#note(place)
    if ('value' in made) {`,
    caughtBy: BY_FAILURES,
  },
  {
    name: 'replica: every failure applies the whole log again',
    file: `${REPLICA}/machine.ts`,
    from: '    if (commands >= CHECKPOINT_AFTER_COMMANDS) this.#checkpoint()\n',
    to: '',
    caughtBy: BY_FAILURES,
  },
  {
    name: 'replica: what a refused command has changed is lost when a later one is undone',
    file: `${REPLICA}/machine.ts`,
    from: `      this.#note(place)
      return outcome(`,
    to: `      return outcome(`,
    caughtBy: BY_FAILURES,
  },
  {
    name: 'replica: a failure is undone from bytes that the state machine still writes to',
    file: `${REPLICA}/machine.ts`,
    from: 'this.rebase(new Uint8Array(taken.value))',
    to: 'this.rebase(taken.value)',
    caughtBy: BY_FAILURES,
  },
  {
    name: 'replica: an error that cannot be looked at stops every node',
    file: `${REPLICA}/words.ts`,
    from: '  } catch {\n    return null\n',
    to: '  } catch (error) {\n    throw error\n',
    caughtBy: BY_FAILURES,
  },
  {
    name: 'replica: a node starts from which nothing could be undone',
    file: `${REPLICA}/applier.ts`,
    from: "if ('error' in taken && !(taken.error instanceof StateTooLargeError)) throw taken.error",
    to: "if ('error' in taken && taken.error instanceof InvalidArgumentError) throw taken.error",
    caughtBy: BY_FAILURES,
  },
  {
    name: 'replica: a promise is taken for a result',
    file: `${REPLICA}/machine.ts`,
    from: 'if (!isThenable(value)) return value',
    to: "if (!isThenable(value) || method === 'apply') return value",
    caughtBy: BY_FAILURES,
  },
  {
    name: 'replica: what the memory or the stack of one node did not allow is an outcome',
    file: `${REPLICA}/machine.ts`,
    from: 'if (isOfThisNode(thrown)) throw thrown',
    to: 'if (thrown === null) throw thrown',
    caughtBy: BY_FAILURES,
  },
  {
    name: 'replica: an entry that a newer version may know is passed over',
    file: `${REPLICA}/applier.ts`,
    from: 'if (error instanceof DecodeError && isKnownKind(value)) return error',
    to: 'if (error instanceof DecodeError && isKnownKind(value) !== null) return error',
    caughtBy: BY_FAILURES,
  },
  {
    name: 'replica: a command is proposed that the codec cannot read back',
    file: `${REPLICA}/codec.ts`,
    from: 'if (REVERSIBLE.has(codec)) return bytes',
    to: 'if (REVERSIBLE.has(codec) || bytes.length > 0) return bytes',
    caughtBy: BY_FAILURES,
  },
  {
    name: 'replica: a command that the leader refused keeps its place in the session',
    file: `${REPLICA}/proposals.ts`,
    from: '        this.#removeCommands(pending.ticket.session, pending.ticket.sequence)\n        reject(pending, reason)\n      } else {',
    to: '        reject(pending, reason)\n      } else {',
    caughtBy: BY_FAILURES,
  },
  {
    name: 'replica: the state is not measured before a command is refused',
    file: `${REPLICA}/space.ts`,
    from: '    this.#measure()\n    const refusal',
    to: '    const refusal',
    caughtBy: [{ type: 'tests', file: 'space.test.ts' }],
  },
  {
    name: 'replica: a new leader ends sessions by what it saw before it led',
    file: `${REPLICA}/replica-node.ts`,
    from: '        this.#maintenance.leads()\n',
    to: '',
    caughtBy: [{ type: 'tests', file: 'sessions.test.ts' }],
  },
  {
    name: 'replica: a node’s own session is one that callers can name',
    file: `${REPLICA}/proposals.ts`,
    from: "const space = outcome === null ? 'node' : 'caller'",
    to: "const space = outcome === null || outcome.isAwaited ? 'caller' : 'node'",
    caughtBy: [{ type: 'tests', file: 'sessions.test.ts' }],
  },
  {
    name: 'replica: the incarnation of a disk is not the one that a test has to repeat',
    file: `${REPLICA}/replica-node.ts`,
    from: 'incarnationsOf(settings.randomBytes)',
    to: 'incarnationsOf(() => crypto.getRandomValues(new Uint8Array(16)))',
    caughtBy: [{ type: 'tests', file: 'identity.test.ts' }],
  },
  {
    name: 'replica: another node ends sessions, or writes what earlier releases wrote',
    file: `${REPLICA}/forwarding.ts`,
    from: 'const fits = value.byteLength <= MAX_VALUE_BYTES && isForwardable(value)',
    to: 'const fits = value.byteLength <= MAX_VALUE_BYTES',
    caughtBy: [{ type: 'tests', file: 'replica.test.ts' }],
  },
]
