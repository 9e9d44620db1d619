/**
 * Fuzzing of parsers by inputs that are almost valid: a kept corpus, one file in hexadecimal for each
 * input, changed by a seeded generator. Inputs that once failed are kept beside the others. Must
 * never do anything that the seed does not repeat.
 *
 * In the environment SEED=N begins elsewhere, FUZZ_RUNS=N sets how many inputs each format gets, and
 * THOROUGH=1 asks for everything where a test takes a sample.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A whole number from 0 to 2^32 - 1. Default: 1. */
export const SEED = Number(process.env['SEED'] ?? 1)

/** How many inputs each format gets. Default: 500, and 3,000 with THOROUGH=1. */
export const FUZZ_RUNS = Number(process.env['FUZZ_RUNS'] ?? extent(500, 3000))

/** How much of something a test does: `quick`, or with THOROUGH=1 in the environment `thorough`. */
export function extent(quick: number, thorough: number): number {
  return process.env['THOROUGH'] === undefined ? quick : thorough
}

/**
 * Whether a run takes the one with that index of many that are tried in the same way: one in `every`,
 * or with THOROUGH=1 all others, so that both runs together take each of them once.
 */
export function isInThisRun(index: number, every: number): boolean {
  return (index % every === 0) === (process.env['THOROUGH'] === undefined)
}

/** What a parser may take from memory: this for each byte of its input, and this besides. */
const MAX_BYTES_FOR_EACH = 64
const MAX_BYTES_BESIDES = 1 << 20

/** A parser under test. */
export interface Format {
  /** The folder of its corpus. */
  readonly corpus: URL
  /** Reads an input; returns its canonical form, or null where there is no promise of one. */
  readonly read: (input: Uint8Array) => Uint8Array | null
  /** Whether this is the error that the format names for what it cannot read. */
  readonly isRefusal: (error: unknown) => boolean
}

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

/** What became of the inputs. */
export interface Counts {
  read: number
  refused: number
}

/**
 * Feeds FUZZ_RUNS mutants of the corpus to a parser. Throws with the seed and the input at the first
 * that ends in an error other than a refusal, is read as something of another canonical form than
 * it has itself, or takes memory out of proportion.
 */
export function fuzz(format: Format): Counts {
  const counts: Counts = { read: 0, refused: 0 }
  const inputs = [...readCorpus(format.corpus).values()]
  const draw = seeded(SEED)
  for (let run = 0; run < FUZZ_RUNS; run += 1) {
    const input = mutant(inputs, draw)
    try {
      counts[readOne(format, input)] += 1
    } catch (error) {
      const hex = Buffer.from(input).toString('hex')
      throw new Error(`SEED=${SEED}, run ${run}, input ${hex}`, { cause: error })
    }
  }
  return counts
}

function readOne(format: Format, input: Uint8Array): 'read' | 'refused' {
  const before = process.memoryUsage().arrayBuffers
  try {
    const canonical = format.read(input)
    if (canonical === null || Buffer.compare(canonical, input) === 0) return 'read'
    const again = format.read(canonical)
    if (again !== null && Buffer.compare(again, canonical) === 0) return 'read'
    throw new Error('What was read is not what comes back.')
  } catch (error) {
    if (format.isRefusal(error)) return 'refused'
    throw error
  } finally {
    // Less after a collection, and then it says nothing: the many runs make up for that.
    const taken = process.memoryUsage().arrayBuffers - before
    if (taken > MAX_BYTES_BESIDES + MAX_BYTES_FOR_EACH * input.byteLength) {
      // oxlint-disable-next-line no-unsafe-finally -- worth more than what it may replace
      throw new Error(`${taken} bytes were taken for an input of ${input.byteLength}.`)
    }
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
