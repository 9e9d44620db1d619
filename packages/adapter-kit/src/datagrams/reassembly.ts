/**
 * Puts frames together from fragments that come late, twice, in any order or never. Bytes are kept
 * as they come and never reserved on the word of a header. Must never hold more than its limits,
 * whatever comes, and never mix fragments of two frames.
 */
import type { NodeId } from '@paxos/core'
import type { Fragment } from './datagram.ts'
import {
  FRAGMENT_OVERHEAD_BYTES,
  MAX_PARTIAL_BYTES,
  MAX_PARTIAL_BYTES_PER_SENDER,
  MAX_PARTIAL_FRAMES_PER_SENDER,
  PARTIAL_LIFETIME_MS,
} from './limits.ts'

/** The half-received frames of every sender. Time is in milliseconds of any monotonic clock. */
export interface Reassembly {
  /**
   * Takes one fragment. 'complete' comes with the frame, in memory of its own; 'contradiction' is
   * a fragment that does not belong to the frame that it names, and is dropped.
   */
  accept(fragment: Fragment, nowMs: number): Accepted
  /** Drops what is older than PARTIAL_LIFETIME_MS. */
  expire(nowMs: number): void
  /** Drops what came from senders other than `senders`. */
  retain(senders: { has(sender: NodeId): boolean }): void
  /** What is kept, with overheads. */
  readonly bytes: number
  /** Frames that were given up before they were whole, since the beginning. */
  readonly dropped: number
}

/** What came of a fragment. */
export type Accepted =
  | { readonly type: 'complete'; readonly frame: Uint8Array }
  | { readonly type: 'kept' | 'duplicate' | 'contradiction' }

interface Partial {
  readonly frameBytes: number
  readonly count: number
  readonly startedMs: number
  readonly payloads: Map<number, Uint8Array>
  bytes: number
}

interface Sender {
  /** By message id; the oldest first. */
  readonly partials: Map<bigint, Partial>
  bytes: number
}

/** Nothing received yet. */
export function reassembly(): Reassembly {
  const senders = new Map<NodeId, Sender>()
  let bytes = 0
  let dropped = 0

  function accept(fragment: Fragment, nowMs: number): Accepted {
    const { frameBytes, count, index, payload, messageId } = fragment
    const sender = senderOf(fragment.sender)
    const partial = sender.partials.get(messageId) ?? start(sender, fragment, nowMs)
    if (partial.frameBytes !== frameBytes || partial.count !== count) {
      return { type: 'contradiction' }
    }
    if (partial.payloads.has(index)) return { type: 'duplicate' }
    partial.payloads.set(index, payload)
    grow(sender, partial, payload.byteLength + FRAGMENT_OVERHEAD_BYTES)
    if (partial.payloads.size === count) {
      remove(fragment.sender, sender, messageId)
      return { type: 'complete', frame: join(partial) }
    }
    makeRoom(fragment.sender, sender)
    return { type: 'kept' }
  }

  function senderOf(id: NodeId): Sender {
    let sender = senders.get(id)
    if (sender === undefined) senders.set(id, (sender = { partials: new Map(), bytes: 0 }))
    return sender
  }

  function start(sender: Sender, { frameBytes, count, messageId }: Fragment, now: number): Partial {
    const partial = { frameBytes, count, startedMs: now, payloads: new Map(), bytes: 0 }
    sender.partials.set(messageId, partial)
    return partial
  }

  function grow(sender: Sender, partial: Partial, by: number): void {
    partial.bytes += by
    sender.bytes += by
    bytes += by
  }

  function remove(id: NodeId, sender: Sender, messageId: bigint): void {
    const partial = sender.partials.get(messageId)
    if (partial !== undefined) grow(sender, partial, -partial.bytes)
    sender.partials.delete(messageId)
    if (sender.partials.size === 0) senders.delete(id)
  }

  function makeRoom(id: NodeId, sender: Sender): void {
    while (isOverLimit(sender)) dropOldest(id, sender)
    while (isOverTotal()) {
      dropOldest(...[...senders].reduce((a, b) => (startOf(a[1]) <= startOf(b[1]) ? a : b)))
    }
  }

  function isOverTotal(): boolean {
    return bytes > MAX_PARTIAL_BYTES
  }

  function dropOldest(id: NodeId, sender: Sender): void {
    const [oldest] = sender.partials.keys()
    if (oldest === undefined) return
    dropped += 1
    remove(id, sender, oldest)
  }

  return {
    accept,
    expire(nowMs) {
      for (const [id, sender] of senders) {
        while (nowMs - startOf(sender) > PARTIAL_LIFETIME_MS) dropOldest(id, sender)
      }
    },
    retain(kept) {
      for (const [id, sender] of senders) {
        while (!kept.has(id) && sender.partials.size > 0) dropOldest(id, sender)
      }
    },
    get bytes() {
      return bytes
    },
    get dropped() {
      return dropped
    },
  }
}

function isOverLimit({ bytes, partials }: Sender): boolean {
  return bytes > MAX_PARTIAL_BYTES_PER_SENDER || partials.size > MAX_PARTIAL_FRAMES_PER_SENDER
}

/** When the oldest half-received frame of `sender` began; never, when there is none. */
function startOf(sender: Sender): number {
  const [oldest] = sender.partials.values()
  return oldest?.startedMs ?? Infinity
}

function join({ frameBytes, count, payloads }: Partial): Uint8Array {
  const frame = new Uint8Array(frameBytes)
  const fragmentBytes = Math.ceil(frameBytes / count)
  for (const [index, payload] of payloads) frame.set(payload, index * fragmentBytes)
  return frame
}
