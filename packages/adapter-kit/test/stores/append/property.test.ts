/** Random lives of a node: changes, overlaps, restarts, power cuts, rewritten logs. */
import type { Change, Saved } from '@paxos/core'
import * as fc from 'fast-check'
import { extent, seeded } from '@paxos/testkit/fuzz'
import { expect, it, vi } from 'vitest'
import { storeOn } from './on-disk.ts'
import type * as Limits from '../../../src/stores/append/limits.ts'
import type * as AllLimits from '../../../src/stores/limits.ts'
import { after, changes, prefixThatLedTo, readable } from './model.ts'
import { SimulatedDisk, type Survival } from './simulated-disk.ts'

vi.mock('../../../src/stores/limits.ts', async (original) => ({
  ...(await original<typeof AllLimits>()),
  GROUP_TARGET_BYTES: 60,
}))

vi.mock('../../../src/stores/append/limits.ts', async (original) => ({
  ...(await original<typeof Limits>()),
  COMPACT_ABOVE_BYTES: 12_600,
  READ_WINDOW_BYTES: 200,
}))

const DIRECTORY = '/node'

type Step =
  /** Saved at once, without waiting for one another. */
  | { readonly type: 'save'; readonly changes: readonly Change[] }
  | { readonly type: 'wait' }
  | { readonly type: 'reopen' }
  /** The power goes some operations later, and comes back. */
  | {
      readonly type: 'crash'
      readonly after: number
      readonly bytes: number
      readonly seed: number
      readonly changes: readonly Change[]
    }

const some = fc.array(changes, { minLength: 1, maxLength: 6 })

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: some.map((list): Step => ({ type: 'save', changes: list })) },
    { weight: 2, arbitrary: fc.constant<Step>({ type: 'wait' }) },
    { weight: 1, arbitrary: fc.constant<Step>({ type: 'reopen' }) },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constant('crash' as const),
        after: fc.nat(25),
        bytes: fc.nat(300),
        seed: fc.nat(),
        changes: fc.array(changes, { maxLength: 8 }),
      }),
    },
  ),
  { maxLength: 25 },
)

function survivalOf(seed: number): Survival {
  return seed % 4 === 0 ? 'everything' : seed % 4 === 1 ? 'nothing' : seeded(seed)
}

it('whatever happens to it, a node finds all that was acknowledged, and nothing but its changes', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (life) => {
      let disk = new SimulatedDisk()
      let adapter = storeOn(disk, DIRECTORY)
      let certain: Saved = await adapter.open()
      for (const step of life) {
        if (step.type === 'save') {
          await Promise.all(step.changes.map((change) => adapter.save(change)))
          certain = after(step.changes, certain)
        } else if (step.type === 'wait') {
          await new Promise((resolve) => setImmediate(resolve))
        } else if (step.type === 'reopen') {
          await adapter.close()
          expect(disk.openFiles).toBe(0)
          expect(readable(await adapter.open())).toBe(readable(certain))
        } else {
          disk.cutPowerAt({ step: disk.operations.length + 1 + step.after, bytes: step.bytes })
          const results = await Promise.allSettled(
            step.changes.map((change) => adapter.save(change)),
          )
          await new Promise((resolve) => setImmediate(resolve))
          disk.kill()
          const acknowledged = results.filter(({ status }) => status === 'fulfilled').length
          disk = disk.restarted(survivalOf(step.seed))
          adapter = storeOn(disk, DIRECTORY)
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
      const last = await storeOn(disk.restarted('nothing'), DIRECTORY).open()
      expect(readable(last)).toBe(readable(certain))
    }),
    { numRuns: extent(25, 400) },
  )
})

it('the model itself counts prefixes: the state of three changes is that of no fewer', () => {
  const list: Change[] = [1, 2, 3].map((round) => ({ promised: { round, node: 'a' } }))
  expect(prefixThatLedTo(after(list), list, 0)).toBe(3)
  expect(prefixThatLedTo(after(list.slice(0, 1)), list, 2)).toBeNull()
})
