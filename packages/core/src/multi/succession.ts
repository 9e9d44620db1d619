/**
 * When a leader lets another node take its place, and which: because its host asks for it, because the
 * other is of a higher priority, because its own disk is stuck, or because it votes no more. The other
 * one raises its ballot itself, when it is asked; so none of this can do harm, and none must stop a
 * leadership that nobody takes over.
 *
 * A transfer stops what is new, lets everything be chosen that is under way, and the successor hold it,
 * and only then asks: so the successor has nothing to recover, and writes pause for some round trips.
 * It must never go on for longer than was said, nor leave this node leading with a lease that it has
 * ended (see `lease.ts`): then it takes a new ballot.
 */
import type { NodeId } from '../ballot.ts'
import { earliest } from '../leadership.ts'
import type { LogAcceptor } from './acceptor.ts'
import type { LogStep } from './effects.ts'
import type { Leader } from './leader.ts'
import { MAX_PRIORITY_FACTOR, PRIORITY_WINDOWS } from './limits.ts'
import type { Members } from './members.ts'
import type { Phase2 } from './phase2.ts'
import type { Settings } from './options.ts'

/** One that is under way. */
interface Transfer {
  readonly to: NodeId
  readonly untilMs: number
  /** When the successor was asked last; `null` before the first time. */
  readonly askedAtMs: number | null
}

/** What this node has let another one do, because that is of a higher priority. */
interface Promotion {
  readonly atMs: number
  readonly count: number
}

/** Those of one node. */
export class Succession {
  readonly #settings: Settings
  readonly #acceptor: LogAcceptor
  readonly #leader: Leader
  readonly #members: Members
  #transfer: Transfer | null = null
  /** When a leader with a stuck disk may ask somebody to take over. */
  #yieldAtMs = 0
  /** When it has ended its lease so; `null` while it has not. */
  #yieldedAtMs: number | null = null
  readonly #promotions = new Map<NodeId, Promotion>()

  constructor(settings: Settings, acceptor: LogAcceptor, leader: Leader, members: Members) {
    this.#settings = settings
    this.#acceptor = acceptor
    this.#leader = leader
    this.#members = members
  }

