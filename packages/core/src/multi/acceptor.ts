/**
 * The acceptor of a log: one promise for all slots, what was accepted in each, and through which
 * slot everything is known to be chosen. It says what must be durable before an answer leaves.
 *
 * What must hold for ever: (1) it accepts nothing below its promise; (2) its promise is at least as
 * high as the ballot at which any slot that it knows to be chosen was chosen, and so it may count
 * such slots as held at any ballot that it accepts; (3) entries through `chosenThrough` carry the
 * chosen values. It must never hand out an answer that rests on a save which is still running.
 */
import { compareBallots, highestBallot, sameBallot } from '../ballot.ts'
import type { Ballot, NodeId } from '../ballot.ts'
import type { AcceptedEntry, Change, Slot, Snapshot, StagedSnapshot } from '../durability.ts'
import { invariant } from '../invariant.ts'
import type { LogStep } from './effects.ts'
import { MAX_SLOTS_AHEAD, TAIL_BYTES } from './limits.ts'
import { Log } from './log.ts'
import type { Page } from './log.ts'
import type { LogAcceptMessage, LogPrepareMessage, LogPromiseMessage } from './messages.ts'
import type { Settings } from './options.ts'
import { PromisePages } from './promise-pages.ts'

/** What is held without gaps from the base of one leadership on. */
interface Held {
  readonly ballot: Ballot
  readonly base: Slot
  readonly through: Slot
}

/** What becomes true when a running save is durable. */
interface RunningSave {
  readonly promised: Ballot | null
  readonly held: Held | null
  readonly snapshot: Snapshot | null
  readonly chosenThrough: Slot
}

/** What is said of slots that are compacted. */
const NO_PAGE: Page = { entries: [], next: 0, bytes: 0 }

type AcceptorSettings = Pick<Settings, 'saved' | 'retransmitIntervalMs' | 'incarnation'>

/** Remembers, for the others, what has been promised and accepted. */
export class LogAcceptor {
  readonly #incarnation: string | undefined
  readonly #log: Log
  readonly #pages: PromisePages
  readonly #running: RunningSave[] = []
  #promised: Ballot | null
  #durablePromise: Ballot | null
  #chosenThrough: Slot
  /** The newest `chosenThrough` that was handed to a save. */
  #storedChosenThrough: Slot
  #snapshot: Snapshot | null
  #durableSnapshot: Snapshot | null
  #held: Held | null = null
  #durablyHeld: Held | null = null
  /** Through here everything was known to be chosen when the newest durable save was handed over. */
  #storedThrough: Slot
  /** Since when the oldest running save is the oldest. */
  #oldestSinceMs = 0
  /** This step saves something: what it changes is in memory, and not even on its way to disk. */
  #isChanged = false

