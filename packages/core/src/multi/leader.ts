/**
 * What a node does about leading: an attempt (phase 1), a leadership (phase 2, heartbeats, the
 * confirmation of reads), or neither. When to try is not decided here, and `reconfiguration.ts` says how
 * others come to vote. It must never act with a ballot after this node's own acceptor has promised
 * another one, and never count what this node has promised or accepted before that is durable.
 */
import { highestBallot, nextBallot, sameBallot } from '../ballot.ts'
import type { Ballot, NodeId } from '../ballot.ts'
import type { Slot } from '../durability.ts'
import { earliest } from '../leadership.ts'
import type { NackMessage } from '../message.ts'
import type { LogAcceptor } from './acceptor.ts'
import type { LogStep } from './effects.ts'
import type { Electorate } from './electorate.ts'
import { NO_OP } from './entry.ts'
import { Lease } from './lease.ts'
import { LEAST_PACE_BYTES } from './limits.ts'
import type { Members } from './members.ts'
import type {
  LogAcceptedMessage,
  LogHeartbeatAnswerMessage,
  LogHeartbeatMessage,
  LogPromiseMessage,
  ReadIndexMessage,
} from './messages.ts'
import type { Settings } from './options.ts'
import { Phase1 } from './phase1.ts'
import type { PageResult } from './phase1.ts'
import { batchBytes, NO_ROOM, Phase2 } from './phase2.ts'
import type { Room } from './phase2.ts'
import { ReadRounds } from './reads.ts'
import { Reconfiguration } from './reconfiguration.ts'
import type { Leadership } from './reconfiguration.ts'

/** What this node is doing about leading. */
type Role =
  | { readonly phase: 'idle' }
  | { readonly phase: 'preparing'; readonly phase1: Phase1 }
  | (Leadership & { readonly phase: 'leading'; readonly reads: ReadRounds })

type Leading = Role & { readonly phase: 'leading' }

const IDLE: Role = { phase: 'idle' }

/** What a refusal leads to. */
export type Refusal = 'ignored' | 'ended' | 'outbid'

/** The candidate and the leader in a node. */
export class Leader {
  readonly #settings: Settings
  readonly #acceptor: LogAcceptor
  readonly #members: Members
  readonly #reconfiguration: Reconfiguration
  #role: Role = IDLE
  /** Who was asked for the promises of an attempt. */
  #asked: Electorate | null = null
  #highestSeen: Ballot | null
  #heartbeatAtMs = 0
  /** Something was chosen that neither an Accept nor a heartbeat has said. */
  #isUntold = false
  /** Nothing new is proposed, so that another node can take over. */
  #isPaused = false

  constructor(settings: Settings, acceptor: LogAcceptor, members: Members) {
    this.#settings = settings
    this.#acceptor = acceptor
    this.#members = members
    this.#reconfiguration = new Reconfiguration(settings, acceptor, members)
    this.#highestSeen = acceptor.promised
  }

  get phase(): Role['phase'] {
    return this.#role.phase
  }

  /** Whether this node leads, and nobody was told yet of the newest that was chosen. */
  get isUntold(): boolean {
    return this.phase === 'leading' && this.#isUntold
  }

  /** The ballot that this node prepares or leads with; `null` when it does neither. */
  get ballot(): Ballot | null {
    const role = this.#role
    if (role.phase === 'idle') return null
    return role.phase === 'preparing' ? role.phase1.ballot : role.phase2.ballot
  }

  /** The leadership, while it lasts. */
  get phase2(): Omit<Phase2, 'assign' | 'nextRecovered' | 'setElectorate'> | null {
    return this.#role.phase === 'leading' ? this.#role.phase2 : null
  }

  /** Whether this node prepares with the highest ballot that was heard of. */
  get isHighest(): boolean {
    const role = this.#role
    return role.phase === 'preparing' && sameBallot(role.phase1.ballot, this.highestSeen)
  }

  /** Whether this node prepares, and has asked others than those who vote now. */
  get asksOthers(): boolean {
    return this.#role.phase === 'preparing' && this.#asked !== this.#electorate
  }

