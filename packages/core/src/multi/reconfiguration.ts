/**
 * The way from those who vote to those who are to vote next, while a node leads. It asks the latter for
 * their promises before the members entry is proposed, so that the leader goes on as soon as that is
 * chosen; and it ends when those who vote by it are known to hold all before. It must never let anything
 * be proposed behind a members entry that is not known to be chosen, nor in a slot for which no phase 1
 * quorum of those who vote there has promised the ballot: rules 2 and 3 of `configuration.ts`.
 */
import type { NodeId } from '../ballot.ts'
import type { Slot } from '../durability.ts'
import type { LogAcceptor } from './acceptor.ts'
import type { LogStep } from './effects.ts'
import type { Electorate } from './electorate.ts'
import type { Lease } from './lease.ts'
import { FAREWELL_HEARTBEATS } from './limits.ts'
import type { Members } from './members.ts'
import type { LogPrepareMessage, LogPromiseMessage } from './messages.ts'
import type { Settings } from './options.ts'
import type { Phase1 } from './phase1.ts'
import type { Phase2 } from './phase2.ts'

/** What a leader has while it leads. */
export interface Leadership {
  /** Goes on for those who come to vote later. */
  readonly phase1: Phase1
  readonly phase2: Phase2
  readonly lease: Lease
}

/** What may be proposed before something is chosen. */
interface Found {
  readonly values: readonly Uint8Array[]
  /** The slot of the last of them, where it is a members entry that says something. */
  readonly barrier: Slot | null
}

/** The changes of one node's leaderships. */
export class Reconfiguration {
  readonly #settings: Settings
  readonly #acceptor: LogAcceptor
  readonly #members: Members
  /** The version whose phase 1 quorum has promised the ballot: only behind it anything is proposed. */
  #openVersion: Slot = 0
  /** Who is to vote, while their promises are asked for. */
  #next: Electorate | null = null
  /** When the host has asked for those last. */
  #nextAtMs = 0
  /** Until when who has left is told that the change is complete. */
  #farewellUntilMs: number | null = null

  constructor(settings: Settings, acceptor: LogAcceptor, members: Members) {
    this.#settings = settings
    this.#acceptor = acceptor
    this.#members = members
  }

  /** Whether a phase 1 quorum of those who vote now has promised the ballot. */
  get isOpen(): boolean {
    return this.#openVersion === this.#electorate.version
  }

  /** Whether promises are awaited while this node leads. */
  get isAsking(): boolean {
    return this.#next !== null || !this.isOpen
  }

  /** Whether this node does not vote, nor this state of it: then it should not lead. */
  get hasLeft(): boolean {
    const { id, incarnation } = this.#settings
    const electorate = this.#electorate
    return !(incarnation === '' ? electorate.isVoter(id) : electorate.counts(id, incarnation))
  }

  /** Whether `id` is to vote, and is asked for its promise. */
  isInvited(id: NodeId): boolean {
    return this.#next?.isVoter(id) === true
  }

  /** Which incarnation of `id` will count; `null` where any does. */
  named(id: NodeId): string | null {
    const asked = this.#next ?? this.#electorate
    return asked.isVoter(id) ? asked.named(id) : this.#electorate.named(id)
  }

  /** What `peer` is asked now; `null` when it has answered all. */
  question(phase1: Phase1, peer: NodeId, nowMs: number): LogPrepareMessage | null {
    const prepare = phase1.ask(peer, nowMs)
    if (prepare === null) return null
    const { version } = this.#electorate
    const names = this.named(peer)
    return { ...prepare, ...(version > 0 && { version }), ...(names !== null && { names }) }
  }

  /** A leadership begins with the promises of those who vote now. What is proposed first, from `base` on. */
  begin(phase1: Phase1, base: Slot): Found {
    this.#openVersion = this.#electorate.version
    return this.#throughBarrier(base, phase1.recovered(base))
  }

  /** An attempt or a leadership is over. */
  end(): void {
    this.#next = null
  }

  /** Who votes behind `values`, if they are proposed next and change that. */
  nextWith(phase2: Phase2, values: readonly Uint8Array[]): Electorate | null {
    const first = phase2.lastSlot + 1
    const { values: before, barrier } = this.#throughBarrier(first, values)
    return barrier === null ? null : this.#members.after(barrier, before.at(-1))
  }

