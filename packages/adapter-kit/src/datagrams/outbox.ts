/**
 * The frames that wait for one peer, and their way into datagrams. Those that are handed over in
 * one turn of the event loop, or wait for any other reason, travel together as far as they fit.
 * Datagrams leave at a pace that does not flood the peer, and a few at a time are with the system.
 * Must never keep more than MAX_OUTBOX_BYTES, nor the caller's bytes.
 */
import type { Clock } from './clock.ts'
import { countFitting, cutFrame, encodeFragment, encodeFrames } from './datagram.ts'
import type { Cut } from './datagram.ts'
import type { Head } from './header.ts'
import {
  FRAME_LIFETIME_MS,
  FRAME_OVERHEAD_BYTES,
  MAX_DATAGRAMS_IN_FLIGHT,
  MAX_FRAMES_PER_DATAGRAM,
  MAX_OUTBOX_BYTES,
} from './limits.ts'
import { pace } from './pace.ts'

/** The frames that wait for one peer. */
export interface Outbox {
  /** Copies `frame` and sends it at the end of this turn, or as soon as its turn comes. */
  push(frame: Uint8Array): void
  /** Goes on, when `mayLeave` has changed its mind. */
  resume(): void
  /** Drops what has waited longer than FRAME_LIFETIME_MS; whether anything is left. */
  expire(): boolean
  /** Sends what may leave now, then drops what waits, and what is pushed from now on. */
  discard(): void
}

/** What an outbox needs. */
export interface OutboxOptions {
  readonly head: Head
  readonly datagramBytes: number
  /** A number that no other frame of this node has. */
  readonly nextMessageId: () => bigint
  /** Whether the peer can be sent to. Asked when something waits; who says no calls resume() later. */
  readonly mayLeave: () => boolean
  /** Hands one datagram to the system and calls `done` once, now or later. Must not throw. */
  readonly transmit: (datagram: Uint8Array, done: (sent: boolean) => void) => void
  readonly clock: Clock
  /** Called for each frame that is dropped unsent: it made room, or is too old. */
  readonly onDropped: () => void
  /** Called when the system has taken, or refused, so many frames. */
  readonly onDone: (frames: number, sent: boolean) => void
}

interface Waiting {
  readonly frame: Uint8Array
  readonly sinceMs: number
}

/** A frame that is being sent in fragments. */
interface Outgoing extends Cut {
  readonly frame: Uint8Array
  readonly messageId: bigint
  /** The index of the next fragment. */
  next: number
}

/** An outbox with nothing in it. */
export function outbox(options: OutboxOptions): Outbox {
  const { head, datagramBytes, nextMessageId, mayLeave, transmit, clock, onDropped, onDone } =
    options
  const speed = pace(clock.now)
  const waiting: Waiting[] = []
  let waitingBytes = 0
  let current: Outgoing | null = null
  let inFlight = 0
  let pumping = false
  let discarded = false
  /** While one of them waits, nothing is sent: more may come to travel with it. */
  let stopTurn: (() => void) | null = null
  let stopTimer: (() => void) | null = null

  function push(frame: Uint8Array): void {
    if (discarded) return
    // Not frame.slice(): the slice of a Buffer shares its memory.
    waiting.push({ frame: new Uint8Array(frame), sinceMs: clock.now() })
    waitingBytes += frame.byteLength + FRAME_OVERHEAD_BYTES
    while (waitingBytes > MAX_OUTBOX_BYTES && takeWaiting() !== null) onDropped()
    stopTurn ??= clock.atEndOfTurn(() => {
      stopTurn = null
      pump()
    })
  }

  function takeWaiting(): Uint8Array | null {
    const frame = waiting.shift()?.frame ?? null
    if (frame !== null) waitingBytes -= frame.byteLength + FRAME_OVERHEAD_BYTES
    return frame
  }

  /** A loop and not a recursion: `transmit` may call `done` at once. */
  function pump(): void {
    if (pumping) return
    pumping = true
    while (mayTransmit()) transmitNext()
    pumping = false
  }

  /** Whether the next datagram may leave now; when only the pace is against it, it waits for that. */
  function mayTransmit(): boolean {
    if (inFlight >= MAX_DATAGRAMS_IN_FLIGHT || stopTurn !== null || stopTimer !== null) return false
    if (current === null && waiting.length === 0) return false
    if (!mayLeave()) return false
    if (speed.ready()) return true
    stopTimer = clock.after(1, resume)
    return false
  }

  function resume(): void {
    stopTimer?.()
    stopTimer = null
    pump()
  }

  function expire(): boolean {
    const outOfDateMs = clock.now() - FRAME_LIFETIME_MS
    while ((waiting[0]?.sinceMs ?? Infinity) < outOfDateMs && takeWaiting() !== null) onDropped()
    return waiting.length > 0 || current !== null
  }

  function transmitNext(): void {
    if (current !== null) return transmitFragment(current)
    const fitting = countFitting(
      head,
      // As many as a datagram may hold, and one that shows that it holds no more.
      waiting.slice(0, MAX_FRAMES_PER_DATAGRAM + 1).map(({ frame }) => frame),
      datagramBytes,
    )
    const frame = takeWaiting()
    if (frame === null) return
    if (fitting > 0) return transmitFrames(frame, fitting)
    const cut = cutFrame(head, frame.byteLength, datagramBytes)
    current = { ...cut, frame, messageId: nextMessageId(), next: 0 }
    transmitFragment(current)
  }

  function transmitFrames(first: Uint8Array, count: number): void {
    const frames = [first]
    while (frames.length < count) {
      const frame = takeWaiting()
      if (frame === null) break
      frames.push(frame)
    }
    handOver(encodeFrames(head, frames), (sent) => onDone(frames.length, sent))
  }

  function transmitFragment(outgoing: Outgoing): void {
    const { frame, messageId, count, fragmentBytes, next: index } = outgoing
    const payload = frame.subarray(index * fragmentBytes, (index + 1) * fragmentBytes)
    const fragment = { messageId, frameBytes: frame.byteLength, count, index, payload }
    outgoing.next += 1
    const isLast = outgoing.next === count
    if (isLast) current = null
    handOver(encodeFragment(head, fragment), (sent) => {
      // Without one fragment the others are of no use.
      const isGivenUp = !sent && current === outgoing
      if (isGivenUp) current = null
      if (isLast || isGivenUp) onDone(1, sent)
    })
  }

  function handOver(datagram: Uint8Array, onEnd: (sent: boolean) => void): void {
    inFlight += 1
    speed.spend(datagram.byteLength)
    transmit(datagram, (sent) => {
      inFlight -= 1
      onEnd(sent)
      pump()
    })
  }

  return {
    push,
    resume,
    expire,
    discard() {
      stopTurn?.()
      stopTurn = null
      pump()
      discarded = true
      waiting.length = 0
      waitingBytes = 0
      current = null
      stopTimer?.()
      stopTimer = null
    },
  }
}
