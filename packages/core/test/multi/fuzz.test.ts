/** Mutants of kept entries and session tables: what the log and the snapshots are made of. */
import { DecodeError } from '@paxos/core'
import {
  decodeConfiguration,
  decodeEntry,
  encodeConfiguration,
  encodeEntry,
  SessionTable,
} from '@paxos/core/multi'
import { expect, it } from 'vitest'
// By its path: testkit depends on core, so core cannot depend on testkit.
import { fuzz, FUZZ_RUNS, readCorpus, type Format } from '../../../testkit/src/fuzz.ts'

const isRefusal = (error: unknown) => error instanceof DecodeError

const FORMATS: readonly (readonly [string, Format])[] = [
  [
    'an entry',
    {
      corpus: new URL('corpus/entry/', import.meta.url),
      read: (input) => encodeEntry(decodeEntry(input)),
      isRefusal,
    },
  ],
  [
    'a configuration',
    {
      corpus: new URL('corpus/configuration/', import.meta.url),
      read: (input) => encodeConfiguration(decodeConfiguration(input)),
      isRefusal,
    },
  ],
  [
    'a table of sessions',
    {
      corpus: new URL('corpus/sessions/', import.meta.url),
      read: readTable,
      isRefusal,
    },
  ],
  [
    'a table of release 0.0.0',
    {
      corpus: new URL('corpus/sessions-0.0.0/', import.meta.url),
      read: readTable,
      isRefusal,
    },
  ],
]

/** One of release 0.0.0 is written in the form of today, and that is its one form from then on. */
function readTable(input: Uint8Array): Uint8Array {
  const today = SessionTable.decode(input).encode()
  if (input[0] === today[0]) return today
  expect(SessionTable.decode(today).encode()).toEqual(today)
  return input
}

it.each(FORMATS)('%s of the corpus is still read, and written as it was', (_, format) => {
  const corpus = readCorpus(format.corpus)
  expect(corpus.size).toBeGreaterThan(2)
  for (const [name, input] of corpus) expect(format.read(input), name).toEqual(input)
})

it.each(FORMATS)('whatever becomes of %s, it is refused or has its one form', (_, format) => {
  const oneForm: Format = {
    ...format,
    read(input) {
      expect(format.read(input)).toEqual(input)
      return null
    },
  }
  const counts = fuzz(oneForm)
  expect(Math.min(counts.read, counts.refused)).toBeGreaterThan(FUZZ_RUNS / 50)
})
