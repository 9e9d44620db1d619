/**
 * A virtual clock: timers fire in the order of their time, then of their making, when a test says
 * so. Must never look at the real clock.
 */
import type { Scheduler } from '@paxos/transport-memory'

export interface VirtualTime extends Scheduler {
  /** How many timers wait. */
  readonly pending: number
  /** Milliseconds since the beginning. */
  readonly nowMs: number
  /** Fires what is due in the next `ms` milliseconds, with all that follows from it. */
  advance(ms: number): void
}

export function virtualTime(): VirtualTime {
  const timers = new Map<number, { readonly dueMs: number; readonly callback: () => void }>()
  let made = 0
  let nowMs = 0
  return {
    get pending() {
      return timers.size
    },
    get nowMs() {
      return nowMs
    },
    setTimeout(callback, delayMs) {
      made += 1
      timers.set(made, { dueMs: nowMs + delayMs, callback })
      return made
    },
    clearTimeout(timer) {
      timers.delete(Number(timer))
    },
    advance(ms) {
      const endMs = nowMs + ms
      for (;;) {
        const due = [...timers].filter(([, timer]) => timer.dueMs <= endMs)
        const next = due.toSorted(([a, x], [b, y]) => x.dueMs - y.dueMs || a - b)[0]
        if (next === undefined) break
        timers.delete(next[0])
        nowMs = next[1].dueMs
        next[1].callback()
      }
      nowMs = endMs
    },
  }
}
