/**
 * The proposer of `essential`, made fit for rivals and lost messages: it keeps its leadership for
 * as long as nobody refuses it, knows when an attempt is hopeless, and can say what to retransmit.
 * It must never propose two values at one ballot, nor one without the promises of a quorum.
 */
import { compareBallots, highestBallot, nextBallot, sameBallot } from '../ballot.ts'
import type { Ballot, NodeId } from '../ballot.ts'
import type { AcceptMessage, NackMessage, PrepareMessage } from '../message.ts'
import type { PromiseMessage, Proposal } from '../message.ts'
import type { QuorumSystem } from '../quorum.ts'

/** What a proposer is doing. */
export type Attempt<V> =
  | { readonly phase: 'idle' }
  | {
      readonly phase: 'preparing'
      readonly ballot: Ballot
      readonly promisedBy: ReadonlySet<NodeId>
      readonly highestAccepted: Proposal<V> | null
    }
  | {
      readonly phase: 'leading'
      readonly ballot: Ballot
      /** The acceptors that have refused what was proposed. */
      readonly nackedBy: ReadonlySet<NodeId>
      /** What was proposed at this ballot, once something was; it never changes. */
      readonly accept: AcceptMessage<V> | null
    }

/** Tries to get a value chosen, and to lead. */
export class Proposer<V> {
  readonly #id: NodeId
  #quorums: QuorumSystem
  #attempt: Attempt<V> = { phase: 'idle' }
  #highestSeen: Ballot | null
  /** Boxed, because null, 0 and '' are values like any other. */
  #wanted: { readonly value: V } | null = null

  /** `seen` is the highest ballot on stable storage: no ballot at or below it is used again. */
  constructor(id: NodeId, quorums: QuorumSystem, seen: Ballot | null) {
    this.#id = id
    this.#quorums = quorums
    this.#highestSeen = seen
  }

  get attempt(): Attempt<V> {
    return this.#attempt
  }

  /** What this proposer would propose if it were free to; the first value that it was given. */
  get wanted(): { readonly value: V } | null {
    return this.#wanted
  }

  /** Gives the proposer a value of its own. A second one is ignored: the first may be under way. */
  want(value: V): void {
    this.#wanted ??= { value }
  }

  /** Phase 1a, at a ballot above every one that was observed. Gives up whatever was under way. */
  prepare(): PrepareMessage {
    const ballot = nextBallot(this.#highestSeen, this.#id)
    this.#highestSeen = ballot
    this.#attempt = {
      phase: 'preparing',
      ballot,
      promisedBy: new Set(),
      highestAccepted: null,
    }
    return { type: 'prepare', ballot }
  }

  /** Counts a promise; see checkPromises for what it may lead to. */
  receivePromise(from: NodeId, promise: PromiseMessage<V>): void {
    const attempt = this.#attempt
    if (attempt.phase !== 'preparing' || !sameBallot(promise.ballot, attempt.ballot)) return
    if (!this.#quorums.acceptors.has(from)) return
    const isHigher =
      compareBallots(promise.accepted?.ballot ?? null, attempt.highestAccepted?.ballot ?? null) > 0
    this.#attempt = {
      ...attempt,
      promisedBy: new Set(attempt.promisedBy).add(from),
      highestAccepted: isHigher ? promise.accepted : attempt.highestAccepted,
    }
  }

  /**
   * Becomes leader if a quorum has promised, bound to the value of the highest-numbered proposal
   * that any of them has accepted (P2c of Paxos Made Simple). Says whether it did.
   */
  checkPromises(): boolean {
    const attempt = this.#attempt
    if (attempt.phase !== 'preparing') return false
    if (!this.#quorums.isPhase1Quorum(attempt.promisedBy)) return false
    const { ballot, highestAccepted } = attempt
    const accept: AcceptMessage<V> | null =
      highestAccepted === null ? null : { type: 'accept', ballot, value: highestAccepted.value }
    this.#attempt = { phase: 'leading', ballot, nackedBy: new Set(), accept }
    return true
  }

  /**
   * Phase 2a: asks for `value`, if this proposer leads and its ballot has proposed nothing yet.
   * Otherwise `null`: a ballot proposes one value in its life, and another value needs another
   * ballot.
   */
  proposeAtBallot(value: V): AcceptMessage<V> | null {
    const attempt = this.#attempt
    if (attempt.phase !== 'leading' || attempt.accept !== null) return null
    const accept: AcceptMessage<V> = { type: 'accept', ballot: attempt.ballot, value }
    this.#attempt = { ...attempt, accept }
    return accept
  }

  /**
   * Counts a refusal. Says whether it ends the attempt: in phase 1 the first one does, for it
   * names a rival; a leader stays until the acceptors that have not refused hold no quorum.
   */
  receiveNack(from: NodeId, nack: NackMessage): boolean {
    this.observe(nack.promised)
    const attempt = this.#attempt
    if (attempt.phase === 'idle' || !sameBallot(nack.ballot, attempt.ballot)) return false
    if (!this.#quorums.acceptors.has(from)) return false
    if (attempt.phase === 'preparing') return true
    const nackedBy = new Set(attempt.nackedBy).add(from)
    this.#attempt = { ...attempt, nackedBy }
    const left = new Set([...this.#quorums.acceptors].filter((id) => !nackedBy.has(id)))
    return !this.#quorums.isPhase2Quorum(left)
  }

  /** Gives up the attempt or the leadership. The next attempt uses a higher ballot. */
  resign(): void {
    this.#attempt = { phase: 'idle' }
  }

  /** The next attempt goes above `ballot`. */
  observe(ballot: Ballot): void {
    this.#highestSeen = highestBallot(this.#highestSeen, ballot)
  }

  setQuorums(quorums: QuorumSystem): void {
    this.#quorums = quorums
  }
}
