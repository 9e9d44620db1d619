/**
 * The client's side of one session: which sequence comes next, and which answers are still out. Must
 * never give a sequence twice, nor let so many be out that the nodes would forget a result.
 */
import { MAX_RESULTS } from '@paxos/core/multi'
import type { SessionId } from '@paxos/core/multi'

/** What a command of a session carries. */
export interface Ticket {
  readonly session: SessionId
  readonly sequence: number
  readonly acknowledged: number
}

/** A session that this node opened for itself. */
export class ClientSession {
  readonly id: SessionId
  /** Ascending, because sequences are. */
  readonly #out = new Set<number>()
  #next = 1
  #usedAtMs: number

  constructor(id: SessionId, nowMs: number) {
    this.id = id
    this.#usedAtMs = nowMs
  }

  /** When it was used last. */
  get usedAtMs(): number {
    return this.#usedAtMs
  }

  get isIdle(): boolean {
    return this.#out.size === 0
  }

  /** Whether another command may be out. */
  get hasRoom(): boolean {
    return this.#next - this.#lowest < MAX_RESULTS
  }

  take(nowMs: number): Ticket {
    const sequence = this.#next
    this.#next += 1
    this.#out.add(sequence)
    this.#usedAtMs = nowMs
    return { session: this.id, sequence, acknowledged: this.#lowest }
  }

  /** The answer to `sequence` is here. */
  answered(sequence: number): void {
    this.#out.delete(sequence)
  }

  get #lowest(): number {
    for (const sequence of this.#out) return sequence
    return this.#next
  }
}
