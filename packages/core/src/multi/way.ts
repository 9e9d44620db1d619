/**
 * The way to the leader: what this node has for it, commands and questions of reads, goes there directly
 * or by another acceptor, and this node passes on what comes from others that do not reach the leader
 * themselves. Nothing is passed on twice, so that nothing travels in circles. It must never believe
 * anybody who was not asked.
 */
import type { NodeId } from '../ballot.ts'
import type { Slot } from '../durability.ts'
import type { LogStep } from './effects.ts'
import { headOf } from './entry.ts'
import { isBatch } from './input.ts'
import type { Leader } from './leader.ts'
import { MAX_SLOTS_AHEAD } from './limits.ts'
import type { Members } from './members.ts'
import type { ForwardMessage, ForwardRefusedMessage } from './messages.ts'
import type { ReadIndexAnswerMessage, ReadIndexMessage } from './messages.ts'
import type { Settings } from './options.ts'
import { ReadRequests } from './reads.ts'

/** That of one node. */
export class Way {
  readonly #settings: Settings
  readonly #leader: Leader
  readonly #members: Members
  readonly #requests: ReadRequests
  #leaderId: NodeId | null = null
  /** Who passes on what this node has for the leader, which may not get there directly. */
  #relay: NodeId | null = null
  /** Whose commands this node has passed on to the leader that it follows. */
  readonly #relayedFor = new Set<NodeId>()

  /** Questions are marked with `run`, which is drawn when this node starts. */
  constructor(settings: Settings, leader: Leader, members: Members, run: number) {
    this.#settings = settings
    this.#leader = leader
    this.#members = members
    this.#requests = new ReadRequests(run, settings.retransmitIntervalMs)
  }

  /** The node that leads, this one included; `null` when none is known. */
  get leaderId(): NodeId | null {
    return this.#leaderId
  }

  /** Whether no leader makes itself known to this node. */
  get isLearner(): boolean {
    return this.#settings.incarnation !== '' && !this.#members.current.isVoter(this.#settings.id)
  }

  /** When an answer is overdue; `null` when none is awaited. */
  get nextTickAtMs(): number | null {
    return this.#requests.nextTickAtMs
  }

  /** Who is given what this node has for the leader; nobody when it leads, or knows nobody. */
  to(nowMs: number): readonly NodeId[] {
    if (this.#leader.phase !== 'idle') return []
    const [leader, relay] = [this.#leaderId, this.#relay]
    if (leader === null && relay === null && this.isLearner) return this.#inTurn(nowMs)
    return [leader, relay === leader ? null : relay].filter((node) => node !== null)
  }

  /** Another node leads, or nobody that is known. Says whether that is news. */
  setLeader(step: LogStep, leader: NodeId | null): boolean {
    if (this.#leaderId === leader) return false
    this.#leaderId = leader
    this.#relay = null
    this.#relayedFor.clear()
    this.#requests.fail(step)
    return true
  }

  /** From now on, until the leader changes, `relay` is given too what this node has for the leader. */
  relayBy(relay: NodeId | null): void {
    this.#relay = relay
  }

  /** Others vote. Who does not, passes nothing on. */
  membersChanged(): void {
    if (this.#relay !== null && !this.#members.current.isVoter(this.#relay)) this.#relay = null
  }

  forward(step: LogStep, values: readonly Uint8Array[], nowMs: number): void {
    for (const node of this.to(nowMs)) step.send(node, { type: 'forward', values })
  }

  read(step: LogStep, id: number, byLease: boolean, nowMs: number): void {
    if (this.#leader.read(step, id, byLease, nowMs)) return
    if (this.to(nowMs).length === 0) step.tell({ type: 'read-failed', id })
    else this.#requests.add(step, id, byLease)
  }

  /** Asks for the reads that wait, when it is time. They fail when there is nobody to ask. */
  ask(step: LogStep, nowMs: number): void {
    const to = this.to(nowMs)
    if (to.length > 0) this.#requests.ask(step, to, nowMs)
    else this.#requests.fail(step)
  }

  receiveQuestion(step: LogStep, from: NodeId, question: ReadIndexMessage, nowMs: number): void {
    if (this.#leader.readFor(step, from, question, nowMs)) return
    if (this.#leaderFor(from, question) !== null) return this.#requests.addRemote(from, question)
    const { run, number } = question
    step.send(from, { type: 'readIndexAnswer', run, number, slot: 0 })
  }

  /** `known`: the highest slot that this node knows to be chosen, or `from` is known to know. */
  receiveAnswer(step: LogStep, from: NodeId, answer: ReadIndexAnswerMessage, known: Slot): void {
    if (this.#mayKnow(from, answer.slot, known)) this.#requests.receiveAnswer(step, answer)
  }

  /** Believed only from who was asked: what another node says of it is hearsay. */
  receiveRefusal(step: LogStep, from: NodeId, refusal: ForwardRefusedMessage): void {
    if (!this.#isAsked(from)) return
    step.tell({ ...refusal, type: 'forward-refused' })
    if (from !== this.#leaderId) return
    for (const node of this.#relayedFor) step.send(node, refusal)
  }

  /** What is no value of this log is refused here; the host of the leader may refuse more. */
  receiveForward(step: LogStep, from: NodeId, message: ForwardMessage): void {
    const { values } = message
    const leader = this.#leaderFor(from, message)
    if (this.#leader.phase !== 'leading' && leader === null) return
    const { isValue } = this.#settings
    const heads = values.filter((value) => !isValue(value)).map(headOf)
    if (heads.length > 0) {
      step.send(from, { type: 'forwardRefused', heads })
      step.tell({ type: 'disbelieved', from, reason: 'value' })
    }
    const taken = heads.length > 0 ? values.filter((value) => isValue(value)) : values
    if (leader === null) {
      if (taken.length > 0) step.tell({ type: 'forwarded', from, values: taken })
    } else if (isBatch(taken)) {
      this.#relayedFor.add(from)
      step.send(leader, { type: 'forward', values: taken, relayed: true })
    }
  }

  /** Whether `from` is asked by this node for what the leader decides. */
  #isAsked(from: NodeId): boolean {
    const isRelay = this.isLearner && this.#members.current.isVoter(from)
    return from === this.#leaderId || from === this.#relay || isRelay
  }

  /** Whether `from` is asked for read slots, and this one is in its reach. */
  #mayKnow(from: NodeId, slot: Slot, known: Slot): boolean {
    // A relay that knows nobody says nothing about a leader that this node knows.
    if (slot === 0 && from !== this.#leaderId && this.#leaderId !== null) return false
    return this.#isAsked(from) && slot <= known + MAX_SLOTS_AHEAD
  }

  /**
   * The leader whom this node asks for `from`, which does not reach it. Nothing goes on that was
   * passed on before, nor back to where it came from.
   */
  #leaderFor(from: NodeId, { relayed }: ForwardMessage | ReadIndexMessage): NodeId | null {
    const isDirect = this.#leader.phase === 'idle' && this.#relay === null && relayed !== true
    return isDirect && this.#leaderId !== from ? this.#leaderId : null
  }

  /** One of the voters, and each window another: it may be down. */
  #inTurn(nowMs: number): readonly NodeId[] {
    const { id, livenessWindowMs } = this.#settings
    const voters = [...this.#members.current.quorums.acceptors].filter((voter) => voter !== id)
    const turn = Math.floor(nowMs / livenessWindowMs)
    return voters.length === 0 ? [] : voters.slice(turn % voters.length).slice(0, 1)
  }
}
