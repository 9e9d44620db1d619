/**
 * Listeners on the signals of callers. One signal may end thousands of calls: it gets one listener
 * from here, however many there are, and none once the last call is over.
 */

const listening = new WeakMap<AbortSignal, Set<() => void>>()

/** Calls `listener` once when `signal` aborts, or now if it has. Returns what takes it back. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener()
    return () => undefined
  }
  const listeners = listening.get(signal) ?? listenTo(signal)
  // A function of its own: the same listener may be given twice.
  const own = (): void => listener()
  listeners.add(own)
  return () => {
    listeners.delete(own)
    if (listeners.size > 0 || listening.get(signal) !== listeners) return
    listening.delete(signal)
    signal.removeEventListener('abort', tellAll)
  }
}

function listenTo(signal: AbortSignal): Set<() => void> {
  const listeners = new Set<() => void>()
  listening.set(signal, listeners)
  signal.addEventListener('abort', tellAll, { once: true })
  return listeners
}

function tellAll({ target }: Event): void {
  if (!(target instanceof AbortSignal)) return
  const listeners = listening.get(target) ?? []
  listening.delete(target)
  for (const listener of listeners) listener()
}
