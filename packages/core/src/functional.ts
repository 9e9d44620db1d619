/**
 * Paxos that elects its leader by itself: a leader sends heartbeats, and a node that has missed
 * them for a liveness window takes over. After Cocagne's functional module; Paxos Made Simple (§3)
 * leaves the election open, since safety never rests on it and only progress does.
 *
 * No duels: a node stands back for a window when it sees another one try, and the windows are
 * jittered, so that two that saw the same silence rarely try at once. It must never look at a
 * clock, nor draw a random number of its own.
 */
import { excused } from './absence.ts'
import { compareBallots } from './ballot.ts'
import type { Ballot, NodeId } from './ballot.ts'
import { joinEffects, NO_EFFECTS } from './effects.ts'
import type { Effects } from './effects.ts'
import { InvalidArgumentError } from './errors.ts'
import { earliest, isDisbelieved, Leadership } from './leadership.ts'
import type { Message, Proposal } from './message.ts'
import { requirePositive } from './practical/node.ts'
import type { NodeOptions } from './practical/node.ts'
import type { QuorumSystem } from './quorum.ts'

export interface HeartbeatNodeOptions<V> extends NodeOptions<V> {
  /** How often a leader sends a heartbeat, in milliseconds, > 0. Default: 200. */
  readonly heartbeatPeriodMs?: number | undefined
  /**
   * How long a leader may be silent before others take over, in milliseconds, above the heartbeat
   * period. Jitter makes it up to half as long again. Default: 1000.
   */
  readonly livenessWindowMs?: number | undefined
  /** A seeded source of numbers in [0, 1), for the jitter. Nodes should have different seeds. */
  readonly random: () => number
}

/** A Node that sends heartbeats when it leads, and takes over when the leader is silent. */
export class HeartbeatNode<V> {
  readonly #leadership: Leadership<V>
  readonly #heartbeatPeriodMs: number
  readonly #livenessWindowMs: number
  readonly #random: () => number
  #nowMs = 0
  #heartbeatAtMs = 0
  /** When to take over, unless somebody is heard before; `null` until the time is known. */
  #takeOverAtMs: number | null = null

  constructor(options: HeartbeatNodeOptions<V>) {
    const { heartbeatPeriodMs = 200, livenessWindowMs = 1000 } = options
    requirePositive('heartbeatPeriodMs', heartbeatPeriodMs)
    requirePositive('livenessWindowMs', livenessWindowMs)
    if (livenessWindowMs <= heartbeatPeriodMs) {
      throw new InvalidArgumentError(
        `A liveness window of ${livenessWindowMs} ms expects heartbeats every ` +
          `${heartbeatPeriodMs} ms. Make it several times as long as the heartbeat period.`,
      )
    }
    this.#leadership = new Leadership(options)
    this.#heartbeatPeriodMs = heartbeatPeriodMs
    this.#livenessWindowMs = livenessWindowMs
    this.#random = options.random
  }

  get id(): NodeId {
    return this.#leadership.node.id
  }

  /** The node that leads, this one included; `null` when none is known. */
  get leader(): NodeId | null {
    return this.#leadership.leader
  }

  /** What this node is doing about leading. */
  get phase(): 'idle' | 'preparing' | 'leading' {
    return this.#leadership.node.phase
  }

  /** The ballot that this node prepares or leads with; `null` when it does neither. */
  get ballot(): Ballot | null {
    return this.#leadership.node.ballot
  }

  /** The chosen proposal, or `null` while this node knows none. */
  get chosen(): Proposal<V> | null {
    return this.#leadership.node.chosen
  }

  /** The acceptors that are known to hold the chosen value. */
  get holders(): ReadonlySet<NodeId> {
    return this.#leadership.node.holders
  }

