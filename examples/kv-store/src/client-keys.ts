/**
 * Keys and values as the client takes them. Must never let through what would arrive as something
 * else.
 */
import { RequestError } from './client-errors.ts'
import { MAX_VALUE_BYTES } from './limits.ts'

export function pathOf(key: string): string {
  checkKey(key)
  return `/keys/${encodeURIComponent(key)}`
}

export function checkKey(key: string): void {
  // URLs lose these on the way, and something else would be read or written.
  if (key === '' || key === '.' || key === '..' || /\p{Surrogate}/u.test(key)) {
    const message = "A key is text of at least one character, and neither '.' nor '..'."
    throw new RequestError('invalid-argument', message)
  }
}

/** Larger ones are refused by every node: the whole of it would be sent for nothing. */
export function checkValue(value: string): void {
  if (Buffer.byteLength(value) <= MAX_VALUE_BYTES) return
  const message = `A value has at most ${MAX_VALUE_BYTES} bytes. Store it elsewhere, and its place here.`
  throw new RequestError('too-large', message)
}
