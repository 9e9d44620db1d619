/**
 * How long to wait before the next dial: twice as long each time, up to a cap, and never quite the
 * same, so that nodes which lost each other at once do not come back at once. Must never be zero.
 */
import { FIRST_RETRY_MS, MAX_RETRY_MS } from './limits.ts'

/** The waits between dials to one peer. */
export interface Backoff {
  /** The next wait, in milliseconds. */
  next(): number
  /** Begins anew. */
  reset(): void
}

/** `random` gives numbers from 0 up to, not including, 1. */
export function backoff(random: () => number): Backoff {
  let ceilingMs = FIRST_RETRY_MS
  return {
    next() {
      const waitMs = ceilingMs * (0.5 + random() / 2)
      ceilingMs = Math.min(MAX_RETRY_MS, ceilingMs * 2)
      return waitMs
    },
    reset() {
      ceilingMs = FIRST_RETRY_MS
    },
  }
}
