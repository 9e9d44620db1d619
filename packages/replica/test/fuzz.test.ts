/** Mutants of kept snapshots and values: what a replica reads from its log and from other nodes. */
import { DecodeError } from '@paxos/core'
import { SessionTable } from '@paxos/core/multi'
import { expect, it } from 'vitest'
import { json, jsonOrNothing } from '../src/codec.ts'
import { decodeState, encodeState } from '../src/replica-snapshot.ts'
import { fuzz, FUZZ_RUNS, readCorpus, type Format } from '@paxos/testkit/fuzz'

const isRefusal = (error: unknown) => error instanceof DecodeError
const values = json<unknown>()
const results = jsonOrNothing<unknown>()
const sameBytes = (bytes: Uint8Array, input: Uint8Array) =>
  expect(Buffer.compare(bytes, input)).toBe(0)

function readSnapshot(input: Uint8Array): null {
  const state = decodeState(input)
  // It has one form, so what is read is what was there; but for the forms that said no revision.
  const { revision } = state
  if (revision !== null) sameBytes(encodeState({ ...state, revision }), input)
  const sessions = SessionTable.decode(state.sessions).encode()
  // The sessions of release 0.0.0 are written in the form of today, and that is the one from then on.
  const isOfToday = state.sessions[0] === sessions[0]
  sameBytes(SessionTable.decode(sessions).encode(), isOfToday ? state.sessions : sessions)
  return null
}

const FORMATS: readonly (readonly [string, Format])[] = [
  [
    'a snapshot',
    {
      corpus: new URL('corpus/snapshot/', import.meta.url),
      read: readSnapshot,
      isRefusal,
    },
  ],
  [
    'a snapshot in which a slot held one command',
    {
      corpus: new URL('corpus/snapshot-of-slots/', import.meta.url),
      read: readSnapshot,
      isRefusal,
    },
  ],
  [
    'a snapshot of release 0.0.0',
    {
      corpus: new URL('corpus/snapshot-0.0.0/', import.meta.url),
      read: readSnapshot,
      isRefusal,
    },
  ],
  [
    'a command',
    {
      corpus: new URL('corpus/value/', import.meta.url),
      read: (input) => values.encode(values.decode(input)),
      isRefusal,
    },
  ],
  [
    'a result',
    {
      corpus: new URL('corpus/value/', import.meta.url),
      read: (input) => results.encode(results.decode(input)),
      isRefusal,
    },
  ],
]

it.each(FORMATS)('%s of the corpus is still read, and written as it was', (_, format) => {
  const corpus = readCorpus(format.corpus)
  expect(corpus.size).toBeGreaterThan(2)
  for (const [name, input] of corpus) expect(format.read(input) ?? input, name).toEqual(input)
})

it.each(FORMATS)('whatever becomes of %s, it is read or refused with DecodeError', (_, format) => {
  const counts = fuzz(format)
  expect(Math.min(counts.read, counts.refused)).toBeGreaterThan(FUZZ_RUNS / 50)
})
