/**
 * A replicated log: one node in all its roles, as a pure engine. Inputs go in, LogEffects come out;
 * see `../effects.ts` for the host's duties. After Paxos Made Simple §3, with what Paxos Made Live
 * and Paxos Made Moderately Complex add for practice: one phase 1 for all slots, a window of
 * Accepts, snapshots, catch-up, and reads that write nothing.
 *
 * This file is what a host sees; `node.ts` behind it connects the parts. It must never answer one
 * input with more than one record of effects, nor do anything that is not in that record.
 */
import type { Ballot, NodeId } from '../ballot.ts'
import type { Slot, StagedSnapshot } from '../durability.ts'
import { LogStep } from './effects.ts'
import type { LogEffects, MultiPaxosMessage, WantedPiece } from './effects.ts'
import { headOf } from './entry.ts'
import { carriedReason, checkBatch, checkRelay, checkSnapshot, checkSuccessor } from './input.ts'
import type { TakenSnapshot } from './input.ts'
import { requirePositive } from '../practical/node.ts'
import { LogNode } from './node.ts'
import { settingsOf } from './options.ts'
import type { MultiPaxosOptions, Settings } from './options.ts'
import type { Standing } from './admission.ts'
import type { Configuration } from './configuration.ts'
import type { Heard } from './newcomers.ts'
import type { Room } from './phase2.ts'

/** What a leader knows of another acceptor. */
export interface PeerStatus {
  /** It holds everything through here, or knows it to be chosen. */
  readonly through: Slot
  /** How many slots it lacks of those that were proposed. */
  readonly lag: number
  /** When it answered last, on the clock that tick() is given. */
  readonly heardAtMs: number
  /**
   * Whether it has voted since this node leads, or for that; else `heardAtMs` may be when it was first
   * asked. Who waits to be let in never votes.
   */
  readonly hasVoted: boolean
}

/** What became of a proposal. */
export interface Proposed {
  /** The slot of the first value; `null` when nothing was proposed, for want of room. */
  readonly first: Slot | null
  readonly effects: LogEffects
}

const NOTHING: LogEffects = { send: [], events: [] }

/** One node of a replicated log. Its values are bytes. */
export class MultiPaxos {
  readonly #settings: Settings
  readonly #node: LogNode

  constructor(options: MultiPaxosOptions) {
    this.#settings = settingsOf(options)
    this.#node = new LogNode(this.#settings)
  }

  get id(): NodeId {
    return this.#settings.id
  }

  /** What this node is doing about leading. */
  get phase(): 'idle' | 'preparing' | 'leading' {
    return this.#node.leader.phase
  }

  /** The ballot that this node prepares or leads with; `null` when it does neither. */
  get ballot(): Ballot | null {
    return this.#node.leader.ballot
  }

  /** The highest ballot that this node's acceptor has promised. */
  get promised(): Ballot | null {
    return this.#node.acceptor.promised
  }

  /** The node that leads, this one included; `null` when none is known. */
  get leader(): NodeId | null {
    return this.#node.way.leaderId
  }

  /**
   * Who is given what forward() takes, and asked for reads: the leader, and whom relayBy() named.
   * Empty when this node leads or tries to, and when it knows nobody.
   */
  get forwardsTo(): readonly NodeId[] {
    return this.#node.way.to(this.#node.nowMs)
  }

  /**
   * The values that other leaders may have begun to choose, with which this leadership began: it
   * proposes them first. Empty when this node does not lead.
   */
  get recovered(): readonly Uint8Array[] {
    return this.#node.leader.phase2?.recovered ?? []
  }

  /** Who is in the cluster, behind everything that this node knows to be chosen. */
  get configuration(): Configuration {
    return this.#node.members.current.configuration
  }

  /**
   * Whether this node leads, and may take no members entry: one that it has proposed, or found, is not
   * known to be chosen, or those who vote behind it have not promised yet. A host that refuses one
   * meanwhile may refuse just the one that is being made.
   */
  get isChanging(): boolean {
    const { phase2, isOpen } = this.#node.leader
    return phase2 !== null && (phase2.barrier !== null || !isOpen)
  }

  /** The newest version of the configuration that is known to be complete; 0 at first. */
  get completeVersion(): Slot {
    return this.#node.members.complete
  }

  /** What this node is in it. */
  get standing(): Standing {
    return this.#node.standing
  }

  /** While this node is 'waiting': who has still to say that it has not voted before. */
  get waitsFor(): readonly NodeId[] {
    return this.#node.waitsFor
  }

  /** Whom the messages to 'all' are for: who votes, and who has to learn that it does not any more. */
  get told(): ReadonlySet<NodeId> {
    return this.#node.members.told
  }

  /** As which incarnation others were heard, and how far they say that they are. */
  get heardIncarnations(): ReadonlyMap<NodeId, Heard> {
    return this.#node.heard
  }

  /** Every slot through this one is known to be chosen; 0 when none is. */
  get chosenThrough(): Slot {
    return this.#node.acceptor.chosenThrough
  }

