/**
 * What is in a datagram: a header of ours, then one fragment of a frame. All numbers are big-endian.
 *
 *     offset  bytes  field
 *     0       4      magic: "PxUD"
 *     4       1      version: 1
 *     5       1      flags: 0
 *     6       1      n, the length of the sender's id
 *     7       n      the sender's id, in UTF-8
 *     7 + n   8      message id: the fragments of one frame share it, and no other frame of the
 *                    sender, before or after a restart, has it
 *     15 + n  4      the length of the whole frame
 *     19 + n  2      the number of fragments
 *     21 + n  2      the index of this fragment, from 0
 *     23 + n  …      the fragment
 *
 * A frame is cut into fragments of equal size, only the last is shorter; so the length and the
 * number of fragments say how long each one is, and a datagram that disagrees is not ours. Flags
 * are for extensions that a reader must understand (authentication, several frames in a datagram):
 * a datagram with one that it does not know is dropped.
 *
 * Must never throw for bytes from the network.
 */
import { Buffer } from 'node:buffer'
import { MAX_FRAME_BYTES } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { MAX_FRAGMENTS } from './limits.ts'

const MAGIC = 0x50785544
const VERSION = 1
const NO_FLAGS = 0
const FIXED_HEADER_BYTES = 23

/** One fragment of a frame, and what the header says of it. */
export interface Fragment {
  readonly sender: NodeId
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

/** How to cut a frame so that each datagram of `sender` has at most `datagramBytes`. */
export function cutFrame(frameBytes: number, senderBytes: number, datagramBytes: number): Cut {
  const room = datagramBytes - FIXED_HEADER_BYTES - senderBytes
  const count = Math.max(1, Math.ceil(frameBytes / room))
  return { count, fragmentBytes: Math.ceil(frameBytes / count) }
}

/** The header of `fragment`; `sender` is its id in UTF-8. */
export function encodeHeader(sender: Uint8Array, fragment: Omit<Fragment, 'sender'>): Buffer {
  const header = Buffer.alloc(FIXED_HEADER_BYTES + sender.byteLength)
  header.writeUInt32BE(MAGIC, 0)
  header.writeUInt8(VERSION, 4)
  header.writeUInt8(NO_FLAGS, 5)
  header.writeUInt8(sender.byteLength, 6)
  header.set(sender, 7)
  const rest = 7 + sender.byteLength
  header.writeBigUInt64BE(fragment.messageId, rest)
  header.writeUInt32BE(fragment.frameBytes, rest + 8)
  header.writeUInt16BE(fragment.count, rest + 12)
  header.writeUInt16BE(fragment.index, rest + 14)
  return header
}

/** The fragment in `datagram`, whose payload shares its memory; `null` when it is not ours. */
export function decodeDatagram(datagram: Uint8Array): Fragment | null {
  const { buffer, byteOffset, byteLength } = datagram
  if (byteLength < FIXED_HEADER_BYTES) return null
  const view = new DataView(buffer, byteOffset, byteLength)
  const rest = 7 + view.getUint8(6)
  if (view.getUint32(0) !== MAGIC || view.getUint8(4) !== VERSION) return null
  if (view.getUint8(5) !== NO_FLAGS || byteLength < rest + 16) return null
  const sender = decodeUtf8(datagram.subarray(7, rest))
  const payload = datagram.subarray(rest + 16)
  if (sender === null) return null
  const messageId = view.getBigUint64(rest)
  const frameBytes = view.getUint32(rest + 8)
  const count = view.getUint16(rest + 12)
  const index = view.getUint16(rest + 14)
  const fragment = { sender, messageId, frameBytes, count, index, payload }
  return isConsistent(fragment) ? fragment : null
}

/** Whether the numbers are those of a frame that was cut as cutFrame cuts. */
function isConsistent({ frameBytes, count, index, payload }: Fragment): boolean {
  if (frameBytes > MAX_FRAME_BYTES || count > MAX_FRAGMENTS || index >= count) return false
  if (frameBytes === 0) return count === 1 && payload.byteLength === 0
  const fragmentBytes = Math.ceil(frameBytes / count)
  const before = index * fragmentBytes
  const isLast = index === count - 1
  const expected = isLast ? frameBytes - before : fragmentBytes
  return Math.ceil(frameBytes / fragmentBytes) === count && payload.byteLength === expected
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes)
  } catch {
    return null
  }
}
