/** Random lives of a node: changes, overlaps, restarts, and machines that stop at any call. */
import type { Change, Saved } from '@paxos/core'
import * as fc from 'fast-check'
import { extent } from '@paxos/testkit/fuzz'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import type { Durability } from '@paxos/core'
import type * as AllLimits from '../../adapter-kit/src/stores/limits.ts'
import type * as Limits from '../src/limits.ts'
import type { Platform } from '../src/medium.ts'
import { sqliteOn } from '../src/sqlite.ts'
import { copyNow, temporaryDirectory } from './directories.ts'
import { after, changes, readable } from './model.ts'
import { DRIVERS, platformWith } from './platform.ts'

vi.mock('../../adapter-kit/src/stores/limits.ts', async (original) => ({
  ...(await original<typeof AllLimits>()),
  GROUP_TARGET_BYTES: 150,
}))

vi.mock('../src/limits.ts', async (original) => ({
  ...(await original<typeof Limits>()),
  // Small enough that groups end, messages are cut, and the log is moved into the database.
  MESSAGE_BYTES: 600,
  PIECE_BYTES: 16,
  CHECKPOINT_AFTER_PAGES: 6,
}))

type Step =
  /** Saved at once, without waiting for one another. */
  | { readonly type: 'save'; readonly changes: readonly Change[] }
  | { readonly type: 'reopen' }
  /** The machine stops some calls later, and comes up again. */
  | { readonly type: 'stop'; readonly after: number; readonly changes: readonly Change[] }

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc
        .array(changes, { minLength: 1, maxLength: 6 })
        .map((list): Step => ({ type: 'save', changes: list })),
    },
    { weight: 1, arbitrary: fc.constant<Step>({ type: 'reopen' }) },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('stop' as const),
        after: fc.nat(12),
        changes: fc.array(changes, { maxLength: 8 }),
      }),
    },
  ),
  { maxLength: 15 },
)

const stopped = () => new Error('The machine has stopped.')

/** A machine that can be told to stop, and what its disk held at that moment. */
function machine(directory: string) {
  let left = Infinity
  let image: string | null = null
  const platform: Platform = platformWith(async (_, run) => {
    if (image !== null) throw stopped()
    left -= 1
    const result = await run()
    if (left > 0) return result
    await stop()
    throw stopped()
  })
  async function stop(): Promise<void> {
    left = Infinity
    image = await temporaryDirectory()
    copyNow(directory, image)
  }
  return {
    platform,
    stopAfter(calls: number) {
      left = calls
    },
    /** The disk, as it is found when the machine comes up again. */
    async found(): Promise<string> {
      if (image === null) await stop()
      return image ?? directory
    },
  }
}

it.each(DRIVERS)(
  'whatever happens to it, a node finds all that was acknowledged, and nothing but its changes: %s',
  async (driver) => {
    await fc.assert(
      fc.asyncProperty(steps, async (life) => {
        let directory = await temporaryDirectory()
        let computer = machine(directory)
        const boot = (): Durability =>
          sqliteOn(computer.platform, join(directory, 'a.db'), { driver })
        let adapter = boot()
        let certain: Saved = await adapter.open()
        for (const step of life) {
          if (step.type === 'save') {
            await Promise.all(step.changes.map((change) => adapter.save(change)))
            certain = after(step.changes, certain)
          } else if (step.type === 'reopen') {
            await adapter.close()
            expect(readable(await adapter.open())).toBe(readable(certain))
          } else {
            computer.stopAfter(step.after + 1)
            const saves = step.changes.map((change) => adapter.save(change))
            const results = await Promise.allSettled(saves)
            const acknowledged = results.filter(({ status }) => status === 'fulfilled').length
            directory = await computer.found()
            await adapter.close().catch(() => undefined)
            computer = machine(directory)
            adapter = boot()
            const saved = await adapter.open()
            const possible = step.changes.map((_, at) =>
              after(step.changes.slice(0, at + 1), certain),
            )
            const states = [certain, ...possible].slice(acknowledged).map(readable)
            expect(states).toContain(readable(saved))
            certain = saved
          }
        }
        await adapter.close()
        expect(readable(await adapter.open())).toBe(readable(certain))
        await adapter.close()
      }),
      { numRuns: extent(8, 60) },
    )
  },
)
