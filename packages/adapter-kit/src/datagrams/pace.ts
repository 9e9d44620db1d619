/**
 * How fast datagrams may leave for one peer. UDP has no flow control: what comes faster than the
 * peer reads is lost, and with one fragment the whole frame. So datagrams leave in small bursts
 * that the peer's receive buffer can hold, a burst a millisecond. Must never delay a datagram when
 * the peer has been left in peace for a millisecond.
 */
import { BURST_BYTES, DATAGRAM_OVERHEAD_BYTES } from './limits.ts'

/** What an outbox may spend. */
export interface Pace {
  /** Whether a datagram may leave now. */
  ready(): boolean
  /** Counts a datagram that leaves. */
  spend(bytes: number): void
}

/** A full purse. `now` is in milliseconds of a monotonic clock. */
export function pace(now: () => number): Pace {
  let budget = BURST_BYTES
  let filledAtMs = now()

  function fill(): void {
    const nowMs = now()
    budget = Math.min(BURST_BYTES, budget + (nowMs - filledAtMs) * BURST_BYTES)
    filledAtMs = nowMs
  }
  return {
    ready() {
      fill()
      return budget > 0
    },
    spend(bytes) {
      budget -= bytes + DATAGRAM_OVERHEAD_BYTES
    },
  }
}
