/**
 * The calls that change who is in the cluster, one after the other, from what is wanted to when it is
 * complete. Each step is an entry that is computed from the members that this node knows, given to the
 * leader again and again, and made once: it names the version that it takes the place of (P26, P33).
 * Where this node, the leader or a new voter dies between two steps, the new voter is a learner, and
 * stays one. Must never undo what somebody else has changed meanwhile.
 */
import { invariant } from '@paxos/core'
import type { Slot } from '@paxos/core'
import { encodeEntry } from '@paxos/core/multi'
import type { Configuration, MembersEntry } from '@paxos/core/multi'
import type { Clock } from './clock.ts'
import { MembersConflictError, MembersRefusedError, MembersTimeoutError } from './errors.ts'
import { NotPromotedError, OverloadedError } from './errors.ts'
import type { MembersProgress } from './errors.ts'
import { MAX_MEMBERS_CALLS, NEW_VOTER_PATIENCE_MS } from './limits.ts'
import { entryOf, isMade, stepsOf } from './member-changes.ts'
import type { MembersChange, Step } from './member-changes.ts'
import type { MembersView, ReplicaMembers } from './members-view.ts'
import { Outcome } from './outcome.ts'
import type { WaitOptions } from './outcome.ts'
import type { PendingRead } from './reads.ts'
import { asError } from './words.ts'

/** What is wanted, as it follows from the members that there are. */
export type WantedChange = (configuration: Configuration) => MembersChange

export interface MembersCallsOptions {
  readonly view: MembersView
  readonly clock: Clock
  /** Asks until when the log has to be applied here; then this node knows the newest members. */
  readonly read: (read: PendingRead) => void
  /**
   * Gives an entry to the leader, or takes it where this node leads. Says whether it may be made by
   * that. Throws MembersRefusedError.
   */
  readonly give: (entry: MembersEntry, bytes: Uint8Array) => boolean
}

/** An entry that may be on its way. */
interface Given {
  readonly entry: MembersEntry
  readonly bytes: Uint8Array
  /**
   * Whether somebody has it. From then on no refusal is for good: a former leader may have it accepted
   * where the one that refuses did not ask, and the network may hold a copy.
   */
  isOut: boolean
}

/** The calls of one node. */
export class MembersCalls {
  readonly #options: MembersCallsOptions
  /** The first of them is at work. */
  readonly #calls: Call[] = []

  constructor(options: MembersCallsOptions) {
    this.#options = options
  }

