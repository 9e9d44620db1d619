/**
 * The frames that wait for one peer: for a connection, or for a slow one. Must never keep more than
 * MAX_OUTBOX_BYTES, nor the caller's bytes.
 */
import { FRAME_LIFETIME_MS, FRAME_OVERHEAD_BYTES, MAX_OUTBOX_BYTES } from './limits.ts'

/** The frames that wait for one peer, the oldest first. */
export interface Outbox {
  /** Keeps a copy of `frame`. Returns how many of the oldest were dropped to make room. */
  push(frame: Uint8Array, nowMs: number): number
  /** Takes frames up to `maxBytes` with their overheads, and at least one if there is any. */
  take(maxBytes: number): Uint8Array[]
  /** Drops what is older than FRAME_LIFETIME_MS. Returns how many frames that were. */
  expire(nowMs: number): number
  /** Drops everything. */
  clear(): void
}

interface Waiting {
  readonly frame: Uint8Array
  readonly sinceMs: number
}

/** An outbox with nothing in it. Time is in milliseconds of any monotonic clock. */
export function outbox(): Outbox {
  let waiting: Waiting[] = []
  let bytes = 0

  /** Removes the first `count`. */
  function remove(count: number): Waiting[] {
    const removed = waiting.splice(0, count)
    for (const { frame } of removed) bytes -= weight(frame)
    return removed
  }

  return {
    push(frame, nowMs) {
      // Not frame.slice(): the slice of a Buffer shares its memory.
      waiting.push({ frame: new Uint8Array(frame), sinceMs: nowMs })
      bytes += weight(frame)
      let dropped = 0
      for (; bytes > MAX_OUTBOX_BYTES; dropped += 1) {
        const oldest = waiting.shift()
        if (oldest !== undefined) bytes -= weight(oldest.frame)
      }
      return dropped
    },
    take(maxBytes) {
      let count = 0
      let taken = 0
      for (const { frame } of waiting) {
        taken += weight(frame)
        if (count > 0 && taken > maxBytes) break
        count += 1
      }
      return remove(count).map(({ frame }) => frame)
    },
    expire(nowMs) {
      const young = waiting.findIndex(({ sinceMs }) => nowMs - sinceMs <= FRAME_LIFETIME_MS)
      return remove(young === -1 ? waiting.length : young).length
    },
    clear() {
      waiting = []
      bytes = 0
    },
  }
}

function weight(frame: Uint8Array): number {
  return frame.byteLength + FRAME_OVERHEAD_BYTES
}
