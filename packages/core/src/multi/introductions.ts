/**
 * How nodes come to know who somebody is: what one that does not vote says of itself, what a new one
 * asks the others, and what they answer. Who may vote by that is in `admission.ts`. It must never
 * answer a new node but with what this node had done before it heard of that one.
 */
import type { NodeId } from '../ballot.ts'
import type { Slot } from '../durability.ts'
import { Admission } from './admission.ts'
import type { Standing } from './admission.ts'
import type { LogStep } from './effects.ts'
import type { Electorate } from './electorate.ts'
import { INTRODUCTION_HEARTBEATS } from './limits.ts'
import type { IntroductionAnswerMessage, IntroductionMessage } from './messages.ts'
import { Newcomers } from './newcomers.ts'
import type { Heard, Said } from './newcomers.ts'
import type { Settings } from './options.ts'

/** What this node knows of itself at this moment. */
export interface Self {
  readonly electorate: Electorate
  /** Whether it has promised anything, ever. */
  readonly hasVoted: boolean
  readonly storedThrough: Slot
  readonly chosenThrough: Slot
  readonly nowMs: number
}

/** Those of one node. */
export class Introductions {
  readonly #settings: Settings
  readonly #admission: Admission
  readonly #newcomers = new Newcomers()
  #atMs = 0

  constructor(settings: Settings) {
    this.#settings = settings
    this.#admission = new Admission(settings)
  }

  /** Whether this state may vote where no incarnation is named. */
  get isAdmitted(): boolean {
    return this.#admission.isAdmitted
  }

  /** As which incarnation others were heard. */
  get heard(): ReadonlyMap<NodeId, Heard> {
    return this.#newcomers.heard
  }

  standing(electorate: Electorate): Standing {
    return this.#admission.standing(electorate)
  }

  /** Who has still to answer before this new node votes. */
  waitsFor(electorate: Electorate): readonly NodeId[] {
    return this.#admission.waitsFor(electorate)
  }

  /** Whether to vote for whoever asks: see Admission. */
  votes(electorate: Electorate): boolean {
    return this.#admission.votes(electorate)
  }

  /** Takes note of a configuration. Says whether this node is let in by it. */
  see(electorate: Electorate): boolean {
    return this.#admission.see(electorate)
  }

  /** A node has said who it is. */
  hear(from: NodeId, said: Said, nowMs: number): void {
    this.#newcomers.hear(from, said, nowMs)
  }

  /** Whether `id` was not heard since `sinceMs` to say who it is. */
  isSilent(id: NodeId, sinceMs: number): boolean {
    return this.#newcomers.isSilent(id, sinceMs)
  }

  /** Whoever else was heard is forgotten. */
  keep(known: ReadonlySet<NodeId>): void {
    this.#newcomers.keep(known)
  }

  /** When this node says next who it is; `null` when it need not. */
  nextTickAtMs(electorate: Electorate): number | null {
    return this.#to(electorate).length > 0 ? this.#atMs : null
  }

  /** Says who this node is, when that is due. */
  tick(step: LogStep, { electorate, storedThrough, nowMs }: Self): void {
    const peers = this.#to(electorate)
    if (peers.length === 0 || nowMs < this.#atMs) return
    const { retransmitIntervalMs, heartbeatPeriodMs } = this.#settings
    const asks = this.standing(electorate) === 'waiting'
    const periodMs = asks ? retransmitIntervalMs : INTRODUCTION_HEARTBEATS * heartbeatPeriodMs
    this.#atMs = nowMs + periodMs
    for (const peer of peers) this.introduce(step, peer, storedThrough, asks)
  }

  /** Says who this node is. `asks` wants to be told the same. */
  introduce(step: LogStep, to: NodeId, storedThrough: Slot, asks: boolean): void {
    const { incarnation } = this.#settings
    if (incarnation === '') return
    step.send(to, { type: 'introduction', incarnation, storedThrough, asks })
  }

  receive(step: LogStep, from: NodeId, message: IntroductionMessage, own: Self): void {
    const { incarnation, asks } = message
    const { hasVoted, chosenThrough, nowMs } = own
    this.#newcomers.hear(from, message, nowMs)
    this.#admission.hear(from, incarnation, hasVoted)
    if (!asks) return
    step.send(from, {
      type: 'introductionAnswer',
      to: incarnation,
      incarnation: this.#settings.incarnation,
      hadVoted: this.#admission.hadVoted(from, incarnation, hasVoted),
      chosenThrough,
    })
  }

  /** An answer to this new node. Says whether it is let in by it. */
  receiveAnswer(from: NodeId, answer: IntroductionAnswerMessage, own: Self): boolean {
    const { incarnation } = answer
    this.#newcomers.hear(from, { incarnation }, own.nowMs)
    this.#admission.hear(from, incarnation, own.hasVoted)
    return this.#admission.receiveAnswer(from, answer, own.electorate)
  }

  /** Whom this node tells who it is: who has to say that it may vote, or who leads it. */
  #to(electorate: Electorate): readonly NodeId[] {
    const { id, incarnation } = this.#settings
    const standing = this.standing(electorate)
    if (standing === 'waiting') return this.waitsFor(electorate)
    const isFollower = standing === 'learner' || standing === 'none'
    if (incarnation === '' || !isFollower) return []
    return [...electorate.quorums.acceptors].filter((acceptor) => acceptor !== id)
  }
}
