/**
 * The learner of `essential`, which goes on after the value is chosen: it tracks which acceptors
 * hold it, so that a host knows when it is safe on all of them. It must never change its mind.
 */
import { compareBallots, sameBallot } from '../ballot.ts'
import type { NodeId } from '../ballot.ts'
import type { AcceptedMessage, Proposal } from '../message.ts'
import type { QuorumSystem } from '../quorum.ts'

/** Finds out which value was chosen, and who holds it. */
export class Learner<V> {
  #quorums: QuorumSystem
  /** The highest-numbered acceptance of each acceptor. */
  readonly #acceptances = new Map<NodeId, Proposal<V>>()
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
    return this.#acceptors((acceptance) => compareBallots(acceptance.ballot, chosen.ballot) >= 0)
  }

  /** The acceptors whose newest acceptance is the one at `ballot`. */
  acceptedAt(ballot: Proposal<V>['ballot']): ReadonlySet<NodeId> {
    return this.#acceptors((acceptance) => sameBallot(acceptance.ballot, ballot))
  }

  /** Counts an acceptance; late, repeated or foreign ones do no harm. */
  receiveAccepted(from: NodeId, { ballot, value }: AcceptedMessage<V>): void {
    if (!this.#quorums.acceptors.has(from)) return
    if (compareBallots(ballot, this.#acceptances.get(from)?.ballot ?? null) <= 0) return
    this.#acceptances.set(from, { ballot, value })
    this.#check()
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
    this.#check()
  }

  #check(): void {
    for (const proposal of this.#acceptances.values()) {
      if (this.#chosen !== null) return
      if (this.#quorums.isPhase2Quorum(this.acceptedAt(proposal.ballot))) this.#chosen = proposal
    }
  }

  #acceptors(condition: (acceptance: Proposal<V>) => boolean): ReadonlySet<NodeId> {
    const entries = [...this.#acceptances].filter(([, acceptance]) => condition(acceptance))
    return new Set(entries.map(([node]) => node))
  }
}
