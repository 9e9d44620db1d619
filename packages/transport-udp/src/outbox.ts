/**
 * The frames that wait for one peer, and their way into datagrams. Datagrams leave at a pace that
 * does not flood the peer, and a few at a time are with the system. Must never keep more than
 * MAX_OUTBOX_BYTES, nor the caller's bytes.
 */
import { cutFrame, encodeHeader } from './datagram.ts'
import type { Cut } from './datagram.ts'
import { FRAME_OVERHEAD_BYTES, MAX_DATAGRAMS_IN_FLIGHT, MAX_OUTBOX_BYTES } from './limits.ts'
import { pace } from './pace.ts'

/** The frames that wait for one peer. */
export interface Outbox {
  /** Copies `frame` and sends it as soon as its turn comes. */
  push(frame: Uint8Array): void
  /** Drops what waits; what is pushed from now on is dropped too. */
  discard(): void
}

/** What an outbox needs. */
export interface OutboxOptions {
  /** The id of this node, in UTF-8. */
  readonly sender: Uint8Array
  readonly datagramBytes: number
  /** A number that no other frame of this node has. */
  readonly nextMessageId: () => bigint
  /** Hands one datagram to the system and calls `done` once, now or later. Must not throw. */
  readonly transmit: (datagram: readonly Uint8Array[], done: (sent: boolean) => void) => void
  readonly clock: Clock
  /** Called for each frame that is dropped unsent to make room. */
  readonly onDropped: () => void
}

/** Time, in milliseconds. */
export interface Clock {
  /** Monotonic. */
  readonly now: () => number
  /** Calls `callback` once, later, unless the function that it returns is called before. */
  readonly after: (delayMs: number, callback: () => void) => () => void
}

interface Outgoing extends Cut {
  readonly frame: Uint8Array
  readonly messageId: bigint
  /** The index of the next fragment. */
  next: number
}

/** An outbox with nothing in it. */
export function outbox(options: OutboxOptions): Outbox {
  const { sender, datagramBytes, nextMessageId, transmit, clock, onDropped } = options
  const speed = pace(clock.now)
  const waiting: Outgoing[] = []
  let waitingBytes = 0
  let current: Outgoing | null = null
  let inFlight = 0
  let pumping = false
  let discarded = false
  let stopTimer: (() => void) | null = null

  function push(frame: Uint8Array): void {
    if (discarded) return
    const cut = cutFrame(frame.byteLength, sender.byteLength, datagramBytes)
    // Not frame.slice(): the slice of a Buffer shares its memory.
    waiting.push({ ...cut, frame: new Uint8Array(frame), messageId: nextMessageId(), next: 0 })
    waitingBytes += frame.byteLength + FRAME_OVERHEAD_BYTES
    pump()
    while (waitingBytes > MAX_OUTBOX_BYTES && takeWaiting() !== null) onDropped()
  }

  function takeWaiting(): Outgoing | null {
    const outgoing = waiting.shift() ?? null
    if (outgoing !== null) waitingBytes -= outgoing.frame.byteLength + FRAME_OVERHEAD_BYTES
    return outgoing
  }

  /** A loop and not a recursion: `transmit` may call `done` at once. */
  function pump(): void {
    if (pumping) return
    pumping = true
    while (inFlight < MAX_DATAGRAMS_IN_FLIGHT && stopTimer === null) {
      current ??= takeWaiting()
      if (current === null) break
      if (speed.ready()) transmitNext(current)
      else stopTimer = clock.after(1, resume)
    }
    pumping = false
  }

  function resume(): void {
    stopTimer = null
    pump()
  }

  function transmitNext(outgoing: Outgoing): void {
    const { frame, messageId, count, fragmentBytes, next: index } = outgoing
    const payload = frame.subarray(index * fragmentBytes, (index + 1) * fragmentBytes)
    const fragment = { messageId, frameBytes: frame.byteLength, count, index, payload }
    outgoing.next += 1
    if (outgoing.next === count) current = null
    inFlight += 1
    const header = encodeHeader(sender, fragment)
    speed.spend(header.byteLength + payload.byteLength)
    transmit([header, payload], (sent) => {
      inFlight -= 1
      // Without one fragment the others are of no use.
      if (!sent && current === outgoing) current = null
      pump()
    })
  }

  return {
    push,
    discard() {
      discarded = true
      waiting.length = 0
      waitingBytes = 0
      current = null
      stopTimer?.()
      stopTimer = null
    },
  }
}
