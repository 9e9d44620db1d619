/** Mutants of kept records and frames: all that an append store reads. */
import { CorruptionError, DurabilityError } from '@paxos/core'
import { fuzz, FUZZ_RUNS, readCorpus, type Format } from '@paxos/testkit/fuzz'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import {
  decodeFrame,
  encodeFrame,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
} from '../../../src/stores/append/frame.ts'
import {
  decodeRecords,
  encodeBasis,
  encodeChange,
  type StateRecord,
} from '../../../src/stores/append/record.ts'

const isRefusal = (error: unknown) => error instanceof CorruptionError

function encodeRecord(record: StateRecord): Uint8Array {
  switch (record.type) {
    case 'promised':
      return encodeChange({ promised: record.ballot }, 0n).bytes
    case 'accepted':
      return encodeChange({ accepted: [record.entry] }, 0n).bytes
    case 'chosen-through':
      return encodeChange({ chosenThrough: record.slot }, 0n).bytes
    case 'snapshot':
      // Without the record behind it, which says that nothing is chosen: a byte and a 0.
      return encodeBasis(null, 0, record.reference).bytes.slice(0, -2)
  }
}

const joined = (parts: readonly Uint8Array[]) => Uint8Array.from(Buffer.concat(parts))

const records: Format = {
  corpus: new URL('corpus/records/', import.meta.url),
  read: (input) => joined([...decodeRecords(input, 'the test')].map(encodeRecord)),
  isRefusal,
}

const frames: Format = {
  corpus: new URL('corpus/frame/', import.meta.url),
  read(input) {
    const frame = decodeFrame(input, 'the test')
    if (frame === null) throw new CorruptionError('No frame is here.')
    const { kind, id, serial, payload } = frame
    const known = Object.values(FRAME_KIND).find((each) => each === kind)
    if (known === undefined) return null
    const whole = encodeFrame({ kind: known, id, serial }, payload)
    // What is behind a frame is not its own.
    expect(Buffer.compare(whole, input.subarray(0, whole.byteLength))).toBe(0)
    return null
  },
  isRefusal,
}

/** As a disk would have it that computes checksums: so that a mutant gets past that of its frame. */
const soundFrames: Format = {
  corpus: frames.corpus,
  read(input) {
    if (input.byteLength < FRAME_HEADER_BYTES) throw new CorruptionError('No frame is here.')
    const frame = Buffer.from(input)
    const length = Math.min(frame.readUInt32LE(24), frame.byteLength - FRAME_HEADER_BYTES)
    const payload = frame.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + length)
    frame.writeUInt32LE(crc32(payload, crc32(frame.subarray(0, 28))), 28)
    return frames.read(Uint8Array.from(frame))
  },
  // Of another version.
  isRefusal: (error) => error instanceof DurabilityError || isRefusal(error),
}

describe.each<readonly [string, Format]>([
  ['records', records],
  ['a frame', frames],
  ['a frame whose checksum was put right', soundFrames],
])('%s', (_, format) => {
  it('of the corpus are still read', () => {
    const corpus = readCorpus(format.corpus)
    expect(corpus.size).toBeGreaterThan(3)
    for (const [name, input] of corpus) expect(format.read(input) ?? input, name).toEqual(input)
  })

  it('of any other form are refused with CorruptionError, and of one form alone', () => {
    const counts = fuzz({
      ...format,
      read(input) {
        expect(format.read(input) ?? input).toEqual(input)
        return null
      },
    })
    expect(counts.refused).toBeGreaterThan(FUZZ_RUNS / 20)
    expect(counts.read).toBeGreaterThan(0)
  })
})