  /**
   * The highest slot of which this node has heard that it is chosen, from whomever: what it lacks of
   * these it fetches. Where it hears nobody, more may be chosen.
   */
  get heardThrough(): Slot {
    return this.#node.heardThrough
  }

  /** The values of the slots through this one are gone: a snapshot stands for them. */
  get compactedThrough(): Slot {
    return this.#node.acceptor.log.compactedThrough
  }

  /** What the next propose() may take; nothing when this node does not lead or the window is full. */
  get room(): Room {
    return this.#node.leader.room(this.#node.nowMs)
  }

  /**
   * Whether this node leads, and has told nobody yet of the newest that was chosen: with `tellsChosen`
   * 'announced' it is for the host to call announce().
   */
  get isUntold(): boolean {
    return this.#node.leader.isUntold
  }

  /** How many slots are proposed and not known to be chosen, while this node leads. */
  get slotsInFlight(): number {
    const { phase2 } = this.#node.leader
    return phase2 === null ? 0 : phase2.lastSlot - this.chosenThrough
  }

  /** What this node knows of the other acceptors, while it leads; empty otherwise. */
  get peers(): ReadonlyMap<NodeId, PeerStatus> {
    const { phase2 } = this.#node.leader
    if (phase2 === null) return new Map()
    const others = [...phase2.peers].filter(([id]) => id !== this.id)
    return new Map(
      others.map(([id, peer]) => {
        const through = Math.max(peer.through, peer.chosenThrough)
        const lag = Math.max(0, phase2.lastSlot - through)
        const hasVoted = this.#node.leader.hasVoteOf(id)
        return [id, { through, lag, heardAtMs: peer.heardAtMs, hasVoted }]
      }),
    )
  }

  /** When tick() is next wanted, on the clock that it is given; `null` when nothing waits for time. */
  get nextTickAtMs(): number | null {
    return this.#node.nextTickAtMs
  }

