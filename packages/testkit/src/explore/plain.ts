/**
 * Messages as JSON and back. The bytes of a log's values become `{ bytes: text }`, and the same text
 * always becomes the very same array, so that objects which hold it look the same.
 */
import type { Message } from '@paxos/core'
import type { MultiPaxosMessage } from '@paxos/core/multi'
import type { Plain, PlainObject } from './model.ts'

const BYTES = new Map<string, Uint8Array>()
const NAMES = new Map<string, string>()

/** The one array that stands for `text`. Nobody may change it. */
export function bytesOf(text: string): Uint8Array {
  const known = BYTES.get(text)
  if (known !== undefined) return known
  const bytes = new TextEncoder().encode(text)
  BYTES.set(text, bytes)
  return bytes
}

/** From now on `name` stands for `bytes`, which nobody could read. */
export function nameBytes(name: string, bytes: Uint8Array): void {
  BYTES.set(name, bytes)
  NAMES.set(bytes.join(), name)
}

/** A message or a change as JSON. */
export function asPlain(item: object): PlainObject {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- messages are plain data
  return plain(item) as PlainObject
}

/** The message of a single decree that `asPlain` made this of. */
export function asMessage<V>(item: PlainObject): Message<V> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it was such a message
  return item as unknown as Message<V>
}

/** The message of a log that `asPlain` made this of. */
export function asLogMessage(item: PlainObject): MultiPaxosMessage {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it was such a message
  return real(item) as MultiPaxosMessage
}

function plain(value: unknown): Plain {
  if (value instanceof Uint8Array) {
    return { bytes: NAMES.get(value.join()) ?? new TextDecoder().decode(value) }
  }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) {
    // A field that is left out says the same as one that is undefined.
    const said = Object.entries(value).filter(([, part]) => part !== undefined)
    return Object.fromEntries(said.map(([name, part]) => [name, plain(part)]))
  }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value
  }
  if (value === null) return null
  throw new TypeError(`A ${typeof value} is no part of a message.`)
}

function real(value: Plain): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(real)
  if ('bytes' in value && typeof value['bytes'] === 'string') return bytesOf(value['bytes'])
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, real(part)]))
}
