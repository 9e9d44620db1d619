/**
 * Shares the thread: work that comes in many slices takes turns here, so that sockets and timers
 * are served between any two slices, and no client waits for the whole of another's work. Must
 * never run two slices in one round of the event loop.
 */
import { ROUNDS_BETWEEN_SLICES } from './limits.ts'

/** Turns, in the order in which they were asked for. */
export class Turns {
  readonly #waiting: (() => void)[] = []

  /** Resolves when the caller may run its next slice: a millisecond of work. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === 1) setImmediate(() => this.#run())
    })
  }

  #run(): void {
    // What it resolves runs when this function returns, before the next round begins.
    this.#waiting[0]?.()
    this.#rest(ROUNDS_BETWEEN_SLICES)
  }

  #rest(rounds: number): void {
    setImmediate(() => {
      if (rounds > 1) return this.#rest(rounds - 1)
      // Until now it was the first in the queue, so that nobody began another.
      this.#waiting.shift()
      if (this.#waiting.length > 0) this.#run()
    })
  }
}