  /** Begins when its turn has come. Rejects with OverloadedError when too many wait already. */
  async change(
    wanted: WantedChange,
    expected: Slot | null,
    wait: WaitOptions,
  ): Promise<ReplicaMembers> {
    if (this.#calls.length >= MAX_MEMBERS_CALLS) {
      throw new OverloadedError(
        `${MAX_MEMBERS_CALLS} changes of members wait already. Await some of them first.`,
      )
    }
    const call = new Call(this.#options, wanted, expected)
    const made = call.outcome.wait(wait)
    this.#calls.push(call)
    if (this.#calls[0] === call) call.begin()
    try {
      return await made
    } finally {
      this.tidy()
    }
  }

  /** Whether an entry was given to the leader of which nothing was heard yet. */
  get areWaiting(): boolean {
    return this.#calls[0]?.isUnanswered ?? false
  }

  /** An entry of the log is applied, and counts; or a snapshot has brought other members. */
  membersChanged(isBySnapshot: boolean): void {
    this.#calls[0]?.membersChanged(isBySnapshot)
  }

  /** A version is known to be complete. */
  completed(): void {
    this.#calls[0]?.completed()
  }

  /** The leader has refused what `heads` name: a members entry is named whole. */
  refused(heads: readonly Uint8Array[], refusal: MembersRefusedError): void {
    this.#calls[0]?.refused(heads, refusal)
  }

  /** Gives again what may be lost. To be called now and then. */
  retry(): void {
    this.tidy()
    this.#calls[0]?.give()
  }

  /** Forgets what nobody waits for; the next begins. */
  tidy(): void {
    for (let call = this.#calls[0]; call !== undefined; call = this.#calls[0]) {
      if (call.isWanted) return call.begin()
      this.#calls.shift()
    }
  }

  /** No answer will come any more. */
  end(error: Error): void {
    for (const call of this.#calls.splice(0)) call.outcome.reject(error)
  }
}

/** One call. */
class Call {
  readonly outcome: Outcome<ReplicaMembers>
  readonly #options: MembersCallsOptions
  readonly #wanted: WantedChange
  readonly #expected: Slot | null
  #hasBegun = false
  /** What is still to be made; `null` before the newest members are known. */
  #steps: readonly Step[] | null = null
  #given: Given | null = null
  /** The version that has to be complete; `null` while something is still to be made. */
  #madeBy: Slot | null = null
  /** Whether something was changed by this call already. */
  #hasChanged = false
  /** What the leader said last of a new voter, and since when. */
  #behind: { readonly message: string; readonly sinceMs: number } | null = null

  constructor(options: MembersCallsOptions, wanted: WantedChange, expected: Slot | null) {
    this.#options = options
    this.#wanted = wanted
    this.#expected = expected
    this.outcome = new Outcome(options.clock, (timeoutMs) => this.#timedOut(timeoutMs))
  }

  get isWanted(): boolean {
    return this.outcome.isAwaited && !this.outcome.isSettled
  }

  /** Whether it has given an entry, and has neither seen it made nor heard why not. */
  get isUnanswered(): boolean {
    return this.isWanted && this.#given !== null && this.#behind === null
  }

  /** The first time: learns who the members are. */
  begin(): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    const { outcome } = this
    this.#options.read({
      get isAwaited() {
        return outcome.isAwaited && !outcome.isSettled
      },
      reject: (error) => outcome.reject(error),
      answer: () => this.#orReject(() => this.#plan()),
    })
  }

  membersChanged(isBySnapshot: boolean): void {
    this.#orReject(() => this.#compare(isBySnapshot))
  }

  completed(): void {
    const { view } = this.#options
    if (this.#madeBy !== null && view.isComplete(this.#madeBy)) this.outcome.resolve(view.report)
  }

  refused(heads: readonly Uint8Array[], refusal: MembersRefusedError): void {
    const own = this.#given?.bytes.join()
    if (own === undefined || !heads.some((head) => head.join() === own)) return
    this.#orReject(() => this.#bear(refusal))
  }

  give(): void {
    const given = this.#given
    if (given === null || !this.isWanted) return
    this.#orReject(() => {
      try {
        if (this.#options.give(given.entry, given.bytes)) given.isOut = true
      } catch (error) {
        if (!(error instanceof MembersRefusedError)) throw error
        this.#bear(error)
      }
    })
  }

  #plan(): void {
    const { configuration } = this.#options.view
    if (this.#expected !== null && configuration.version !== this.#expected) {
      throw conflict(this.#expected, configuration.version)
    }
    this.#steps = stepsOf(configuration, this.#wanted(configuration))
    this.#next()
  }

  /** The next entry, from the members that there are now. */
  #next(): void {
    const { view } = this.#options
    const [step] = this.#steps ?? []
    if (step === undefined) {
      this.#given = null
      this.#madeBy = view.configuration.version
      return this.completed()
    }
    const entry = entryOf(view.configuration, step)
    this.#given = { entry, bytes: encodeEntry(entry), isOut: false }
    this.give()
  }

