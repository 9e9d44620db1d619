/**
 * The frame: the one shape in which this package puts bytes on disk. Everything that is written is
 * a frame, so there is one place that decides whether what is read back is whole.
 *
 *     offset  bytes
 *          0      4  'PXD1', little-endian like all that follows
 *          4      2  format version
 *          6      2  kind
 *          8      8  id: random, of the file that the frame belongs to
 *         16      8  serial: what it counts depends on the kind
 *         24      4  length of the payload
 *         28      4  CRC-32 of bytes 0 to 27 and the payload
 *         32         payload
 *
 * The first four bytes, the version and the place of the checksum are the same in every version
 * for ever, so that a damaged frame is told apart from one of a later release.
 *
 * Why CRC-32: it finds for certain every damage within 32 neighbouring bits, and any other with a
 * chance of 1 in 4 billion to miss it. A cryptographic checksum would cost three times as much and
 * protect from an author of damage who could as well write a new checksum. The id keeps out whole
 * frames of other files, which a file system may show in blocks that were never written.
 *
 * Must never accept bytes that encodeFrame did not make.
 */
import { DurabilityError } from '@paxos/core'
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** The version of every frame but one. */
const FORMAT_VERSION = 1

/**
 * The version of the first frame of a log. 1 and 2 are of releases that did not save who is admitted,
 * nor the configuration of a snapshot: 2 of a log with an owner, who is named in the frame behind it,
 * 1 of one without. 3 and 4 are the same of logs of today: 4 with an owner. A release must not open a
 * log of a later version, as it would lose what it does not know of.
 */
export const LOG_VERSION = { early: 1, earlyOwned: 2, unowned: 3, owned: 4 } as const

const LATEST_VERSION = LOG_VERSION.owned

export const FRAME_HEADER_BYTES = 32

const MAGIC = 0x31445850
const CHECKSUM_POSITION = 28

/** What a frame holds, and what its serial counts. */
export const FRAME_KIND = {
  /** The first frame of a log. Serial 0. */
  log: 1,
  /** In a log: everything before the position in its serial is durable. */
  logMark: 2,
  /** In a log: the records of one group. Serials 1, 2, 3, … */
  group: 3,
  /** One piece of a snapshot. Serials 1, 2, 3, … */
  snapshot: 4,
  /** In a file of a durable object: the save with this serial is complete. */
  objectMark: 5,
  /** In a file of a durable object: one save. Serials 1, 2, 3, … */
  objectSave: 6,
  /** In a log: whose it is. Serial 0. */
  logIdentity: 7,
} as const

export type FrameKind = (typeof FRAME_KIND)[keyof typeof FRAME_KIND]

export interface FrameHeader {
  readonly kind: FrameKind
  readonly id: bigint
  readonly serial: number
  /** Default: FORMAT_VERSION. */
  readonly version?: number
}

export interface Frame {
  readonly version: number
  readonly kind: number
  readonly id: bigint
  readonly serial: number
  /** A view of the bytes that were decoded. */
  readonly payload: Uint8Array
}

/** A frame around the concatenation of `parts`. */
export function encodeFrame(header: FrameHeader, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0)
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + length)
  let at = FRAME_HEADER_BYTES
  for (const part of parts) {
    frame.set(part, at)
    at += part.byteLength
  }
  completeFrame(header, frame)
  return frame
}

/** Makes a frame of `bytes`, in which the payload stands behind room for the header. */
export function completeFrame(header: FrameHeader, bytes: Uint8Array): void {
  const frame = asBuffer(bytes)
  frame.writeUInt32LE(MAGIC, 0)
  frame.writeUInt16LE(header.version ?? FORMAT_VERSION, 4)
  frame.writeUInt16LE(header.kind, 6)
  frame.writeBigUInt64LE(header.id, 8)
  frame.writeBigUInt64LE(BigInt(header.serial), 16)
  frame.writeUInt32LE(frame.byteLength - FRAME_HEADER_BYTES, 24)
  frame.writeUInt32LE(checksum(frame), CHECKSUM_POSITION)
}

/**
 * The length of the payload that a header announces, or null when these are not the first bytes of
 * a frame. Not yet verified: only decodeFrame says whether the frame is whole.
 */
export function announcedPayloadBytes(header: Uint8Array): number | null {
  if (header.byteLength < FRAME_HEADER_BYTES) return null
  const view = asBuffer(header)
  return view.readUInt32LE(0) === MAGIC ? view.readUInt32LE(24) : null
}

/**
 * The frame at the beginning of `bytes`, or null when no whole one is there. Throws
 * DurabilityError when it is whole but of another version, naming `path`.
 */
export function decodeFrame(bytes: Uint8Array, path: string): Frame | null {
  const payloadBytes = announcedPayloadBytes(bytes)
  if (payloadBytes === null || bytes.byteLength - FRAME_HEADER_BYTES < payloadBytes) return null
  const view = asBuffer(bytes).subarray(0, FRAME_HEADER_BYTES + payloadBytes)
  if (checksum(view) !== view.readUInt32LE(CHECKSUM_POSITION)) return null
  const version = view.readUInt16LE(4)
  const kind = view.readUInt16LE(6)
  requireKnownVersion(version, kind, path)
  const serial = Number(view.readBigUInt64LE(16))
  if (!Number.isSafeInteger(serial)) return null
  const payload = bytes.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + payloadBytes)
  return { version, kind, id: view.readBigUInt64LE(8), serial, payload }
}

/** An id that no other file has. */
export function newId(): bigint {
  return randomBytes(8).readBigUInt64LE()
}

function checksum(frame: Buffer): number {
  const header = crc32(frame.subarray(0, CHECKSUM_POSITION))
  return crc32(frame.subarray(FRAME_HEADER_BYTES), header)
}

function requireKnownVersion(version: number, kind: number, path: string): void {
  if (version === FORMAT_VERSION) return
  const isOfLog = kind === FRAME_KIND.log && version >= 1 && version <= LATEST_VERSION
  if (isOfLog) return
  throw new DurabilityError(
    'ERR_PAXOS_DURABILITY_FAILED',
    `${path} is in format version ${version}, and this release reads versions up to ${LATEST_VERSION}. ` +
      'Open it with the release that wrote it, or a later one.',
  )
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
