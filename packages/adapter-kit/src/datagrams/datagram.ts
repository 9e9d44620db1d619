/**
 * What is in a datagram: a header of ours, then small frames that travel together, one fragment of a
 * larger frame or a word about cookies, then a tag where datagrams are authenticated. All numbers are
 * big-endian.
 *
 *     offset  bytes  field
 *     0       4      magic: "PxUD"
 *     4       1      version: 3; one of another version is refused, and counted as such
 *     5       1      flags: 1 authenticated, 2 a fragment, 4 about cookies (never with 2); a datagram
 *                    with another one is dropped
 *     6       1      n, the length of the sender's id
 *     7       n      the sender's id, in UTF-8
 *     7 + n   32     the stamp, unless it is about cookies: see below
 *     …       …      whole frames, or a fragment, or what is said of cookies
 *     -16     16     if authenticated: the tag, see authentication.ts
 *
 * A stamp says that the sender was let in, and that the datagram is not an old one: see cookies.ts.
 *
 *     0       16     the receiver's cookie for this sender
 *     16      8      the epoch that the receiver gave out with it
 *     24      8      the sequence number in that epoch, from 0, at most 2^53 - 1
 *
 * Whole frames are their number and then each of them, with nothing behind the last:
 *
 *     0       1      the number of frames, from 1
 *     1       2      the length of the first
 *     3       …      the first
 *     …              its length and itself for each of the others
 *
 * A fragment is
 *
 *     0       8      message id: the fragments of one frame share it, and no other frame of the
 *                    sender, before or after a restart, has it
 *     8       4      the length of the whole frame
 *     12      2      the number of fragments, from 2
 *     14      2      the index of this fragment, from 0
 *     16      …      the fragment
 *
 * A frame is cut into fragments of equal size, only the last is shorter; so the length and the
 * number of fragments say how long each one is, and a datagram that disagrees is not ours.
 *
 * What is said of cookies is a byte that tells what, and
 *
 *     1 a question    16 nonce; the identity of who asks; then zeros, up to the size of the largest
 *                     answer as far as a datagram may be that large: no answer is larger than its
 *                     question, and those who speak in the name of others gain nothing by it
 *     2 its answer    16 the nonce of the question; 16 the cookie; 8 the epoch; the identity of who
 *                     answers
 *     3 "I did not give you this cookie"    16 the cookie
 *     4 a refusal     16 the nonce of the question; the identity of who refuses
 *
 * with nothing behind it but in a question. An identity is the name of a cluster and that of an
 * incarnation, each as its length in a byte and its text in UTF-8.
 *
 * Must never throw for bytes from the network.
 */
import type { Buffer } from 'node:buffer'
import { MAX_FRAME_BYTES } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import {
  contentStartOf,
  COOKIE,
  decodeUtf8,
  EPOCH_BYTES,
  flagsOf,
  FRAGMENT,
  hasTag,
  HEADER_BYTES,
  isOurs,
  readSafe,
  roomFor,
  SECRET_BYTES,
  startDatagram,
  TAG_BYTES,
  viewOf,
} from './header.ts'
import type { Head } from './header.ts'
import { MAX_FRAGMENTS, MAX_FRAMES_PER_DATAGRAM } from './limits.ts'
import { decodeWord } from './words.ts'
import type { ReceivedWord } from './words.ts'

const STAMP_BYTES = SECRET_BYTES + EPOCH_BYTES + 8
const COUNT_BYTES = 1
const LENGTH_BYTES = 2
const FRAGMENT_HEADER_BYTES = 16

/** What was in a datagram; the bytes share its memory. */
export type Datagram = Frames | Fragment | ReceivedWord

/** What says that a sender was let in, and that a datagram is not an old one. */
export interface Stamp {
  /** SECRET_BYTES bytes. */
  readonly cookie: Uint8Array
  /** Both are safe integers from 0. */
  readonly epoch: number
  readonly sequence: number
}

/** Frames that travelled together, in the order in which they were sent. */
export interface Frames {
  readonly type: 'frames'
  readonly sender: NodeId
  readonly stamp: Stamp
  readonly frames: readonly Uint8Array[]
}

/** One fragment of a frame, and what the header says of it. */
export interface Fragment {
  readonly type: 'fragment'
  readonly sender: NodeId
  readonly stamp: Stamp
  /** An unsigned number of 64 bits. */
  readonly messageId: bigint
  readonly frameBytes: number
  readonly count: number
  readonly index: number
  readonly payload: Uint8Array
}

/** How a frame is cut. */
export interface Cut {
  readonly count: number
  /** The bytes of every fragment but the last, which has what is left. */
  readonly fragmentBytes: number
}

/** How many of `frames`, from the first, fit into one datagram; 0 when the first has to be cut. */
export function countFitting(
  head: Head,
  frames: readonly Uint8Array[],
  datagramBytes: number,
): number {
  let room = roomFor(head, datagramBytes) - STAMP_BYTES - COUNT_BYTES
  let count = 0
  for (const frame of frames) {
    room -= LENGTH_BYTES + frame.byteLength
    if (room < 0 || count === MAX_FRAMES_PER_DATAGRAM) break
    count += 1
  }
  return count
}

/** How to cut a frame that does not fit, so that each datagram has at most `datagramBytes`. */
export function cutFrame(head: Head, frameBytes: number, datagramBytes: number): Cut {
  const room = roomFor(head, datagramBytes) - STAMP_BYTES - FRAGMENT_HEADER_BYTES
  const count = Math.ceil(frameBytes / room)
  return { count, fragmentBytes: Math.ceil(frameBytes / count) }
}

