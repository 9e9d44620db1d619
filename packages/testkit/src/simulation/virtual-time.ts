/**
 * Virtual time: a queue of what is to happen, by time and then by order of asking. Must never look at
 * the real time, nor run anything that was cancelled.
 */

/** Something that is to happen. */
export interface Timer {
  readonly atMs: number
  readonly number: number
  readonly callback: () => void
  isCancelled: boolean
}

/** Time that passes only when `step` is called. */
export class VirtualTime {
  /** A binary heap, the earliest first. */
  readonly #heap: Timer[] = []
  #made = 0
  #nowMs = 0

  get nowMs(): number {
    return this.#nowMs
  }

  /** When the next thing happens; `Infinity` when nothing will. */
  get nextAtMs(): number {
    this.#dropCancelled()
    return this.#heap[0]?.atMs ?? Infinity
  }

  /** Has `callback` called `delayMs` from now, never inside this call. */
  schedule(delayMs: number, callback: () => void): Timer {
    const atMs = this.#nowMs + Math.max(0, delayMs)
    const timer: Timer = { atMs, number: (this.#made += 1), callback, isCancelled: false }
    this.#push(timer)
    return timer
  }

  /** Goes to the next thing and does it. False when there is none. */
  step(): boolean {
    this.#dropCancelled()
    const timer = this.#pop()
    if (timer === undefined) return false
    this.#nowMs = timer.atMs
    timer.callback()
    return true
  }

  #dropCancelled(): void {
    while (this.#heap[0]?.isCancelled === true) this.#pop()
  }

  #push(timer: Timer): void {
    const heap = this.#heap
    let index = heap.length
    heap.push(timer)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || isBefore(above, timer)) break
      heap[index] = above
      index = parent
    }
    heap[index] = timer
  }

  #pop(): Timer | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (last === undefined || last === first) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      let below = heap[child]
      const right = heap[child + 1]
      if (right !== undefined && below !== undefined && isBefore(right, below)) {
        child += 1
        below = right
      }
      if (below === undefined || isBefore(last, below)) break
      heap[index] = below
      index = child
    }
    heap[index] = last
    return first
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number)
}
