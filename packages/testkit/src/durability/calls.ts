/**
 * The part of the suite about who may call what, and when. Must leave alone what the contract
 * leaves open, such as whether an adapter that was closed can be opened again.
 */
import assert from 'node:assert/strict'
import type { Change } from '@paxos/core'
import { active, nothingMoreThan } from '../active.ts'
import { codeOf } from '../code-of.ts'
import type { Definer } from './definer.ts'
import { after, shown } from './model.ts'
import { turns } from './world.ts'

const promise = (round: number): Change => ({ promised: { round, node: 'a' } })

const LOCKED = 'ERR_PAXOS_LOCKED'
const STATE = 'ERR_PAXOS_DURABILITY_STATE'

export function callScenarios({ describe, scenario, scenarioWith }: Definer): void {
  describe('a location is open once', () => {
    scenario('a second adapter is refused, and the first goes on', async (world) => {
      const first = await world.opened()
      await first.save(promise(1))
      assert.equal(await codeOf(world.made().open()), LOCKED)
      await first.save(promise(2))
      await first.close()
      assert.deepEqual(shown(await world.read()), shown(after(promise(2))))
    })

    scenario('closing an adapter that was refused frees nothing', async ({ opened, made }) => {
      await opened()
      const refused = made()
      assert.equal(await codeOf(refused.open()), LOCKED)
      await refused.close()
      assert.equal(await codeOf(made().open()), LOCKED)
    })

    scenario('of several that open at once, no two succeed', async ({ made, read }) => {
      for (let round = 0; round < 3; round += 1) {
        const adapters = [made(), made(), made(), made()]
        const codes = await Promise.all(adapters.map((durability) => codeOf(durability.open())))
        assert.ok(codes.filter((code) => code === null).length <= 1)
        assert.ok(codes.every((code) => code === null || code === LOCKED))
        await Promise.all(adapters.map((durability) => durability.close()))
        await read()
      }
    })
  })

  describe('open', () => {
    scenario('rejects a second time, while opening and when open', async ({ made, read }) => {
      const durability = made()
      const first = durability.open()
      assert.equal(await codeOf(durability.open()), STATE)
      await first
      assert.equal(await codeOf(durability.open()), STATE)
      await durability.save(promise(1))
      await durability.close()
      assert.deepEqual(shown(await read()), shown(after(promise(1))))
    })
  })

  describe('save', () => {
    scenario('rejects before open, and after an open that was refused', async (world) => {
      const durability = world.made()
      assert.equal(await codeOf(durability.save(promise(1))), STATE)
      await world.opened()
      assert.equal(await codeOf(durability.open()), LOCKED)
      assert.equal(await codeOf(durability.save(promise(1))), STATE)
    })

    scenario('rejects as soon as close is called, and stores nothing', async (world) => {
      const durability = await world.opened()
      const early = codeOf(durability.save(promise(1)))
      const closing = durability.close()
      assert.equal(await codeOf(durability.save(promise(2))), STATE)
      await closing
      assert.equal(await early, null)
      assert.deepEqual(shown(await world.read()), shown(after(promise(1))))
    })

    scenario('rejects after close, and stores nothing', async ({ opened, read }) => {
      const durability = await opened()
      await durability.save(promise(1))
      await durability.close()
      assert.equal(await codeOf(durability.save(promise(2))), STATE)
      assert.deepEqual(shown(await read()), shown(after(promise(1))))
    })
  })

  describe('close', () => {
    scenario('leaves nothing that keeps the process alive', async ({ made, opened }) => {
      const before = active()
      const durability = await opened()
      await Promise.all([durability.save(promise(1)), durability.save(promise(2))])
      const refused = made()
      assert.equal(await codeOf(refused.open()), LOCKED)
      await Promise.all([durability.close(), refused.close()])
      await nothingMoreThan(before)
    })

    scenario('is called with saves running: they resolve, and are there', async (world) => {
      const durability = await world.opened()
      const saves = [1, 2, 3].map((round) => codeOf(durability.save(promise(round))))
      await durability.close()
      assert.deepEqual(await Promise.all(saves), [null, null, null])
      assert.deepEqual(shown(await world.read()), shown(after(promise(3))))
    })

    scenarioWith('hold', 'waits for the saves that run, and keeps the location', async (world) => {
      const durability = await world.opened()
      const held = world.harness.hold()
      let closed = false
      const saving = codeOf(durability.save(promise(1)))
      try {
        await Promise.race([saving, held.waiting()])
        // Behind the one that is being written.
        const behind = codeOf(durability.save(promise(2)))
        const closing = durability.close().then(() => (closed = true))
        await turns()
        assert.equal(closed, false)
        assert.equal(await codeOf(world.made().open()), LOCKED)
        held.release()
        await closing
        assert.deepEqual([await saving, await behind], [null, null])
      } finally {
        held.release()
      }
      assert.deepEqual(shown(await world.read()), shown(after(promise(2))))
    })

    scenarioWith('hold', 'waits for them each time that it is called', async (world) => {
      const durability = await world.opened()
      const held = world.harness.hold()
      let closed = 0
      const saving = codeOf(durability.save(promise(1)))
      try {
        await Promise.race([saving, held.waiting()])
        const closings = [1, 2, 3].map(async () => {
          await durability.close()
          closed += 1
        })
        await turns()
        assert.equal(closed, 0)
        held.release()
        await Promise.all(closings)
        assert.equal(await saving, null)
      } finally {
        held.release()
      }
      await world.read()
    })

    scenario(
      'may be called before open, twice at once, and again',
      async ({ made, opened, read }) => {
        await made().close()
        const durability = await opened()
        await Promise.all([durability.close(), durability.close()])
        await durability.close()
        await read()
      },
    )

    scenario('does not free a location that another adapter has opened since', async (world) => {
      const durability = await world.opened()
      await durability.close()
      await world.opened()
      await durability.close()
      assert.equal(await codeOf(world.made().open()), LOCKED)
    })

    scenario(
      'while it is opening ends that, or waits for it, and frees the location',
      async (world) => {
        await world.save(promise(1))
        const durability = world.made()
        const opening = codeOf(durability.open())
        await durability.close()
        const code = await opening
        assert.ok(code === null || code === STATE, String(code))
        assert.equal(await codeOf(durability.save(promise(2))), STATE)
        assert.deepEqual(shown(await world.read()), shown(after(promise(1))))
      },
    )
  })
}
