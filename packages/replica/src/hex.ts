/** Bytes as text of two digits each. Must never leave out a zero: equal texts are equal bytes. */

/** In hexadecimal, with small letters. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