/** A datagram of whole frames, with room for stamp and tag: 1 to MAX_FRAMES_PER_DATAGRAM of them. */
export function encodeFrames(head: Head, frames: readonly Uint8Array[]): Buffer {
  const bytes = frames.reduce((sum, frame) => sum + LENGTH_BYTES + frame.byteLength, COUNT_BYTES)
  const { datagram, start } = startStamped(head, 0, bytes)
  datagram.writeUInt8(frames.length, start)
  let offset = start + COUNT_BYTES
  for (const frame of frames) {
    datagram.writeUInt16BE(frame.byteLength, offset)
    datagram.set(frame, offset + LENGTH_BYTES)
    offset += LENGTH_BYTES + frame.byteLength
  }
  return datagram
}

/** A datagram of one fragment, with room for stamp and tag. */
export function encodeFragment(
  head: Head,
  fragment: Omit<Fragment, 'type' | 'sender' | 'stamp'>,
): Buffer {
  const bytes = FRAGMENT_HEADER_BYTES + fragment.payload.byteLength
  const { datagram, start } = startStamped(head, FRAGMENT, bytes)
  datagram.writeBigUInt64BE(fragment.messageId, start)
  datagram.writeUInt32BE(fragment.frameBytes, start + 8)
  datagram.writeUInt16BE(fragment.count, start + 12)
  datagram.writeUInt16BE(fragment.index, start + 14)
  datagram.set(fragment.payload, start + FRAGMENT_HEADER_BYTES)
  return datagram
}

/** Writes `stamp` into a datagram of encodeFrames or encodeFragment. */
export function stampDatagram(datagram: Uint8Array, { cookie, epoch, sequence }: Stamp): void {
  const start = contentStartOf(datagram)
  const view = viewOf(datagram)
  datagram.set(cookie, start)
  view.setBigUint64(start + SECRET_BYTES, BigInt(epoch))
  view.setBigUint64(start + SECRET_BYTES + EPOCH_BYTES, BigInt(sequence))
}

/** What is in `datagram`; `null` when it is not ours. Looks at no tag: verify it before. */
export function decodeDatagram(datagram: Uint8Array): Datagram | null {
  if (!isOurs(datagram)) return null
  const end = datagram.byteLength - (hasTag(datagram) ? TAG_BYTES : 0)
  const start = contentStartOf(datagram)
  if (start > end) return null
  const sender = decodeUtf8(datagram.subarray(HEADER_BYTES, start))
  if (sender === null) return null
  const content = datagram.subarray(start, end)
  const flags = flagsOf(datagram)
  if ((flags & COOKIE) !== 0) return decodeWord(sender, content)
  const stamp = decodeStamp(content)
  if (stamp === null) return null
  const rest = content.subarray(STAMP_BYTES)
  const isFragment = (flags & FRAGMENT) !== 0
  return isFragment ? decodeFragment(sender, stamp, rest) : decodeFrames(sender, stamp, rest)
}

function decodeStamp(content: Uint8Array): Stamp | null {
  if (content.byteLength < STAMP_BYTES) return null
  const epoch = readSafe(content, SECRET_BYTES)
  const sequence = readSafe(content, SECRET_BYTES + EPOCH_BYTES)
  if (epoch === null || sequence === null) return null
  return { cookie: content.subarray(0, SECRET_BYTES), epoch, sequence }
}

function decodeFrames(sender: NodeId, stamp: Stamp, content: Uint8Array): Frames | null {
  if (content.byteLength < COUNT_BYTES) return null
  const view = viewOf(content)
  const count = content[0] ?? 0
  const frames: Uint8Array[] = []
  let offset = COUNT_BYTES
  while (frames.length < count) {
    const start = offset + LENGTH_BYTES
    if (start > content.byteLength) return null
    // One that goes beyond the end leaves the offset behind it, and is refused below.
    offset = start + view.getUint16(offset)
    frames.push(content.subarray(start, offset))
  }
  const isWhole = count > 0 && offset === content.byteLength
  return isWhole ? { type: 'frames', sender, stamp, frames } : null
}

function decodeFragment(sender: NodeId, stamp: Stamp, content: Uint8Array): Fragment | null {
  if (content.byteLength < FRAGMENT_HEADER_BYTES) return null
  const view = viewOf(content)
  const fragment: Fragment = {
    type: 'fragment',
    sender,
    stamp,
    messageId: view.getBigUint64(0),
    frameBytes: view.getUint32(8),
    count: view.getUint16(12),
    index: view.getUint16(14),
    payload: content.subarray(FRAGMENT_HEADER_BYTES),
  }
  return isConsistent(fragment) ? fragment : null
}

/** Whether the numbers are those of a frame that was cut as cutFrame cuts. */
function isConsistent({ frameBytes, count, index, payload }: Fragment): boolean {
  if (frameBytes > MAX_FRAME_BYTES || count > MAX_FRAGMENTS) return false
  if (count < 2 || index >= count || frameBytes < count) return false
  const fragmentBytes = Math.ceil(frameBytes / count)
  const before = index * fragmentBytes
  const isLast = index === count - 1
  const expected = isLast ? frameBytes - before : fragmentBytes
  return Math.ceil(frameBytes / fragmentBytes) === count && payload.byteLength === expected
}

/** As startDatagram, with room for a stamp before the content. */
function startStamped(
  head: Head,
  flags: number,
  contentBytes: number,
): { readonly datagram: Buffer; readonly start: number } {
  const { datagram, start } = startDatagram(head, flags, STAMP_BYTES + contentBytes)
  return { datagram, start: start + STAMP_BYTES }
}
