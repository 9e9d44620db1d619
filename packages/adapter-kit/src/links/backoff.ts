/**
 * How long to wait before the next attempt to connect: twice as long each time, up to a cap, and
 * by chance up to half of it less, so that nodes that lost the same peer do not come back at once.
 */
import { FIRST_RETRY_MS, MAX_RETRY_MS } from './limits.ts'

/** The delays between attempts. */
export interface Backoff {
  /** Milliseconds until the next attempt. */
  next(): number
  /** The next delay is the first again. */
  reset(): void
}

/** No attempt failed yet. `random` returns numbers from 0 up to, but not including, 1. */
export function backoff(random: () => number): Backoff {
  let limitMs = FIRST_RETRY_MS
  return {
    next() {
      const delayMs = limitMs * (1 - random() / 2)
      limitMs = Math.min(2 * limitMs, MAX_RETRY_MS)
      return delayMs
    },
    reset() {
      limitMs = FIRST_RETRY_MS
    },
  }
}
