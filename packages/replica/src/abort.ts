/**
 * Many waits on one AbortSignal, with one listener on it. A signal that lives as long as a server is
 * handed to every call; a listener for each would make the platform warn of a leak at the eleventh,
 * and be searched through at every removal. Must never leave a listener on a signal that nobody
 * here waits for.
 */

interface Waiting {
  readonly callbacks: Set<() => void>
  readonly listener: () => void
}

const waitingFor = new WeakMap<AbortSignal, Waiting>()

/**
 * Calls `callback` once when `signal`, which has not aborted, does. Returns what takes that back.
 * `callback` must not throw, and must be another function for each call.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const waiting = waitingFor.get(signal) ?? listenTo(signal)
  waiting.callbacks.add(callback)
  return () => {
    waiting.callbacks.delete(callback)
    if (waiting.callbacks.size > 0 || waitingFor.get(signal) !== waiting) return
    waitingFor.delete(signal)
    signal.removeEventListener('abort', waiting.listener)
  }
}

function listenTo(signal: AbortSignal): Waiting {
  const callbacks = new Set<() => void>()
  const listener = (): void => {
    // A signal aborts once. Each callback takes itself out of the set.
    waitingFor.delete(signal)
    for (const callback of callbacks) callback()
  }
  const waiting = { callbacks, listener }
  waitingFor.set(signal, waiting)
  signal.addEventListener('abort', listener, { once: true })
  return waiting
}
