/** Time, chance and turns of the event loop, for what waits. Runs everywhere; tests bring their own. */

/** Time, in milliseconds. */
export interface Clock {
  /** Monotonic. */
  readonly now: () => number
  /** Calls `callback` once, later, unless the function that it returns is called before. */
  readonly after: (delayMs: number, callback: () => void) => () => void
}

/** What the kit takes from where it runs. */
export interface LinkPlatform {
  readonly clock: Clock
  /** Returns numbers from 0 up to, but not including, 1. */
  readonly random: () => number
  /** Calls back at the end of this turn of the event loop. */
  readonly defer: (callback: () => void) => void
}

/** The time of where it runs. */
const platformClock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return () => {
      clearTimeout(timer)
    }
  },
}

/** Where it runs. */
export const platform: LinkPlatform = {
  clock: platformClock,
  random: Math.random,
  // Browsers have no setImmediate.
  defer: typeof setImmediate === 'function' ? setImmediate : queueMicrotask,
}
