/**
 * One node in all three roles: an acceptor, a learner and a proposer that share what they see.
 * Inputs go in, Effects come out; see `effects.ts` for the host's duties. It decides nothing about
 * when to lead: the host does, or `functional` and `external` do. It must never count its own
 * promise or acceptance before it is durable, for a crash could forget it.
 */
import type { Ballot, NodeId } from '../ballot.ts'
import { EMPTY_SAVED } from '../durability.ts'
import type { Saved } from '../durability.ts'
import type { Disbelief, Effects } from '../effects.ts'
import { InvalidArgumentError } from '../errors.ts'
import { invariant } from '../invariant.ts'
import type { Message, Proposal } from '../message.ts'
import type { QuorumSystem } from '../quorum.ts'
import { Ceiling, highestRound, isFromOwner } from '../rounds.ts'
import { Acceptor } from './acceptor.ts'
import { Learner } from './learner.ts'
import { Proposer } from './proposer.ts'
import { Step } from './step.ts'

export interface NodeOptions<V> {
  readonly id: NodeId
  /**
   * Who votes. Node takes them as they are, to stay small; HeartbeatNode and ExternalNode check them
   * by requireQuorums, as whoever makes a Node with other quorums than a majority should.
   */
  readonly quorums: QuorumSystem
  /** What stable storage holds, from Durability.open(). Default: a node that has saved nothing. */
  readonly saved?: Saved<V> | undefined
  /** A passive node listens, learns, and says nothing. Default: true. */
  readonly active?: boolean | undefined
  /**
   * Whether a value is one that the application can use. This node accepts and proposes no other:
   * a message that asks it to is not believed. Must not throw, and must say the same on every node.
   * Default: all values are.
   */
  readonly isValue?: ((value: V) => boolean) | undefined
  /** How long to wait for answers before asking again, in milliseconds, > 0. Default: 200. */
  readonly retransmitIntervalMs?: number | undefined
}

/** A save that the host is carrying out. */
interface RunningSave<V> {
  readonly changes: number
  /** What this node tells itself once the save is durable. */
  readonly own: readonly Message<V>[]
}

/** A proposer, an acceptor and a learner in one. Generic in the value that is agreed on. */
export class Node<V> {
  readonly id: NodeId
  /** How long this node waits for answers before it asks again. */
  readonly retransmitIntervalMs: number
  readonly #rounds: Ceiling
  readonly #isValue: (value: V) => boolean
  readonly #acceptor: Acceptor<V>
  readonly #learner: Learner<V>
  readonly #proposer: Proposer<V>
  readonly #runningSaves: RunningSave<V>[] = []
  #quorums: QuorumSystem
  #active: boolean
  #nowMs: number | null = null
  #retransmitAtMs: number | null = null

  constructor(options: NodeOptions<V>) {
    const { id, quorums, saved = EMPTY_SAVED, retransmitIntervalMs = 200 } = options
    if (id === 'all') throw new InvalidArgumentError("'all' is no node's id. Choose another id.")
    requirePositive('retransmitIntervalMs', retransmitIntervalMs)
    this.id = id
    this.#quorums = quorums
    this.#active = options.active ?? true
    this.retransmitIntervalMs = retransmitIntervalMs
    this.#acceptor = new Acceptor(saved)
    this.#isValue = options.isValue ?? isAnything
    this.#rounds = new Ceiling(this.#acceptor.promised?.round ?? 0)
    this.#learner = new Learner(quorums, this.#acceptor.chosen)
    this.#proposer = new Proposer(id, quorums, this.#acceptor.promised)
    const { accepted } = this.#acceptor
    if (accepted !== null) this.#learner.receiveAccepted(id, { type: 'accepted', ...accepted })
  }

  /** The chosen proposal, or `null` while this node knows none. */
  get chosen(): Proposal<V> | null {
    return this.#learner.chosen
  }

  /**
   * The acceptors that are known to hold the chosen value, by their acceptances that this engine
   * has heard and its own. There may be more: who learnt it otherwise, or was heard before a restart.
   */
  get holders(): ReadonlySet<NodeId> {
    return this.#learner.holders
  }

  /** The highest ballot that this node's acceptor has promised. */
  get promised(): Ballot | null {
    return this.#acceptor.promised
  }

  /** What this node's acceptor has accepted last. */
  get accepted(): Proposal<V> | null {
    return this.#acceptor.accepted
  }

  /** What this node would have chosen, were it free to say. */
  get wanted(): { readonly value: V } | null {
    return this.#proposer.wanted
  }

  /** What this node's proposer is doing. */
  get phase(): 'idle' | 'preparing' | 'leading' {
    return this.#proposer.attempt.phase
  }

  /** The ballot that this node prepares or leads with; `null` when it does neither. */
  get ballot(): Ballot | null {
    const { attempt } = this.#proposer
    return attempt.phase === 'idle' ? null : attempt.ballot
  }

  get active(): boolean {
    return this.#active
  }

