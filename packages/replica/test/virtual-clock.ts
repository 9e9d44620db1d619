/**
 * Time for tests: it stands still until a test moves it. Must never look at the real one.
 */
import type { Clock } from '@paxos/replica'

/** A clock whose timers fire when `advance` says so. */
export class VirtualClock implements Clock {
  readonly #timers = new Map<number, { readonly atMs: number; readonly callback: () => void }>()
  #made = 0
  #nowMs = 0

  get pending(): number {
    return this.#timers.size
  }

  nowMs(): number {
    return this.#nowMs
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const number = (this.#made += 1)
    this.#timers.set(number, { atMs: this.#nowMs + delayMs, callback })
    return () => this.#timers.delete(number)
  }

  /** Lets `ms` milliseconds pass, and with them everything that follows from it. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await settled()
    for (;;) {
      const due = [...this.#timers].filter(([, { atMs }]) => atMs <= endMs)
      const next = due.toSorted(([a, x], [b, y]) => x.atMs - y.atMs || a - b)[0]
      if (next === undefined) break
      this.#timers.delete(next[0])
      this.#nowMs = Math.max(this.#nowMs, next[1].atMs)
      next[1].callback()
      await settled()
    }
    this.#nowMs = endMs
  }
}

/** All promises that can be settled without the passing of time are. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
