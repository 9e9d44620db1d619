/**
 * Where the network gets its timers from. It never reads a clock: how long a frame takes is the
 * scheduler's business, so that whole clusters can run on virtual time.
 */

/** The two timer functions of every platform, or a virtual clock's. */
export interface Scheduler {
  /** Calls `callback` once, `delayMs` milliseconds from now and never inside this call. */
  setTimeout(callback: () => void, delayMs: number): unknown
  /** Takes what setTimeout returned; the callback is not called any more. */
  clearTimeout(timer: unknown): void
}

declare function setTimeout(callback: () => void, delayMs: number): unknown
declare function clearTimeout(timer: unknown): void

/** The platform's timers, looked up at each call: a test may have replaced them meanwhile. */
export const platformScheduler: Scheduler = {
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (timer) => {
    clearTimeout(timer)
  },
}