  /**
   * Whether the members entry may be proposed by which those vote: alone, once all that was found is
   * chosen, and a phase 1 quorum of them has promised this ballot. They are asked for that.
   */
  mayPropose(
    step: LogStep,
    { phase1, phase2 }: Leadership,
    next: Electorate,
    nowMs: number,
  ): boolean {
    const isSettled = this.#acceptor.chosenThrough >= phase2.recoveredThrough
    if (!isSettled || !this.isOpen) return false
    this.#nextAtMs = nowMs
    if (this.#next?.isLike(next) !== true) {
      this.#next = next
      this.#invite(step, phase1, next, nowMs)
    }
    return phase1.isComplete(next)
  }

  /** A change for which the host does not ask any more is not prepared any more. */
  abandon({ phase1, phase2 }: Leadership, nowMs: number): void {
    const isWanted = nowMs < this.#nextAtMs + this.#settings.livenessWindowMs
    if (this.#next === null || isWanted || phase2.barrier !== null) return
    this.#next = null
    phase1.askOnly(this.#electorate.quorums.acceptors)
  }

  /**
   * While who is to vote was asked, more was chosen, and it has no more of the entries: it is asked
   * for what is behind. If it knows more than this node does, in a while.
   */
  inviteAgain(
    step: LogStep,
    phase1: Phase1,
    to: NodeId,
    { from }: LogPromiseMessage,
    nowMs: number,
  ): void {
    const first = this.#acceptor.chosenThrough + 1
    phase1.invite(to, this.#next ?? this.#electorate, first)
    const question = this.question(phase1, to, nowMs)
    if (question !== null && first > from) step.send(to, question)
  }

  /** Others vote behind what was chosen now. They may have to be asked yet. */
  change(step: LogStep, { phase1, phase2, lease }: Leadership, nowMs: number): void {
    lease.forget(nowMs)
    const wasInvited = this.#next?.isLike(this.#electorate) === true
    this.#next = null
    this.#farewellUntilMs = null
    phase2.setElectorate(this.#electorate, nowMs)
    phase1.askOnly(this.#electorate.quorums.acceptors)
    // Who leaves lets others begin.
    if (!wasInvited && !this.hasLeft) this.#invite(step, phase1, this.#electorate, nowMs)
  }

  /** Goes on behind a barrier, as soon as a phase 1 quorum of who votes there has promised. */
  open({ phase1, phase2 }: Leadership): void {
    if (this.isOpen || this.hasLeft) return
    if (!phase1.isComplete(this.#electorate)) return
    this.#openVersion = this.#electorate.version
    const first = phase2.lastSlot + 1
    const { values, barrier } = this.#throughBarrier(first, phase1.recovered(first))
    phase2.recover(values)
    if (barrier !== null) phase2.stopAt(barrier)
    phase1.forget(barrier ?? Infinity)
  }

  /**
   * Says whether the newest change is complete by now, and was not before: then nobody needs those any
   * more who have left. They are told of it, for a while.
   */
  complete(phase2: Phase2, nowMs: number): boolean {
    const { version } = this.#electorate
    if (this.#members.complete >= version) return false
    if (!this.isOpen || !phase2.isStored(version)) return false
    this.#members.noteComplete(version)
    this.#farewellUntilMs = nowMs + FAREWELL_HEARTBEATS * this.#settings.heartbeatPeriodMs
    return true
  }

  /** A heartbeat has left: who has left may have been told often enough. */
  bidFarewell(nowMs: number): void {
    if (this.#farewellUntilMs === null || nowMs < this.#farewellUntilMs) return
    this.#farewellUntilMs = null
    this.#members.bidFarewell(this.#members.complete)
  }

  /**
   * What of `values`, for the slots from `first` on, may be proposed before something is chosen: no
   * more than the first members entry that says something, which is the barrier.
   */
  #throughBarrier(first: Slot, values: readonly Uint8Array[]): Found {
    const at = values.findIndex(
      (value, index) => this.#members.after(first + index, value) !== null,
    )
    if (at < 0) return { values, barrier: null }
    return { values: values.slice(0, at + 1), barrier: first + at }
  }

  /** Asks those for their promises whose votes will count and who have not promised as they will. */
  #invite(step: LogStep, phase1: Phase1, next: Electorate, nowMs: number): void {
    for (const peer of next.quorums.acceptors) {
      if (peer === this.#settings.id || phase1.counts(peer, next)) continue
      phase1.invite(peer, next, this.#acceptor.chosenThrough + 1)
      const question = this.question(phase1, peer, nowMs)
      if (question !== null) step.send(peer, question)
    }
  }

  get #electorate(): Electorate {
    return this.#members.current
  }
}
