/**
 * Inputs that are almost valid: a kept corpus, one file in hexadecimal for each input, changed by a
 * seeded generator. Inputs that once failed are kept beside the others. Must never do anything that
 * the seed does not repeat.
 *
 * SEED=N begins elsewhere, FUZZ_RUNS=N sets how many inputs each format gets.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const SEED = Number(process.env['SEED'] ?? 1)
export const FUZZ_RUNS = Number(process.env['FUZZ_RUNS'] ?? 3000)

/** The corpus, by file name. */
export function readCorpus(folder: URL): ReadonlyMap<string, Uint8Array> {
  const path = fileURLToPath(folder)
  const names = readdirSync(path).toSorted()
  return new Map(
    names.map((name) => [
      name,
      Uint8Array.from(Buffer.from(readFileSync(join(path, name), 'utf8').trim(), 'hex')),
    ]),
  )
}

/** Adds to a corpus: run once when a format is new, or for an input that failed. */
export function writeCorpus(folder: URL, inputs: Readonly<Record<string, Uint8Array>>): void {
  const path = fileURLToPath(folder)
  mkdirSync(path, { recursive: true })
  for (const [name, bytes] of Object.entries(inputs)) {
    writeFileSync(join(path, `${name}.hex`), `${Buffer.from(bytes).toString('hex')}\n`)
  }
}

/** One of the inputs after some edits. */
export function mutant(inputs: readonly Uint8Array[], draw: () => number): Uint8Array {
  const below = (limit: number) => Math.floor(draw() * limit)
  const one = () => inputs[below(inputs.length)] ?? new Uint8Array(0)
  let bytes = Uint8Array.from(one())
  for (let edits = 1 + below(3); edits > 0; edits -= 1) {
    const at = below(bytes.length)
    const edit = draw()
    if (edit < 0.35) {
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8))
    } else if (edit < 0.5) {
      // What a length or a count may be.
      const number = [0, 1, 0x7f, 0x80, 0xff][below(5)] ?? 0
      bytes.fill(number, at, at + 1 + below(8))
    } else if (edit < 0.65) {
      bytes = bytes.slice(0, at)
    } else if (edit < 0.75) {
      bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + below(4))])
    } else if (edit < 0.9) {
      const other = one()
      const from = below(other.length)
      const part = other.subarray(from, from + 1 + below(24))
      bytes = Uint8Array.from([...bytes.subarray(0, at), ...part, ...bytes.subarray(at)])
    } else {
      const other = one()
      bytes = Uint8Array.from([...bytes.subarray(0, at), ...other.subarray(below(other.length))])
    }
  }
  return bytes
}

/** A reproducible sequence in [0, 1) (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
