/** Mutants of kept records, frames and whole files: all that an append store reads. */
import { CorruptionError, DurabilityError } from '@paxos/core'
import { fuzz, FUZZ_RUNS, mutant, readCorpus, SEED, seeded, type Format } from '@paxos/testkit/fuzz'
import { readdirSync, readFileSync } from 'node:fs'
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
import { readable } from './model.ts'
import { openObject, storeOn } from './on-disk.ts'
import { SimulatedDisk } from './simulated-disk.ts'

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
      return encodeBasis({
        promised: null,
        chosenThrough: 0,
        snapshot: record.reference,
        admitted: false,
      }).bytes.slice(0, -2)
    case 'admitted':
      return encodeChange({ admitted: true }, 0n).bytes
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

/** A directory as it was closed by an earlier process. */
type Files = ReadonlyMap<string, Uint8Array>

interface Directory {
  readonly files: () => Promise<Files>
  /** What is found in it. */
  readonly open: (disk: SimulatedDisk) => Promise<string>
}

const log: Directory = {
  async files() {
    const folder = new URL('fixtures/v1/', import.meta.url)
    return new Map(
      readdirSync(folder).map((name) => [
        `/node/${name}`,
        Uint8Array.from(readFileSync(new URL(name, folder))),
      ]),
    )
  },
  async open(disk) {
    const adapter = storeOn(disk, '/node')
    const found = readable(await adapter.open())
    await adapter.close()
    return found
  },
}

const object: Directory = {
  async files() {
    const disk = new SimulatedDisk()
    const kept = await openObject<string>(disk, '/node')
    for (const value of ['one', 'x'.repeat(100), '3']) await kept.save(value)
    await kept.close()
    return disk.files()
  },
  async open(disk) {
    const kept = await openObject<string>(disk, '/node')
    const found = JSON.stringify(kept.value)
    await kept.close()
    return found
  },
}

describe.each<readonly [string, Directory]>([
  ['a log and its snapshot', log],
  ['a durable object', object],
])('%s', (_, { files, open }) => {
  it('are what was saved last or refused, whatever becomes of one of the files', async () => {
    const sound = await files()
    const newest = await open(new SimulatedDisk(sound))
    const draw = seeded(SEED)
    const outcomes = { newest: 0, refused: 0 }
    for (let run = 0; run < FUZZ_RUNS / 4; run += 1) {
      const name = [...sound.keys()][Math.floor(draw() * sound.size)] ?? ''
      const changed = new Map(sound).set(name, mutant([...sound.values()], draw))
      const disk = new SimulatedDisk(changed)
      try {
        expect(await open(disk), `SEED=${SEED}, run ${run}, ${name}`).toBe(newest)
        outcomes.newest += 1
      } catch (error) {
        // A version that is not known is DurabilityError; everything else is damage.
        if (!(error instanceof CorruptionError || error instanceof DurabilityError)) throw error
        outcomes.refused += 1
      }
      expect(disk.openFiles).toBe(0)
    }
    expect(Math.min(outcomes.newest, outcomes.refused)).toBeGreaterThan(FUZZ_RUNS / 100)
  })
})

it('a snapshot that is shorter than announced is refused before room is made for it', async () => {
  const disk = new SimulatedDisk()
  const adapter = storeOn(disk, '/node')
  await adapter.open()
  await adapter.save({ snapshot: { through: 1, members: [], bytes: new Uint8Array(1000) } })
  await adapter.close()
  const files = disk.files()
  const name = [...files.keys()].find((path) => path.includes('snapshot-')) ?? ''
  const short = new SimulatedDisk(
    files.set(name, files.get(name)?.slice(0, -1) ?? new Uint8Array(0)),
  )
  let reads = 0
  const open = short.open.bind(short)
  short.open = async (path, mode) => {
    const file = await open(path, mode)
    const read: typeof file.read = (...range) => {
      if (path === name) reads += 1
      return file.read(...range)
    }
    return { ...file, read }
  }
  await expect(storeOn(short, '/node').open()).rejects.toThrow(CorruptionError)
  expect(reads).toBe(0)
})
