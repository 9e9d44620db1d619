/**
 * Memory that all clients of a server share. Whoever wants some when it is used up gets it from
 * those who have made no progress for a while, and they are cut off. Must never take it from a
 * client that is served, nor count a byte twice.
 */

/** What one exchange has of it. */
export interface Share {
  /** Takes so many bytes more. False when they are not to be had; then nothing is taken. */
  take(bytes: number): boolean
  /** The client has sent or taken something. */
  moved(): void
  /** It is not for the client to go on: nobody else gets this share. */
  keep(): void
  /** Gives everything back. May be called again. */
  release(): void
}

export interface BudgetLimits {
  readonly bytes: number
  /** How long a client makes no progress before it may be cut off, in milliseconds. */
  readonly stalledAfterMs: number
}

export class Budget {
  readonly #limits: BudgetLimits
  readonly #nowMs: () => number
  /** Whoever moved last is last. */
  readonly #holders = new Set<Holder>()
  #used = 0

  constructor(limits: BudgetLimits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits
    this.#nowMs = nowMs
  }

  /** Bytes that are taken. */
  get used(): number {
    return this.#used
  }

  /** A share of nothing yet. `cut` ends its client, when others need what it has. */
  share(cut: () => void): Share {
    return new Holder(this, cut)
  }

  /** For shares. */
  take(bytes: number, holder: Holder): boolean {
    if (!this.#makeRoom(bytes, holder)) return false
    holder.bytes += bytes
    this.#used += bytes
    this.moved(holder)
    return true
  }

  /** For shares. */
  moved(holder: Holder): void {
    if (holder.bytes === 0) return
    holder.movedAtMs = this.#nowMs()
    this.#holders.delete(holder)
    this.#holders.add(holder)
  }

  /** For shares. */
  release(holder: Holder): void {
    if (holder.bytes === 0) return
    this.#used -= holder.bytes
    holder.bytes = 0
    this.#holders.delete(holder)
  }

  #makeRoom(bytes: number, forWhom: Holder): boolean {
    const isThere = (): boolean => this.#used + bytes <= this.#limits.bytes
    for (const holder of this.#holders) {
      if (isThere()) return true
      // All that follow have moved later.
      if (this.#nowMs() - holder.movedAtMs < this.#limits.stalledAfterMs) return false
      if (holder === forWhom || !holder.mayBeCut) continue
      this.release(holder)
      holder.cut()
    }
    return isThere()
  }
}

/** A share. It costs next to nothing until something is taken: each request has two. */
class Holder implements Share {
  bytes = 0
  movedAtMs = 0
  mayBeCut = true
  readonly cut: () => void
  readonly #budget: Budget

  constructor(budget: Budget, cut: () => void) {
    this.#budget = budget
    this.cut = cut
  }

  take(bytes: number): boolean {
    return this.#budget.take(bytes, this)
  }

  moved(): void {
    this.#budget.moved(this)
  }

  keep(): void {
    this.mayBeCut = false
  }

  release(): void {
    this.#budget.release(this)
  }
}