  /** When tick() is next wanted, on the clock that it is given; 0 before the first one. */
  get nextTickAtMs(): number {
    const own = this.phase === 'leading' ? this.#heartbeatAtMs : (this.#takeOverAtMs ?? 0)
    return earliest(own, this.#leadership.nextTickAtMs) ?? own
  }

  /**
   * Gives this node a value: it proposes it when it leads, and hands it to the leader when another
   * does. The first value stands; later ones are ignored.
   */
  propose(value: V): Effects<V> {
    return this.#afterwards(this.#leadership.propose(value))
  }

  /** A message came in. `from` is trusted: the host drops what strangers send. */
  receive(from: NodeId, message: Message<V>): Effects<V> {
    const { node } = this.#leadership
    if (message.type === 'heartbeat') {
      const { follows, effects } = this.#leadership.follow(from, message)
      if (follows) this.#standBack()
      return effects
    }
    const isHigher = message.type === 'prepare' && compareBallots(message.ballot, node.promised) > 0
    const received = this.#leadership.observe(node.receive(from, message))
    const rival = isHigher && !isDisbelieved(received)
    if (rival) this.#standBack()
    const yielded = rival && node.phase === 'preparing' ? node.resign() : NO_EFFECTS
    return this.#afterwards(joinEffects(received, yielded))
  }

  /** The oldest save that was not reported yet is durable. */
  saved(): Effects<V> {
    return this.#afterwards(this.#leadership.observe(this.#leadership.node.saved()))
  }

  /**
   * The time, in milliseconds of any clock that never goes back. `awayMs` says for how long before now
   * the host itself stood still: nobody is taken to have been silent in that time, and what they said
   * meanwhile may yet come in for a quarter of the liveness window.
   */
  tick(nowMs: number, awayMs = 0): Effects<V> {
    this.#nowMs = nowMs
    if (this.#takeOverAtMs === null) this.#standBack()
    else if (awayMs > 0) {
      const absence = { awayMs, nowMs }
      this.#takeOverAtMs = excused(this.#takeOverAtMs, absence, this.#livenessWindowMs)
    }
    const silent = this.#takeOverAtMs !== null && nowMs >= this.#takeOverAtMs
    return silent && this.phase !== 'leading'
      ? this.#takeOver()
      : this.#afterwards(this.#leadership.tick(nowMs))
  }

  /** A passive node neither leads nor votes, but goes on learning. */
  setActive(active: boolean): Effects<V> {
    this.#standBack()
    return this.#leadership.observe(this.#leadership.node.setActive(active))
  }

  /** Counts by other quorums from now on; see Node.setQuorums for when that is safe. */
  setQuorums(quorums: QuorumSystem): Effects<V> {
    return this.#afterwards(this.#leadership.setQuorums(quorums))
  }

  #takeOver(): Effects<V> {
    this.#standBack()
    const { node } = this.#leadership
    const idle = joinEffects(this.#leadership.forget(), node.resign())
    return joinEffects(idle, this.#leadership.tick(this.#nowMs), node.prepare())
  }

  /** Waits for a whole jittered window from now before trying to lead. */
  #standBack(): void {
    const jitter = 1 + this.#random() / 2
    this.#takeOverAtMs = this.#nowMs + this.#livenessWindowMs * jitter
  }

  /** A new leader says so at once; one that was refused leaves the field to its rival. */
  #afterwards(effects: Effects<V>): Effects<V> {
    for (const { type } of effects.events) {
      if (type === 'leadership-lost' || type === 'preempted') this.#standBack()
      if (type === 'leadership-acquired') this.#heartbeatAtMs = this.#nowMs
    }
    return joinEffects(effects, this.#heartbeatIfDue())
  }

  #heartbeatIfDue(): Effects<V> {
    const { ballot, chosen } = this
    if (this.phase !== 'leading' || ballot === null || this.#nowMs < this.#heartbeatAtMs) {
      return NO_EFFECTS
    }
    this.#heartbeatAtMs = this.#nowMs + this.#heartbeatPeriodMs
    const message: Message<V> = { type: 'heartbeat', ballot, chosen: chosen !== null }
    return { send: [{ to: 'all', message }], events: [] }
  }
}