  /**
   * Takes up what stable storage holds. A candidate repeats itself after `retransmitIntervalMs`; the
   * incarnation is named in each vote.
   */
  constructor({ saved, retransmitIntervalMs, incarnation }: AcceptorSettings) {
    const { snapshot, accepted } = saved
    this.#incarnation = incarnation || undefined
    this.#pages = new PromisePages(retransmitIntervalMs)
    this.#log = new Log(accepted, snapshot?.through ?? 0)
    this.#promised = accepted.reduce(
      (highest, { ballot }) => highestBallot(highest, ballot),
      saved.promised,
    )
    this.#durablePromise = this.#promised
    this.#snapshot = snapshot
    this.#durableSnapshot = snapshot
    this.#chosenThrough = Math.max(saved.chosenThrough, snapshot?.through ?? 0)
    this.#storedChosenThrough = this.#chosenThrough
    this.#storedThrough = this.#chosenThrough
    const chosen = this.#chosenThrough - this.#log.compactedThrough
    const present = this.#log.values(this.#log.compactedThrough + 1, this.#chosenThrough)
    invariant(
      present.length === chosen,
      'a slot is known to be chosen, but its value is not stored',
    )
    const promises = this.#chosenThrough === 0 || this.#promised !== null
    invariant(promises, 'something is chosen, but no ballot was ever promised')
  }

  /** The entries in memory, for reading. */
  get log(): Omit<Log, 'put' | 'compact'> {
    return this.#log
  }

  /** The highest ballot that was promised; its save may still be running. */
  get promised(): Ballot | null {
    return this.#promised
  }

  /** Every slot through this one is known to be chosen. */
  get chosenThrough(): Slot {
    return this.#chosenThrough
  }

  /**
   * Every slot through this one is known to be chosen, and no crash takes that knowledge from here: a
   * node that had its value alone could not tell who votes behind it.
   */
  get storedThrough(): Slot {
    return this.#storedThrough
  }

  /** The newest snapshot; its save may still be running. */
  get snapshot(): Snapshot | null {
    return this.#snapshot
  }

  /** The newest snapshot that no crash can undo. */
  get durableSnapshot(): Snapshot | null {
    return this.#durableSnapshot
  }

  /** What is staged of the snapshots that are, or may become, the one on the disk. */
  get staged(): readonly StagedSnapshot[] {
    const running = this.#running.map(({ snapshot }) => snapshot)
    const all = [this.#durableSnapshot, ...running, this.#snapshot]
    return all.flatMap((snapshot) => snapshot?.staged ?? [])
  }

  /** The ballot of the leader that was heard last; `null` when none was since the start. */
  get followed(): Ballot | null {
    return this.#held?.ballot ?? null
  }

  /** Whether everything that this acceptor has decided is durable. */
  get settled(): boolean {
    return this.#running.length === 0 && !this.#isChanged
  }

  /**
   * The save that the disk is at work on: since when, and through which slot it makes durable what
   * is held; `null` when none runs, and for a snapshot, which takes as long as it is large.
   */
  get saving(): { readonly sinceMs: number; readonly through: Slot } | null {
    const [oldest] = this.#running
    if (oldest === undefined || oldest.snapshot !== this.#durableSnapshot) return null
    return { sinceMs: this.#oldestSinceMs, through: oldest.held?.through ?? 0 }
  }

  /** Whether `ballot` is promised so that no crash can undo it. */
  hasDurablyPromised(ballot: Ballot): boolean {
    return sameBallot(this.#durablePromise, ballot)
  }

  /** This state may vote where it is not named; durable before anything that it votes from now on. */
  admit(step: LogStep): void {
    this.#save(step, { admitted: true })
  }

  /** What is known to be chosen is made durable now, and not with whatever is saved next. */
  keepChosen(step: LogStep): void {
    if (this.#chosenThrough > this.#storedChosenThrough) {
      this.#save(step, { chosenThrough: this.#chosenThrough })
    }
  }

  /** Promises a ballot above every other, as its own candidate. */
  promise(step: LogStep, ballot: Ballot): void {
    invariant(compareBallots(ballot, this.#promised) > 0, 'a new ballot was promised before')
    this.#promised = ballot
    this.#save(step, { promised: ballot })
  }

  /**
   * Phase 1b. A Prepare that was answered before, or that asks for another page, is answered
   * without a save, but not while a save is running: the first answer has not left yet.
   */
  receivePrepare(step: LogStep, from: NodeId, prepare: LogPrepareMessage, nowMs: number): void {
    const order = compareBallots(prepare.ballot, this.#promised)
    if (order < 0) return this.refuse(step, from, prepare.ballot)
    if (order === 0 && !this.settled) return
    if (order > 0) this.promise(step, prepare.ballot)
    const promise = this.#promiseFor(prepare, nowMs)
    if (promise === null) return
    if (order > 0) step.sendAfterSave(from, promise)
    else step.send(from, promise)
  }

  /** Whether `prepare` asks a candidate's next question: it has the answer to the one before. */
  isAskedOn(prepare: LogPrepareMessage): boolean {
    return this.#pages.isNext(prepare)
  }

  /**
   * Phase 2b: accepts what is not held yet, whatever was there at lower ballots. Slots that are
   * known to be chosen are left as they are. Duplicates as for receivePrepare.
   */
  receiveAccept(step: LogStep, from: NodeId, accept: LogAcceptMessage): void {
    const { ballot, base, first, values } = accept
    if (compareBallots(ballot, this.#promised) < 0) return this.refuse(step, from, ballot)
    if (!this.#isInReach(accept)) return
    const isNew = this.accept(step, ballot, first, values)
    const message = {
      type: 'logAccepted',
      ballot,
      through: this.heldThrough(ballot, base),
      incarnation: this.#incarnation,
    } as const
    if (isNew) step.sendAfterSave(from, message)
    else if (this.settled) step.send(from, message)
  }

  /** Accepts `values` at `ballot`. Says whether that takes a save. */
  accept(step: LogStep, ballot: Ballot, first: Slot, values: readonly Uint8Array[]): boolean {
    const accepted = values
      .map((value, index) => ({ slot: first + index, ballot, value }))
      .filter(({ slot }) => slot > this.#chosenThrough)
      .filter(({ slot }) => !sameBallot(this.#log.get(slot)?.ballot ?? null, ballot))
    if (accepted.length === 0) return false
    for (const entry of accepted) this.#log.put(entry)
    const promised = sameBallot(ballot, this.#promised) ? {} : { promised: ballot }
    this.#promised = ballot
    this.#save(step, { ...promised, accepted })
    return true
  }

  /**
   * Through which slot everything from `base` on is held at `ballot`, or known to be chosen; one
   * below `base` when nothing is. The saves may still be running.
   */
  heldThrough(ballot: Ballot, base: Slot): Slot {
    const known = this.#isHeld(ballot, base) ? this.#held?.through : undefined
    let through = Math.max(known ?? 0, base - 1, this.#chosenThrough)
    while (sameBallot(this.#log.get(through + 1)?.ballot ?? null, ballot)) through += 1
    this.#held = { ballot, base, through }
    return through
  }

  /** As heldThrough, as far as no crash can undo it. */
  durablyHeldThrough(ballot: Ballot, base: Slot): Slot {
    const held = this.heldThrough(ballot, base)
    if (this.settled) return held
    const durable = this.#durablyHeld
    const known = durable !== null && sameBallot(durable.ballot, ballot) && durable.base === base
    return Math.max(known ? durable.through : base - 1, Math.min(held, this.#chosenThrough))
  }

  /**
   * The leader with `ballot` says that the slots through `through` are chosen. They are, from
   * `base` on, with the values that this acceptor holds at that ballot, as far as it holds them.
   */
  learn(ballot: Ballot, base: Slot, through: Slot): void {
    if (this.#chosenThrough < base - 1) return
    const learnt = Math.min(through, this.heldThrough(ballot, base))
    this.#chosenThrough = Math.max(this.#chosenThrough, learnt)
  }

  /** Stores chosen entries of another node; contiguous, the first at most one above what is known. */
  storeChosen(step: LogStep, entries: readonly AcceptedEntry[]): void {
    const fresh = entries.filter(({ slot }) => slot > this.#chosenThrough)
    const last = fresh.at(-1)
    if (last === undefined) return
    // What was accepted at the same ballot or above has the same value, and is not taken back.
    const missing = fresh.filter(
      ({ slot, ballot }) => compareBallots(ballot, this.#log.get(slot)?.ballot ?? null) > 0,
    )
    for (const entry of missing) this.#log.put(entry)
    this.#chosenThrough = last.slot
    const before = this.#promised
    for (const { ballot } of missing) this.#promised = highestBallot(this.#promised, ballot)
    const promised = this.#promised
    if (missing.length > 0) this.#save(step, { accepted: missing })
    if (promised !== null && !sameBallot(promised, before)) this.#save(step, { promised })
  }

  /** Puts another node's snapshot in the place of the slots through its own, which are above ours. */
  install(step: LogStep, snapshot: Snapshot, ballot: Ballot): void {
    const promised = highestBallot(this.#promised, ballot) ?? ballot
    this.#promised = promised
    this.#chosenThrough = snapshot.through
    this.#snapshot = snapshot
    // What was accepted in those slots may not be what was chosen: no tail.
    this.#log.compact(snapshot.through, 0)
    this.#save(step, { promised, snapshot })
  }

  /** Stores a snapshot of this node; its slots are forgotten once that is durable. */
  takeSnapshot(step: LogStep, snapshot: Snapshot): void {
    invariant(snapshot.through <= this.#chosenThrough, 'a snapshot holds what is not chosen')
    this.#snapshot = snapshot
    this.#save(step, { snapshot })
  }

  /** A refusal may leave before the promise that it names is durable: it binds nobody. */
  refuse(step: LogStep, to: NodeId, ballot: Ballot): void {
    invariant(this.#promised !== null, 'a ballot was refused by an acceptor that promised nothing')
    step.send(to, { type: 'nack', ballot, promised: this.#promised })
  }

  /**
   * The step ends. If it saves, what is known to be chosen is saved too: it costs no save of its own
   * but where the members change, and a node that forgets it learns it again.
   */
  finish(step: LogStep, nowMs: number): void {
    if (!this.#isChanged) return
    if (this.#chosenThrough > this.#storedChosenThrough) {
      this.#storedChosenThrough = this.#chosenThrough
      this.#save(step, { chosenThrough: this.#chosenThrough })
    }
    this.#isChanged = false
    if (this.#held !== null) this.heldThrough(this.#held.ballot, this.#held.base)
    if (this.#running.length === 0) this.#oldestSinceMs = nowMs
    this.#running.push({
      promised: this.#promised,
      held: this.#held,
      snapshot: this.#snapshot,
      chosenThrough: this.#chosenThrough,
    })
  }

  /** The oldest save that was not reported yet is durable. */
  saved(nowMs: number): void {
    const save = this.#running.shift()
    this.#oldestSinceMs = nowMs
    invariant(save !== undefined, 'a save was reported that was never asked for')
    this.#durablePromise = save.promised
    this.#durablyHeld = save.held
    this.#durableSnapshot = save.snapshot
    this.#storedThrough = Math.max(this.#storedThrough, save.chosenThrough)
  }

  /**
   * Forgets entries for which the durable snapshot stands, but for a tail, and for what is needed,
   * from `needed` on, within bounds: see Log.compact.
   */
  forget(needed: Slot): void {
    const { through } = this.#durableSnapshot ?? { through: 0 }
    this.#log.compact(through, TAIL_BYTES, needed)
  }

  #save(step: LogStep, change: Change): void {
    this.#isChanged = true
    step.save(change)
  }

  /** `null` while the same answer may be on its way. */
  #promiseFor(prepare: LogPrepareMessage, nowMs: number): LogPromiseMessage | null {
    const { ballot, from } = prepare
    const { compactedThrough, last } = this.#log
    const page = this.#pages.answer(prepare, nowMs, (bytes) =>
      from > compactedThrough ? this.#log.page(from, last, bytes) : NO_PAGE,
    )
    if (page === null) return null
    const { entries, next } = page
    const chosenThrough = this.#chosenThrough
    const incarnation = this.#incarnation
    return {
      type: 'logPromise',
      ballot,
      from,
      entries,
      next,
      chosenThrough,
      compactedThrough,
      incarnation,
    }
  }

  #isInReach({ base, first, values }: LogAcceptMessage): boolean {
    const last = first + values.length - 1
    return first >= base && last >= first && last <= this.#chosenThrough + MAX_SLOTS_AHEAD
  }

  #isHeld(ballot: Ballot, base: Slot): boolean {
    return this.#held !== null && sameBallot(this.#held.ballot, ballot) && this.#held.base === base
  }
}
