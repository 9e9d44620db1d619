/**
 * Linearizable reads without a write to the log (Ongaro's thesis, §6.4). The leader notes what is
 * chosen, lets a quorum confirm after that that it has promised nobody else, and then names the
 * slot; one round serves all reads that waited when it began. A follower asks the leader, for itself
 * and for followers that the leader does not hear.
 *
 * It must never count an answer to an earlier round, to an earlier run of this node, or to a question
 * that left before the read came.
 */
import type { NodeId } from '../ballot.ts'
import type { Slot } from '../durability.ts'
import type { LogStep } from './effects.ts'
import type { Electorate } from './electorate.ts'
import { MAX_WAITING_READS } from './limits.ts'
import type { ReadIndexAnswerMessage, ReadIndexMessage } from './messages.ts'

/** Reads that are served together. */
class Waiting {
  /** Of this node, by the ids that its host gave them. */
  readonly ids: number[] = []
  /** By node: its newest question. It asks one at a time. */
  readonly remote = new Map<NodeId, ReadIndexMessage>()
  /** Whether one of them wants more than the leader's lease. */
  #wantsQuorum = false

  /** Whether the leader's lease is enough for all of them. */
  get isByLease(): boolean {
    return !this.#wantsQuorum
  }

  get isEmpty(): boolean {
    return this.ids.length === 0 && this.remote.size === 0
  }

  /** A read of this node. It fails when there are too many. */
  add(step: LogStep, id: number, byLease = false): void {
    if (this.ids.length >= MAX_WAITING_READS) return failReads(step, [id])
    this.ids.push(id)
    if (!byLease) this.#wantsQuorum = true
  }

  /** A question of another node. An earlier one that comes late takes no later one's place. */
  addRemote(node: NodeId, question: ReadIndexMessage): void {
    if (isCovered(question, this.remote.get(node))) return
    this.remote.set(node, question)
    if (question.byLease !== true) this.#wantsQuorum = true
  }

  answer(step: LogStep, slot: Slot): void {
    for (const id of this.ids) step.tell({ type: 'read-ready', id, slot })
    this.#answerRemote(step, slot)
  }

  fail(step: LogStep): void {
    failReads(step, this.ids)
    this.#answerRemote(step, 0)
  }

  #answerRemote(step: LogStep, slot: Slot): void {
    for (const [node, { run, number }] of this.remote) {
      step.send(node, { type: 'readIndexAnswer', run, number, slot })
    }
  }
}

/** A confirmation under way. */
interface Round {
  readonly readId: number
  readonly slot: Slot
  readonly reads: Waiting
  /** Who votes as it begins. A later leader has to ask a quorum of those, or is chosen by one. */
  readonly electorate: Electorate
  readonly confirmedBy: Map<NodeId, string>
}

/** Who confirms, and as which incarnation. */
export interface Confirmation {
  readonly from: NodeId
  readonly incarnation: string
}

/** The leader's side, for one leadership. */
export class ReadRounds {
  #waiting = new Waiting()
  #round: Round | null = null
  #readId = 0

  /** The newest round; 0 before the first. */
  get readId(): number {
    return this.#readId
  }

  add(step: LogStep, id: number): void {
    this.#waiting.add(step, id)
  }

  addRemote(node: NodeId, question: ReadIndexMessage): void {
    this.#waiting.addRemote(node, question)
  }

  /**
   * Begins a round for all that wait, if none is under way. Says whether it did: then a heartbeat
   * with its readId is due. Call it only once something is chosen at this leadership's ballot.
   */
  begin(own: Confirmation, chosenThrough: Slot, electorate: Electorate): boolean {
    if (this.#round !== null || this.#waiting.isEmpty) return false
    this.#readId += 1
    this.#round = {
      readId: this.#readId,
      slot: chosenThrough,
      reads: this.#waiting,
      electorate,
      confirmedBy: new Map([[own.from, own.incarnation]]),
    }
    this.#waiting = new Waiting()
    return true
  }

  /** A node confirms the leadership, in answer to the heartbeat with `readId`: that of the round. */
  confirm({ from, incarnation }: Confirmation, readId: number): void {
    if (this.#round?.readId === readId) this.#round.confirmedBy.set(from, incarnation)
  }

  /** Ends the round, if a quorum has confirmed it. */
  finish(step: LogStep): boolean {
    if (this.#round === null) return false
    const { electorate, confirmedBy } = this.#round
    if (!electorate.isPhase2Quorum(confirmedBy)) return false
    this.#round.reads.answer(step, this.#round.slot)
    this.#round = null
    return true
  }

  /** The leadership is lost. */
  fail(step: LogStep): void {
    this.#round?.reads.fail(step)
    this.#waiting.fail(step)
  }
}

/** A follower's side, across leaders. */
export class ReadRequests {
  readonly #run: number
  readonly #intervalMs: number
  #requests = 0
  #waiting = new Waiting()
  #asked: { readonly message: ReadIndexMessage; readonly reads: Waiting; sentAtMs: number } | null =
    null

  constructor(run: number, intervalMs: number) {
    this.#run = run
    this.#intervalMs = intervalMs
  }

  /** When to ask again; `null` when no answer is awaited. */
  get nextTickAtMs(): number | null {
    return this.#asked === null ? null : this.#asked.sentAtMs + this.#intervalMs
  }

  add(step: LogStep, id: number, byLease: boolean): void {
    this.#waiting.add(step, id, byLease)
  }

  /** Asks for another follower, which may have asked the same before, or something later. */
  addRemote(node: NodeId, question: ReadIndexMessage): void {
    const asked = this.#asked?.reads.remote.get(node)
    if (!isCovered(question, asked)) this.#waiting.addRemote(node, question)
  }

  /** Asks for all that wait, unless an answer is awaited; asks again when it is overdue. */
  ask(step: LogStep, ways: readonly NodeId[], nowMs: number): void {
    if (this.#asked === null && !this.#waiting.isEmpty) {
      this.#requests += 1
      const reads = this.#waiting
      const question = { type: 'readIndex', run: this.#run, number: this.#requests } as const
      const message = {
        ...question,
        ...(reads.remote.size > 0 && { relayed: true as const }),
        ...(reads.isByLease && { byLease: true as const }),
      }
      this.#asked = { message, reads, sentAtMs: nowMs }
      this.#waiting = new Waiting()
      for (const way of ways) step.send(way, message)
    } else if (this.#asked !== null && nowMs >= this.#asked.sentAtMs + this.#intervalMs) {
      this.#asked.sentAtMs = nowMs
      for (const way of ways) step.send(way, this.#asked.message)
    }
  }

  receiveAnswer(step: LogStep, { run, number, slot }: ReadIndexAnswerMessage): void {
    const asked = this.#asked
    if (asked === null || run !== this.#run || number !== asked.message.number) return
    this.#asked = null
    if (slot === 0) asked.reads.fail(step)
    else asked.reads.answer(step, slot)
  }

  /** The leader is another now, or nobody is there to ask. */
  fail(step: LogStep): void {
    this.#asked?.reads.fail(step)
    this.#waiting.fail(step)
    this.#asked = null
    this.#waiting = new Waiting()
  }
}

/** Whether `asked`, of the same node, is this question or a later one. */
function isCovered(question: ReadIndexMessage, asked: ReadIndexMessage | undefined): boolean {
  return asked?.run === question.run && asked.number >= question.number
}

function failReads(step: LogStep, ids: readonly number[]): void {
  for (const id of ids) step.tell({ type: 'read-failed', id })
}
