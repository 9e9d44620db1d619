/**
 * The state as bytes: JSON lines, a header and one line an entry, in the order of the keys. Equal
 * states give equal bytes. Reading must refuse whatever this could not have written.
 */
import { DecodeError } from '@paxos/core'
import { z } from 'zod'
import type { Entry } from './commands.ts'

/** Everything that a store holds. */
export interface State {
  /** The slot of the last command that led to it. */
  readonly through: number
  /** Ascending by key, each key once. */
  readonly entries: readonly Entry[]
}

const FORMAT = 'paxos-kv-store/1'

const header = z.strictObject({
  format: z.literal(FORMAT),
  through: z.int().nonnegative(),
  count: z.int().nonnegative(),
})
const line = z.tuple([z.string(), z.int().positive(), z.string()])

export function writeSnapshot({ through, entries }: State): Uint8Array {
  const first = `${JSON.stringify({ format: FORMAT, through, count: entries.length })}\n`
  return new TextEncoder().encode(first + entries.map(entryLine).join(''))
}

/** One entry as a line: JSON escapes every line break inside. */
export function entryLine({ key, revision, value }: Entry): string {
  return `${JSON.stringify([key, revision, value])}\n`
}

/** Throws DecodeError for bytes that are no snapshot. */
export function readSnapshot(bytes: Uint8Array): State {
  try {
    const lines = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
      .decode(bytes)
      .split('\n')
    if (lines.pop() !== '') throw new RangeError('It does not end with a whole line.')
    const { through, count } = header.parse(JSON.parse(lines.shift() ?? ''))
    if (count !== lines.length) throw new RangeError('Its header counts another number of entries.')
    const entries = lines.map((text) => readEntry(text, through))
    requireOrder(entries)
    return { through, entries }
  } catch (cause) {
    const message =
      'The bytes are no snapshot of this store. Run the same version of the program on every node.'
    throw new DecodeError(message, { cause })
  }
}

function readEntry(text: string, through: number): Entry {
  const [key, revision, value] = line.parse(JSON.parse(text))
  if (revision > through) throw new RangeError('An entry is newer than the snapshot.')
  return { key, value, revision }
}

function requireOrder(entries: readonly Entry[]): void {
  for (const [index, { key }] of entries.entries()) {
    const before = entries[index - 1]?.key
    if (before === undefined || before < key) continue
    throw new RangeError('Its keys are not in ascending order.')
  }
}
