/**
 * Power cuts. Every story is run once to count the operations on the disk, and then again with a
 * cut at each of them; what comes up must be the state after some prefix of the changes that has
 * everything that was acknowledged.
 */
import { type Change, type Owner } from '@paxos/core'
import { extent, seeded } from '@paxos/testkit/fuzz'
import { describe, expect, it, vi } from 'vitest'
import { storeOn } from './on-disk.ts'
import type * as Limits from '../../../src/stores/append/limits.ts'
import type * as AllLimits from '../../../src/stores/limits.ts'
import { after, bytes, prefixThatLedTo, readable } from './model.ts'
import { SimulatedDisk, type PowerCut, type Survival } from './simulated-disk.ts'

vi.mock('../../../src/stores/limits.ts', async (original) => ({
  ...(await original<typeof AllLimits>()),
  GROUP_TARGET_BYTES: 100,
}))

vi.mock('../../../src/stores/append/limits.ts', async (original) => ({
  ...(await original<typeof Limits>()),
  // Small enough that the stories below rewrite their log.
  COMPACT_ABOVE_BYTES: 12_700,
  COMPACT_AT_RATIO: 2,
  SNAPSHOT_PIECE_BYTES: 64,
  // The power goes at every byte of what is reserved, too.
  RESERVE_BYTES: 1500,
}))

const DIRECTORY = '/node'
/** Of so many bytes of a write one is where the power goes; prime, so that every kind has its turn. */
const STRIDE = extent(61, 3)
/** Of what was not synced so many different parts are left. */
const SEEDS = extent(1, 3)

const ownerWho = (incarnation: string): Owner => ({
  cluster: 'x',
  id: 'a',
  kind: 'log',
  drawIncarnation: () => incarnation,
})

const accept = (slot: number, value: string): Change => ({
  accepted: [{ slot, ballot: { round: 1, node: 'a' }, value: bytes(value) }],
})

/** Groups of one, groups of many, shorter over longer, snapshots, and enough of it to compact. */
const STORY: readonly (readonly Change[])[] = [
  [{ promised: { round: 1, node: 'a' } }],
  [accept(1, 'x'.repeat(300)), accept(2, ''), accept(1, 'short'), { chosenThrough: 1 }],
  [{ snapshot: { through: 1, members: [{ id: 'a', address: 'm:a' }], bytes: bytes('s1') } }],
  [accept(3, 'y'.repeat(200)), { promised: { round: 2, node: '' } }],
  [accept(3, 'z'.repeat(200)), accept(4, 'w'.repeat(200)), accept(3, 'v')],
  [
    { ...accept(5, 'five'), snapshot: { through: 3, members: [], bytes: bytes('2'.repeat(150)) } },
    accept(6, 'six'),
  ],
  [accept(7, 'u'.repeat(250)), accept(7, 't')],
  [accept(8, 'last'), { chosenThrough: 8 }],
]
const CHANGES = STORY.flat()

interface Run {
  readonly disk: SimulatedDisk
  readonly acknowledged: number
}

/** Whether the story pauses between its lists, so that late marks are written, or does not. */
type Pace = 'calm' | 'hasty'

/** Tells the story on a fresh disk; each inner list is saved at once. Stops where the power goes. */
async function run(pace: Pace, cut: PowerCut | null): Promise<Run> {
  const disk = new SimulatedDisk()
  if (cut !== null) disk.cutPowerAt(cut)
  const adapter = storeOn(disk, DIRECTORY)
  let acknowledged = 0
  try {
    await adapter.open(ownerWho('first'))
    for (const together of STORY) {
      await Promise.all(
        together.map(async (change) => {
          await adapter.save(change)
          acknowledged += 1
        }),
      )
      if (pace === 'calm') await new Promise((resolve) => setImmediate(resolve))
    }
    await adapter.close()
  } catch (error) {
    if (!disk.isDown) throw error
  }
  return { disk, acknowledged }
}

async function requireKept(crashed: Run, survival: Survival, where: unknown): Promise<void> {
  const disk = crashed.disk.restarted(survival)
  const adapter = storeOn(disk, DIRECTORY)
  const saved = await adapter.open(ownerWho('second')).catch((error: unknown) => {
    throw new Error(`Refused after a crash at ${JSON.stringify(where)}`, { cause: error })
  })
  const kept = prefixThatLedTo(saved, CHANGES, crashed.acknowledged)
  // Whatever is left of it, what was saved for an owner is that one's.
  if (kept !== 0) expect(saved.identity?.incarnation).toBe('first')
  if (kept === null) {
    expect.fail(
      `After a crash at ${JSON.stringify(where)}, ${crashed.acknowledged} acknowledged: ${readable(saved)}`,
    )
  }
  // And it goes on from there.
  await adapter.save({ promised: { round: 99, node: 'z' } })
  await adapter.close()
  const again = await storeOn(disk.restarted('nothing'), DIRECTORY).open()
  expect(again.identity).toEqual(saved.identity)
  const expected = after([...CHANGES.slice(0, kept), { promised: { round: 99, node: 'z' } }])
  expect(readable(again)).toBe(readable(expected))
}

const SURVIVALS: readonly (readonly [string, (seed: number) => Survival])[] = [
  ['everything that was written (kill -9)', () => 'everything'],
  ['nothing that was not synced', () => 'nothing'],
  ['torn and reordered parts of what was not synced', (seed) => seeded(seed)],
]

describe.each<Pace>(['calm', 'hasty'])('a power cut in a %s story', (pace) => {
  it('meets a log that is rewritten while saves go on', async () => {
    const { disk, acknowledged } = await run(pace, null)
    expect(acknowledged).toBe(CHANGES.length)
    const named = disk.operations.filter(
      ({ type, path }) => type === 'name' && path === '/node/log',
    )
    expect(named.length).toBeGreaterThanOrEqual(3)
    expect(disk.openFiles).toBe(0)
    expect(disk.locked).toBe(false)
  })

  it.each(SURVIVALS)(
    'P10, P12: between any two operations loses nothing acknowledged, keeping %s',
    async (_, survival) => {
      const steps = (await run(pace, null)).disk.operations.length
      for (let step = 1; step <= steps + 1; step += 1) {
        const crashed = await run(pace, { step })
        for (let seed = 0; seed < SEEDS; seed += 1) {
          await requireKept(crashed, survival(step * 1000 + seed), { step, seed })
        }
      }
    },
  )

  it('what an open has shown after kill -9 survives a power cut right after it', async () => {
    const steps = (await run(pace, null)).disk.operations.length
    for (let step = 1; step <= steps + 1; step += 1) {
      const { disk } = await run(pace, { step, bytes: 40 })
      const alive = disk.withNewProcess()
      const shown = readable(await storeOn(alive, DIRECTORY).open())
      alive.kill()
      for (const survival of ['nothing', seeded(step)] as const) {
        const saved = await storeOn(alive.restarted(survival), DIRECTORY).open()
        expect(readable(saved), `step ${step}`).toBe(shown)
      }
    }
  })

  it('P11: at any byte of any write loses nothing acknowledged', async () => {
    const { operations } = (await run(pace, null)).disk
    for (const [index, { type, path, bytes: length }] of operations.entries()) {
      if (type !== 'write') continue
      // Only the empty beginning of a log is that long, and nobody relies on it yet.
      const stride = STRIDE * (length > 2000 ? 97 : 1)
      for (let torn = 0; torn <= length; torn += stride) {
        const cut = { step: index + 1, bytes: torn }
        await requireKept(await run(pace, cut), 'everything', { ...cut, path })
      }
    }
  })
})
