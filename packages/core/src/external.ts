/**
 * Paxos whose leader is appointed from outside: the application has a failure detector that it
 * trusts more than heartbeats (a service registry, an operator, another consensus group) and says
 * when this node should lead. After Cocagne's external module. Whatever the detector says, and to
 * however many nodes at once, safety holds; it must never take over by itself.
 */
import { compareBallots } from './ballot.ts'
import type { Ballot, NodeId } from './ballot.ts'
import { joinEffects, NO_EFFECTS } from './effects.ts'
import type { Effects } from './effects.ts'
import { earliest, Leadership } from './leadership.ts'
import type { Message, ProclamationMessage, Proposal } from './message.ts'
import { requirePositive } from './practical/node.ts'
import type { NodeOptions } from './practical/node.ts'
import type { QuorumSystem } from './quorum.ts'

export interface ExternalNodeOptions<V> extends NodeOptions<V> {
  /**
   * How often a leader repeats its proclamation, for those that missed it, in milliseconds, > 0.
   * Default: 1000.
   */
  readonly proclamationPeriodMs?: number | undefined
}

/** A Node that leads when it is told to, and proclaims it. */
export class ExternalNode<V> {
  readonly #leadership: Leadership<V>
  readonly #proclamationPeriodMs: number
  #nowMs = 0
  #proclaimAtMs = 0

  constructor(options: ExternalNodeOptions<V>) {
    const { proclamationPeriodMs = 1000 } = options
    requirePositive('proclamationPeriodMs', proclamationPeriodMs)
    this.#leadership = new Leadership(options)
    this.#proclamationPeriodMs = proclamationPeriodMs
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

  /** When tick() is next wanted, on the clock that it is given; `null` when nothing waits. */
  get nextTickAtMs(): number | null {
    const own = this.phase === 'leading' ? this.#proclaimAtMs : null
    return earliest(own, this.#leadership.nextTickAtMs)
  }

  /**
   * The failure detector says that this node should lead. Prepares, and goes on asking until a
   * quorum has promised or somebody refuses; then a 'preempted' event says so, and the detector
   * decides whether to try again.
   */
  takeOver(): Effects<V> {
    const { node } = this.#leadership
    return joinEffects(this.#leadership.forget(), this.#leadership.observe(node.prepare()))
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
    if (message.type !== 'proclamation') {
      return this.#afterwards(this.#leadership.observe(node.receive(from, message)))
    }
    const { follows, effects } = this.#leadership.follow(from, message)
    return follows ? effects : joinEffects(effects, this.#correct(from, message))
  }

  /** The oldest save that was not reported yet is durable. */
  saved(): Effects<V> {
    return this.#afterwards(this.#leadership.observe(this.#leadership.node.saved()))
  }

  /** The time, in milliseconds of any clock that never goes back. */
  tick(nowMs: number): Effects<V> {
    this.#nowMs = nowMs
    return this.#afterwards(this.#leadership.tick(nowMs))
  }

  /** A passive node neither leads nor votes, but goes on learning. */
  setActive(active: boolean): Effects<V> {
    return this.#leadership.observe(this.#leadership.node.setActive(active))
  }

  /** Counts by other quorums from now on; see Node.setQuorums for when that is safe. */
  setQuorums(quorums: QuorumSystem): Effects<V> {
    return this.#afterwards(this.#leadership.setQuorums(quorums))
  }

  /** A node that proclaims a ballot below ours does not know that it was overtaken. */
  #correct(from: NodeId, { ballot }: ProclamationMessage): Effects<V> {
    const ours = this.#proclamation
    if (ours === null || compareBallots(ballot, ours.ballot) >= 0) return NO_EFFECTS
    return { send: [{ to: from, message: ours }], events: [] }
  }

  #afterwards(effects: Effects<V>): Effects<V> {
    if (effects.events.some(({ type }) => type === 'leadership-acquired')) {
      this.#proclaimAtMs = this.#nowMs
    }
    const message = this.#proclamation
    if (message === null || this.#nowMs < this.#proclaimAtMs) return effects
    this.#proclaimAtMs = this.#nowMs + this.#proclamationPeriodMs
    return joinEffects(effects, { send: [{ to: 'all', message }], events: [] })
  }

  get #proclamation(): ProclamationMessage | null {
    const { ballot, chosen } = this
    if (this.phase !== 'leading' || ballot === null) return null
    return { type: 'proclamation', ballot, chosen: chosen !== null }
  }
}
