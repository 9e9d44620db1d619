/**
 * Bearer tokens: whoever shows one of them may ask. Only their hashes are kept. Must never put a
 * token into an error or a log, and takes as long for a wrong one as for a right one.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { UserError } from './fail.ts'
import { MAX_TOKENS, MIN_TOKEN_CHARACTERS } from './limits.ts'

export class Tokens {
  readonly #hashes: readonly Buffer[]

  constructor(tokens: readonly string[]) {
    this.#hashes = tokens.map(hashOf)
  }

  /** Whether the header Authorization shows one of them. */
  allow(authorization: string | undefined): boolean {
    const shown = hashOf(/^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '')
    let isKnown = false
    // All of them, so that the time tells nothing.
    for (const hash of this.#hashes) isKnown = timingSafeEqual(hash, shown) || isKnown
    return isKnown
  }
}

/**
 * The tokens in a text: one a line; empty lines and those that begin with # are none. Throws
 * UserError when there is none, or one that could be guessed or not be sent.
 */
export function parseTokens(text: string, where: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.trim())
  const tokens = lines.filter((line) => line !== '' && !line.startsWith('#'))
  if (tokens.length > 0 && tokens.length <= MAX_TOKENS && tokens.every(isUsable)) return tokens
  throw new UserError(
    `${where} must hold 1 to ${MAX_TOKENS} tokens, one a line, each of at least ` +
      `${MIN_TOKEN_CHARACTERS} characters without spaces. Make one with: openssl rand -hex 32`,
  )
}

function isUsable(token: string): boolean {
  return token.length >= MIN_TOKEN_CHARACTERS && /^[\x21-\x7e]+$/.test(token)
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
