/**
 * Phase 1 of a leadership: one Prepare for every slot from `from` on (Paxos Made Simple §3). It
 * gathers the promises, page by page, and says with which values the leadership begins. It must
 * never count a promise of which a page is missing, nor lose a value that one of them reported.
 */
import { compareBallots, sameBallot } from '../ballot.ts'
import type { Ballot, NodeId } from '../ballot.ts'
import type { AcceptedEntry, Slot } from '../durability.ts'
import { earliest } from '../leadership.ts'
import type { Electorate } from './electorate.ts'
import { NO_OP } from './entry.ts'
import { MAX_PREPARE_FACTOR, MAX_SLOTS_AHEAD } from './limits.ts'
import type { LogPrepareMessage, LogPromiseMessage } from './messages.ts'

/** What a page of a promise leads to. */
export type PageResult =
  /** It answers no question that is open. */
  | 'ignored'
  /** The next page is to be asked for. */
  | 'more'
  | 'complete'
  /** The acceptor has no values any more for slots that this node lacks: it must catch up first. */
  | 'behind'

/** A question that was asked. */
interface Question {
  readonly from: Slot
  readonly askedAtMs: number
  /** How often it was asked before. */
  readonly repeats: number
}

/** One attempt to lead. */
export class Phase1 {
  readonly ballot: Ballot
  readonly #intervalMs: number
  readonly #released: Ballot | undefined
  /** The first slot that this node does not know to be chosen. */
  readonly from: Slot
  /** By slot: what was accepted there at the highest ballot. */
  readonly #accepted = new Map<Slot, AcceptedEntry>()
  /** By acceptor: where the page begins that is asked for next; `from` at first. */
  readonly #nextPage = new Map<NodeId, Slot>()
  /** By acceptor that came in later: from which slot on it is asked. */
  readonly #invitedAt = new Map<NodeId, Slot>()
  /** Who was asked as just the incarnation that counts: where none is named, it may not vote. */
  readonly #invitedByName = new Set<NodeId>()
  /** By acceptor: as which incarnation it promised. */
  readonly #promisedBy = new Map<NodeId, string>()
  /** By acceptor: as which incarnation it has sent pages. */
  readonly #speaksAs = new Map<NodeId, string>()
  /** By acceptor that owes an answer: what it was asked last. One page at a time is on its way. */
  readonly #asked = new Map<NodeId, Question>()

  /**
   * An answer is awaited for `intervalMs`, and for longer each time that it does not come. `released`:
   * that of the leader that has asked for the attempt.
   */
  constructor(ballot: Ballot, from: Slot, intervalMs: number, released?: Ballot) {
    this.ballot = ballot
    this.from = from
    this.#intervalMs = intervalMs
    this.#released = released
  }