  /**
   * When tick() is next wanted, in milliseconds of the clock that it is given; `null` when nothing
   * waits for time, 0 when the engine needs to learn what time it is.
   */
  get nextTickAtMs(): number | null {
    return this.#waiting ? (this.#retransmitAtMs ?? 0) : null
  }

  /**
   * Gives this node a value to propose: now if it leads, else when it does. The first value
   * stands; later ones are ignored.
   */
  propose(value: V): Effects<V> {
    return this.#run((step) => {
      this.#proposer.want(value)
      this.#proposeAtBallot(step, value)
    })
  }

  /** Phase 1a: tries to lead. A second call starts afresh at a higher ballot. */
  prepare(): Effects<V> {
    return this.#run((step) => this.#prepare(step))
  }

  /**
   * A message came in. `from` is trusted: the host drops what strangers send. What no honest node
   * would say is not believed: it changes nothing, and a 'disbelieved' event says so.
   */
  receive(from: NodeId, message: Message<V>): Effects<V> {
    return this.#run((step) => {
      const reason = this.#doubt(from, message)
      if (reason === null) this.#receive(step, from, message)
      else step.tell({ type: 'disbelieved', from, reason })
    })
  }

  /** The oldest save that was not reported yet is durable. */
  saved(): Effects<V> {
    return this.#run((step) => {
      const save = this.#runningSaves.shift()
      invariant(save !== undefined, 'a save was reported that was never asked for')
      for (let count = 0; count < save.changes; count += 1) this.#acceptor.saved()
      step.own.push(...save.own)
    })
  }

  /** The time, in milliseconds of any clock that never goes back. Retransmits what is due. */
  tick(nowMs: number): Effects<V> {
    return this.#run((step) => {
      this.#nowMs = nowMs
      if (!this.#waiting) this.#retransmitAtMs = null
      else if (this.#retransmitAtMs === null) this.#armRetransmission()
      else if (nowMs >= this.#retransmitAtMs) this.#retransmit(step)
    })
  }

  /** Asks `node` what was chosen, or without an argument everybody; those that know answer. */
  learn(node: NodeId = 'all'): Effects<V> {
    return this.#run((step) => {
      if (this.chosen === null) step.send(node, { type: 'learn' })
    })
  }

  /** Gives up an attempt or the leadership. */
  resign(): Effects<V> {
    return this.#run((step) => this.#resign(step))
  }

  /**
   * A passive node promises, accepts and proposes nothing, but goes on learning. What it had
   * saved before may still leave.
   */
  setActive(active: boolean): Effects<V> {
    return this.#run((step) => {
      if (!active) this.#resign(step)
      this.#active = active
    })
  }

  /**
   * Counts by other quorums from now on; what was promised and accepted before counts too, as far
   * as its acceptor is still one. The engine cannot check that a change is safe. It is if every
   * phase 1 quorum of either system meets every phase 2 quorum of the other, as when one acceptor
   * joins or leaves a majority, and if before the next change a quorum of the present system has
   * accepted any value that may have been chosen under an earlier one (see `holders`).
   */
  setQuorums(quorums: QuorumSystem): Effects<V> {
    return this.#run((step) => {
      this.#quorums = quorums
      this.#proposer.setQuorums(quorums)
      this.#learner.setQuorums(quorums)
      this.#lead(step)
    })
  }

  get #waiting(): boolean {
    const { attempt } = this.#proposer
    if (attempt.phase === 'leading') return attempt.accept !== null && this.chosen === null
    return attempt.phase === 'preparing'
  }

  /** One input: does it, handles what the node tells itself, and records what is being saved. */
  #run(input: (step: Step<V>) => void): Effects<V> {
    const step = new Step<V>(this.id)
    input(step)
    for (let own = step.own.shift(); own !== undefined; own = step.own.shift()) {
      this.#receive(step, this.id, own)
    }
    const { chosen } = this
    if (chosen !== null && this.#acceptor.chosen === null) this.#recordChosen(step, chosen)
    const effects = step.effects(!this.#active)
    if (effects.save !== undefined) {
      this.#runningSaves.push({ changes: step.changes, own: step.ownAfterSave })
    }
    return effects
  }

  /** Why `from` would not say this; `null` when it may. */
  #doubt(from: NodeId, message: Message<V>): Disbelief | null {
    if (!isFromOwner(from, message)) return 'owner'
    if (!this.#rounds.admits(highestRound(message), this.#nowMs ?? 0)) return 'round'
    // What others have accepted may be chosen without this node: then it is told so all the same.
    if (message.type === 'accepted') return null
    const carried = 'value' in message ? message : 'accepted' in message ? message.accepted : null
    return carried === null || this.#isValue(carried.value) ? null : 'value'
  }

  #receive(step: Step<V>, from: NodeId, message: Message<V>): void {
    switch (message.type) {
      case 'prepare':
      case 'accept':
        this.#proposer.observe(message.ballot)
        return this.#ask(step, from, message)
      case 'promise':
        this.#proposer.receivePromise(from, message)
        return this.#lead(step)
      case 'nack':
        if (this.#proposer.receiveNack(from, message)) this.#giveUp(step, message.promised)
        return
      case 'accepted':
        this.#proposer.observe(message.ballot)
        return this.#learner.receiveAccepted(from, message)
      case 'propose':
        return this.#proposeAtBallot(step, message.value)
      case 'learn':
        if (this.chosen !== null) step.send(from, { type: 'chosen', ...this.chosen })
        return
      case 'chosen':
        this.#proposer.observe(message.ballot)
        return this.#learner.learn({ ballot: message.ballot, value: message.value })
      case 'heartbeat':
      case 'proclamation':
        return this.#proposer.observe(message.ballot)
    }
  }

  /** A Prepare or an Accept reaches this node's acceptor. */
  #ask(step: Step<V>, from: NodeId, message: Message<V> & { type: 'prepare' | 'accept' }): void {
    if (!this.#active) return
    const answer =
      message.type === 'prepare'
        ? this.#acceptor.receivePrepare(message)
        : this.#acceptor.receiveAccept(message)
    if (answer === null) return
    step.answer(answer.message.type === 'accepted' ? 'all' : from, answer)
  }

  /**
   * The Prepare leaves only when this node's own promise of the ballot is durable: a restart must
   * find it on disk, or the ballot might be used again, for another value.
   */
  #prepare(step: Step<V>): void {
    if (!this.#active) return
    this.#loseLeadership(step)
    const prepare = this.#proposer.prepare()
    const answer = this.#acceptor.receivePrepare(prepare)
    invariant(answer !== null && answer.change !== null, 'a new ballot was promised before')
    step.answer(this.id, answer)
    for (const id of this.#quorums.acceptors) {
      if (id !== this.id) step.sendAfterSave(id, prepare)
    }
    this.#armRetransmission()
  }

  /** Leads, if the promises suffice: with the value that they reveal, else with its own. */
  #lead(step: Step<V>): void {
    if (!this.#proposer.checkPromises()) return
    const { attempt, wanted } = this.#proposer
    invariant(attempt.phase === 'leading', 'the promises suffice, but this node does not lead')
    step.tell({ type: 'leadership-acquired', ballot: attempt.ballot })
    if (attempt.accept === null) {
      if (wanted !== null) this.#proposeAtBallot(step, wanted.value)
    } else if (this.chosen === null) {
      step.send('all', attempt.accept)
      this.#armRetransmission()
    }
  }

  #proposeAtBallot(step: Step<V>, value: V): void {
    if (this.chosen !== null) return
    const accept = this.#proposer.proposeAtBallot(value)
    if (accept === null) return
    step.send('all', accept)
    this.#armRetransmission()
  }

  /** Asks those again that have not answered; a leader that was refused prepares a new ballot. */
  #retransmit(step: Step<V>): void {
    this.#armRetransmission()
    const { attempt } = this.#proposer
    if (attempt.phase === 'preparing' && this.#acceptor.settled) {
      this.#askAgain(step, attempt.promisedBy, { type: 'prepare', ballot: attempt.ballot })
    } else if (attempt.phase === 'leading' && attempt.accept !== null) {
      if (attempt.nackedBy.size > 0) this.#prepare(step)
      else this.#askAgain(step, this.#learner.acceptedAt(attempt.ballot), attempt.accept)
    }
  }

  #askAgain(step: Step<V>, answered: ReadonlySet<NodeId>, message: Message<V>): void {
    for (const id of this.#quorums.acceptors) if (!answered.has(id)) step.send(id, message)
  }

  #armRetransmission(): void {
    this.#retransmitAtMs = this.#nowMs === null ? null : this.#nowMs + this.retransmitIntervalMs
  }

  /** The attempt was refused, because of a higher ballot. */
  #giveUp(step: Step<V>, promised: Ballot): void {
    const { attempt } = this.#proposer
    if (attempt.phase === 'preparing') {
      step.tell({ type: 'preempted', ballot: attempt.ballot, promised })
    }
    this.#resign(step)
  }

  #resign(step: Step<V>): void {
    this.#loseLeadership(step)
    this.#proposer.resign()
  }

  #loseLeadership(step: Step<V>): void {
    const { attempt } = this.#proposer
    if (attempt.phase === 'leading') step.tell({ type: 'leadership-lost', ballot: attempt.ballot })
  }

  #recordChosen(step: Step<V>, chosen: Proposal<V>): void {
    step.tell({ type: 'chosen', ...chosen })
    const change = this.#acceptor.recordChosen(chosen)
    if (change !== null) step.save(change)
  }
}

const isAnything = (): boolean => true

/** Throws InvalidArgumentError unless `value` is a finite number above 0. */
export function requirePositive(name: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return
  throw new InvalidArgumentError(`${name} is ${value}. Give a number above 0.`)
}
