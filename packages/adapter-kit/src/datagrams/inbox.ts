/**
 * The way of a datagram into frames: is it ours, is it authentic, is its sender known, was it let in
 * and is it new, is it whole. In that order: nothing is made, kept or delivered of a datagram before
 * its tag is verified. Must never throw for bytes from the network, nor deliver to a node that does
 * not want any more.
 */
import type { NodeId } from '@paxos/core'
import type { Door } from './cookies.ts'
import { decodeDatagram } from './datagram.ts'
import type { Fragment, Frames } from './datagram.ts'
import { isOurs, VERSION, versionOf } from './header.ts'
import { reassembly } from './reassembly.ts'
import type { ReceivedWord } from './words.ts'

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
  /** Datagrams in another version of the format: of an older release, or a newer one. */
  readonly otherVersionDatagrams: number
  /**
   * Datagrams without a tag, or with one by none of the accepted keys or for another receiver;
   * without keys, datagrams with a tag.
   */
  readonly unauthenticDatagrams: number
  /** Datagrams whose sender is not in the address book. */
  readonly strangerDatagrams: number
  /** Datagrams that have come already, or belong to an epoch that is over. */
  readonly replayedDatagrams: number
  /**
   * Datagrams with a cookie that this node has not given to their sender since it started: one of
   * the two has restarted, or somebody else sent them.
   */
  readonly uninvitedDatagrams: number
  /**
   * Questions for a cookie, and answers, of nodes of another cluster or of another incarnation than
   * the expected one.
   */
  readonly foreignDatagrams: number
  /** Frames of which only a part came. */
  readonly partialFrames: number
}

/** How many datagrams were refused, by what was wrong with them. */
export type Refusals = Omit<InboxStats, 'partialFrames'>

/** What can be wrong with a datagram, but for who is foreign: that depends on the peer. */
export type Fault = Exclude<keyof Refusals, 'foreignDatagrams'>

/** What an inbox needs. */
export interface InboxOptions {
  /** Whether a datagram of ours is authentic. */
  readonly verify: (datagram: Uint8Array) => boolean
  /** Whether frames of `sender` are wanted. Asked before each: that may end between two. */
  readonly knows: (sender: NodeId) => boolean
  /** What is kept for a sender that is known; `null` when it is not known any more. */
  readonly doorOf: (sender: NodeId) => Door | null
  /**
   * A known sender asks, or answers, in a datagram of so many bytes. Returns whether it is of this
   * cluster and of the incarnation that is expected, and says so where it is not.
   */
  readonly onCookieWord: (word: ReceivedWord, datagramBytes: number) => boolean
  /** A known sender has a cookie that its door does not know. */
  readonly onUninvited: (sender: NodeId, cookie: Uint8Array) => void
  /** A datagram was counted, and nothing else came of it. */
  readonly onRefused: (fault: Fault, datagram: Uint8Array) => void
  /** Must not throw. The frame is in memory of its own. */
  readonly deliver: (from: NodeId, frame: Uint8Array) => void
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

/** Nothing received yet. */
export function inbox(options: InboxOptions): Inbox {
  const { verify, knows, doorOf, onCookieWord, onUninvited, onRefused, deliver, now } = options
  const counters = {
    malformedDatagrams: 0,
    otherVersionDatagrams: 0,
    unauthenticDatagrams: 0,
    strangerDatagrams: 0,
    replayedDatagrams: 0,
    uninvitedDatagrams: 0,
    foreignDatagrams: 0,
  }
  const partials = reassembly()

  function accept(bytes: Uint8Array): void {
    const version = versionOf(bytes)
    if (version !== null && version !== VERSION) return refuse('otherVersionDatagrams', bytes)
    if (!isOurs(bytes)) return refuse('malformedDatagrams', bytes)
    if (!verify(bytes)) return refuse('unauthenticDatagrams', bytes)
    const datagram = decodeDatagram(bytes)
    if (datagram === null) return refuse('malformedDatagrams', bytes)
    const door = knows(datagram.sender) ? doorOf(datagram.sender) : null
    if (door === null) return refuse('strangerDatagrams', bytes)
    if (datagram.type === 'cookie') return hear(datagram, bytes)
    const verdict = door.admit(datagram.stamp)
    if (verdict === 'fresh') take(datagram, bytes)
    else if (verdict === 'replayed') refuse('replayedDatagrams', bytes)
    else {
      refuse('uninvitedDatagrams', bytes)
      onUninvited(datagram.sender, datagram.stamp.cookie)
    }
  }

  /** Who is foreign was told of where that was found out. */
  function hear(word: ReceivedWord, { byteLength }: Uint8Array): void {
    if (!onCookieWord(word, byteLength)) counters.foreignDatagrams += 1
  }

  function refuse(fault: Fault, bytes: Uint8Array): void {
    counters[fault] += 1
    onRefused(fault, bytes)
  }

  function take(datagram: Frames | Fragment, bytes: Uint8Array): void {
    if (datagram.type === 'fragment') acceptFragment(datagram, bytes)
    else deliverAll(datagram.sender, datagram.frames)
  }

  function acceptFragment(fragment: Fragment, bytes: Uint8Array): void {
    // It is kept, and the memory of the datagram is not ours.
    const kept = { ...fragment, payload: new Uint8Array(fragment.payload) }
    const accepted = partials.accept(kept, now())
    if (accepted.type === 'contradiction') refuse('malformedDatagrams', bytes)
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