  /** When something is due; `null` when nothing is. */
  get nextTickAtMs(): number | null {
    if (this.#transfer === null) return null
    const { untilMs, askedAtMs } = this.#transfer
    const againAtMs = askedAtMs === null ? null : askedAtMs + this.#settings.retransmitIntervalMs
    return earliest(untilMs, againAtMs)
  }

  /**
   * Begins a transfer to `to`, or to whom suits best. It takes the place of one that is under way, and
   * does nothing where this node does not lead.
   */
  begin(step: LogStep, to: NodeId | null, withinMs: number, nowMs: number): void {
    const { phase2 } = this.#leader
    if (phase2 === null) return
    const successor = to ?? this.#best(phase2, nowMs)
    if (successor === null) return step.tell({ type: 'transfer-failed', to, reason: 'nobody' })
    const asked = this.#transfer?.to === successor ? this.#transfer.askedAtMs : null
    this.#transfer = { to: successor, untilMs: nowMs + withinMs, askedAtMs: asked }
    this.#leader.pause()
  }

  /** What is due while this node leads. Says whether it has to take a new ballot, to go on. */
  tick(step: LogStep, windowMs: number, nowMs: number): boolean {
    const { phase2 } = this.#leader
    if (phase2 === null) return false
    if (this.#transfer !== null) this.#tickTransfer(step, this.#transfer, nowMs)
    if (this.#transfer !== null) return false
    const isExternal = this.#settings.election === 'external'
    if (!isExternal && this.isDiskStalled(windowMs, nowMs)) {
      this.#yield(step, phase2, windowMs, nowMs)
      return false
    }
    const hasAsked = this.#yieldedAtMs !== null && nowMs < this.#yieldedAtMs + windowMs
    // Whoever was asked has not taken over.
    if (!hasAsked && this.#mayLease && this.#leader.hasGivenUpLease) return true
    if (!isExternal) this.#prefer(step, phase2, windowMs, nowMs)
    return false
  }

  /** What follows from what came in with this step. */
  advance(step: LogStep, nowMs: number): void {
    const { phase2, hasLeft } = this.#leader
    if (phase2 === null) {
      this.#transfer = null
      this.#yieldedAtMs = null
    } else if (hasLeft) {
      this.#leave(step, phase2)
    } else if (
      this.#transfer?.askedAtMs === null &&
      this.#isReady(this.#transfer.to, phase2, nowMs)
    ) {
      this.#transfer = { ...this.#transfer, askedAtMs: nowMs }
      this.#leader.handOver(step, this.#transfer.to)
    }
  }

  /** Whether this node's disk has been at work on one save for a whole window. */
  isDiskStalled(windowMs: number, nowMs: number): boolean {
    const { saving } = this.#acceptor
    return saving !== null && nowMs >= saving.sinceMs + windowMs
  }

  #tickTransfer(step: LogStep, transfer: Transfer, nowMs: number): void {
    const { to, untilMs, askedAtMs } = transfer
    if (nowMs >= untilMs) {
      this.#transfer = null
      this.#leader.resume()
      const reason = askedAtMs === null ? 'not-caught-up' : 'not-taken'
      step.tell({ type: 'transfer-failed', to, reason })
    } else if (askedAtMs !== null && nowMs >= askedAtMs + this.#settings.retransmitIntervalMs) {
      this.#transfer = { ...transfer, askedAtMs: nowMs }
      this.#leader.handOver(step, to)
    }
  }

  /**
   * Whether nothing is under way, and the successor holds it all. With leases it must have given its
   * word too: else it has just started, and may promise nothing yet.
   */
  #isReady(to: NodeId, phase2: Leading, nowMs: number): boolean {
    const isSettled = this.#leader.isOpen && phase2.barrier === null && phase2.isRecovered
    if (!isSettled || this.#acceptor.chosenThrough < phase2.lastSlot) return false
    const peer = phase2.peers.get(to)
    if (peer === undefined || Math.max(peer.through, peer.chosenThrough) < phase2.lastSlot)
      return false
    return !this.#mayLease || this.#leader.hasWordOf(to, nowMs)
  }

  get #mayLease(): boolean {
    return this.#members.current.configuration.lease !== undefined
  }

  /** The highest priority; of those who holds the most; of those who was heard last. */
  #best(phase2: Leading, nowMs: number): NodeId | null {
    const heard = this.#others(phase2).filter(({ heardAtMs }) => this.#isRecent(heardAtMs, nowMs))
    const [best] = heard.toSorted(
      (a, b) => b.priority - a.priority || b.through - a.through || b.heardAtMs - a.heardAtMs,
    )
    return best?.id ?? null
  }

  /** Somebody of a higher priority who has caught up, and was heard all the time for some windows. */
  #prefer(step: LogStep, phase2: Leading, windowMs: number, nowMs: number): void {
    const own = this.#priorityOf(this.#settings.id)
    if (this.#others(phase2).every(({ priority }) => priority <= own)) return
    const [best] = this.#others(phase2)
      .filter(({ priority, through }) => priority > own && through >= this.#acceptor.chosenThrough)
      .filter(({ heardAtMs }) => this.#isRecent(heardAtMs, nowMs))
      .filter(
        ({ id, steadySinceMs }) => nowMs >= steadySinceMs + this.#patienceMs(id, windowMs, nowMs),
      )
      .toSorted((a, b) => b.priority - a.priority)
    if (best === undefined) return
    const count = (this.#promotions.get(best.id)?.count ?? 0) + 1
    this.#promotions.set(best.id, { atMs: nowMs, count })
    this.begin(step, best.id, windowMs / 2, nowMs)
  }

  /** Twice as long each time that it was promoted, and did not lead on: until that is long ago. */
  #patienceMs(id: NodeId, windowMs: number, nowMs: number): number {
    const longMs = PRIORITY_WINDOWS * MAX_PRIORITY_FACTOR * windowMs
    const before = this.#promotions.get(id)
    if (before !== undefined && nowMs >= before.atMs + 2 * longMs) this.#promotions.delete(id)
    const { count } = this.#promotions.get(id) ?? { count: 0 }
    return PRIORITY_WINDOWS * Math.min(2 ** count, MAX_PRIORITY_FACTOR) * windowMs
  }

  /**
   * The disk of this leader is stuck. Somebody who is known to have a faster one takes over, before
   * this node can take in nothing more; where all are as slow, another leader would not help.
   */
  #yield(step: LogStep, phase2: Leading, windowMs: number, nowMs: number): void {
    if (nowMs < this.#yieldAtMs) return
    const unsaved = this.#acceptor.saving?.through ?? 0
    const [best] = this.#others(phase2)
      .filter(({ held, heardAtMs }) => held >= unsaved && nowMs < heardAtMs + windowMs)
      .toSorted((a, b) => b.held - a.held)
    if (best === undefined) return
    this.#yieldAtMs = nowMs + windowMs
    this.#yieldedAtMs = nowMs
    this.#leader.handOver(step, best.id)
  }

  /** This node leads where it has no vote: somebody who votes takes over, as soon as one can. */
  #leave(step: LogStep, phase2: Leading): void {
    const { version } = this.#members.current
    const next = this.#others(phase2).find(({ known }) => known >= version)
    if (next === undefined) return
    this.#leader.handOver(step, next.id)
    this.#leader.stepDown(step)
  }

  #others(phase2: Leading): readonly Successor[] {
    return [...phase2.peers]
      .filter(([id]) => id !== this.#settings.id)
      .map(([id, { through, chosenThrough, heardAtMs, steadySinceMs }]) => ({
        id,
        priority: this.#priorityOf(id),
        held: through,
        known: chosenThrough,
        through: Math.max(through, chosenThrough),
        heardAtMs,
        steadySinceMs,
      }))
  }

  #isRecent(heardAtMs: number, nowMs: number): boolean {
    return nowMs < heardAtMs + 2 * this.#settings.heartbeatPeriodMs
  }

  #priorityOf(id: NodeId): number {
    return this.#members.current.member(id)?.priority ?? 0
  }
}

/** A leadership, for reading. */
type Leading = Omit<Phase2, 'assign' | 'nextRecovered' | 'setElectorate'>

/** Somebody who could take over. */
interface Successor {
  readonly id: NodeId
  readonly priority: number
  /** What it has acknowledged. */
  readonly held: number
  /** What it says that it knows to be chosen. */
  readonly known: number
  /** The higher of both. */
  readonly through: number
  readonly heardAtMs: number
  readonly steadySinceMs: number
}
