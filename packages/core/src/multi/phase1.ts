/**
 * Phase 1 of a leadership: one Prepare for every slot from `from` on (Paxos Made Simple §3). It
 * gathers the promises, page by page, and says with which values the leadership begins. It must
 * never count a promise of which a page is missing, nor lose a value that one of them reported.
 */
import { compareBallots, sameBallot } from '../ballot.ts'
import type { Ballot, NodeId } from '../ballot.ts'
import type { AcceptedEntry, Slot } from '../durability.ts'
import { earliest } from '../leadership.ts'
import type { QuorumSystem } from '../quorum.ts'
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
  /** The first slot that this node does not know to be chosen. */
  readonly from: Slot
  /** By slot: what was accepted there at the highest ballot. */
  readonly #accepted = new Map<Slot, AcceptedEntry>()
  /** By acceptor: where the page begins that is asked for next; `from` at first. */
  readonly #nextPage = new Map<NodeId, Slot>()
  readonly #promisedBy = new Set<NodeId>()
  /** By acceptor that owes an answer: what it was asked last. One page at a time is on its way. */
  readonly #asked = new Map<NodeId, Question>()

  /** An answer is awaited for `intervalMs`, and for longer each time that it does not come. */
  constructor(ballot: Ballot, from: Slot, intervalMs: number) {
    this.ballot = ballot
    this.from = from
    this.#intervalMs = intervalMs
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
    const question = this.#prepareFor(acceptor)
    if (question === null || page.from !== question.from) return 'ignored'
    if (!sameBallot(page.ballot, this.ballot) || !isWhole(page)) return 'ignored'
    const reach = this.from - 1 + MAX_SLOTS_AHEAD
    if (page.compactedThrough >= page.from || page.chosenThrough > reach) return 'behind'
    this.#gather(page.entries)
    if (page.next > 0) {
      this.#nextPage.set(acceptor, page.next)
      return 'more'
    }
    this.#promisedBy.add(acceptor)
    this.#asked.delete(acceptor)
    return 'complete'
  }

  /** This node's own promise is durable, and `entries` is what it had accepted from `from` on. */
  countOwnPromise(id: NodeId, entries: readonly AcceptedEntry[]): void {
    this.#gather(entries)
    this.#promisedBy.add(id)
  }

  /** Whether the promises suffice to lead. */
  isComplete(quorums: QuorumSystem): boolean {
    return quorums.isPhase1Quorum(this.#promisedBy)
  }

  /**
   * What must be proposed first, in the slots from `base` on: for each slot the value of the
   * highest ballot (P2c of Paxos Made Simple), NO_OP where there is none, and one NO_OP behind, so
   * that something is chosen at the ballot of this leadership.
   */
  recovered(base: Slot): Uint8Array[] {
    let last = base - 1
    for (const slot of this.#accepted.keys()) last = Math.max(last, slot)
    const values: Uint8Array[] = []
    for (let slot = base; slot <= last; slot += 1) {
      values.push(this.#accepted.get(slot)?.value ?? NO_OP)
    }
    return [...values, NO_OP]
  }

  #prepareFor(acceptor: NodeId): LogPrepareMessage | null {
    if (this.#promisedBy.has(acceptor)) return null
    const from = this.#nextPage.get(acceptor) ?? this.from
    return { type: 'logPrepare', ballot: this.ballot, from }
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
