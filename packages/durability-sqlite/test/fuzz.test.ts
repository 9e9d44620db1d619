/** Mutants of the mark file: what this package itself reads from a disk. */
import { CorruptionError, DurabilityError } from '@paxos/core'
import { describe, expect, it } from 'vitest'
import type { OpenFile } from '../src/files.ts'
import { newMarkContent, openMark } from '../src/mark.ts'
import { SCHEMA_VERSION } from '../src/schema.ts'
import { FUZZ_RUNS, mutant, readCorpus, SEED, seeded } from '@paxos/testkit/fuzz'

/** A file in memory. */
function fileOf(content: Uint8Array): OpenFile & { content: Uint8Array; isOpen: boolean } {
  return {
    content,
    isOpen: true,
    path: 'a.db-mark',
    async read(position, length) {
      return this.content.slice(position, position + length)
    },
    async write(position, bytes) {
      const end = position + bytes.byteLength
      const grown = new Uint8Array(Math.max(end, this.content.byteLength))
      grown.set(this.content)
      grown.set(bytes, position)
      this.content = grown
    },
    sync: () => Promise.resolve(),
    async close() {
      this.isOpen = false
    },
  }
}

/** Marks as they are kept: one behind the other, and the room between them left out. */
const MARK_BYTES = 32
const SECOND_POSITION = 4096

function spread(pair: Uint8Array): Uint8Array {
  const content = new Uint8Array(SECOND_POSITION + Math.max(0, pair.byteLength - MARK_BYTES))
  content.set(pair.subarray(0, MARK_BYTES))
  content.set(pair.subarray(MARK_BYTES), SECOND_POSITION)
  return content
}

const corpus = readCorpus(new URL('corpus/mark/', import.meta.url))

describe('the mark', () => {
  it('of the corpus is still read', async () => {
    const generations: number[] = []
    for (const pair of corpus.values()) {
      const mark = await openMark(fileOf(spread(pair)), 'a.db')
      expect(mark.leastGeneration).toBe(mark.generation)
      generations.push(mark.generation)
    }
    expect(generations).toEqual([0, 1, 2, 300])
  })

  it('whatever becomes of it, says a generation that was written or is refused, and leaves no file open', async () => {
    const draw = seeded(SEED)
    const outcomes = { read: 0, refused: 0 }
    for (let run = 0; run < FUZZ_RUNS; run += 1) {
      const pair = mutant([...corpus.values()], draw)
      const file = fileOf(spread(pair))
      try {
        const { generation, leastGeneration } = await openMark(file, 'a.db')
        // Only these were ever written; a mark that is torn asks for one more.
        expect([0, 1, 2, 299, 300], `SEED=${SEED}, run ${run}`).toContain(generation)
        expect([generation, generation + 1]).toContain(leastGeneration)
        outcomes.read += 1
      } catch (error) {
        if (!(error instanceof CorruptionError || error instanceof DurabilityError)) throw error
        expect(file.isOpen).toBe(false)
        outcomes.refused += 1
      }
    }
    expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(FUZZ_RUNS / 50)
  })

  it('is made of what is read again, generation after generation', async () => {
    const file = fileOf(newMarkContent(SCHEMA_VERSION.early).content)
    const mark = await openMark(file, 'a.db')
    for (let generation = 1; generation <= 5; generation += 1) {
      await mark.write(generation)
      expect((await openMark(fileOf(file.content), 'a.db')).generation).toBe(generation)
    }
  })
})
