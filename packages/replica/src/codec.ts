/**
 * Values to bytes and back. Every node of a cluster must use the same codec. It must never turn two
 * values into the same bytes, nor drop part of a value without a word.
 */
import { DecodeError, InvalidArgumentError } from '@paxos/core'

/** How values become bytes. Both functions throw for what they cannot represent. */
export interface Codec<V> {
  encode(value: V): Uint8Array
  decode(bytes: Uint8Array): V
}

/** What JSON can say. */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** The default: JSON in UTF-8. Refuses what JSON has no word for, such as undefined. */
export function json<V>(): Codec<V> {
  return {
    encode(value) {
      const text = stringify(value)
      if (text !== undefined) return new TextEncoder().encode(text)
      throw new InvalidArgumentError(
        `JSON has no word for a value of type ${typeof value}. Pass a JSON value, or a codec.`,
      )
    },
    decode(bytes) {
      try {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller's claim about what its cluster proposes, which JSON cannot check
        return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as V
      } catch (cause) {
        const message = 'A value is not JSON. Give every node of the cluster the same codec.'
        throw new DecodeError(message, { cause })
      }
    },
  }
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

function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    const message = 'The value cannot be written as JSON. Pass a JSON value, or a codec.'
    throw new InvalidArgumentError(message, { cause })
  }
}
