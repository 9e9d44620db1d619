/**
 * What a store holds, in 32 bytes that are kept up to date with every change: whoever asks for them
 * costs nothing, however large the state. They show nodes that differ by mistake; who may choose
 * what is written could make two states look alike.
 */
import { createHash } from 'node:crypto'
import type { Entry } from './commands.ts'
import { entryLine } from './snapshot.ts'

const BYTES = 32

/** The exclusive or of the SHA-256 of all entries, whose keys differ. */
export class Digest {
  readonly #sum = Buffer.alloc(BYTES)

  /** Adds an entry that is not in it, or takes one out that is. */
  toggle(entry: Entry): void {
    const hash = createHash('sha256').update(entryLine(entry)).digest()
    for (const [at, byte] of hash.entries()) this.#sum[at] = (this.#sum[at] ?? 0) ^ byte
  }

  clear(): void {
    this.#sum.fill(0)
  }

  get hex(): string {
    return this.#sum.toString('hex')
  }
}
