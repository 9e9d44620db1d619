/**
 * What goes over a channel: a frame as it is, or a control message of the kit. They are written as
 * proto/link.proto says, and told apart by the first byte: that of a control message is 0x4A, and a
 * frame that begins so is sent inside of one.
 *
 * Must never throw for bytes from outside.
 */
import { InvalidArgumentError, MAX_ID_BYTES } from '@paxos/core'
import type { NodeId } from '@paxos/core'

/** The version of the protocol that this is. */
export const LINK_VERSION = 1

/** Who speaks, and whom it means to reach: the first message each way. */
export interface Hello {
  readonly version: number
  readonly cluster: string
  readonly sender: NodeId
  /** Whom the sender means to reach. */
  readonly receiver: NodeId
  /** That of the sender. */
  readonly incarnation: string
  /** Which one of the receiver it means to reach; `null` is any. */
  readonly expectedIncarnation: string | null
}

/** Why somebody was turned away. */
export type Refusal =
  /** It is not in the address book, or is a page that claims the id of a peer with an address. */
  | 'stranger'
  /** It is of another cluster. */
  | 'cluster'
  /** One of the two is another incarnation than the other side expects. */
  | 'incarnation'
  /** It means to reach another node than it did. */
  | 'receiver'
  /** It cannot prove to be who it says. */
  | 'unproven'
  /** What it sends is not of this protocol, or of another version. */
  | 'protocol'

/** A control message. */
export type Control =
  | { readonly type: 'hello'; readonly hello: Hello }
  | { readonly type: 'ping' }
  | { readonly type: 'pong' }
  /** A frame that begins as control messages do. */
  | { readonly type: 'frame'; readonly frame: Uint8Array }
  /** `null` is a reason that this version does not know. */
  | { readonly type: 'refused'; readonly refusal: Refusal | null }
  /** Of a kind that this version does not know: it is ignored. */
  | { readonly type: 'unknown' }

/** The one field of Packet, and the first byte that it makes. */
const LINK = 9
const LINK_TAG = 0x4a

/** Fields of Link, each the one that a message has. */
const HELLO = 1
const PING = 2
const PONG = 3
const FRAME = 4
const REFUSED = 5

/** What the numbers of Refused.Reason mean. */
const REASONS: readonly (Refusal | null)[] = [
  null,
  'stranger',
  'cluster',
  'incarnation',
  'receiver',
  'unproven',
  'protocol',
]

/** Whether a message is a control message. Any other is a frame. */
export function isControl(message: Uint8Array): boolean {
  return message[0] === LINK_TAG
}

/** A hello. Its texts must be carriable: see isCarriable. */
export function encodeHello(hello: Hello): Uint8Array {
  const { version, cluster, sender, receiver, incarnation, expectedIncarnation } = hello
  const fields: number[] = []
  pushNumber(fields, 1, version)
  for (const [index, text] of [cluster, sender, receiver, incarnation].entries()) {
    if (text !== '') pushBytes(fields, index + 2, utf8.encode(text))
  }
  if (expectedIncarnation !== null) pushBytes(fields, 6, utf8.encode(expectedIncarnation))
  return link(HELLO, fields)
}

/** A ping or a pong. */
export function encodeSign(type: 'ping' | 'pong'): Uint8Array {
  return link(type === 'ping' ? PING : PONG, [])
}

/** The last message to somebody who is turned away. */
export function encodeRefused(refusal: Refusal): Uint8Array {
  const fields: number[] = []
  pushNumber(fields, 1, REASONS.indexOf(refusal))
  return link(REFUSED, fields)
}

/** The message that carries `frame`: the frame itself, unless it begins as control messages do. */
export function encodeFrame(frame: Uint8Array): Uint8Array {
  if (!isControl(frame)) return frame
  const inner: number[] = []
  pushHead(inner, FRAME, frame.byteLength)
  const head: number[] = []
  pushHead(head, LINK, inner.length + frame.byteLength)
  const message = new Uint8Array(head.length + inner.length + frame.byteLength)
  message.set([...head, ...inner])
  message.set(frame, head.length + inner.length)
  return message
}

/** What a control message says; `null` when it is none of ours. */
export function decodeControl(message: Uint8Array): Control | null {
  const links: Uint8Array[] = []
  const isWhole = eachField(message, (field, value) => {
    if (field !== LINK) return true
    return value instanceof Uint8Array && links.push(value) === 1
  })
  const [body] = links
  return isWhole && body !== undefined ? decodeLink(body) : null
}

function decodeLink(body: Uint8Array): Control | null {
  const kinds: (readonly [number, Uint8Array])[] = []
  const isWhole = eachField(body, (field, value) => {
    if (field < HELLO || field > REFUSED) return true
    return value instanceof Uint8Array && kinds.push([field, value]) === 1
  })
  if (!isWhole) return null
  const [kind] = kinds
  return kind === undefined ? { type: 'unknown' } : decodeKind(...kind)
}