  /** The highest ballot that was heard of. */
  get highestSeen(): Ballot | null {
    return highestBallot(this.#highestSeen, this.#acceptor.promised)
  }

  /** When something is to be sent again; `null` when nothing waits for time. */
  get nextTickAtMs(): number | null {
    const role = this.#role
    if (role.phase === 'idle') return null
    const { askAgainAtMs } = role.phase1
    if (role.phase === 'preparing') return askAgainAtMs
    const dueAtMs = earliest(this.#heartbeatAtMs, role.phase2.overdueAtMs)
    return this.#reconfiguration.isAsking ? earliest(dueAtMs, askAgainAtMs) : dueAtMs
  }

  /** The next attempt goes above `ballot`. */
  observe(ballot: Ballot | null): void {
    this.#highestSeen = highestBallot(this.#highestSeen, ballot)
  }

  /**
   * Phase 1a. The Prepare leaves only when this node's own promise of the ballot is durable: a
   * restart must find it on disk, or the ballot might be used again, for other values. `released`:
   * that of the leader that has asked for it.
   */
  prepare(step: LogStep, nowMs: number, released?: Ballot): void {
    this.stepDown(step)
    const ballot = nextBallot(this.highestSeen, this.#settings.id)
    this.#highestSeen = ballot
    this.#acceptor.promise(step, ballot)
    const { retransmitIntervalMs } = this.#settings
    const from = this.#acceptor.chosenThrough + 1
    const phase1 = new Phase1(ballot, from, retransmitIntervalMs, released)
    this.#role = { phase: 'preparing', phase1 }
    this.#asked = this.#electorate
    for (const peer of this.#voters) {
      const prepare = this.#reconfiguration.question(phase1, peer, nowMs)
      if (prepare !== null) step.sendAfterSave(peer, prepare)
    }
  }

  /** Gives up an attempt or the leadership. */
  stepDown(step: LogStep): void {
    const role = this.#role
    this.#role = IDLE
    this.#reconfiguration.end()
    this.#isPaused = false
    if (role.phase !== 'leading') return
    step.tell({ type: 'leadership-lost', ballot: role.phase2.ballot })
    role.reads.fail(step)
  }

  /** A page of a promise. 'behind' ends the attempt: this node must catch up first. */
  receivePromise(step: LogStep, from: NodeId, page: LogPromiseMessage, nowMs: number): PageResult {
    const role = this.#role
    const reconfiguration = this.#reconfiguration
    const isAsking = role.phase === 'preparing' || reconfiguration.isAsking
    if (role.phase === 'idle' || !isAsking) return 'ignored'
    const named = reconfiguration.named(from)
    if (named !== null && named !== (page.incarnation ?? '')) return 'ignored'
    const result = role.phase1.receivePromise(from, page)
    if (result === 'behind' && role.phase === 'preparing') this.stepDown(step)
    else if (result === 'behind') {
      reconfiguration.inviteAgain(step, role.phase1, from, page, nowMs)
      return 'ignored'
    }
    const question = result === 'more' ? reconfiguration.question(role.phase1, from, nowMs) : null
    if (question !== null) step.send(from, question)
    return result
  }

  /**
   * A refusal. 'ended': with it an attempt or the leadership. 'outbid': who is to vote has promised a
   * higher ballot, so that this one comes to nothing where it votes.
   */
  receiveNack(step: LogStep, from: NodeId, nack: NackMessage, nowMs: number): Refusal {
    this.observe(nack.promised)
    const { ballot, promised } = nack
    if (!sameBallot(ballot, this.ballot)) return 'ignored'
    const role = this.#role
    if (!this.#electorate.isVoter(from)) {
      const isInvited = role.phase === 'leading' && this.#reconfiguration.isInvited(from)
      return isInvited ? 'outbid' : 'ignored'
    }
    if (role.phase === 'preparing') step.tell({ type: 'preempted', ballot, promised })
    if (role.phase === 'leading' && !role.phase2.receiveNack(from, ballot, nowMs)) return 'ignored'
    this.stepDown(step)
    return 'ended'
  }

  receiveAccepted(
    from: NodeId,
    message: LogAcceptedMessage | LogHeartbeatAnswerMessage,
    nowMs: number,
  ): void {
    const role = this.#role
    if (role.phase !== 'leading' || !sameBallot(message.ballot, role.phase2.ballot)) return
    const incarnation = message.incarnation ?? ''
    role.phase2.receiveAccepted(from, incarnation, message.through, nowMs)
    if (message.type === 'logAccepted') return role.phase2.hear(from, incarnation, nowMs)
    const { chosenThrough, storedThrough = 0, leaseAt } = message
    if (leaseAt !== undefined) {
      role.lease.receive({ from, incarnation }, leaseAt, this.#electorate, nowMs)
    }
    role.phase2.hear(from, incarnation, nowMs, { chosenThrough, storedThrough })
    role.reads.confirm({ from, incarnation }, message.readId)
  }

  /** Whether `id` is known to vote for this leadership: it has promised, or accepted, or learned by it. */
  hasVoteOf(id: NodeId): boolean {
    if (this.#role.phase !== 'leading') return false
    const { phase1, phase2 } = this.#role
    if (phase1.counts(id, this.#electorate)) return true
    const { through = 0, chosenThrough = 0 } = phase2.peers.get(id) ?? {}
    return through >= phase2.base || chosenThrough > 0
  }

  /** What new commands the next Accept may take. */
  room(nowMs: number): Room {
    if (this.#role.phase !== 'leading' || !this.isOpen || this.#isPaused) return NO_ROOM
    return this.#role.phase2.room(nowMs)
  }

  /** Whether a phase 1 quorum of those who vote now has promised the ballot, while this node leads. */
  get isOpen(): boolean {
    return this.#role.phase === 'leading' && this.#reconfiguration.isOpen
  }

  /** Nothing new is proposed, until resume() or the end of the leadership. */
  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
  }

  /** Whether the lease of this leadership rests on the word of `id` too. */
  hasWordOf(id: NodeId, nowMs: number): boolean {
    return this.#role.phase === 'leading' && this.#role.lease.hasWordOf(id, nowMs)
  }

  /** Whether this leadership has ended its lease, and cannot have another. */
  get hasGivenUpLease(): boolean {
    return this.#role.phase === 'leading' && this.#role.lease.isGivenUp
  }

  /** Whether this node may answer reads at this moment without asking anybody. */
  hasLease(nowMs: number): boolean {
    const role = this.#role
    if (role.phase !== 'leading' || !this.#mayRead(role) || !this.#mayLease(role)) return false
    return role.lease.holds(this.#electorate, this.#settings.incarnation, nowMs)
  }

  /** This node's clock may have stood still: whatever word was given may have ended. */
  distrustClock(nowMs: number): void {
    if (this.#role.phase === 'leading') this.#role.lease.forget(nowMs)
  }

  /** Proposes `values` in one Accept. Returns the slot of the first; `null` without room for them. */
  propose(step: LogStep, values: readonly Uint8Array[], nowMs: number): Slot | null {
    const room = this.room(nowMs)
    const fits = batchBytes(values) <= room.bytes || values.length === 1
    if (this.#role.phase !== 'leading' || values.length > room.values || !fits) return null
    const { phase2 } = this.#role
    const next = this.#reconfiguration.nextWith(phase2, values)
    if (next === null) return this.#propose(step, phase2, values)
    if (!this.#reconfiguration.mayPropose(step, this.#role, next, nowMs)) return null
    const slot = this.#propose(step, phase2, values)
    phase2.stopAt(slot)
    return slot
  }

  /** A read of this node; says whether it leads. By its lease, where that is enough, at once. */
  read(step: LogStep, id: number, byLease: boolean, nowMs: number): boolean {
    if (this.#role.phase !== 'leading') return false
    const slot = this.#acceptor.chosenThrough
    if (byLease && this.hasLease(nowMs)) step.tell({ type: 'read-ready', id, slot })
    else this.#role.reads.add(step, id)
    return true
  }

  /** The same of another one. */
  readFor(step: LogStep, from: NodeId, question: ReadIndexMessage, nowMs: number): boolean {
    if (this.#role.phase !== 'leading') return false
    const { run, number, byLease = false } = question
    const slot = this.#acceptor.chosenThrough
    if (byLease && this.hasLease(nowMs)) {
      step.send(from, { type: 'readIndexAnswer', run, number, slot })
    } else {
      this.#role.reads.addRemote(from, question)
    }
    return true
  }

  /** Says at once that this node leads, if it does. */
  announce(step: LogStep, nowMs: number): void {
    if (this.#role.phase !== 'leading') return
    this.#sendHeartbeat(step, this.#role, nowMs)
  }

  /** Says to one node that this one leads, if it does. */
  announceTo(step: LogStep, to: NodeId, nowMs: number): void {
    if (this.#role.phase !== 'leading') return
    step.send(to, this.#heartbeat(this.#role, nowMs))
  }

  /** Asks `to` to take over at once. The lease ends before. */
  handOver(step: LogStep, to: NodeId): void {
    if (this.#role.phase !== 'leading') return
    this.#role.lease.giveUp()
    step.send(to, { type: 'handOver', ballot: this.#role.phase2.ballot })
  }

  /** Sends again what was not answered in time. */
  retransmit(step: LogStep, nowMs: number): void {
    const role = this.#role
    if (role.phase === 'idle') return
    if (role.phase === 'leading') this.#reconfiguration.abandon(role, nowMs)
    const isAsking = role.phase === 'preparing' || this.#reconfiguration.isAsking
    if (isAsking) this.#askAgain(step, role.phase1, nowMs)
    if (role.phase === 'leading') role.phase2.expire(this.#acceptor.chosenThrough, nowMs)
  }

  /** This node's oldest save is durable. */
  saved(): void {
    const role = this.#role
    if (role.phase !== 'preparing') return
    const { phase1 } = role
    if (!this.#acceptor.hasDurablyPromised(phase1.ballot)) return
    const { log } = this.#acceptor
    const { id, incarnation } = this.#settings
    phase1.countOwnPromise(id, incarnation, log.entriesFrom(phase1.from))
  }

  /** What follows from everything that came in with this step. Says whether it ended by losing. */
  advance(step: LogStep, nowMs: number): boolean {
    const deposed = this.ballot !== null && !sameBallot(this.#acceptor.promised, this.ballot)
    if (deposed) this.stepDown(step)
    const role = this.#role
    if (role.phase === 'preparing' && role.phase1.isComplete(this.#electorate)) {
      this.#lead(step, role.phase1, nowMs)
    }
    if (this.#role.phase === 'leading') this.#advance(step, this.#role, nowMs)
    return deposed
  }

  #lead(step: LogStep, phase1: Phase1, nowMs: number): void {
    const { id, maxAcceptsInFlight, maxBytesInFlight } = this.#settings
    const { heartbeatPeriodMs, retransmitIntervalMs } = this.#settings
    const { ballot } = phase1
    const base = this.#acceptor.chosenThrough + 1
    // Something has to be chosen at this ballot before anything is known of what was before.
    const found = this.#reconfiguration.begin(phase1, base)
    const recovered = found.barrier === null ? [...found.values, NO_OP] : found.values
    const phase2 = new Phase2({
      id,
      ballot,
      base,
      recovered,
      electorate: this.#electorate,
      limits: { accepts: maxAcceptsInFlight, bytes: maxBytesInFlight },
      intervalMs: retransmitIntervalMs,
      silentAfterMs: 2 * Math.max(heartbeatPeriodMs, retransmitIntervalMs),
      nowMs,
    })
    if (found.barrier !== null) phase2.stopAt(found.barrier)
    phase1.forget(found.barrier ?? Infinity)
    const lease = new Lease(this.#settings)
    const role = { phase: 'leading', phase1, phase2, reads: new ReadRounds(), lease } as const
    this.#role = role
    this.#heartbeatAtMs = nowMs + heartbeatPeriodMs
    // Where there is much to propose first, all hear who leads before the bulk of it is on its way.
    if (batchBytes(recovered) > LEAST_PACE_BYTES) this.#sendHeartbeat(step, role, nowMs)
    step.tell({ type: 'leadership-acquired', ballot, recovered })
  }

  /**
   * Whether no read could miss anything: before that slot is chosen, earlier leaders may have more
   * chosen than this one knows of.
   */
  #mayRead({ phase2 }: Leading): boolean {
    return this.isOpen && this.#acceptor.chosenThrough >= phase2.recoveredThrough
  }

  /** Whether whoever takes over has to ask those who vote now. */
  #mayLease({ phase2 }: Leading): boolean {
    return this.isOpen && phase2.barrier === null
  }

  /** Whether this node leads where it does not vote, nor this state of it: then another should. */
  get hasLeft(): boolean {
    return this.#role.phase === 'leading' && this.#reconfiguration.hasLeft
  }

  get #electorate(): Electorate {
    return this.#members.current
  }

  /** Who votes, but for this node. */
  get #voters(): readonly NodeId[] {
    return this.#membersBut(this.#electorate.quorums.acceptors)
  }

  /** Whom 'all' means. */
  get #told(): readonly NodeId[] {
    return this.#membersBut(this.#members.told)
  }

  #membersBut(ids: ReadonlySet<NodeId>): readonly NodeId[] {
    return [...ids].filter((id) => id !== this.#settings.id)
  }

  #propose(step: LogStep, phase2: Phase2, values: readonly Uint8Array[]): Slot {
    const first = phase2.assign(values)
    this.#acceptor.accept(step, phase2.ballot, first, values)
    return first
  }

  #advance(step: LogStep, role: Leading, nowMs: number): void {
    const { phase2, reads } = role
    const { id, incarnation } = this.#settings
    const { ballot, base } = phase2
    const before = this.#acceptor.chosenThrough
    const own = this.#acceptor.durablyHeldThrough(ballot, base)
    phase2.receiveAccepted(id, incarnation, own, nowMs)
    this.#acceptor.learn(ballot, base, phase2.chosenThrough)
    const { chosenThrough, storedThrough } = this.#acceptor
    phase2.hear(id, incarnation, nowMs, { chosenThrough, storedThrough })
    phase2.settle(chosenThrough)
    const isChanged = this.#members.update(this.#acceptor.log, chosenThrough)
    if (isChanged) this.#reconfiguration.change(step, role, nowMs)
    this.#reconfiguration.open(role)
    this.#deliver(step, phase2, nowMs)
    for (let more = phase2.nextRecovered(nowMs); more.length > 0;) {
      this.#propose(step, phase2, more)
      this.#deliver(step, phase2, nowMs)
      more = phase2.nextRecovered(nowMs)
    }
    reads.finish(step)
    const ownWord = { from: id, incarnation }
    const beginsRound = this.#mayRead(role) && reads.begin(ownWord, chosenThrough, this.#electorate)
    reads.finish(step)
    const isCompleted = this.#reconfiguration.complete(phase2, nowMs)
    // With nothing in flight no Accept will soon say what was chosen.
    if (chosenThrough > before && phase2.batches.length === 0) this.#isUntold = true
    const isTold = this.#isUntold && this.#settings.tellsChosen === 'at-once'
    if (isTold || beginsRound || isCompleted || nowMs >= this.#heartbeatAtMs) {
      this.#sendHeartbeat(step, role, nowMs)
    }
  }

  #sendHeartbeat(step: LogStep, role: Leading, nowMs: number): void {
    this.#heartbeatAtMs = nowMs + this.#settings.heartbeatPeriodMs
    this.#isUntold = false
    step.send('all', this.#heartbeat(role, nowMs))
    this.#reconfiguration.bidFarewell(nowMs)
  }

  #heartbeat(role: Leading, nowMs: number): LogHeartbeatMessage {
    const { ballot, base } = role.phase2
    const { readId } = role.reads
    const { chosenThrough } = this.#acceptor
    const { complete } = this.#members
    const known = complete > 0 ? { complete } : {}
    const { configuration } = this.#electorate
    const asked = this.#mayLease(role) ? role.lease.question(configuration, nowMs) : null
    return { type: 'logHeartbeat', ballot, base, chosenThrough, readId, ...known, ...asked }
  }

  #askAgain(step: LogStep, phase1: Phase1, nowMs: number): void {
    const isDurable = this.#acceptor.hasDurablyPromised(phase1.ballot)
    for (const peer of phase1.owing) {
      const isDue = phase1.isOverdue(peer, nowMs)
      const prepare = isDue ? this.#reconfiguration.question(phase1, peer, nowMs) : null
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
      const isForAll = to.length === this.#told.length
      if (isForAll) this.#isUntold = false
      for (const peer of isForAll ? (['all'] as const) : to) step.send(peer, accept)
    }
  }
}