  /** When a question is due again; `null` when all are answered. */
  get askAgainAtMs(): number | null {
    return [...this.#asked.values()].map((each) => this.#dueAtMs(each)).reduce(earliest, null)
  }

  /** Whether `acceptor` owes an answer for too long. */
  isOverdue(acceptor: NodeId, nowMs: number): boolean {
    const question = this.#asked.get(acceptor)
    return question !== undefined && nowMs >= this.#dueAtMs(question)
  }

  /** Whether `acceptor` was asked for its promise. */
  isAsked(acceptor: NodeId): boolean {
    return this.#asked.has(acceptor) || this.#promisedBy.has(acceptor)
  }

  /** Who was asked and has not answered all. */
  get owing(): readonly NodeId[] {
    return [...this.#asked.keys()]
  }

  /** Whether the promise of `acceptor` is in, and counts where that electorate votes. */
  counts(acceptor: NodeId, electorate: Electorate): boolean {
    const incarnation = this.#promisedBy.get(acceptor)
    if (incarnation === undefined || !electorate.counts(acceptor, incarnation)) return false
    return electorate.named(acceptor) !== null || !this.#invitedByName.has(acceptor)
  }

  /**
   * `acceptor` is asked anew, or for the first time, as the voter that it is in that electorate: what
   * it accepted from `from` on is enough.
   */
  invite(acceptor: NodeId, electorate: Electorate, from: Slot): void {
    this.#invitedAt.set(acceptor, from)
    if (electorate.named(acceptor) === null) this.#invitedByName.delete(acceptor)
    else this.#invitedByName.add(acceptor)
    this.#nextPage.delete(acceptor)
    this.#promisedBy.delete(acceptor)
    this.#asked.delete(acceptor)
  }

  /** Nobody else is asked any more. */
  askOnly(acceptors: ReadonlySet<NodeId>): void {
    for (const acceptor of this.#asked.keys())
      if (!acceptors.has(acceptor)) this.#asked.delete(acceptor)
  }

  /** What `acceptor` is asked now; `null` when it has answered all. */
  ask(acceptor: NodeId, nowMs: number): LogPrepareMessage | null {
    const prepare = this.#prepareFor(acceptor)
    if (prepare === null) return null
    const before = this.#asked.get(acceptor)
    const repeats = before?.from === prepare.from ? before.repeats + 1 : 0
    this.#asked.set(acceptor, { from: prepare.from, askedAtMs: nowMs, repeats })
    return prepare
  }

  receivePromise(acceptor: NodeId, page: LogPromiseMessage): PageResult {
    if (!this.isAsked(acceptor) || !sameBallot(page.ballot, this.ballot)) return 'ignored'
    this.#listen(acceptor, page.incarnation ?? '')
    const question = this.#prepareFor(acceptor)
    if (question === null || page.from !== question.from) return 'ignored'
    if (!isWhole(page)) return 'ignored'
    const reach = this.#begin(acceptor) - 1 + MAX_SLOTS_AHEAD
    if (page.compactedThrough >= page.from || page.chosenThrough > reach) return 'behind'
    this.#gather(page.entries)
    if (page.next > 0) {
      this.#nextPage.set(acceptor, page.next)
      return 'more'
    }
    this.#promisedBy.set(acceptor, page.incarnation ?? '')
    this.#asked.delete(acceptor)
    return 'complete'
  }

  /** This node's own promise is durable, and `entries` is what it had accepted from `from` on. */
  countOwnPromise(id: NodeId, incarnation: string, entries: readonly AcceptedEntry[]): void {
    this.#gather(entries)
    this.#promisedBy.set(id, incarnation)
  }

  /** Whether the promises suffice to lead where that electorate votes. */
  isComplete(electorate: Electorate): boolean {
    const promises = [...this.#promisedBy].filter(([id]) => this.counts(id, electorate))
    return electorate.isPhase1Quorum(new Map(promises))
  }

  /**
   * What must be proposed first, in the slots from `base` on: for each slot the value of the
   * highest ballot (P2c of Paxos Made Simple), and NO_OP where there is none.
   */
  recovered(base: Slot): Uint8Array[] {
    let last = base - 1
    for (const slot of this.#accepted.keys()) last = Math.max(last, slot)
    const values: Uint8Array[] = []
    for (let slot = base; slot <= last; slot += 1) {
      values.push(this.#accepted.get(slot)?.value ?? NO_OP)
    }
    return values
  }

  /** What was reported for the slots through this one is needed no more. */
  forget(through: Slot): void {
    for (const slot of this.#accepted.keys()) if (slot <= through) this.#accepted.delete(slot)
  }

  /** What a former incarnation promised is no part of what this one does: it begins anew. */
  #listen(acceptor: NodeId, incarnation: string): void {
    const before = this.#speaksAs.get(acceptor)
    this.#speaksAs.set(acceptor, incarnation)
    if (before === undefined || before === incarnation) return
    this.#nextPage.delete(acceptor)
    this.#promisedBy.delete(acceptor)
  }

  #begin(acceptor: NodeId): Slot {
    return this.#invitedAt.get(acceptor) ?? this.from
  }

  #prepareFor(acceptor: NodeId): LogPrepareMessage | null {
    if (this.#promisedBy.has(acceptor)) return null
    const from = this.#nextPage.get(acceptor) ?? this.#begin(acceptor)
    const released = this.#released
    return {
      type: 'logPrepare',
      ballot: this.ballot,
      from,
      ...(released !== undefined && { released }),
    }
  }

  #dueAtMs({ askedAtMs, repeats }: Question): number {
    return askedAtMs + this.#intervalMs * Math.min(2 ** repeats, MAX_PREPARE_FACTOR)
  }

  #gather(entries: readonly AcceptedEntry[]): void {
    for (const entry of entries) {
      const known = this.#accepted.get(entry.slot)?.ballot ?? null
      if (compareBallots(entry.ballot, known) > 0) this.#accepted.set(entry.slot, entry)
    }
  }
}

/** Whether a page can be what an acceptor says: ascending, and within an acceptor's reach. */
function isWhole({ from, entries, next, chosenThrough }: LogPromiseMessage): boolean {
  let least = from
  for (const { slot } of entries) {
    if (slot < least || slot > chosenThrough + MAX_SLOTS_AHEAD) return false
    least = slot + 1
  }
  return next === 0 || (entries.length > 0 && next >= least)
}
