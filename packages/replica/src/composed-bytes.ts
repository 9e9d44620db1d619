/**
 * The bytes of a composition: the name of a part before each of its commands and results, and one
 * snapshot of several. Must never read a snapshot of another form as if it were this one.
 */
import { DecodeError, InvalidArgumentError } from '@paxos/core'
import { isBytes } from './codec.ts'
import { MAX_PARTS } from './limits.ts'

/** What a part may be called: ASCII, so that a character is a byte. */
export const PART_NAME = /^[A-Za-z]\w{0,63}$/

/** Of a snapshot: the first byte, another one where what follows has another form. */
const FORM = 1
const LENGTH_BYTES = 4

/** `content` behind the name of its part. */
export function headed(part: string, content: unknown): Uint8Array {
  if (!isBytes(content)) {
    const message = `The codec of the part ${part} made no bytes. Have encode() return a Uint8Array.`
    throw new InvalidArgumentError(message)
  }
  const name = new TextEncoder().encode(part)
  const bytes = new Uint8Array(1 + name.byteLength + content.byteLength)
  bytes[0] = name.byteLength
  bytes.set(name, 1)
  bytes.set(content, 1 + name.byteLength)
  return bytes
}

/** Throws DecodeError for what headed() did not make. */
export function headOf(bytes: Uint8Array): { readonly part: string; readonly content: Uint8Array } {
  const [part, end] = nameAt(bytes, 0)
  return { part, content: bytes.subarray(end) }
}

/** By name, so that equal states give equal bytes whatever the order in which they were given. */
export function encodeParts(parts: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const sorted = parts.toSorted(([a], [b]) => (a < b ? -1 : 1))
  const total = sorted.reduce(
    (sum, [name, state]) => sum + 1 + name.length + LENGTH_BYTES + state.byteLength,
    2,
  )
  const bytes = new Uint8Array(total)
  const view = new DataView(bytes.buffer)
  bytes[0] = FORM
  bytes[1] = sorted.length
  let at = 2
  for (const [name, state] of sorted) {
    bytes.set(headed(name, new Uint8Array()), at)
    at += 1 + name.length
    view.setUint32(at, state.byteLength)
    bytes.set(state, at + LENGTH_BYTES)
    at += LENGTH_BYTES + state.byteLength
  }
  return bytes
}

/** A copy of the state of each part. Throws DecodeError for what encodeParts() did not make. */
export function decodeParts(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const count = bytes[1] ?? 0
  if (bytes[0] !== FORM || count > MAX_PARTS) throw notComposed()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts = new Map<string, Uint8Array>()
  let at = 2
  for (let read = 0; read < count; read += 1) {
    const [name, start] = nameAt(bytes, at)
    if (parts.has(name) || start + LENGTH_BYTES > bytes.byteLength) throw notComposed()
    const end = start + LENGTH_BYTES + view.getUint32(start)
    if (end > bytes.byteLength) throw notComposed()
    parts.set(name, bytes.slice(start + LENGTH_BYTES, end))
    at = end
  }
  if (at !== bytes.byteLength) throw notComposed()
  return parts
}

function nameAt(bytes: Uint8Array, at: number): readonly [string, number] {
  const end = at + 1 + (bytes[at] ?? 0)
  if (end > bytes.byteLength) throw notComposed()
  const name = String.fromCharCode(...bytes.subarray(at + 1, end))
  if (!PART_NAME.test(name)) throw notComposed()
  return [name, end]
}

function notComposed(): DecodeError {
  return new DecodeError(
    'The bytes are none of a composition of this version. Give compose() to every node of the ' +
      'cluster from its first start on, or start the version that wrote them.',
  )
}
