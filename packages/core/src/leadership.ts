/**
 * What `functional` and `external` share: a Node that knows who leads. It hands its proposal to
 * the leader, and asks it for what was chosen. It must never propose while it follows another, and
 * never decides by itself that a leader has failed.
 */
import { compareBallots, highestBallot } from './ballot.ts'
import type { Ballot, NodeId } from './ballot.ts'
import { joinEffects, NO_EFFECTS } from './effects.ts'
import type { Effects, Event } from './effects.ts'
import type { HeartbeatMessage, Message, ProclamationMessage } from './message.ts'
import { Node } from './practical/node.ts'
import type { NodeOptions } from './practical/node.ts'
import { requireQuorums } from './quorum.ts'
import type { QuorumSystem } from './quorum.ts'

/** A Node, and who leads as far as it knows. */
export class Leadership<V> {
  readonly node: Node<V>
  readonly #forwardIntervalMs: number
  /** Who leads, this node included; with the ballot, which only ever grows. */
  #leader: NodeId | null = null
  #leaderBallot: Ballot | null = null
  #nowMs = 0
  #forwardAtMs = 0

  constructor(options: NodeOptions<V>) {
    requireQuorums(options.quorums)
    this.node = new Node(options)
    this.#forwardIntervalMs = this.node.retransmitIntervalMs
  }

  /** The node that leads, this one included; `null` when none is known. */
  get leader(): NodeId | null {
    return this.#leader
  }

  get nextTickAtMs(): number | null {
    return earliest(this.node.nextTickAtMs, this.#forwarding === null ? null : this.#forwardAtMs)
  }

  /** Gives this node a value to propose, or to have proposed by the leader. The first one stands. */
  propose(value: V): Effects<V> {
    return joinEffects(this.observe(this.node.propose(value)), this.#forward())
  }

  /** The time: retransmits what is due, and hands the proposal to the leader again. */
  tick(nowMs: number): Effects<V> {
    this.#nowMs = nowMs
    return joinEffects(this.observe(this.node.tick(nowMs)), this.#forward())
  }

  /**
   * A leader made itself known. Follows it, unless its ballot is below the leader's that is known
   * or below the one with which this node leads or prepares. Says whether it follows.
   */
  follow(
    from: NodeId,
    message: HeartbeatMessage | ProclamationMessage,
  ): { readonly follows: boolean; readonly effects: Effects<V> } {
    const received = this.node.receive(from, message)
    if (isDisbelieved(received)) return { follows: false, effects: received }
    const effects = [received]
    const bar = highestBallot(this.#leaderBallot, this.node.ballot)
    if (compareBallots(message.ballot, bar) < 0) return { follows: false, effects: NO_EFFECTS }

    this.#leaderBallot = message.ballot
    effects.push(this.node.resign())
    if (this.#leader !== from) {
      effects.push(this.#setLeader(from))
      this.#forwardAtMs = this.#nowMs
    }
    if (message.chosen) effects.push(this.node.learn(from))
    effects.push(this.#forward())
    return { follows: true, effects: joinEffects(...effects) }
  }

  /** Notices in the node's effects whether it has become the leader, or stopped being it. */
  observe(effects: Effects<V>): Effects<V> {
    const changes = effects.events.map((event) => this.#observeEvent(event))
    return changes.length === 0 ? effects : joinEffects(effects, ...changes)
  }

  /** Counts by other quorums from now on. Throws InvalidArgumentError for ones that never meet. */
  setQuorums(quorums: QuorumSystem): Effects<V> {
    requireQuorums(quorums)
    return this.observe(this.node.setQuorums(quorums))
  }

  /** No leader is known any more. */
  forget(): Effects<V> {
    return this.#setLeader(null)
  }

  #observeEvent(event: Event<V>): Effects<V> {
    if (event.type === 'leadership-acquired') {
      this.#leaderBallot = highestBallot(this.#leaderBallot, event.ballot)
      return this.#setLeader(this.node.id)
    }
    const lost = event.type === 'leadership-lost' && this.#leader === this.node.id
    return lost ? this.#setLeader(null) : NO_EFFECTS
  }

  #setLeader(leader: NodeId | null): Effects<V> {
    if (this.#leader === leader) return NO_EFFECTS
    this.#leader = leader
    return { send: [], events: [{ type: 'leader-changed', leader }] }
  }

  /** The message that the leader still owes an answer to. */
  get #forwarding(): { readonly to: NodeId; readonly message: Message<V> } | null {
    const { wanted, chosen, active, id } = this.node
    if (this.#leader === null || this.#leader === id) return null
    if (wanted === null || chosen !== null || !active) return null
    return { to: this.#leader, message: { type: 'propose', value: wanted.value } }
  }

  #forward(): Effects<V> {
    const forwarding = this.#forwarding
    if (forwarding === null || this.#nowMs < this.#forwardAtMs) return NO_EFFECTS
    this.#forwardAtMs = this.#nowMs + this.#forwardIntervalMs
    return { send: [forwarding], events: [] }
  }
}

/** Whether a message led to nothing, because it was not believed. */
export function isDisbelieved<V>({ events }: Effects<V>): boolean {
  return events.some(({ type }) => type === 'disbelieved')
}

/** The earlier of two times, where `null` is never. */
export function earliest(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.min(a, b)
}
