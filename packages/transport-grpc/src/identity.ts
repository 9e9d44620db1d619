/**
 * Who a node says it is, in the metadata of a stream. Must never throw for what came from the network.
 * See proto/transport.proto.
 */
import { Buffer } from 'node:buffer'
import { InvalidArgumentError, MAX_ID_BYTES } from '@paxos/core'
import type { NodeId } from '@paxos/core'

/** The id of the node that sends the metadata. */
export const FROM_KEY = 'paxos-from-bin'

/** The id of the node that the dialer means to reach. */
export const TO_KEY = 'paxos-to-bin'

/** The id in UTF-8; `null` when it is too long, or would not come back as it was. */
export function encodeId(id: NodeId): Buffer | null {
  const encoded = Buffer.from(id, 'utf8')
  return encoded.byteLength <= MAX_ID_BYTES && encoded.toString('utf8') === id ? encoded : null
}

/** As encodeId, but throws InvalidArgumentError. */
export function requireId(id: NodeId): Buffer {
  const encoded = encodeId(id)
  if (encoded !== null) return encoded
  throw new InvalidArgumentError(
    `A node id must be well-formed text of at most ${MAX_ID_BYTES} bytes in UTF-8. Choose another.`,
  )
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The id in the values of one metadata key; `null` unless there is exactly one, and it is an id. */
export function decodeId(values: readonly (string | Buffer)[]): NodeId | null {
  const [value] = values
  if (values.length !== 1 || !Buffer.isBuffer(value)) return null
  if (value.byteLength > MAX_ID_BYTES) return null
  try {
    return utf8.decode(value)
  } catch {
    return null
  }
}
