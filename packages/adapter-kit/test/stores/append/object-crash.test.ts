/**
 * Power cuts on the two files of a durable object: at every operation and at every byte of every
 * write, what comes up is the last acknowledged save or a later one, and never an error.
 */
import { extent, seeded } from '@paxos/testkit/fuzz'
import { describe, expect, it } from 'vitest'
import { openObjectFiles } from '../../../src/stores/append/object-files.ts'
import { bytes } from './model.ts'
import { SimulatedDisk, type PowerCut, type Survival } from './simulated-disk.ts'

const DIRECTORY = '/object'

/** Shorter over longer, empty, and longer again (P11). Each file is written at least three times. */
const SAVES = ['one', 'x'.repeat(1200), '2', 'y'.repeat(700), '', 'z', 'w'.repeat(900)]

interface Run {
  readonly disk: SimulatedDisk
  readonly acknowledged: number
}

async function run(cut: PowerCut | null): Promise<Run> {
  const disk = new SimulatedDisk()
  if (cut !== null) disk.cutPowerAt(cut)
  let acknowledged = 0
  try {
    const files = await openObjectFiles(disk, DIRECTORY)
    for (const save of SAVES) {
      await files.save(bytes(save))
      acknowledged += 1
    }
    await files.close()
  } catch (error) {
    if (!disk.isDown) throw error
  }
  return { disk, acknowledged }
}

/** Comes up, checks, and does so again with a cut in what recovery itself does. */
async function requireKept({ disk, acknowledged }: Run, survival: Survival, where: unknown) {
  const files = disk.restarted(survival).files()
  const found = await recovered(new SimulatedDisk(files), where)
  expect(allowed(acknowledged), JSON.stringify(where)).toContain(found)

  for (const step of [1, 2, 3, 4, 5]) {
    const again = new SimulatedDisk(files)
    again.cutPowerAt({ step, bytes: 11 })
    const crashed = await openObjectFiles(again, DIRECTORY).catch(() => null)
    if (crashed !== null) again.kill()
    const second = await recovered(again.restarted(survival), where)
    // What a completed recovery showed must not be taken back by the next one.
    expect(crashed === null ? allowed(acknowledged) : [found]).toContain(second)
  }
}

function allowed(acknowledged: number): (string | null)[] {
  return [acknowledged === 0 ? null : SAVES[acknowledged - 1], SAVES[acknowledged]].filter(
    (save) => save !== undefined,
  )
}

async function recovered(disk: SimulatedDisk, where: unknown): Promise<string | null> {
  try {
    const files = await openObjectFiles(disk, DIRECTORY)
    const found = files.found === null ? null : Buffer.from(files.found).toString()
    await files.save(bytes('next'))
    await files.close()
    const after = await openObjectFiles(disk.restarted('nothing'), DIRECTORY)
    expect(Buffer.from(after.found ?? []).toString()).toBe('next')
    return found
  } catch (error) {
    throw new Error(`Refused after a crash at ${JSON.stringify(where)}`, { cause: error })
  }
}

describe('a durable object keeps its last completed save', () => {
  it.each<readonly [string, (seed: number) => Survival]>([
    ['everything that was written (kill -9)', () => 'everything'],
    ['nothing that was not synced', () => 'nothing'],
    ['torn and reordered parts of what was not synced', (seed) => seeded(seed)],
  ])('P10: through a crash between any two operations, keeping %s', async (_, survival) => {
    const steps = (await run(null)).disk.operations.length
    for (let step = 1; step <= steps + 1; step += 1) {
      const crashed = await run({ step })
      for (let seed = 0; seed < extent(1, 8); seed += 1) {
        await requireKept(crashed, survival(step * 1000 + seed), { step, seed })
      }
    }
  })

  it('what an open has shown after kill -9 survives a power cut right after it', async () => {
    const steps = (await run(null)).disk.operations.length
    for (let step = 1; step <= steps + 1; step += 1) {
      const alive = (await run({ step, bytes: 9 })).disk.withNewProcess()
      const shown = (await openObjectFiles(alive, DIRECTORY)).found
      alive.kill()
      for (const survival of ['nothing', seeded(step)] as const) {
        const files = await openObjectFiles(alive.restarted(survival), DIRECTORY)
        expect(files.found, `step ${step}`).toEqual(shown)
      }
    }
  })

  it('P11: through a crash at any byte of any write', async () => {
    const { operations } = (await run(null)).disk
    for (const [index, { type, path, bytes: length }] of operations.entries()) {
      if (type !== 'write') continue
      for (let torn = 0; torn <= length; torn += extent(61, 3)) {
        const cut = { step: index + 1, bytes: torn }
        await requireKept(await run(cut), 'everything', { ...cut, path })
      }
    }
  })

  it('a crash in the very first open leaves a directory that opens as new', async () => {
    for (let step = 1; step <= 8; step += 1) {
      for (const survival of ['everything', 'nothing', seeded(step), seeded(step + 99)] as const) {
        const { disk, acknowledged } = await run({ step })
        if (acknowledged === 0) await requireKept({ disk, acknowledged }, survival, { step })
      }
    }
  })
})
