/**
 * How every datagram of ours begins, and with what tag it may end. The layout is in datagram.ts.
 * Must never throw for bytes from the network.
 */
import { Buffer } from 'node:buffer'
import type { NodeId } from '@paxos/core'

/**
 * The version of the format. 3 brought the names of cluster and incarnation into the words about
 * cookies; 2 brought the cookies. A node speaks one version, and hears no other.
 */
export const VERSION = 3

export const FRAGMENT = 2
export const COOKIE = 4
const AUTHENTICATED = 1
const MAGIC = 0x50785544
export const HEADER_BYTES = 7

/** Of a nonce and of a cookie: more than anybody can guess. */
export const SECRET_BYTES = 16
export const EPOCH_BYTES = 8

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

/** A datagram for content of so many bytes, and where that starts. */
export function startDatagram(
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

/** What a datagram of so many bytes has for its content. */
export function roomFor({ sender, isAuthenticated }: Head, datagramBytes: number): number {
  return datagramBytes - HEADER_BYTES - sender.byteLength - (isAuthenticated ? TAG_BYTES : 0)
}

/** Whether `datagram` begins as ours do, in the version that this node speaks. */
export function isOurs(datagram: Uint8Array): boolean {
  if (versionOf(datagram) !== VERSION) return false
  const flags = flagsOf(datagram)
  return (
    (flags & ~(AUTHENTICATED | FRAGMENT | COOKIE)) === 0 &&
    (flags & (FRAGMENT | COOKIE)) !== (FRAGMENT | COOKIE)
  )
}

/** The version that `datagram` says it has; `null` when it is of another protocol. */
export function versionOf(datagram: Uint8Array): number | null {
  if (datagram.byteLength < HEADER_BYTES) return null
  return viewOf(datagram).getUint32(0) === MAGIC ? (datagram[4] ?? 0) : null
}

/** The flags of a datagram of ours. */
export function flagsOf(datagram: Uint8Array): number {
  return datagram[5] ?? 0
}

/** Whether a datagram of ours says that it ends in a tag. */
export function hasTag(datagram: Uint8Array): boolean {
  return (flagsOf(datagram) & AUTHENTICATED) !== 0
}

/**
 * Whom `datagram` names as its sender, whatever else it holds; `null` when it names nobody. All
 * versions so far have the id in the same place.
 */
export function senderOf(datagram: Uint8Array): NodeId | null {
  if (versionOf(datagram) === null) return null
  const end = contentStartOf(datagram)
  return end > datagram.byteLength ? null : decodeUtf8(datagram.subarray(HEADER_BYTES, end))
}

/** Where the content of a datagram of ours starts. It may be behind the end. */
export function contentStartOf(datagram: Uint8Array): number {
  return HEADER_BYTES + (datagram[6] ?? 0)
}

/** The number of 64 bits at `offset`; `null` when it is not a safe integer. */
export function readSafe(bytes: Uint8Array, offset: number): number | null {
  const value = Number(viewOf(bytes).getBigUint64(offset))
  return Number.isSafeInteger(value) ? value : null
}

export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text that `bytes` are; `null` when they are none. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes)
  } catch {
    return null
  }
}
