/**
 * The frames that wait for one peer. Must never keep more than MAX_OUTBOX_BYTES, nor the caller's
 * bytes.
 */
import { FRAME_LIFETIME_MS, FRAME_OVERHEAD_BYTES, MAX_OUTBOX_BYTES } from './limits.ts'

/** The frames that wait for one peer. */
export interface Outbox {
  /** Copies `frame`, and drops the oldest while there is too much. */
  push(frame: Uint8Array): void
  /** The oldest frame that is not out of date, which waits no longer; `null` when there is none. */
  take(): Uint8Array | null
  /** Forgets what waits. It is not counted as dropped. */
  clear(): void
}

/** What an outbox needs. */
export interface OutboxOptions {
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  /** Called for each frame that is dropped: it made room for a newer one, or was out of date. */
  readonly onDropped: () => void
}

interface Waiting {
  readonly frame: Uint8Array
  readonly sinceMs: number
}

/** An outbox with nothing in it. */
export function outbox({ now, onDropped }: OutboxOptions): Outbox {
  const waiting: Waiting[] = []
  let waitingBytes = 0

  function shift(): Waiting | null {
    const oldest = waiting.shift() ?? null
    if (oldest !== null) waitingBytes -= oldest.frame.byteLength + FRAME_OVERHEAD_BYTES
    return oldest
  }

  return {
    push(frame) {
      // Not frame.slice(): the slice of a Buffer shares its memory.
      waiting.push({ frame: new Uint8Array(frame), sinceMs: now() })
      waitingBytes += frame.byteLength + FRAME_OVERHEAD_BYTES
      while (waitingBytes > MAX_OUTBOX_BYTES && shift() !== null) onDropped()
    },
    take() {
      const outOfDateMs = now() - FRAME_LIFETIME_MS
      let oldest = shift()
      while (oldest !== null && oldest.sinceMs < outOfDateMs) {
        onDropped()
        oldest = shift()
      }
      return oldest?.frame ?? null
    },
    clear() {
      waiting.length = 0
      waitingBytes = 0
    },
  }
}
