/**
 * Whom a node asks what was chosen while no leader makes itself known to it. A learner asks the one
 * above it in the tree, and now and then a voter, for the one above may be cut off itself. A voter
 * asks the other voters in turn; and where others may vote by now, also whoever else it knows, for
 * those that it knows as voters may all be gone. It must never rest on one node alone.
 */
import type { NodeId } from '../ballot.ts'
import type { Electorate } from './electorate.ts'
import { INTRODUCTION_HEARTBEATS } from './limits.ts'
import type { Settings } from './options.ts'
import { upstreamOf } from './relay-tree.ts'

type PollSettings = Pick<
  Settings,
  'id' | 'heartbeatPeriodMs' | 'livenessWindowMs' | 'acquaintances'
>

/** The turns of one node. */
export class Polls {
  readonly #id: NodeId
  readonly #periodMs: number
  readonly #windowMs: number
  readonly #acquaintances: readonly NodeId[]
  #atMs = 0
  #count = 0
  /** When the one above has answered last. */
  #servedAtMs = 0

  /** It asks every heartbeat period; who has not answered for a liveness window is not rested on. */
  constructor({ id, heartbeatPeriodMs, livenessWindowMs, acquaintances }: PollSettings) {
    this.#id = id
    this.#periodMs = heartbeatPeriodMs
    this.#windowMs = livenessWindowMs
    this.#acquaintances = acquaintances
  }

  /** When to ask next, as far as it is for this to say. */
  get atMs(): number {
    return this.#atMs
  }

  /** Nobody is asked before that time. */
  startAt(nowMs: number): void {
    this.#atMs = nowMs
  }

  /** `from` has answered. */
  answered(from: NodeId, electorate: Electorate, nowMs: number): void {
    if (from === upstreamOf(electorate.configuration, this.#id)) this.#servedAtMs = nowMs
  }

  /** Whom to ask now; `null` when there is nobody. */
  next(electorate: Electorate, nowMs: number): NodeId | null {
    const count = this.#count
    this.#count += 1
    this.#atMs = nowMs + this.#periodMs
    const upstream = upstreamOf(electorate.configuration, this.#id)
    if (upstream === null) return this.#inTurn(electorate, count)
    const isServed = nowMs < this.#servedAtMs + this.#windowMs
    // Half as often as it is asked while it does not answer, the one above is asked too.
    const every = isServed ? INTRODUCTION_HEARTBEATS : 2
    if (count % every !== every - 1) return upstream
    return this.#inTurn(electorate, Math.floor(count / every))
  }

  /** Voters, and between them whoever else is known, where who votes may change. */
  #inTurn({ quorums, configuration, isWhole }: Electorate, count: number): NodeId | null {
    const { acceptors } = quorums
    const voters = [...acceptors].filter((id) => id !== this.#id)
    const { members, former } = configuration
    const known = [...members, ...former].map(({ id }) => id)
    const others = new Set(isWhole ? [...known, ...this.#acquaintances] : this.#acquaintances)
    const rest = [...others].filter((id) => id !== this.#id && !acceptors.has(id))
    if (rest.length === 0) return voters[count % voters.length] ?? null
    const asked = count % 2 === 0 && voters.length > 0 ? voters : rest
    return asked[Math.floor(count / 2) % asked.length] ?? null
  }
}
