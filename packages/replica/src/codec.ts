/**
 * Values to bytes and back. Every node of a cluster must use the same codec. It must never turn two
 * values into the same bytes, nor drop part of a value without a word.
 */
import { DecodeError, InvalidArgumentError } from '@paxos/core'
import { isTooDeep, mayOverflow, offenceOf } from './json-value.ts'

/** How values become bytes. Both functions throw for what they cannot represent. */
export interface Codec<V> {
  encode(value: V): Uint8Array
  decode(bytes: Uint8Array): V
}

/** What JSON can say. */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** What an error says of where something is: enough to find it. */
const MAX_PATH_CHARACTERS = 200

/** Codecs that are known to read back everything that they write. */
const REVERSIBLE = new WeakSet<object>()

/**
 * The default: JSON in UTF-8. Refuses what JSON has no word for, with a sentence that says where it
 * is: undefined (also as a property), NaN and the infinities, bigint, functions, symbols, objects of
 * a class (Map, Set, Date, …) or with toJSON, lists with holes, and what contains itself or is more
 * than 500 levels deep. -0 becomes 0, which it equals.
 */
export function json<V>(): Codec<V> {
  const codec: Codec<V> = {
    encode: (value) => new TextEncoder().encode(stringify(value)),
    decode(bytes) {
      try {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller's claim about what its cluster proposes, which JSON cannot check
        return parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as V
      } catch (cause) {
        const message = 'A value is not JSON. Give every node of the cluster the same codec.'
        throw new DecodeError(message, { cause })
      }
    },
  }
  REVERSIBLE.add(codec)
  return codec
}

/** As json(), with a word for undefined: no bytes at all. For what functions return. */
export function jsonOrNothing<V>(): Codec<V> {
  const inner = json<V>()
  return {
    encode: (value) => (value === undefined ? new Uint8Array() : inner.encode(value)),
    decode(bytes) {
      if (bytes.byteLength > 0) return inner.decode(bytes)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no bytes are only what undefined became
      return undefined as V
    },
  }
}

/**
 * The bytes of `value`, when `codec` reads them back: what a cluster has agreed on and cannot read
 * is lost to it. Throws InvalidArgumentError when it does not, and what encode() throws.
 */
export function encodeReadably<V>(codec: Codec<V>, value: V): Uint8Array {
  const bytes: unknown = codec.encode(value)
  if (!isBytes(bytes)) {
    const message = 'The codec made no bytes of the value. Have encode() return a Uint8Array.'
    throw new InvalidArgumentError(message)
  }
  if (REVERSIBLE.has(codec)) return bytes
  try {
    codec.decode(bytes)
  } catch (cause) {
    throw new InvalidArgumentError(
      'The codec cannot read back what it has made of the value, so no node could. Correct the ' +
        'value, or have encode() refuse what decode() does.',
      { cause },
    )
  }
  return bytes
}

/** By the tag, because bytes of another realm are no instance of this one's class. */
export function isBytes(value: unknown): value is Uint8Array {
  return Object.prototype.toString.call(value) === '[object Uint8Array]'
}

function stringify(value: unknown): string {
  const offence = offenceOf(value)
  if (offence === null) return inJson(value)
  const { path, what } = offence
  const where = path === '' ? 'The value is' : `At ${shortened(path)} the value holds`
  throw new InvalidArgumentError(
    `${where} ${what}, for which JSON has no word. Pass a JSON value, or a codec.`,
  )
}

function shortened(path: string): string {
  return path.length <= MAX_PATH_CHARACTERS ? path : `${path.slice(0, MAX_PATH_CHARACTERS)}…`
}

function inJson(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    const message = 'The value cannot be written as JSON. Pass a JSON value, or a codec.'
    throw new InvalidArgumentError(message, { cause })
  }
}

function parse(text: string): unknown {
  if (isTooDeep(text)) throw new RangeError('Its lists and objects are too deep in one another.')
  const value: unknown = JSON.parse(text)
  if (mayOverflow(text) && offenceOf(value) !== null) {
    throw new RangeError('One of its numbers is above every number.')
  }
  return value
}
