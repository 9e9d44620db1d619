/**
 * The suite of every durability adapter on a simulated disk, which can lose power at any moment, be
 * held, refuse, and is damaged in bytes of every kind.
 */
import { durabilityConformance } from '@paxos/testkit'
import type { DurabilityHarness, Found, Life } from '@paxos/testkit'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { extent, seeded } from '@paxos/testkit/fuzz'
import { describe, it } from 'vitest'
import { storeOn } from './on-disk.ts'
import { SimulatedDisk, type Survival } from './simulated-disk.ts'

const FIXTURES = new URL('fixtures', import.meta.url)
const DIRECTORY = '/node'

durabilityConformance(simulated, { describe, it })

const on = (disk: SimulatedDisk) => () => storeOn(disk, DIRECTORY)

function simulated(): DurabilityHarness {
  let disk = new SimulatedDisk()
  return {
    durability: () => storeOn(disk, DIRECTORY),
    hold() {
      const held = disk
      held.holdSyncs()
      return { waiting: () => waitingFor(held), release: () => held.release() }
    },
    fail() {
      let failing = true
      disk.failWith('EIO', () => failing)
      return () => {
        failing = false
      }
    },
    crash() {
      disk.kill()
      disk = disk.restarted('nothing')
    },
    crashesDuring,
    damages: () => flippedBits(disk.files()),
    fixtures,
  }
}

async function waitingFor(disk: SimulatedDisk): Promise<void> {
  while (disk.waitingSyncs === 0) await turn()
}

const SURVIVALS: readonly (readonly [string, (seed: number) => Survival])[] = [
  ['all that was written', () => 'everything'],
  ['nothing unsynced', () => 'nothing'],
  ['torn parts', (seed) => seeded(seed)],
  ['other torn parts', (seed) => seeded(seed + 1_000_000)],
]

/** Before every operation on the disk, and in the middle of every write. */
async function* crashesDuring(life: Life): AsyncGenerator<Found> {
  const whole = new SimulatedDisk()
  await life(storeOn(whole, DIRECTORY))
  for (let step = 1; step <= whole.operations.length + 1; step += extent(3, 1)) {
    const isWrite = (whole.operations[step - 1]?.bytes ?? 0) > 0
    for (const bytes of isWrite ? [0, 40] : [0]) {
      const disk = new SimulatedDisk()
      disk.cutPowerAt({ step, bytes })
      await life(storeOn(disk, DIRECTORY))
      // A mark that was to be written after the last save is written, or meets the power cut.
      await turn()
      disk.kill()
      const seen: ReadonlyMap<string, Uint8Array>[] = []
      for (const [name, survival] of SURVIVALS) {
        const found = disk.restarted(survival(step))
        const files = found.files()
        // Where nothing was unsynced, all of them leave the same.
        if (seen.some((other) => isSame(files, other))) continue
        seen.push(files)
        const what = `power loss at operation ${step}, ${bytes} bytes into it, leaving ${name}`
        yield { what, durability: on(found) }
      }
    }
  }
}

function isSame(a: ReadonlyMap<string, Uint8Array>, b: ReadonlyMap<string, Uint8Array>): boolean {
  const isIn = ([path, content]: readonly [string, Uint8Array]): boolean =>
    Buffer.compare(content, b.get(path) ?? new Uint8Array()) === 0 && b.has(path)
  return a.size === b.size && [...a].every(isIn)
}

/** Odd, so that every bit of a byte has its turn. All bytes have theirs in damage.test.ts. */
const FLIPPED_EVERY_BYTES = extent(23, 11)

async function* flippedBits(files: ReadonlyMap<string, Uint8Array>): AsyncGenerator<Found> {
  for (const [path, content] of files) {
    for (let position = 0; position < content.byteLength; position += FLIPPED_EVERY_BYTES) {
      const flipped = Uint8Array.from(content)
      flipped[position] = (flipped[position] ?? 0) ^ (1 << (position % 8))
      const disk = new SimulatedDisk(new Map(files).set(path, flipped))
      yield { what: `a bit of byte ${position} of ${path} was flipped`, durability: on(disk) }
    }
  }
}

async function* fixtures(): AsyncGenerator<Found> {
  const folder = fileURLToPath(FIXTURES)
  for (const release of await readdir(folder)) {
    const files = new Map<string, Uint8Array>()
    for (const name of await readdir(join(folder, release))) {
      files.set(`${DIRECTORY}/${name}`, await readFile(join(folder, release, name)))
    }
    yield { what: `a move from ${release}`, durability: on(new SimulatedDisk(files)) }
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
