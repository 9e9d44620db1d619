/**
 * Phase 1 of a leadership: one Prepare for every slot from `from` on (Paxos Made Simple §3). It
 * gathers the promises, page by page, and says with which values the leadership begins. It must
 * never count a promise of which a page is missing, nor lose a value that one of them reported.
 */
import { compareBallots, sameBallot } from '../ballot.ts'
import type { Ballot, NodeId } from '../ballot.ts'
import type { AcceptedEntry, Slot } from '../durability.ts'
import type { QuorumSystem } from '../quorum.ts'
import { NO_OP } from './entry.ts'
import { MAX_SLOTS_AHEAD } from './limits.ts'
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

/** One attempt to lead. */
export class Phase1 {
  readonly ballot: Ballot
  /** The first slot that this node does not know to be chosen. */
  readonly from: Slot
  /** By slot: what was accepted there at the highest ballot. */
  readonly #accepted = new Map<Slot, AcceptedEntry>()
  /** By acceptor: where the page begins that is asked for next; `from` at first. */
  readonly #nextPage = new Map<NodeId, Slot>()
  readonly #promisedBy = new Set<NodeId>()

  constructor(ballot: Ballot, from: Slot) {
    this.ballot = ballot
    this.from = from
  }

  /** The question that `acceptor` has not answered yet; `null` when it has answered all. */
  prepareFor(acceptor: NodeId): LogPrepareMessage | null {
    if (this.#promisedBy.has(acceptor)) return null
    const from = this.#nextPage.get(acceptor) ?? this.from
    return { type: 'logPrepare', ballot: this.ballot, from }
  }

  receivePromise(acceptor: NodeId, page: LogPromiseMessage): PageResult {
    const question = this.prepareFor(acceptor)
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
