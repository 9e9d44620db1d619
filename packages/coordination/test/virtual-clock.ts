/**
 * Time for tests: it stands still until a test moves it, and each process may have a clock that runs faster
 * or slower. Must never look at the real one.
 */
import type { Clock } from '@paxos/replica'

interface Timer {
  readonly atMs: number
  readonly number: number
  readonly callback: () => void
}

/** A clock whose timers fire when `advance` says so: in the order of their times, then as they were set. */
export class VirtualClock implements Clock {
  readonly #timers: Timer[] = []
  #made = 0
  #nowMs = 0

  /** How many timers wait: a process that is done with must leave none. */
  get pending(): number {
    return this.#timers.length
  }

  nowMs(): number {
    return this.#nowMs
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, number: (this.#made += 1), callback }
    this.#timers.splice(this.#placeOf(timer), 0, timer)
    return () => {
      const place = this.#placeOf(timer)
      if (this.#timers[place] === timer) this.#timers.splice(place, 1)
    }
  }

  /** Lets `ms` milliseconds pass, and with them everything that follows from it. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await settled()
    for (
      let [next] = this.#timers;
      next !== undefined && next.atMs <= endMs;
      [next] = this.#timers
    ) {
      this.#timers.shift()
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.callback()
      await settled()
    }
    this.#nowMs = endMs
  }

  /** Where it stands among the timers, or would. */
  #placeOf({ atMs, number }: Timer): number {
    let [low, high] = [0, this.#timers.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.#timers[middle]
      const isBefore =
        other !== undefined && (other.atMs < atMs || (other.atMs === atMs && other.number < number))
      if (isBefore) low = middle + 1
      else high = middle
    }
    return low
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
