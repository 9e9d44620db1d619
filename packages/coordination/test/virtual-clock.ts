/**
 * Time for tests: it stands still until a test moves it, and each process may have a clock that runs faster
 * or slower. Must never look at the real one.
 */
import type { Clock } from '@paxos/replica'

export class VirtualClock implements Clock {
  readonly #timers = new Map<number, { readonly atMs: number; readonly callback: () => void }>()
  #made = 0
  #nowMs = 0

  /** How many timers wait: a process that is done with must leave none. */
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

/** One process's view of the time: at another rate, and it may be stopped, as by SIGSTOP. */
export class ProcessClock implements Clock {
  readonly #clock: VirtualClock
  readonly #rate: number
  #waiting: (() => void)[] | null = null
  /** By how much the clock on the wall is ahead. */
  aheadMs = 0
  /** By how much this clock is behind, for it stood still. */
  behindMs = 0

  constructor(clock: VirtualClock, rate = 1) {
    this.#clock = clock
    this.#rate = rate
  }

  nowMs(): number {
    return this.#clock.nowMs() * this.#rate - this.behindMs
  }

  wallMs(): number {
    return this.#clock.nowMs() * this.#rate + this.aheadMs
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = { isCancelled: false }
    const fire = (): void => {
      if (timer.isCancelled) return
      if (this.#waiting === null) callback()
      else this.#waiting.push(fire)
    }
    const cancel = this.#clock.schedule(delayMs / this.#rate, fire)
    return () => {
      timer.isCancelled = true
      cancel()
    }
  }

  freeze(): void {
    this.#waiting ??= []
  }

  thaw(): void {
    const due = this.#waiting ?? []
    this.#waiting = null
    for (const fire of due) fire()
  }
}

/** All promises that can be settled without the passing of time are. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
