/**
 * The first message each way: who speaks, and whom it means to reach. A message of ours and not an
 * HTTP header, because a page in a browser cannot set headers.
 *
 *     offset     bytes  field
 *     0          4      magic: "PxWS"
 *     4          1      version: 1
 *     5          1      flags: 0
 *     6          1      n, the length of the sender's id
 *     7          n      the sender's id, in UTF-8
 *     7 + n      1      m, the length of the receiver's id
 *     8 + n      m      the receiver's id, in UTF-8
 *
 * Nothing follows. Flags are for extensions that a reader must understand: a hello with one that it
 * does not know is refused.
 *
 * Must never throw for bytes from outside.
 */
import { InvalidArgumentError, MAX_ID_BYTES } from '@paxos/core'
import type { NodeId } from '@paxos/core'

const MAGIC = 0x50785753
const VERSION = 1
const NO_FLAGS = 0
const FIXED_BYTES = 8

/** What the first message says. */
export interface Hello {
  readonly sender: NodeId
  /** Whom the sender means to reach. */
  readonly receiver: NodeId
}

/** The message. Both ids must be carriable: see requireId. */
export function encodeHello({ sender, receiver }: Hello): Uint8Array {
  const from = utf8.encode(sender)
  const to = utf8.encode(receiver)
  const message = new Uint8Array(FIXED_BYTES + from.byteLength + to.byteLength)
  const view = new DataView(message.buffer)
  view.setUint32(0, MAGIC)
  view.setUint8(4, VERSION)
  view.setUint8(5, NO_FLAGS)
  view.setUint8(6, from.byteLength)
  message.set(from, 7)
  view.setUint8(7 + from.byteLength, to.byteLength)
  message.set(to, FIXED_BYTES + from.byteLength)
  return message
}

/** What `message` says; `null` when it is no hello of ours. */
export function decodeHello(message: Uint8Array): Hello | null {
  const { buffer, byteOffset, byteLength } = message
  if (byteLength < FIXED_BYTES) return null
  const view = new DataView(buffer, byteOffset, byteLength)
  if (view.getUint32(0) !== MAGIC || view.getUint8(4) !== VERSION) return null
  const middle = 7 + view.getUint8(6)
  if (view.getUint8(5) !== NO_FLAGS || byteLength <= middle) return null
  if (byteLength !== middle + 1 + view.getUint8(middle)) return null
  const sender = decodeId(message.subarray(7, middle))
  const receiver = decodeId(message.subarray(middle + 1))
  return sender === null || receiver === null ? null : { sender, receiver }
}

/** Whether a hello can carry `id`: well-formed text of at most MAX_ID_BYTES in UTF-8. */
export function isCarriable(id: NodeId): boolean {
  const encoded = utf8.encode(id)
  return encoded.byteLength <= MAX_ID_BYTES && decodeId(encoded) === id
}

/** Throws InvalidArgumentError when a hello cannot carry `id`. */
export function requireId(id: NodeId): NodeId {
  if (isCarriable(id)) return id
  throw new InvalidArgumentError(
    `A node id must be well-formed text of at most ${MAX_ID_BYTES} bytes in UTF-8. Choose another.`,
  )
}

const utf8 = new TextEncoder()
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeId(bytes: Uint8Array): NodeId | null {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return null
  }
}
