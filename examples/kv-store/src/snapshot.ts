/**
 * The state as bytes: JSON lines, a header and one line an entry, in the order of the keys. Equal
 * states give equal bytes. Reading must refuse whatever this could not have written. Never is all of
 * it one text: a string ends at 512 MiB, and a state need not.
 */
import { DecodeError } from '@paxos/core'
import { z } from 'zod'
import type { Entry } from './commands.ts'

/** Everything that a store holds. */
export interface State {
  /** The revision of the last command that led to it. */
  readonly through: number
  /** Ascending by key, each key once. */
  readonly entries: readonly Entry[]
}

const FORMAT = 'paxos-kv-store/1'

/** What is encoded at once. */
const PIECE_CHARACTERS = 1 << 20

const LINE_END = 0x0a

const encoder = new TextEncoder()

const header = z.strictObject({
  format: z.literal(FORMAT),
  through: z.int().nonnegative(),
  count: z.int().nonnegative(),
})
const line = z.tuple([z.string(), z.int().positive(), z.string()])

export function writeSnapshot({ through, entries }: State): Uint8Array {
  const pieces: Uint8Array[] = []
  let text = `${JSON.stringify({ format: FORMAT, through, count: entries.length })}\n`
  for (const entry of entries) {
    text += entryLine(entry)
    if (text.length < PIECE_CHARACTERS) continue
    pieces.push(encoder.encode(text))
    text = ''
  }
  pieces.push(encoder.encode(text))
  return joined(pieces)
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0))
  let end = 0
  for (const piece of pieces) {
    bytes.set(piece, end)
    end += piece.byteLength
  }
  return bytes
}

/** One entry as a line: JSON escapes every line break inside. */
export function entryLine({ key, revision, value }: Entry): string {
  return `${JSON.stringify([key, revision, value])}\n`
}

/** Throws DecodeError for bytes that are no snapshot. */
export function readSnapshot(bytes: Uint8Array): State {
  try {
    const lines = linesIn(bytes)
    const first = lines.next()
    const { through, count } = header.parse(JSON.parse(first.done === true ? '' : first.value))
    const entries: Entry[] = []
    for (const text of lines) entries.push(readEntry(text, through))
    if (count !== entries.length) throw new RangeError('Its header counts another number.')
    requireOrder(entries)
    return { through, entries }
  } catch (cause) {
    const message =
      'The bytes are no snapshot of this store. Run the same version of the program on every node.'
    throw new DecodeError(message, { cause })
  }
}

/** The lines, one after the other. Throws behind the last one when that has no end. */
function* linesIn(bytes: Uint8Array): Generator<string, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let start = 0
  while (start < bytes.byteLength) {
    const end = bytes.indexOf(LINE_END, start)
    if (end === -1) throw new RangeError('It does not end with a whole line.')
    yield decoder.decode(bytes.subarray(start, end))
    start = end + 1
  }
  return undefined
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
