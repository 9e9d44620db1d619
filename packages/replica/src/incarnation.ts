/**
 * The incarnation of a disk: 128 bits that nobody drew before and nobody can guess, so that what was
 * lost with one disk is never taken for what another holds. Must never come from a seeded source.
 */
const INCARNATION_BYTES = 16

/** In hexadecimal, from the platform's cryptographic source. */
export function drawIncarnation(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(INCARNATION_BYTES))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
