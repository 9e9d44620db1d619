/**
 * The input of the demonstration: the names of characters, one a line, as `U+0041<TAB>NAME`.
 */
import { readFile } from 'node:fs/promises'
import { UserError } from './fail.ts'

/** How many there are in data/unicode-names.tsv. */
export const RECORDS = 4000

/** A key, and what is to be written there. */
export interface Record {
  readonly key: string
  readonly value: string
}

/** The first `count` of the names. */
export async function readRecords(count: number): Promise<Record[]> {
  const text = await readFile(new URL('../data/unicode-names.tsv', import.meta.url), 'utf8')
  const lines = text.trimEnd().split('\n').slice(0, count)
  return lines.map((line, index) => {
    const [key, value, ...rest] = line.split('\t')
    if (key !== undefined && value !== undefined && rest.length === 0) return { key, value }
    throw new UserError(`Line ${index + 1} of unicode-names.tsv has not two columns. Restore it.`)
  })
}
