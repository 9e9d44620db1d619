/**
 * What a store holds, in 32 bytes that are kept up to date with every change: whoever asks for them
 * costs little, however large the state. They show nodes that differ by mistake; who may choose what
 * is written could make two states look alike.
 *
 * An entry that comes and goes before anybody asks is never hashed. Must never hold more of those that
 * are still to be hashed than its bounds, nor depend on when somebody has asked.
 */
import { hash } from 'node:crypto'
import type { Entry } from './commands.ts'
import { entryLine } from './snapshot.ts'

const BYTES = 32

/** Entries that are not hashed yet, at most: together some hundred microseconds. */
const MAX_PENDING = 256

/** The characters of their values, at most: some of them are in the store no more. */
const MAX_PENDING_CHARACTERS = 1 << 20

/** The exclusive or of the SHA-256 of all entries, whose keys differ. */
export class Digest {
  readonly #sum = Buffer.alloc(BYTES)
  /** To be added, or taken out, which is the same. */
  readonly #pending = new Set<Entry>()
  #pendingCharacters = 0

  /** Adds an entry that is not in it, or takes one out that is: the very object that was added. */
  toggle(entry: Entry): void {
    const { length } = entry.value
    if (this.#pending.delete(entry)) {
      this.#pendingCharacters -= length
      return
    }
    this.#pending.add(entry)
    this.#pendingCharacters += length
    const isFull = this.#pending.size > MAX_PENDING
    if (isFull || this.#pendingCharacters > MAX_PENDING_CHARACTERS) this.#settle()
  }

  clear(): void {
    this.#sum.fill(0)
    this.#pending.clear()
    this.#pendingCharacters = 0
  }

  get hex(): string {
    this.#settle()
    return this.#sum.toString('hex')
  }

  #settle(): void {
    for (const entry of this.#pending) {
      const bytes = hash('sha256', entryLine(entry), 'buffer')
      for (let at = 0; at < BYTES; at += 1) this.#sum[at] = (this.#sum[at] ?? 0) ^ (bytes[at] ?? 0)
    }
    this.#pending.clear()
    this.#pendingCharacters = 0
  }
}
