/** Mutants of a kept corpus of frames, one for each type of message of the single decree and the log. */
import { DecodeError } from '@paxos/core'
import { decode, encode } from '@paxos/core/wire'
import { describe, expect, it } from 'vitest'
import { messages } from './arbitraries.ts'
// By its path: testkit depends on core, so core cannot depend on testkit.
import { fuzz, FUZZ_RUNS, readCorpus, type Format } from '../../../testkit/src/fuzz.ts'

const frames: Format = {
  corpus: new URL('corpus/envelope/', import.meta.url),
  read: (input) => encode(decode(input)),
  isRefusal: (error) => error instanceof DecodeError,
}

describe('the corpus of frames', () => {
  it('has every type of message, and each of them is still read and written as it was', () => {
    const corpus = readCorpus(frames.corpus)
    const types = [...corpus.values()].map((frame) => decode(frame).message.type)
    expect(new Set(types)).toEqual(new Set(Object.keys(messages)))
    for (const [name, frame] of corpus) expect(encode(decode(frame)), name).toEqual(frame)
  })
})

it('whatever becomes of a frame, it is refused with DecodeError, or understood as what it means', () => {
  const counts = fuzz(frames)
  expect(Math.min(counts.read, counts.refused)).toBeGreaterThan(FUZZ_RUNS / 20)
})
