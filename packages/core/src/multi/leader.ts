/**
 * What a node does about leading: an attempt (phase 1), a leadership (phase 2, heartbeats, the
 * confirmation of reads), or neither. When to try is not decided here. It must never act with a
 * ballot after this node's own acceptor has promised another one, and never count what this node
 * has promised or accepted before that is durable.
 */
import { highestBallot, nextBallot, sameBallot } from '../ballot.ts'
import type { Ballot, NodeId } from '../ballot.ts'
import type { Slot } from '../durability.ts'
import { earliest } from '../leadership.ts'
import type { NackMessage } from '../message.ts'
import type { LogAcceptor } from './acceptor.ts'
import type { LogStep } from './effects.ts'
import { LEAST_PACE_BYTES } from './limits.ts'
import type {
  LogAcceptedMessage,
  LogHeartbeatAnswerMessage,
  LogPromiseMessage,
  ReadIndexMessage,
} from './messages.ts'
import type { Settings } from './options.ts'
import { Phase1 } from './phase1.ts'
import type { PageResult } from './phase1.ts'
import { batchBytes, NO_ROOM, Phase2 } from './phase2.ts'
import type { Room } from './phase2.ts'
import { ReadRounds } from './reads.ts'

/** What this node is doing about leading. */
type Role =
  | { readonly phase: 'idle' }
  | { readonly phase: 'preparing'; readonly phase1: Phase1 }
  | { readonly phase: 'leading'; readonly phase2: Phase2; readonly reads: ReadRounds }

type Leading = Role & { readonly phase: 'leading' }

const IDLE: Role = { phase: 'idle' }

/** The candidate and the leader in a node. */
export class Leader {
  readonly #settings: Settings
  readonly #acceptor: LogAcceptor
  #role: Role = IDLE
  #highestSeen: Ballot | null
  #heartbeatAtMs = 0

  constructor(settings: Settings, acceptor: LogAcceptor) {
    this.#settings = settings
    this.#acceptor = acceptor
    this.#highestSeen = acceptor.promised
  }

  get phase(): Role['phase'] {
    return this.#role.phase
  }

  /** The ballot that this node prepares or leads with; `null` when it does neither. */
  get ballot(): Ballot | null {
    const role = this.#role
    if (role.phase === 'idle') return null
    return role.phase === 'preparing' ? role.phase1.ballot : role.phase2.ballot
  }

  /** The leadership, while it lasts. */
  get phase2(): Omit<Phase2, 'assign' | 'nextRecovered'> | null {
    return this.#role.phase === 'leading' ? this.#role.phase2 : null
  }

  /** Whether this node prepares with the highest ballot that was heard of. */
  get isHighest(): boolean {
    const role = this.#role
    return role.phase === 'preparing' && sameBallot(role.phase1.ballot, this.highestSeen)
  }