function decodeKind(field: number, body: Uint8Array): Control | null {
  switch (field) {
    case HELLO:
      return decodeHello(body)
    case FRAME:
      // Not body.slice(): the slice of a Buffer shares its memory.
      return { type: 'frame', frame: new Uint8Array(body) }
    case REFUSED:
      return decodeRefused(body)
    default:
      if (!eachField(body, () => true)) return null
      return { type: field === PING ? 'ping' : 'pong' }
  }
}

function decodeHello(body: Uint8Array): Control | null {
  let version = 0
  const texts: (string | undefined)[] = []
  const isWhole = eachField(body, (field, value) => {
    if (field === 1) {
      if (typeof value !== 'number') return false
      version = value
    } else if (field <= 6) {
      const text = value instanceof Uint8Array ? decodeText(value) : null
      if (text === null) return false
      texts[field] = text
    }
    return true
  })
  if (!isWhole) return null
  const [, , cluster = '', sender = '', receiver = '', incarnation = '', expected] = texts
  const expectedIncarnation = expected ?? null
  const hello = { version, cluster, sender, receiver, incarnation, expectedIncarnation }
  return { type: 'hello', hello }
}

function decodeRefused(body: Uint8Array): Control | null {
  let reason = 0
  const isWhole = eachField(body, (field, value) => {
    if (field !== 1) return true
    if (typeof value !== 'number') return false
    reason = value
    return true
  })
  return isWhole ? { type: 'refused', refusal: REASONS[reason] ?? null } : null
}

/** Whether a hello can carry `text`: well-formed, and of at most MAX_ID_BYTES in UTF-8. */
export function isCarriable(text: string): boolean {
  const encoded = utf8.encode(text)
  return encoded.byteLength <= MAX_ID_BYTES && decodeText(encoded) === text
}

/** Throws InvalidArgumentError when a hello cannot carry `text`, which `what` is. */
export function requireCarriable(what: string, text: string): string {
  if (isCarriable(text)) return text
  throw new InvalidArgumentError(
    `${what} must be well-formed text of at most ${MAX_ID_BYTES} bytes in UTF-8. Choose another.`,
  )
}

const utf8 = new TextEncoder()
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeText(bytes: Uint8Array): string | null {
  if (bytes.byteLength > MAX_ID_BYTES) return null
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return null
  }
}

/** A Packet with a Link that has one field. */
function link(field: number, body: readonly number[]): Uint8Array {
  const inner: number[] = []
  pushBytes(inner, field, body)
  const message: number[] = []
  pushBytes(message, LINK, inner)
  return Uint8Array.from(message)
}

function pushBytes(to: number[], field: number, bytes: ArrayLike<number> & Iterable<number>): void {
  pushHead(to, field, bytes.length)
  for (const byte of bytes) to.push(byte)
}

/** The beginning of a field with a length. */
function pushHead(to: number[], field: number, length: number): void {
  to.push((field << 3) | 2)
  pushVarint(to, length)
}

function pushNumber(to: number[], field: number, value: number): void {
  to.push(field << 3)
  pushVarint(to, value)
}

function pushVarint(to: number[], value: number): void {
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) to.push((rest % 0x80) | 0x80)
  to.push(rest)
}

/**
 * Calls `visit` for every field of a message of protobuf: with a number, with bytes that share its
 * memory, or with null for fields of a fixed length, which nothing here has. False when it is
 * malformed, or as soon as `visit` says so.
 */
function eachField(
  message: Uint8Array,
  visit: (field: number, value: number | Uint8Array | null) => boolean,
): boolean {
  let at = 0

  /** NaN where there is none. Above 2^53 it is inexact, and larger than anything that has a meaning. */
  function varint(): number {
    let value = 0
    let factor = 1
    for (const endAt = at + 10; at < endAt; factor *= 0x80) {
      const byte = message[at]
      if (byte === undefined) return NaN
      at += 1
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    return NaN
  }

  /** Null where it is malformed. */
  function valueOf(wireType: number): { readonly read: number | Uint8Array | null } | null {
    if (wireType === 0) {
      const read = varint()
      return Number.isNaN(read) ? null : { read }
    }
    const length = wireType === 2 ? varint() : FIXED_LENGTHS[wireType]
    if (length === undefined || !(length <= message.byteLength - at)) return null
    at += length
    return { read: wireType === 2 ? message.subarray(at - length, at) : null }
  }

  while (at < message.byteLength) {
    const tag = varint()
    // No field has a number of 0, nor one above 2^29 - 1; NaN is neither.
    if (!(tag >= 8 && tag < 2 ** 32)) return false
    const found = valueOf(tag % 8)
    if (found === null || !visit(Math.floor(tag / 8), found.read)) return false
  }
  return true
}

/** Wire types of a fixed length. Groups, 3 and 4, are malformed. */
const FIXED_LENGTHS: Readonly<Record<number, number>> = { 1: 8, 5: 4 }
