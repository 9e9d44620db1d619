/**
 * Time as the replica sees it: injected, so that whole clusters run on virtual time in tests. The
 * replica must never ask the platform for the time by any other way.
 */
import { MAX_TIMEOUT_MS } from './limits.ts'

/** A monotonic clock and its timers. */
export interface Clock {
  /** Milliseconds since any fixed moment; never goes back. */
  nowMs(): number
  /**
   * What the clock on the wall shows, in milliseconds of any epoch; it may jump. Where it runs ahead
   * of nowMs(), the machine was suspended and its monotonic clock stood still: a lease does not outlive
   * that. Default: there is none, and nowMs() has to go on while the machine is suspended.
   */
  wallMs?(): number
  /**
   * Calls `callback` once, `delayMs` from now or later; with 0 when this turn of the event loop is over.
   * Returns what cancels it.
   */
  schedule(delayMs: number, callback: () => void): () => void
}

/** The clock of this machine. Where there is no setImmediate, a turn ends with a timer. A delay that setTimeout cannot take is waited for in parts. */
export const platformClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule(delayMs, callback) {
    if (delayMs === 0 && typeof setImmediate === 'function') {
      const immediate = setImmediate(callback)
      return () => clearImmediate(immediate)
    }
    let timer: ReturnType<typeof setTimeout>
    const wait = (restMs: number): void => {
      const partMs = Math.min(restMs, MAX_TIMEOUT_MS)
      timer = setTimeout(() => (partMs < restMs ? wait(restMs - partMs) : callback()), partMs)
    }
    wait(delayMs)
    return () => clearTimeout(timer)
  },
}
