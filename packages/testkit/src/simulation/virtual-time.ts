/**
 * Time that passes only when the simulation says so, and clocks of nodes that see it in their own
 * way: faster, slower, or with jumps forward. Must never look at the real time.
 */
import type { Clock } from '@paxos/replica'

interface Timer {
  readonly atMs: number
  /** Timers of one moment go off in the order in which they were made. */
  readonly number: number
  readonly callback: () => void
  cancelled: boolean
}

/** The time of the simulation. */
export interface VirtualTime {
  readonly nowMs: number
  /** Calls `callback` `delayMs` from now. Returns what cancels it. */
  schedule(delayMs: number, callback: () => void): () => void
  /** Goes to the next timer up to `endMs` and sets it off; false, and at `endMs`, without one. */
  step(endMs: number): boolean
}

export function virtualTime(): VirtualTime {
  const heap: Timer[] = []
  let nowMs = 0
  let made = 0
  return {
    get nowMs() {
      return nowMs
    },
    schedule(delayMs, callback) {
      const timer = {
        atMs: nowMs + Math.max(0, delayMs),
        number: (made += 1),
        callback,
        cancelled: false,
      }
      push(heap, timer)
      return () => {
        timer.cancelled = true
      }
    },
    step(endMs) {
      for (let first = heap[0]; first !== undefined && first.atMs <= endMs; first = heap[0]) {
        pop(heap)
        if (first.cancelled) continue
        nowMs = first.atMs
        first.callback()
        return true
      }
      nowMs = Math.max(nowMs, endMs)
      return false
    },
  }
}

/** A node's clock. It never goes back, whatever is done to it. */
export interface NodeClock extends Clock {
  /** From now on a second of the simulation is so many seconds of this node. */
  drift(rate: number): void
  /** Lets `ms` pass at once, as when a machine was suspended. */
  jump(ms: number): void
  /** No timer of it goes off any more. */
  stop(): void
}

export function nodeClock(time: VirtualTime): NodeClock {
  const waiting = new Set<{
    readonly atMs: number
    readonly callback: () => void
    cancel: () => void
  }>()
  let rate = 1
  let localMs = 0
  let sinceMs = time.nowMs
  let stopped = false
  /** A timer that went off was due, whatever rounding says: else it would be set again for ever. */
  let leastMs = 0

  const nowMs = (): number => Math.max(leastMs, localMs + (time.nowMs - sinceMs) * rate)

  function arm(timer: {
    readonly atMs: number
    readonly callback: () => void
    cancel: () => void
  }): void {
    timer.cancel = time.schedule((timer.atMs - nowMs()) / rate, () => {
      waiting.delete(timer)
      leastMs = Math.max(leastMs, timer.atMs)
      timer.callback()
    })
  }

  function change(newRate: number, jumpMs: number): void {
    localMs = nowMs() + jumpMs
    sinceMs = time.nowMs
    rate = newRate
    for (const timer of waiting) {
      timer.cancel()
      arm(timer)
    }
  }

  return {
    nowMs,
    schedule(delayMs, callback) {
      const timer = { atMs: nowMs() + delayMs, callback, cancel: () => undefined }
      if (stopped) return timer.cancel
      waiting.add(timer)
      arm(timer)
      return () => {
        waiting.delete(timer)
        timer.cancel()
      }
    },
    drift: (newRate) => change(newRate, 0),
    jump: (ms) => change(rate, ms),
    stop() {
      stopped = true
      for (const timer of waiting) timer.cancel()
      waiting.clear()
    },
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number)
}

function push(heap: Timer[], timer: Timer): void {
  let at = heap.length
  heap.push(timer)
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = heap[parent]
    if (above === undefined || !isBefore(timer, above)) break
    heap[at] = above
    at = parent
  }
  heap[at] = timer
}

function pop(heap: Timer[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    let below = heap[child]
    const right = heap[child + 1]
    if (right !== undefined && below !== undefined && isBefore(right, below)) {
      child += 1
      below = right
    }
    if (below === undefined || !isBefore(below, last)) break
    heap[at] = below
    at = child
  }
  heap[at] = last
}