  /** The highest ballot that was heard of. */
  get highestSeen(): Ballot | null {
    return highestBallot(this.#highestSeen, this.#acceptor.promised)
  }

  /** When something is to be sent again; `null` when nothing waits for time. */
  get nextTickAtMs(): number | null {
    const role = this.#role
    if (role.phase === 'idle') return null
    if (role.phase === 'preparing') return role.phase1.askAgainAtMs
    return earliest(this.#heartbeatAtMs, role.phase2.overdueAtMs)
  }

  /** The next attempt goes above `ballot`. */
  observe(ballot: Ballot | null): void {
    this.#highestSeen = highestBallot(this.#highestSeen, ballot)
  }

  /**
   * Phase 1a. The Prepare leaves only when this node's own promise of the ballot is durable: a
   * restart must find it on disk, or the ballot might be used again, for other values.
   */
  prepare(step: LogStep, nowMs: number): void {
    this.stepDown(step)
    const ballot = nextBallot(this.highestSeen, this.#settings.id)
    this.#highestSeen = ballot
    this.#acceptor.promise(step, ballot)
    const { retransmitIntervalMs } = this.#settings
    const phase1 = new Phase1(ballot, this.#acceptor.chosenThrough + 1, retransmitIntervalMs)
    this.#role = { phase: 'preparing', phase1 }
    for (const peer of this.#others) {
      const prepare = phase1.ask(peer, nowMs)
      if (prepare !== null) step.sendAfterSave(peer, prepare)
    }
  }

  /** Gives up an attempt or the leadership. */
  stepDown(step: LogStep): void {
    const role = this.#role
    this.#role = IDLE
    if (role.phase !== 'leading') return
    step.tell({ type: 'leadership-lost', ballot: role.phase2.ballot })
    role.reads.fail(step)
  }

  /** A page of a promise. 'behind' ends the attempt: this node must catch up first. */
  receivePromise(step: LogStep, from: NodeId, page: LogPromiseMessage, nowMs: number): PageResult {
    const role = this.#role
    const isAcceptor = this.#settings.quorums.acceptors.has(from)
    if (role.phase !== 'preparing' || !isAcceptor) return 'ignored'
    const result = role.phase1.receivePromise(from, page)
    if (result === 'behind') this.stepDown(step)
    const next = result === 'more' ? role.phase1.ask(from, nowMs) : null
    if (next !== null) step.send(from, next)
    return result
  }

  /** A refusal. Says whether it ended an attempt or the leadership. */
  receiveNack(step: LogStep, from: NodeId, nack: NackMessage, nowMs: number): boolean {
    this.observe(nack.promised)
    const { ballot, promised } = nack
    const isAcceptor = this.#settings.quorums.acceptors.has(from)
    if (!sameBallot(ballot, this.ballot) || !isAcceptor) return false
    const role = this.#role
    if (role.phase === 'preparing') step.tell({ type: 'preempted', ballot, promised })
    if (role.phase === 'leading' && !role.phase2.receiveNack(from, ballot, nowMs)) return false
    this.stepDown(step)
    return true
  }

  receiveAccepted(
    from: NodeId,
    message: LogAcceptedMessage | LogHeartbeatAnswerMessage,
    nowMs: number,
  ): void {
    const role = this.#role
    if (role.phase !== 'leading' || !sameBallot(message.ballot, role.phase2.ballot)) return
    const isHeartbeat = message.type === 'logHeartbeatAnswer'
    role.phase2.hear(from, nowMs, isHeartbeat ? message.chosenThrough : undefined)
    role.phase2.receiveAccepted(from, message.through, nowMs)
    if (isHeartbeat) role.reads.confirm(from, message.readId)
  }

  /** What new commands the next Accept may take. */
  room(nowMs: number): Room {
    return this.#role.phase === 'leading' ? this.#role.phase2.room(nowMs) : NO_ROOM
  }

  /** Proposes `values` in one Accept. Returns the slot of the first; `null` without room for them. */
  propose(step: LogStep, values: readonly Uint8Array[], nowMs: number): Slot | null {
    const room = this.room(nowMs)
    const fits = batchBytes(values) <= room.bytes || values.length === 1
    if (this.#role.phase !== 'leading' || values.length > room.values || !fits) return null
    return this.#propose(step, this.#role.phase2, values)
  }

  /** A read of this node, or of another one; says whether this node leads. */
  read(step: LogStep, read: number | { from: NodeId; question: ReadIndexMessage }): boolean {
    if (this.#role.phase !== 'leading') return false
    if (typeof read === 'number') this.#role.reads.add(step, read)
    else this.#role.reads.addRemote(read.from, read.question)
    return true
  }

  /** Says at once that this node leads, if it does. */
  announce(step: LogStep, nowMs: number): void {
    if (this.#role.phase !== 'leading') return
    this.#sendHeartbeat(step, this.#role.phase2, this.#role.reads.readId, nowMs)
  }

  /** Asks `to` to take over at once. */
  handOver(step: LogStep, to: NodeId): void {
    if (this.#role.phase !== 'leading') return
    step.send(to, { type: 'handOver', ballot: this.#role.phase2.ballot })
  }

  /** Sends again what was not answered in time. */
  retransmit(step: LogStep, nowMs: number): void {
    const role = this.#role
    if (role.phase === 'preparing') this.#askAgain(step, role.phase1, nowMs)
    else if (role.phase === 'leading') role.phase2.expire(this.#acceptor.chosenThrough, nowMs)
  }

  /** This node's oldest save is durable. */
  saved(): void {
    const role = this.#role
    if (role.phase !== 'preparing') return
    const { phase1 } = role
    if (!this.#acceptor.hasDurablyPromised(phase1.ballot)) return
    const { log } = this.#acceptor
    phase1.countOwnPromise(this.#settings.id, log.entriesFrom(phase1.from))
  }

  /** What follows from everything that came in with this step. Says whether it ended by losing. */
  advance(step: LogStep, nowMs: number): boolean {
    const deposed = this.ballot !== null && !sameBallot(this.#acceptor.promised, this.ballot)
    if (deposed) this.stepDown(step)
    const role = this.#role
    if (role.phase === 'preparing' && role.phase1.isComplete(this.#settings.quorums)) {
      this.#lead(step, role.phase1, nowMs)
    }
    if (this.#role.phase === 'leading') this.#advance(step, this.#role, nowMs)
    return deposed
  }

  #lead(step: LogStep, phase1: Phase1, nowMs: number): void {
    const { id, quorums, maxAcceptsInFlight, maxBytesInFlight } = this.#settings
    const { heartbeatPeriodMs, retransmitIntervalMs } = this.#settings
    const { ballot } = phase1
    const base = this.#acceptor.chosenThrough + 1
    const recovered = phase1.recovered(base)
    const phase2 = new Phase2({
      id,
      ballot,
      base,
      recovered,
      quorums,
      limits: { accepts: maxAcceptsInFlight, bytes: maxBytesInFlight },
      intervalMs: retransmitIntervalMs,
      silentAfterMs: 2 * Math.max(heartbeatPeriodMs, retransmitIntervalMs),
      nowMs,
    })
    this.#role = { phase: 'leading', phase2, reads: new ReadRounds() }
    this.#heartbeatAtMs = nowMs + heartbeatPeriodMs
    // Where there is much to propose first, all hear who leads before the bulk of it is on its way.
    if (batchBytes(recovered) > LEAST_PACE_BYTES) this.#sendHeartbeat(step, phase2, 0, nowMs)
    step.tell({ type: 'leadership-acquired', ballot, recovered })
  }

  get #others(): readonly NodeId[] {
    const { quorums, id } = this.#settings
    return [...quorums.acceptors].filter((acceptor) => acceptor !== id)
  }

  #propose(step: LogStep, phase2: Phase2, values: readonly Uint8Array[]): Slot {
    const first = phase2.assign(values)
    this.#acceptor.accept(step, phase2.ballot, first, values)
    return first
  }

  #advance(step: LogStep, { phase2, reads }: Leading, nowMs: number): void {
    const { id, quorums } = this.#settings
    const { ballot, base, recoveredThrough } = phase2
    const before = this.#acceptor.chosenThrough
    phase2.receiveAccepted(id, this.#acceptor.durablyHeldThrough(ballot, base), nowMs)
    this.#acceptor.learn(ballot, base, phase2.chosenThrough)
    const { chosenThrough } = this.#acceptor
    phase2.settle(chosenThrough)
    this.#deliver(step, phase2, nowMs)
    for (let more = phase2.nextRecovered(nowMs); more.length > 0;) {
      this.#propose(step, phase2, more)
      this.#deliver(step, phase2, nowMs)
      more = phase2.nextRecovered(nowMs)
    }
    reads.finish(step, quorums)
    // Before that slot is chosen, earlier leaders may have more chosen than this one knows of.
    const beginsRound = chosenThrough >= recoveredThrough && reads.begin(id, chosenThrough)
    reads.finish(step, quorums)
    // With nothing in flight no Accept will soon say what was chosen.
    const isUntold = chosenThrough > before && phase2.batches.length === 0
    if (isUntold || beginsRound || nowMs >= this.#heartbeatAtMs) {
      this.#sendHeartbeat(step, phase2, reads.readId, nowMs)
    }
  }

  #sendHeartbeat(step: LogStep, phase2: Phase2, readId: number, nowMs: number): void {
    this.#heartbeatAtMs = nowMs + this.#settings.heartbeatPeriodMs
    const { ballot, base } = phase2
    const { chosenThrough } = this.#acceptor
    step.send('all', { type: 'logHeartbeat', ballot, base, chosenThrough, readId })
  }

  #askAgain(step: LogStep, phase1: Phase1, nowMs: number): void {
    const isDurable = this.#acceptor.hasDurablyPromised(phase1.ballot)
    for (const peer of this.#others) {
      const prepare = phase1.isOverdue(peer, nowMs) ? phase1.ask(peer, nowMs) : null
      if (prepare !== null && isDurable) step.send(peer, prepare)
    }
  }

  /** Sends what can leave: to everybody at once where it can. */
  #deliver(step: LogStep, phase2: Phase2, nowMs: number): void {
    const { ballot, base } = phase2
    const { chosenThrough, log } = this.#acceptor
    for (const { batch, to } of phase2.deliveries(nowMs)) {
      const first = Math.max(batch.first, chosenThrough + 1)
      const values = log.values(first, batch.last)
      const accept = { type: 'logAccept', ballot, base, first, values, chosenThrough } as const
      const isForAll = to.length === this.#others.length
      for (const peer of isForAll ? (['all'] as const) : to) step.send(peer, accept)
    }
  }
}