  /**
   * Proposes `values`, in this order and in consecutive slots, with one Accept. It proposes them
   * all or, when there is no `room` for them, none: the host keeps its queue, and asks again when
   * something was chosen. That a value is proposed does not mean that it will be chosen: see the
   * 'chosen' events, and 'leadership-lost'.
   *
   * A members entry is proposed alone, and only when everything that this leadership began with is
   * chosen and enough of those who are to vote have promised its ballot; until then null is returned,
   * they are asked, and the host tries again, within a liveness window: else that is
   * given up. Behind it there is no room until it is chosen.
   *
   * Throws InvalidArgumentError for no values, for more than MAX_BATCH_VALUES, for one above
   * MAX_VALUE_BYTES, for several that take more than PAGE_BYTES with VALUE_OVERHEAD_BYTES each, and
   * for a members entry that is not alone.
   */
  propose(values: readonly Uint8Array[]): Proposed {
    checkBatch(values, this.#settings.isValue)
    let first: Slot | null = null
    const effects = this.#run((step) => {
      first = this.#node.leader.propose(step, values, this.#node.nowMs)
    })
    return { first, effects }
  }

  /**
   * Hands commands to the leader, if another node leads, or to whom `forwardsTo` names; does nothing
   * otherwise. They may be lost on the way: the host hands them over again until it sees them
   * chosen, or is told 'forward-refused'; it need not while it sees them in a logAccept of the
   * leader, of the ballot that this node has promised. Throws as propose() does.
   */
  forward(values: readonly Uint8Array[]): LogEffects {
    checkBatch(values, this.#settings.isValue)
    return this.#run((step) => this.#node.way.forward(step, values, this.#node.nowMs))
  }

  /**
   * Until the leader changes, forward() and read() go by way of `node` too, which passes on to its own
   * leader what comes from this one: for a node that may not reach the leader, or does not hear who
   * leads. `null`: directly alone. Throws InvalidArgumentError unless `node` is another acceptor.
   */
  relayBy(node: NodeId | null): LogEffects {
    if (node !== null) checkRelay(node, this.id, this.#node.members.current)
    return this.#run(() => this.#node.way.relayBy(node))
  }

  /**
   * Tells `to` that this node will not propose `values`, which it handed over: see 'forwarded'. At
   * most MAX_BATCH_VALUES; more throw InvalidArgumentError when they are sent. `reason` is a sentence
   * for people; what is beyond MAX_REASON_BYTES of it is cut off.
   */
  refuse(to: NodeId, values: readonly Uint8Array[], reason?: string): LogEffects {
    const heads = values.map(headOf)
    const why = reason === undefined ? {} : { reason: carriedReason(reason) }
    return this.#run((step) => step.send(to, { type: 'forwardRefused', heads, ...why }))
  }

  /**
   * Asks for a linearizable read. A 'read-ready' event says for which slot to wait; 'read-failed'
   * that there was no leader to confirm it. `id` is the host's, and comes back with the event.
   *
   * `byLease`: while the leader's lease holds that is enough, and it asks nobody. Such a read is
   * linearizable as long as clocks keep within the bound that the configuration names, and only if
   * tick() was given the time right before this call, and right before each receive() of any node.
   */
  read(id: number, byLease = false): LogEffects {
    return this.#run((step) => this.#node.way.read(step, id, byLease, this.#node.nowMs))
  }

  /**
   * The host has taken a snapshot of the state to which the slots through `through` led. Once it
   * is durable, their entries are forgotten. One that is older than another is ignored.
   *
   * Throws InvalidArgumentError for slots that were not told as chosen, and for too many bytes.
   */
  snapshot(taken: TakenSnapshot): LogEffects {
    checkSnapshot(taken, this.#node.toldThrough, this.#settings.maxSnapshotBytes)
    return this.#run((step) => this.#node.takeSnapshot(step, taken))
  }

  /** The piece that 'piece-wanted' asked for was read, and is sent. */
  pieceRead({ to, message }: WantedPiece, bytes: Uint8Array): LogEffects {
    return this.#run((step) => step.send(to, { ...message, bytes }))
  }

  /** The host keeps the piece that it was given last of this transfer: the next one is asked for. */
  pieceKept(transfer: number): LogEffects {
    return this.#run(() => this.#node.pieceKept(transfer))
  }

  /**
   * The host has all pieces of a transfer, has staged them, and can restore the state from them. Where
   * they are still wanted they take the place of the slots that they stand for, and 'snapshot-installed'
   * says so; else 'snapshot-unused' does.
   */
  received(transfer: number, staged: StagedSnapshot): LogEffects {
    return this.#run((step) => this.#node.received(step, transfer, staged))
  }

  /** What came in with this transfer is no snapshot: another node is asked, and 'disbelieved' told. */
  notReceived(transfer: number): LogEffects {
    return this.#run((step) => this.#node.notReceived(step, transfer))
  }

  /**
   * Tries to lead, without asking anybody; a node that does not vote does not try. A second call
   * starts afresh at a higher ballot. With leases a node that has given its word to the leader tries when
   * that has ended, and gives it no other; and not at all where a third one leads before.
   */
  lead(): LogEffects {
    return this.#run((step) => this.#node.lead(step))
  }

  /** Gives up an attempt or the leadership; others take over when they miss its heartbeats. */
  resign(): LogEffects {
    return this.#run((step) => this.#node.resign(step))
  }

  /**
   * Says at once that this node leads, if it does, and what is chosen: before the host does something
   * during which it can say nothing.
   */
  announce(): LogEffects {
    return this.#run((step) => this.#node.leader.announce(step, this.#node.nowMs))
  }

  /**
   * Lets another node lead: `to`, or with `null` whom suits best (the highest priority, and among
   * those who holds the most). Nothing new is proposed meanwhile; when all that is under way is chosen,
   * and the other holds it, it is asked to take over. A 'transfer-failed' event says that it did not
   * within `withinMs` (> 0), and that this node goes on; else the leadership is lost to it.
   *
   * Does nothing when this node does not lead. Throws InvalidArgumentError unless `to` is another
   * acceptor.
   */
  transfer(to: NodeId | null, withinMs: number): LogEffects {
    if (to !== null) checkSuccessor(to, this.id, this.#node.members.current)
    requirePositive('withinMs', withinMs)
    return this.#run((step) => {
      this.#node.succession.begin(step, to, withinMs, this.#node.nowMs)
    })
  }

  /** Whether this node may answer reads by its lease at the time of the last tick. */
  get hasLease(): boolean {
    return this.#node.leader.hasLease(this.#node.nowMs)
  }

  /**
   * Tells `to` who this node is, and asks it to say the same: for a host that wants to know whether
   * what it sends arrives there. A node without an incarnation says nothing.
   */
  introduce(to: NodeId): LogEffects {
    return this.#run((step) => this.#node.introduce(step, to))
  }

  /** A message came in. `from` is trusted: the host drops what strangers send. */
  receive(from: NodeId, message: MultiPaxosMessage): LogEffects {
    return this.#run((step) => this.#node.receive(step, from, message))
  }

  /** The oldest save that was not reported yet is durable. */
  saved(): LogEffects {
    return this.#run(() => this.#node.saved())
  }

  /**
   * The time, in milliseconds of any clock that never goes back. Does what is due.
   *
   * `awayMs` says for how long before now the host itself stood still: its process was stopped, or
   * busy with something else. Nobody is taken to have been silent in that time, and what they said
   * meanwhile may yet come in for a quarter of the liveness window.
   */
  tick(nowMs: number, awayMs = 0): LogEffects {
    if (awayMs === 0 && this.#node.passesTo(nowMs)) return NOTHING
    return this.#run((step) => this.#node.tick(step, nowMs, awayMs))
  }

  /** One input: does it, and what follows from it. */
  #run(input: (step: LogStep) => void): LogEffects {
    const step = new LogStep()
    input(step)
    this.#node.conclude(step)
    return step.effects()
  }
}
