/**
 * What is in a datagram: a header of ours, then small frames that travel together, one fragment of a
 * larger frame or a word about cookies, then a tag where datagrams are authenticated. All numbers are
 * big-endian.
 *
 *     offset  bytes  field
 *     0       4      magic: "PxUD"
 *     4       1      version: 2
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
 * What is said of cookies has always the same size, so that no answer is larger than its question:
 *
 *     0       1      1 a question, 2 its answer, 3 "I do not know your cookie"
 *     1       16     the nonce of the question; in the third all 0
 *     17      16     the cookie; in a question all 0
 *     33      8      the epoch; in the others 0
 *
 * Must never throw for bytes from the network.
 */
import { Buffer } from 'node:buffer'
import { MAX_FRAME_BYTES } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { MAX_FRAGMENTS, MAX_FRAMES_PER_DATAGRAM } from './limits.ts'

const MAGIC = 0x50785544
const VERSION = 2
const AUTHENTICATED = 1
const FRAGMENT = 2
const COOKIE = 4
const HEADER_BYTES = 7
const EPOCH_BYTES = 8
/** Of a nonce and of a cookie: more than anybody can guess. */
export const SECRET_BYTES = 16
const STAMP_BYTES = SECRET_BYTES + EPOCH_BYTES + 8
const COOKIE_CONTENT_BYTES = 1 + 2 * SECRET_BYTES + EPOCH_BYTES
const COUNT_BYTES = 1
const LENGTH_BYTES = 2
const FRAGMENT_HEADER_BYTES = 16

/**
 * The tag is HMAC-SHA-256 cut to its first half: RFC 2104, section 5, advises against less than
 * half, and it is a guess in 2^128 that costs a datagram each.
 */
export const TAG_BYTES = 16

/** What the datagrams of one node have in common. */
export interface Head {
  /** The id of the node, in UTF-8. */
  readonly sender: Uint8Array
  /** Whether they end in a tag. */
  readonly isAuthenticated: boolean
}

/** What was in a datagram; the bytes share its memory. */
export type Datagram = Frames | Fragment | CookieWord

/** What says that a sender was let in, and that a datagram is not an old one. */
export interface Stamp {
  /** SECRET_BYTES bytes. */
  readonly cookie: Uint8Array
  /** Both are safe integers from 0. */
  readonly epoch: number
  readonly sequence: number
}

/** What is said of cookies. */
export interface CookieWord {
  readonly type: 'cookie'
  readonly sender: NodeId
  readonly kind: CookieKind
  /** SECRET_BYTES bytes each. */
  readonly nonce: Uint8Array
  readonly cookie: Uint8Array
  readonly epoch: number
}

/** A question for a cookie, its answer, and the answer to a cookie that is not known. */
export type CookieKind = 'question' | 'answer' | 'unknown'

const COOKIE_KINDS: readonly CookieKind[] = ['question', 'answer', 'unknown']

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
  let room = roomFor(head, datagramBytes) - COUNT_BYTES
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
  const room = roomFor(head, datagramBytes) - FRAGMENT_HEADER_BYTES
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
  const start = HEADER_BYTES + (datagram[6] ?? 0)
  const view = viewOf(datagram)
  datagram.set(cookie, start)
  view.setBigUint64(start + SECRET_BYTES, BigInt(epoch))
  view.setBigUint64(start + SECRET_BYTES + EPOCH_BYTES, BigInt(sequence))
}

/** A datagram about cookies, with room for the tag. */
export function encodeCookieWord(
  head: Head,
  { kind, nonce, cookie, epoch }: Omit<CookieWord, 'type' | 'sender'>,
): Buffer {
  const { datagram, start } = startDatagram(head, COOKIE, COOKIE_CONTENT_BYTES)
  datagram.writeUInt8(COOKIE_KINDS.indexOf(kind) + 1, start)
  datagram.set(nonce, start + 1)
  datagram.set(cookie, start + 1 + SECRET_BYTES)
  datagram.writeBigUInt64BE(BigInt(epoch), start + 1 + 2 * SECRET_BYTES)
  return datagram
}