  /** Others are members now: by this call's own entry, or by somebody else's. */
  #compare(isBySnapshot: boolean): void {
    const steps = this.#steps
    if (steps === null || this.#madeBy !== null || !this.isWanted) return
    const { configuration } = this.#options.view
    const made = steps.findLastIndex((step) => isMade(configuration, step))
    if (made >= 0) {
      this.#hasChanged = true
      this.#behind = null
      this.#steps = steps.slice(made + 1)
    } else {
      const before = this.#given?.entry.replaces ?? 0
      // What a snapshot stands for may hold this call's entry, and one that took it back.
      if (isBySnapshot) throw unclear(this.#expected ?? before, configuration.version)
      const isOther = this.#expected !== null && !this.#hasChanged
      if (isOther) throw conflict(this.#expected, configuration.version)
    }
    this.#next()
  }

  /** A refusal ends the call, but of a voter that is still learning: as long as it gets on. */
  #bear(refusal: MembersRefusedError): void {
    if (refusal.reason !== 'not-caught-up') throw this.#isOut ? notForGood(refusal) : refusal
    const nowMs = this.#options.clock.nowMs()
    const { message } = refusal
    if (this.#behind?.message !== message) this.#behind = { message, sinceMs: nowMs }
    if (nowMs - this.#behind.sinceMs < NEW_VOTER_PATIENCE_MS) return
    throw new NotPromotedError(
      `${message} It is a learner until then, and nobody was removed.${this.#isOut ? MAY_BE_MADE : ''}`,
      this.#learners,
    )
  }

  /** Whether the present entry may be with somebody. */
  get #isOut(): boolean {
    return this.#given?.isOut === true
  }

  get #learners(): readonly string[] {
    const [step] = this.#steps ?? []
    return step?.put.filter(({ as }) => as.role === 'voter').map(({ id }) => id) ?? []
  }

  #timedOut(timeoutMs: number): MembersTimeoutError {
    const { version } = this.#options.view.configuration
    const progress = this.#progress
    return new MembersTimeoutError(
      `The change of members was not complete within ${timeoutMs} ms: ${this.#inWords(progress)} ` +
        'Look at members(), and make again what is missing.',
      { progress, version },
    )
  }

  get #progress(): MembersProgress {
    if (this.#madeBy !== null) return 'chosen'
    if (this.#given === null) return 'not-begun'
    return this.#behind === null ? 'proposed' : 'learning'
  }

  #inWords(progress: MembersProgress): string {
    const { version } = this.#options.view.configuration
    switch (progress) {
      case 'not-begun':
        return 'no leader was reached, and nothing was changed by this call.'
      case 'proposed':
        return `version ${version} is the newest that is known here, and the next may yet be chosen.`
      case 'learning':
        return (
          `${this.#behind?.message ?? ''} It is a learner` +
          (this.#isOut ? `.${MAY_BE_MADE}` : ', and stays one.')
        )
      case 'chosen':
        return (
          `version ${version} counts, but no quorum of its voters is known to hold everything that ` +
          'was chosen before it. Leave those running that were removed.'
        )
    }
  }

  #orReject(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.outcome.reject(asError(this.#isHalfMade(error) ? this.#halfMade(error) : error))
    }
  }

  /** Whether the rest of a change is refused, and its beginning is made. */
  #isHalfMade(error: unknown): error is MembersRefusedError {
    return this.#hasChanged && error instanceof MembersRefusedError
  }

  /** A refusal says that nothing was changed. */
  #halfMade(refusal: MembersRefusedError): NotPromotedError {
    return new NotPromotedError(
      `${refusal.message} Until then who was to vote is a learner, and nobody was removed.`,
      this.#learners,
      { cause: refusal },
    )
  }
}

/** What is to be said of a change that somebody may have. */
const MAY_BE_MADE =
  ' A copy of the change that is on its way, or what an earlier leader had begun, may be made yet: ' +
  'look at members(), or make another change, which rules that out.'

function notForGood({ reason, message, cause }: MembersRefusedError): MembersRefusedError {
  return new MembersRefusedError(reason, `${message}${MAY_BE_MADE}`, { cause, outcome: 'unknown' })
}

function conflict(expected: Slot | null, actual: Slot): MembersConflictError {
  invariant(expected !== null, 'nothing was expected')
  return new MembersConflictError(
    `The members are of version ${actual}, and not of ${expected}: somebody has changed them. ` +
      'Look at members(), and decide again.',
    { expected, actual },
  )
}

function unclear(expected: Slot, actual: Slot): MembersConflictError {
  return new MembersConflictError(
    `The members are of version ${actual} now, which came in a snapshot: whether this change was made ` +
      'before it, and taken back, is not known here. Look at members(), and decide again.',
    { expected, actual },
  )
}
