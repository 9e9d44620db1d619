/**
 * Values of the application as text and back. Must never drop part of a value without a word, as
 * JSON.stringify does.
 */
import { InvalidArgumentError, kindOf } from '@paxos/core'
import type { Json } from '@paxos/replica'
import { MAX_DEPTH, MAX_VALUE_LENGTH } from './limits.ts'

/** Throws InvalidArgumentError for what JSON has no word for, and for what is too large. */
export function textOf(value: Json): string {
  requireJson(value, 0)
  const text = JSON.stringify(value)
  if (text.length <= MAX_VALUE_LENGTH) return text
  throw new InvalidArgumentError(
    `The value takes ${text.length} characters as JSON, and may take ${MAX_VALUE_LENGTH}. Store it ` +
      'elsewhere, and agree on where it is.',
  )
}

/** What textOf() was given. */
export function valueOf(text: string): Json {
  const value: Json = JSON.parse(text)
  return value
}

function requireJson(value: unknown, depth: number): void {
  if (depth > MAX_DEPTH) throw refused(`more than ${MAX_DEPTH} levels deep`)
  if (value === null || typeof value === 'boolean') return
  if (typeof value === 'string') {
    if (/\p{Surrogate}/u.test(value)) throw refused('text with half of a surrogate pair')
    return
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw refused(String(value))
    return
  }
  if (Array.isArray(value)) {
    for (const item of value) requireJson(item, depth + 1)
    return
  }
  if (typeof value !== 'object' || !isPlain(value)) throw refused(kindOf(value))
  for (const [key, item] of Object.entries(value)) {
    requireJson(key, depth + 1)
    requireJson(item, depth + 1)
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  const isNone = prototype === null || Object.getPrototypeOf(prototype) === null
  return isNone && !('toJSON' in value)
}

function refused(what: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `The value is or holds ${what}, for which JSON has no word. Pass a JSON value.`,
  )
}
