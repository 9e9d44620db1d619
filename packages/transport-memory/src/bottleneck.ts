/**
 * The slow end of a link: frames leave it one after another, first in first out, as fast as its
 * capacity says, and wait in a bounded queue until then. It reads no clock. Must never hand a frame
 * on before those that came earlier, nor keep a timer while nothing is to leave.
 */
import type { Capacity } from './capacity.ts'
import type { Fate } from './faults.ts'
import { FRAME_OVERHEAD_BYTES, HEADER_BYTES, SLICE_MS } from './limits.ts'
import type { Scheduler } from './scheduler.ts'
import type { Route } from './transport.ts'

/** A frame, before it has left. */
export interface Parcel {
  readonly frame: Uint8Array
  readonly route: Route
  /** Decided when it was sent, so that the dice do not depend on the capacity. */
  readonly fate: Fate
}

/** What becomes of frames: each leaves or is dropped. */
export interface Ends {
  /** A frame has left; called inside `send` too. */
  readonly leave: (parcel: Parcel) => void
  /** The queue was full. */
  readonly drop: (parcel: Parcel) => void
}

/** One direction between two nodes, where it is narrowest. */
export class Bottleneck {
  capacity: Capacity
  readonly #scheduler: Scheduler
  readonly #ends: Ends
  readonly #waiting: Parcel[] = []
  #waitingBytes = 0
  /** The frame that is leaving, with what of it has not. */
  #leaving: { readonly parcel: Parcel; leftBytes: number } | null = null
  #timer: unknown = null
  /** Below 1: what frames took that left at once because timers know whole milliseconds alone. */
  #owedMs = 0

  constructor(capacity: Capacity, scheduler: Scheduler, ends: Ends) {
    this.capacity = capacity
    this.#scheduler = scheduler
    this.#ends = ends
  }

  /** Takes a frame, which leaves at once when nothing is before it and the link is fast enough. */
  send(parcel: Parcel): void {
    if (this.#leaving === null) {
      this.#begin(parcel)
      return this.#pump()
    }
    if (this.#makeRoom(parcel)) {
      this.#waiting.push(parcel)
      this.#waitingBytes += cost(parcel)
    } else this.#ends.drop(parcel)
  }

  /** Gives up what has not left. Returns it, in order. */
  clear(): Parcel[] {
    const { parcel } = this.#leaving ?? {}
    if (parcel !== undefined) this.#scheduler.clearTimeout(this.#timer)
    this.#leaving = null
    this.#waitingBytes = 0
    return [...(parcel === undefined ? [] : [parcel]), ...this.#waiting.splice(0)]
  }

  #makeRoom(parcel: Parcel): boolean {
    const { queueBytes, dropWhenFull } = this.capacity
    while (this.#waiting.length > 0 && this.#waitingBytes + cost(parcel) > queueBytes) {
      if (dropWhenFull === 'newest') return false
      const oldest = this.#takeWaiting()
      if (oldest !== undefined) this.#ends.drop(oldest)
    }
    return true
  }

  #takeWaiting(): Parcel | undefined {
    const parcel = this.#waiting.shift()
    if (parcel !== undefined) this.#waitingBytes -= cost(parcel)
    return parcel
  }

  #begin(parcel: Parcel | undefined): void {
    this.#leaving =
      parcel === undefined ? null : { parcel, leftBytes: parcel.frame.byteLength + HEADER_BYTES }
  }

  /** Lets leave what can, and sets the timer for what cannot. */
  #pump(): void {
    for (let leaving = this.#leaving; leaving !== null; leaving = this.#leaving) {
      const bytesPerMs = this.capacity.bytesPerSecond / 1000
      const neededMs = this.#owedMs + leaving.leftBytes / bytesPerMs
      const waitMs = Math.min(SLICE_MS, Math.floor(neededMs))
      if (waitMs > 0) {
        leaving.leftBytes = (neededMs - waitMs) * bytesPerMs
        this.#owedMs = 0
        this.#timer = this.#scheduler.setTimeout(() => this.#pump(), waitMs)
        return
      }
      this.#owedMs = neededMs
      this.#begin(this.#takeWaiting())
      this.#ends.leave(leaving.parcel)
    }
  }
}

function cost({ frame }: Parcel): number {
  return frame.byteLength + FRAME_OVERHEAD_BYTES
}
