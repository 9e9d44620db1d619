/**
 * Time as the replica sees it: injected, so that whole clusters run on virtual time in tests. The
 * replica must never ask the platform for the time by any other way.
 */

/** A monotonic clock and its timers. */
export interface Clock {
  /** Milliseconds since any fixed moment; never goes back. */
  nowMs(): number
  /** Calls `callback` once, `delayMs` from now or later. Returns what cancels it. */
  schedule(delayMs: number, callback: () => void): () => void
}

/** The clock of this machine. */
export const platformClock: Clock = {
  nowMs: () => performance.now(),
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}
