/**
 * What was thrown, in words and as an error. Anything may be thrown: an object that throws when it is
 * looked at, an error whose message is no text. Must never throw, nor return anything else than text.
 */

const NO_WORDS = 'an error without words'

/** What `thrown` says of itself. */
export function wordsOf(thrown: unknown): string {
  const words = orNull(() => (thrown instanceof Error ? thrown.message : String(thrown)))
  return typeof words === 'string' && words !== '' ? words : NO_WORDS
}

/** `thrown` itself where it is an error, and else one that says what it says. */
export function asError(thrown: unknown): Error {
  const error = orNull(() => (thrown instanceof Error ? thrown : null))
  return error ?? new Error(wordsOf(thrown), { cause: thrown })
}

/** What `look` finds; `null` when looking throws. */
export function orNull<T>(look: () => T): T | null {
  try {
    return look()
  } catch {
    return null
  }
}
