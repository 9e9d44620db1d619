/**
 * Bytes that nobody drew before and nobody can guess: for the names of sessions, and for the
 * incarnation of a disk, so that what was lost with one disk is never taken for what another holds.
 * Must never come from a seeded source, unless a test that has to repeat itself injects one.
 */
import { hexOf } from './hex.ts'

/** Draws so many bytes. */
export type RandomBytes = (length: number) => Uint8Array

const INCARNATION_BYTES = 16

/** From the source that the platform has for secrets. */
export function platformRandomBytes(length: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(length))
}

/** What gives a new disk its incarnation: 128 bits of `randomBytes`, in hexadecimal. */
export function incarnationsOf(randomBytes: RandomBytes): () => string {
  return () => hexOf(randomBytes(INCARNATION_BYTES))
}
