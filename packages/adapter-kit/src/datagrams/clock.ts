/**
 * Time, so that tests can bring their own. Must be asked for at each call and keep nothing: a timer
 * that is called off no longer keeps the process alive.
 */

/** Time, in milliseconds. A function that waits returns another one, which calls it off. */
export interface Clock {
  /** Monotonic. */
  readonly now: () => number
  /** Calls `callback` once, later. */
  readonly after: (delayMs: number, callback: () => void) => () => void
  /** Calls `callback` once, when all that is to be done in this turn of the event loop is done. */
  readonly atEndOfTurn: (callback: () => void) => () => void
}

/** The clock of the process. */
export const platformClock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return () => {
      clearTimeout(timer)
    }
  },
  // Not a microtask: the datagrams that one poll of the socket brings are answered by one.
  atEndOfTurn(callback) {
    const immediate = setImmediate(callback)
    return () => {
      clearImmediate(immediate)
    }
  },
}
