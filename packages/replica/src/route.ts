/**
 * By which ways a node that does not lead gets to the leader: directly, and by way of another follower
 * too where nothing arrives, or where nobody is heard that leads. It takes another relay while something
 * waits and nothing comes of it, and keeps the one with which something arrives. Must never change the
 * ways while things arrive, but to see whether the direct one is enough.
 */
import type { NodeId } from '@paxos/core'
import { MAX_ROUTE_BACKOFFS, RELAYED_FOR_MS } from './limits.ts'

export interface RouteOptions {
  readonly nowMs: () => number
  /** In [0, 1). */
  readonly random: () => number
  /** How long it takes to arrive at the leader by a relay, and to hear of it, at most. */
  readonly patienceMs: number
  readonly leader: () => NodeId | null
  /** The other members, the likeliest to be reached first. */
  readonly relays: () => readonly NodeId[]
  /** From now on everything goes by way of `relay` too; `null`: directly alone. */
  readonly take: (relay: NodeId | null) => void
}

/** The way of one node. */
export class Route {
  readonly #options: RouteOptions
  #relay: NodeId | null = null
  /** When that relay was taken. */
  #relayedAtMs = 0
  /** Since when something waits, and nothing arrives. */
  #fruitlessSinceMs: number | null = null
  /** How many relays were taken since something arrived. */
  #tried = 0
  #jitter: number

  constructor(options: RouteOptions) {
    this.#options = options
    this.#jitter = options.random()
  }

  /** Something has arrived. */
  arrived(): void {
    this.#fruitlessSinceMs = null
    this.#tried = 0
  }

  /** The leader is another, or there is none: the engine goes directly alone, and nothing is known. */
  leaderChanged(): void {
    this.#relay = null
    this.arrived()
  }

  /** To be called now and then, with whether anything waits for the leader. */
  check(isWaiting: boolean): void {
    const { nowMs, patienceMs, leader } = this.#options
    const isDirectDue = this.#relay !== null && nowMs() - this.#relayedAtMs >= RELAYED_FOR_MS
    if (isDirectDue && leader() !== null) return this.#take(null)
    if (!isWaiting) return this.arrived()
    this.#fruitlessSinceMs ??= nowMs()
    const factor = 2 ** Math.min(this.#tried, MAX_ROUTE_BACKOFFS) * (1 + this.#jitter / 2)
    if (nowMs() - this.#fruitlessSinceMs < patienceMs * factor) return
    this.#take(this.#next())
    this.#tried += 1
  }

  /** The relays in turn; where a leader is known, then none. */
  #next(): NodeId | null {
    const { leader, relays } = this.#options
    const known = leader()
    const others = relays().filter((node) => node !== known)
    const turns = others.length + (known === null ? 0 : 1)
    return others[this.#tried % turns] ?? null
  }

  #take(relay: NodeId | null): void {
    this.#fruitlessSinceMs = null
    this.#jitter = this.#options.random()
    if (relay === null && this.#relay === null) return
    this.#relay = relay
    this.#relayedAtMs = this.#options.nowMs()
    this.#options.take(relay)
  }
}
