/** Time, for what waits. Runs in browsers. */

/** Time, in milliseconds. */
export interface Clock {
  /** Monotonic. */
  readonly now: () => number
  /** Calls `callback` once, later, unless the function that it returns is called before. */
  readonly after: (delayMs: number, callback: () => void) => () => void
}

/** The platform's time. */
export const platformClock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return () => {
      clearTimeout(timer)
    }
  },
}
