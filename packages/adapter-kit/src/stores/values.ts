/**
 * What a change may hold: only what can be read back as it was. Checked at the moment of the call,
 * whatever the types say. Everything here throws InvalidArgumentError.
 */
import { InvalidArgumentError, MAX_CONFIGURATION_BYTES } from '@paxos/core'

/** Half a surrogate pair, which UTF-8 cannot hold: it would come back as another character. */
const HALF_A_CHARACTER = /\p{Surrogate}/u

export function requireCount(value: number, what: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new InvalidArgumentError(
    `${what} is ${value}. It must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}.`,
  )
}

export function requireWellFormed(value: string, what: string): string {
  if (!HALF_A_CHARACTER.test(value)) return value
  throw new InvalidArgumentError(`${what} is not well-formed Unicode. Use one that is.`)
}

export function requireBytes(value: Uint8Array, what: string): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new InvalidArgumentError(`${what} is no Uint8Array. Encode it into one first.`)
}

export function requireAtMost(what: string, bytes: number, limit: number): void {
  if (bytes <= limit) return
  throw new InvalidArgumentError(
    `${what} has ${bytes} bytes, and the limit is ${limit}. Save it in smaller pieces.`,
  )
}

export function requireConfigurationBytes(value: Uint8Array): Uint8Array {
  const bytes = requireBytes(value, 'snapshot.configuration')
  requireAtMost('The configuration', bytes.byteLength, MAX_CONFIGURATION_BYTES)
  return bytes
}
