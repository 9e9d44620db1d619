/** Mutants of whole files: all that this package reads from a disk. */
import { CorruptionError, DurabilityError } from '@paxos/core'
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FUZZ_RUNS, mutant, SEED, seeded } from '@paxos/testkit/fuzz'
import { readable } from '../../adapter-kit/test/stores/append/model.ts'
import { SimulatedDisk } from '../../adapter-kit/test/stores/append/simulated-disk.ts'
import { openObjectOn as openObject } from '../src/durable-object.ts'
import { fileOn } from '../src/file.ts'
import { nodeFileSystem } from '../src/file-system.ts'
import { temporaryDirectory } from './processes.ts'

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
    const adapter = fileOn(disk, '/node')
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

describe('memory', () => {
  it('a length that nothing has verified takes no more of it than the file has', async () => {
    const path = join(await temporaryDirectory(), 'small')
    await writeFile(path, 'small')
    for (const file of [
      await nodeFileSystem.open(path, 'existing'),
      await nodeFileSystem.openDurable(path, 'existing'),
    ]) {
      const read = await file.read(2, 64 << 20)
      expect(Buffer.from(read).toString()).toBe('all')
      expect(read.buffer.byteLength).toBeLessThan(1 << 20)
      expect((await file.read(9, 64 << 20)).buffer.byteLength).toBe(0)
      await file.close()
    }
  })

  it('a snapshot that is shorter than announced is refused before room is made for it', async () => {
    const disk = new SimulatedDisk()
    const adapter = fileOn(disk, '/node')
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
    await expect(fileOn(short, '/node').open()).rejects.toThrow(CorruptionError)
    expect(reads).toBe(0)
  })
})