/** Whether `datagram` begins as ours do. */
export function isOurs(datagram: Uint8Array): boolean {
  if (datagram.byteLength < HEADER_BYTES) return false
  const view = viewOf(datagram)
  const flags = view.getUint8(5)
  return (
    view.getUint32(0) === MAGIC &&
    view.getUint8(4) === VERSION &&
    (flags & ~(AUTHENTICATED | FRAGMENT | COOKIE)) === 0 &&
    (flags & (FRAGMENT | COOKIE)) !== (FRAGMENT | COOKIE)
  )
}

/** Whether a datagram of ours says that it ends in a tag. */
export function hasTag(datagram: Uint8Array): boolean {
  return ((datagram[5] ?? 0) & AUTHENTICATED) !== 0
}

/** Whom `datagram` names as its sender, whatever else it holds; `null` when it names nobody. */
export function senderOf(datagram: Uint8Array): NodeId | null {
  if (!isOurs(datagram)) return null
  const end = HEADER_BYTES + (datagram[6] ?? 0)
  return end > datagram.byteLength ? null : decodeUtf8(datagram.subarray(HEADER_BYTES, end))
}

/** What is in `datagram`; `null` when it is not ours. Looks at no tag: verify it before. */
export function decodeDatagram(datagram: Uint8Array): Datagram | null {
  if (!isOurs(datagram)) return null
  const end = datagram.byteLength - (hasTag(datagram) ? TAG_BYTES : 0)
  const start = HEADER_BYTES + (datagram[6] ?? 0)
  if (start > end) return null
  const sender = decodeUtf8(datagram.subarray(HEADER_BYTES, start))
  if (sender === null) return null
  const content = datagram.subarray(start, end)
  const flags = datagram[5] ?? 0
  if ((flags & COOKIE) !== 0) return decodeCookieWord(sender, content)
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

function decodeCookieWord(sender: NodeId, content: Uint8Array): CookieWord | null {
  if (content.byteLength !== COOKIE_CONTENT_BYTES) return null
  const kind = COOKIE_KINDS[(content[0] ?? 0) - 1]
  const epoch = readSafe(content, 1 + 2 * SECRET_BYTES)
  if (kind === undefined || epoch === null) return null
  const nonce = content.subarray(1, 1 + SECRET_BYTES)
  const cookie = content.subarray(1 + SECRET_BYTES, 1 + 2 * SECRET_BYTES)
  return { type: 'cookie', sender, kind, nonce, cookie, epoch }
}

/** The number of 64 bits at `offset`; `null` when it is not a safe integer. */
function readSafe(bytes: Uint8Array, offset: number): number | null {
  const value = Number(viewOf(bytes).getBigUint64(offset))
  return Number.isSafeInteger(value) ? value : null
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

/** What a datagram of so many bytes has for its content. */
function roomFor({ sender, isAuthenticated }: Head, datagramBytes: number): number {
  const tagBytes = isAuthenticated ? TAG_BYTES : 0
  return datagramBytes - HEADER_BYTES - sender.byteLength - STAMP_BYTES - tagBytes
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

/** A datagram for content of so many bytes, and where that starts. */
function startDatagram(
  { sender, isAuthenticated }: Head,
  flags: number,
  contentBytes: number,
): { readonly datagram: Buffer; readonly start: number } {
  const start = HEADER_BYTES + sender.byteLength
  const datagram = Buffer.alloc(start + contentBytes + (isAuthenticated ? TAG_BYTES : 0))
  datagram.writeUInt32BE(MAGIC, 0)
  datagram.writeUInt8(VERSION, 4)
  datagram.writeUInt8(isAuthenticated ? flags | AUTHENTICATED : flags, 5)
  datagram.writeUInt8(sender.byteLength, 6)
  datagram.set(sender, HEADER_BYTES)
  return { datagram, start }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes)
  } catch {
    return null
  }
}
