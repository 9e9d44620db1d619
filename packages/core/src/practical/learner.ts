/**
 * The learner of `essential`, which goes on after the value is chosen: it tracks which acceptors
 * hold it, so that a host knows when it is safe on all of them. It must never change its mind, nor
 * forget an acceptance because a higher one came, nor grow with what a liar tells it.
 */
import { compareBallots, sameBallot } from '../ballot.ts'
import type { NodeId } from '../ballot.ts'
import { MAX_ACCEPTANCES } from '../limits.ts'
import type { AcceptedMessage, Proposal } from '../message.ts'
import type { QuorumSystem } from '../quorum.ts'

/** Finds out which value was chosen, and who holds it. */
export class Learner<V> {
  #quorums: QuorumSystem
  /** What each acceptor has accepted, by ascending ballots: the highest MAX_ACCEPTANCES of them. */
  readonly #acceptances = new Map<NodeId, readonly Proposal<V>[]>()
  #chosen: Proposal<V> | null

  /** `chosen` is what a restarted node knows from stable storage. */
  constructor(quorums: QuorumSystem, chosen: Proposal<V> | null = null) {
    this.#quorums = quorums
    this.#chosen = chosen
  }

  /** The chosen proposal, or `null` while none is known. Never changes once it is there. */
  get chosen(): Proposal<V> | null {
    return this.#chosen
  }

  /**
   * The acceptors that are known to hold the chosen value: those that accepted at its ballot or a
   * higher one, where no other value can be proposed. Empty while none is known.
   */
  get holders(): ReadonlySet<NodeId> {
    const chosen = this.#chosen
    if (chosen === null) return new Set()
    return this.#acceptors(({ ballot }) => compareBallots(ballot, chosen.ballot) >= 0)
  }

  /** The acceptors that have accepted at `ballot`, whatever else they have accepted since. */
  acceptedAt(ballot: Proposal<V>['ballot']): ReadonlySet<NodeId> {
    return this.#acceptors((acceptance) => sameBallot(acceptance.ballot, ballot))
  }

  /** Counts an acceptance; late, repeated or foreign ones do no harm. */
  receiveAccepted(from: NodeId, { ballot, value }: AcceptedMessage<V>): void {
    if (!this.#quorums.acceptors.has(from) || this.acceptedAt(ballot).has(from)) return
    const accepted = [...(this.#acceptances.get(from) ?? []), { ballot, value }]
    const ascending = accepted.toSorted((a, b) => compareBallots(a.ballot, b.ballot))
    this.#acceptances.set(from, ascending.slice(-MAX_ACCEPTANCES))
    this.#check({ ballot, value })
  }

  /** Another node says what was chosen. */
  learn(proposal: Proposal<V>): void {
    this.#chosen ??= proposal
  }

  /** Acceptances that were counted before count under the new quorums too. */
  setQuorums(quorums: QuorumSystem): void {
    this.#quorums = quorums
    for (const node of this.#acceptances.keys()) {
      if (!quorums.acceptors.has(node)) this.#acceptances.delete(node)
    }
    for (const proposal of [...this.#acceptances.values()].flat()) this.#check(proposal)
  }

  #check(proposal: Proposal<V>): void {
    if (this.#quorums.isPhase2Quorum(this.acceptedAt(proposal.ballot))) this.learn(proposal)
  }

  /** Those that have accepted something like that. */
  #acceptors(condition: (acceptance: Proposal<V>) => boolean): ReadonlySet<NodeId> {
    const entries = [...this.#acceptances].filter(([, accepted]) => accepted.some(condition))
    return new Set(entries.map(([node]) => node))
  }
}
