/**
 * Waits for a moment, however far away: the platform's timers end at once beyond 2^31 milliseconds,
 * which are 24 days, and certificates last longer. Must never call back early.
 */

/** What a timer of the platform can wait. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

/**
 * Calls `callback` once Date.now() is `atMs` or later, unless the function that it returns is called
 * before. Does not keep the process alive.
 */
export function at(atMs: number, callback: () => void): () => void {
  let timer = wait()

  function wait(): NodeJS.Timeout {
    const waitMs = Math.min(MAX_TIMEOUT_MS, Math.max(0, atMs - Date.now()))
    return setTimeout(wake, waitMs).unref()
  }

  function wake(): void {
    if (Date.now() >= atMs) callback()
    else timer = wait()
  }

  return () => clearTimeout(timer)
}
