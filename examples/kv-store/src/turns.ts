/**
 * Shares the thread: work that comes in many slices takes turns here, so that sockets and timers
 * are served between any two slices, and no client waits for the whole of another's work. Must
 * never run two slices in one round of the event loop.
 */

/** Turns, in the order in which they were asked for. */
export class Turns {
  readonly #waiting: (() => void)[] = []

  /** Resolves when the caller may run its next slice: some milliseconds of work at most. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === 1) setImmediate(() => this.#run())
    })
  }

  #run(): void {
    // What it resolves runs when this function returns, before the next round begins.
    this.#waiting.shift()?.()
    if (this.#waiting.length > 0) setImmediate(() => this.#run())
  }
}
