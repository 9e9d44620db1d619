/**
 * The part of the suite about logs that have become long: whoever rewrites what is stored, so that
 * it stays short, must carry everything along that still counts, and whose it is. Must not depend on
 * when an adapter rewrites: it saves as much as any is likely to bear, by number and by size.
 */
import assert from 'node:assert/strict'
import type { AcceptedEntry, Change, Durability, Owner } from '@paxos/core'
import { bytes, filled } from '../bytes.ts'
import type { Definer } from './definer.ts'
import { after, shown } from './model.ts'
import type { World } from './world.ts'

const MANY_RECORDS = 2_000

/** The largest values that travel, replaced again and again: many times what is left of them. */
const LARGE = filled(1 << 20)
const MANY_LARGE = 6

const entry = (slot: number, round: number, value: Uint8Array): AcceptedEntry => ({
  slot,
  ballot: { round, node: 'a' },
  value,
})

/** Every field, saved once, before all that follows. */
const EARLY: Change = {
  promised: { round: 7, node: 'b' },
  accepted: [entry(4, 3, bytes(4)), entry(6, 4, bytes())],
  chosenThrough: 5,
  snapshot: {
    through: 3,
    members: ['b', 'a'].map((id) => ({ id, address: `m:${id}` })),
    bytes: bytes(1, 2, 3),
  },
}

const LATE: Change = { accepted: [entry(10, 9, bytes(10))] }

export function rewritingScenarios({ describe, scenario }: Definer): void {
  describe('a long log keeps what was saved once, long ago, and whose it is', () => {
    scenario('behind many small changes', async (world) => {
      const changes = Array.from({ length: MANY_RECORDS }, (_, index): Change => ({
        accepted: [entry(9, 1, bytes(index & 0xff))],
      }))
      await keeps(world, changes, async (durability) => {
        await Promise.all(changes.map((change) => durability.save(change)))
      })
    })

    scenario('behind large changes', async (world) => {
      const changes = Array.from({ length: MANY_LARGE }, (_, index): Change => ({
        accepted: [entry(9, index + 1, LARGE)],
      }))
      await keeps(world, changes, async (durability) => {
        for (const change of changes) await durability.save(change)
      })
    })
  })
}

/** Saves `changes` behind those of EARLY, and looks twice whether all is there. */
async function keeps(
  { made }: World,
  changes: readonly Change[],
  save: (durability: Durability) => Promise<void>,
): Promise<void> {
  // Of what follows only the last counts: all of it is in one slot.
  const last = changes.slice(-1)
  let drawn = 0
  const drawIncarnation = () => `incarnation ${(drawn += 1)}`
  const owner: Owner = { cluster: 'x', id: 'a', kind: 'log', drawIncarnation }
  const writer = made()
  const { identity } = await writer.open(owner)
  await writer.save(EARLY)
  await save(writer)
  await writer.close()
  for (const expected of [after(EARLY, ...last), after(EARLY, ...last, LATE)]) {
    const durability = made()
    const found = await durability.open(owner)
    assert.deepEqual(shown(found), shown(expected))
    assert.deepEqual(found.identity, identity)
    await durability.save(LATE)
    await durability.close()
  }
}
