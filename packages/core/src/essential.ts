/**
 * Single-decree Paxos and nothing else, to be read beside Lamport's Paxos Made Simple (2001), §2.
 * Any number of nodes propose values; at most one value is ever chosen, and every learner that
 * learns, learns that one, however many messages are lost, late, repeated or out of order.
 *
 * What the page leaves to its reader, and `practical` adds: writing an acceptor's state to disk
 * before its answer leaves, refusals, retransmission, leaders, and doubt: these classes believe and
 * keep all that they are told, a round of 2^53 - 1 too. It must never grow any of them.
 */
import { compareBallots, formatBallot, highestBallot, nextBallot, sameBallot } from './ballot.ts'
import type { Ballot, NodeId } from './ballot.ts'
import type { AcceptedMessage, AcceptMessage, PrepareMessage, PromiseMessage } from './message.ts'
import type { Proposal } from './message.ts'
import type { QuorumSystem } from './quorum.ts'

/** Tries to get a value chosen. */
export class Proposer<V> {
  readonly #id: NodeId
  readonly #quorums: QuorumSystem
  /** The attempt under way: what it wants, and what its promises have revealed so far. */
  #attempt: {
    readonly ballot: Ballot
    readonly wanted: V
    readonly promisedBy: Set<NodeId>
    highestAccepted: Proposal<V> | null
    accept: AcceptMessage<V> | null
  } | null = null
  #highestSeen: Ballot | null

  /**
   * `seen` is the highest ballot that this proposer has ever used. A proposer that is restarted
   * without it may use one ballot for two values, and two values may be chosen.
   */
  constructor(id: NodeId, quorums: QuorumSystem, seen: Ballot | null = null) {
    this.#id = id
    this.#quorums = quorums
    this.#highestSeen = seen
  }

  /**
   * Phase 1a. Takes a ballot that nobody has used and asks every acceptor to promise it.
   *
   * Why it is safe: a Prepare proposes nothing. Taking a new ballot for each attempt is what lets
   * "the value proposed at ballot b" have one meaning.
   */
  prepare(value: V): PrepareMessage {
    const ballot = nextBallot(this.#highestSeen, this.#id)
    this.#highestSeen = ballot
    this.#attempt = {
      ballot,
      wanted: value,
      promisedBy: new Set(),
      highestAccepted: null,
      accept: null,
    }
    return { type: 'prepare', ballot }
  }

  /**
   * Phase 2a. Once a quorum has promised the ballot, asks every acceptor to accept a value: that
   * of the highest-numbered proposal which any of the quorum has accepted, or, only if there is
   * none, the proposer's own. Returns it when the quorum is complete, and nothing otherwise.
   *
   * Why it is safe (P2c of the paper): if a value is chosen at a lower ballot, or ever will be,
   * some acceptor of this quorum has accepted it already, because the others have promised to
   * accept nothing below this ballot; and by induction the highest-numbered one carries that value.
   */
  receivePromise(from: NodeId, promise: PromiseMessage<V>): AcceptMessage<V> | null {
    const attempt = this.#attempt
    if (attempt === null || !sameBallot(promise.ballot, attempt.ballot)) return null
    if (attempt.accept !== null) return null

    attempt.promisedBy.add(from)
    const seen = attempt.highestAccepted
    if (compareBallots(promise.accepted?.ballot ?? null, seen?.ballot ?? null) > 0) {
      attempt.highestAccepted = promise.accepted
    }
    if (!this.#quorums.isPhase1Quorum(attempt.promisedBy)) return null

    const proven = attempt.highestAccepted
    const value = proven === null ? attempt.wanted : proven.value
    attempt.accept = { type: 'accept', ballot: promise.ballot, value }
    return attempt.accept
  }

  /** The next attempt goes above `ballot`, which somebody else was seen to use. */
  observe(ballot: Ballot): void {
    this.#highestSeen = highestBallot(this.#highestSeen, ballot)
  }
}

/** Remembers, for the others, what has been promised and accepted. */
export class Acceptor<V> {
  #promised: Ballot | null
  #accepted: Proposal<V> | null

  /** After a restart, takes up what stable storage holds; a new acceptor begins with nothing. */
  constructor(promised: Ballot | null = null, accepted: Proposal<V> | null = null) {
    this.#promised = promised
    this.#accepted = accepted
  }

  /** The highest ballot that was promised; on stable storage before any answer leaves. */
  get promised(): Ballot | null {
    return this.#promised
  }

  /** The highest-numbered proposal that was accepted; on stable storage likewise. */
  get accepted(): Proposal<V> | null {
    return this.#accepted
  }

  /**
   * Phase 1b. Promises to accept nothing below the ballot, and tells what was accepted until now.
   * Says nothing to a ballot below one that it has promised.
   *
   * Why it is safe: the promise only takes freedom away from this acceptor, and what it reports
   * can no longer be overtaken by anything that it would accept at a lower ballot.
   */
  receivePrepare(prepare: PrepareMessage): PromiseMessage<V> | null {
    if (compareBallots(prepare.ballot, this.#promised) < 0) return null
    this.#promised = prepare.ballot
    return { type: 'promise', ballot: prepare.ballot, accepted: this.#accepted }
  }

  /**
   * Phase 2b. Accepts the value, unless a higher ballot was promised, and tells every learner.
   *
   * Why it is safe (P1a of the paper): an acceptor accepts ballot b only if it has promised none
   * above b, so that what a promise has reported stays true.
   */
  receiveAccept(accept: AcceptMessage<V>): AcceptedMessage<V> | null {
    if (compareBallots(accept.ballot, this.#promised) < 0) return null
    this.#promised = accept.ballot
    this.#accepted = { ballot: accept.ballot, value: accept.value }
    return { type: 'accepted', ballot: accept.ballot, value: accept.value }
  }
}

/** Finds out which value was chosen. */
export class Learner<V> {
  readonly #quorums: QuorumSystem
  /** By ballot, who has accepted at it, which stays true; until something is chosen. */
  readonly #acceptedAt = new Map<string, Set<NodeId>>()
  #chosen: Proposal<V> | null = null

  constructor(quorums: QuorumSystem) {
    this.#quorums = quorums
  }

  /** The chosen proposal, or `null` while none is known. */
  get chosen(): Proposal<V> | null {
    return this.#chosen
  }

  /**
   * Counts an acceptance. A value is chosen when a quorum has accepted it at one ballot; returns
   * the proposal when it is, and for ever after.
   *
   * Why it is safe: a ballot has one value, so counting acceptors by ballot counts them by value,
   * and an acceptor that says the same twice is counted once.
   */
  receiveAccepted(from: NodeId, accepted: AcceptedMessage<V>): Proposal<V> | null {
    if (this.#chosen !== null) return this.#chosen
    const { ballot, value } = accepted
    const acceptors = this.#acceptedAt.get(formatBallot(ballot)) ?? new Set()
    this.#acceptedAt.set(formatBallot(ballot), acceptors.add(from))
    if (!this.#quorums.isPhase2Quorum(acceptors)) return null
    this.#acceptedAt.clear()
    this.#chosen = { ballot, value }
    return this.#chosen
  }
}
