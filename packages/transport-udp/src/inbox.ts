/**
 * The way of a datagram into frames: is it ours, is it authentic, is its sender known, is it whole.
 * In that order: nothing is made, kept or delivered of a datagram before its tag is verified. Must
 * never throw for bytes from the network, nor deliver to a node that does not want any more.
 */
import type { NodeId } from '@paxos/core'
import { decodeDatagram, isOurs } from './datagram.ts'
import type { Fragment } from './datagram.ts'
import { reassembly } from './reassembly.ts'

/** Where datagrams come in. */
export interface Inbox {
  /** Takes what came from the network, and delivers the frames that are whole by it. */
  accept(datagram: Uint8Array): void
  /** Drops half-received frames that are too old. */
  expire(): void
  /** Drops half-received frames of senders other than `senders`. */
  retain(senders: { has(sender: NodeId): boolean }): void
  /** What half-received frames take, with overheads. */
  readonly partialBytes: number
  /** What has been dropped so far: a copy. */
  stats(): InboxStats
}

/** What has been dropped on its way in. */
export interface InboxStats {
  /** Datagrams that are none of ours, or contradict one that came before. */
  readonly malformedDatagrams: number
  /**
   * Datagrams without a tag, or with one by none of the accepted keys or for another receiver;
   * without keys, datagrams with a tag.
   */
  readonly unauthenticDatagrams: number
  /** Datagrams whose sender is not in the address book. */
  readonly strangerDatagrams: number
  /** Frames of which only a part came. */
  readonly partialFrames: number
}

/** What an inbox needs. */
export interface InboxOptions {
  /** Whether a datagram of ours is authentic. */
  readonly verify: (datagram: Uint8Array) => boolean
  /** Whether frames of `sender` are wanted. Asked before each: that may end between two. */
  readonly knows: (sender: NodeId) => boolean
  /** Must not throw. The frame is in memory of its own. */
  readonly deliver: (from: NodeId, frame: Uint8Array) => void
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

/** Nothing received yet. */
export function inbox({ verify, knows, deliver, now }: InboxOptions): Inbox {
  const counters = { malformedDatagrams: 0, unauthenticDatagrams: 0, strangerDatagrams: 0 }
  const partials = reassembly()

  function accept(bytes: Uint8Array): void {
    if (!isOurs(bytes)) return count('malformedDatagrams')
    if (!verify(bytes)) return count('unauthenticDatagrams')
    const datagram = decodeDatagram(bytes)
    if (datagram === null) return count('malformedDatagrams')
    if (!knows(datagram.sender)) return count('strangerDatagrams')
    if (datagram.type === 'fragment') acceptFragment(datagram)
    else deliverAll(datagram.sender, datagram.frames)
  }

  function count(counter: keyof typeof counters): void {
    counters[counter] += 1
  }

  function acceptFragment(fragment: Fragment): void {
    const accepted = partials.accept(fragment, now())
    if (accepted.type === 'contradiction') count('malformedDatagrams')
    if (accepted.type === 'complete') deliver(fragment.sender, accepted.frame)
  }

  function deliverAll(sender: NodeId, frames: readonly Uint8Array[]): void {
    for (const frame of frames) {
      if (!knows(sender)) return
      // Not frame.slice(): the slice of a Buffer shares its memory.
      deliver(sender, new Uint8Array(frame))
    }
  }

  return {
    accept,
    expire: () => partials.expire(now()),
    retain: (senders) => partials.retain(senders),
    get partialBytes() {
      return partials.bytes
    },
    stats: () => ({ ...counters, partialFrames: partials.dropped }),
  }
}
