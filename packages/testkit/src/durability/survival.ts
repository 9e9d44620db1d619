/**
 * The part of the suite about bad days: power that goes, processes that die, media that refuse or
 * rot, and software that is replaced. Whatever happens, what is found is a state that the changes
 * led to and that has everything which was acknowledged, or CorruptionError.
 */
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { AcceptedEntry, Change, Durability, Identity, Owner, Saved } from '@paxos/core'
import { bytes, filled } from '../bytes.ts'
import { codeOf } from '../code-of.ts'
import type { Definer } from './definer.ts'
import { FIXTURE_CHANGES } from './fixture.ts'
import { has } from './harness.ts'
import type { Found } from './harness.ts'
import { after, asText, prefixLength, shown } from './model.ts'
import { openFound, readFrom, turn, turns } from './world.ts'

const promise = (round: number): Change => ({ promised: { round, node: 'a' } })

const entry = (slot: number, value: Uint8Array): AcceptedEntry => ({
  slot,
  ballot: { round: 1, node: 'a' },
  value,
})

const accept = (...slots: readonly number[]): Change => ({
  accepted: slots.map((slot) => entry(slot, bytes(slot))),
})

const cover = (through: number): Change => ({
  snapshot: { through, members: [{ id: 'a', address: 'm:a' }], bytes: filled(through * 50) },
})

/** Changes that are recognizably parts of one whole. */
const whole = (number: number): Change => ({
  ...promise(number),
  accepted: [entry(number + 3, bytes(number)), entry(number + 4, filled(200))],
  chosenThrough: number,
})

/**
 * What is saved, list after list, each when the one before is durable. The changes of one list are
 * saved at once; those of `meanwhile` each a turn after the other, so that some come during a sync.
 */
type Story = readonly Scene[]

type Scene = readonly Change[] | { readonly meanwhile: readonly Change[] }

const STORIES: readonly (readonly [title: string, story: Story])[] = [
  [
    'P10: keeps the ballot and the entries of one change together, or none of them',
    [[whole(1)], [whole(2)], [whole(3)]],
  ],
  [
    'P11: keeps a longer entry whole until a shorter one has replaced it',
    [[{ accepted: [entry(1, filled(600))] }], [accept(1)], [{ accepted: [entry(1, filled(300))] }]],
  ],
  [
    'P12: keeps the entries above a snapshot while those below it are discarded',
    [[accept(1, 2, 3, 4)], [{ ...cover(2), ...accept(5) }], [accept(6)], [cover(4)], [accept(5)]],
  ],
  [
    'of overlapping saves keeps the first ones, in call order',
    [[1, 2, 3, 4, 5].map(promise), [{ ...accept(1), ...promise(6) }, accept(2), promise(7)]],
  ],
  [
    'keeps a save that came while others were synced, once it has resolved',
    [{ meanwhile: [promise(1), promise(2), accept(1), promise(3), promise(4), accept(2)] }],
  ],
]

/** A state with every field set, long enough that its bytes are a good part of what is stored. */
const STORED: readonly Change[] = [
  whole(1),
  { ...cover(4), ...accept(5) },
  { ...whole(2), accepted: [entry(5, filled(500)), entry(6, filled(500))] },
]

/** Whose that is: a damaged identity must not come up as another one, nor as none. */
const OWNER: Owner = {
  cluster: 'a cluster',
  id: 'a',
  kind: 'log',
  drawIncarnation: () => 'drawn once',
}

/**
 * When a medium refuses, in turns of the event loop after a save was called: some of these begin
 * between a write and its sync, and end before the next attempt.
 */
const FAILURES = [0, 1, 2, 3, 4].flatMap((from) => [1, 2, 4].map((length) => ({ from, length })))

/** Saved wherever a scenario shows that it can go on. */
const NEXT: Change = { promised: { round: 99, node: 'next' } }

export function survivalScenarios({ describe, scenario, scenarioWith }: Definer): void {
  describe('a save that resolved', () => {
    scenarioWith('hold', 'P14: is durable, and none resolves before', async (world) => {
      const durability = await world.opened()
      const held = world.harness.hold()
      let resolved = false
      const saving = durability.save(promise(1)).then(() => (resolved = true))
      try {
        await Promise.race([saving, held.waiting()])
        await turns()
        assert.equal(resolved, false)
      } finally {
        held.release()
      }
      await saving
    })

    scenarioWith(
      'hold',
      'does not before its own sync, though it is like the one that is written',
      async (world) => {
        const durability = await world.opened()
        await durability.save(whole(1))
        const held = world.harness.hold()
        const resolved: number[] = []
        // The last two are what was durable before, and what is being written: neither is any more.
        const changes = [whole(2), whole(2), whole(3), whole(1), whole(2)]
        const saves: Promise<unknown>[] = []
        function save(index: number, change: Change): void {
          saves.push(durability.save(change).then(() => resolved.push(index)))
        }
        try {
          save(0, whole(2))
          await Promise.race([saves[0], held.waiting()])
          for (const [index, change] of changes.entries()) if (index > 0) save(index, change)
          await turns()
          assert.deepEqual(resolved, [])
        } finally {
          held.release()
        }
        await Promise.all(saves)
        await durability.close()
        assert.deepEqual(shown(await world.read()), shown(after(...changes)))
      },
    )

    scenarioWith('hold', 'came before the sync that it resolves with', async (world) => {
      const durability = await world.opened()
      let held = world.harness.hold()
      let isLaterResolved = false
      try {
        const first = durability.save(whole(1))
        await Promise.race([first, held.waiting()])
        const later = durability.save(whole(2)).then(() => (isLaterResolved = true))
        // What was held goes on, and what is synced after it waits again.
        held.release()
        held = world.harness.hold()
        await Promise.race([first, held.waiting()])
        await turns()
        // It may have been synced with the first, where each save has a sync of its own. Then it is there.
        if (isLaterResolved && has(world.harness, 'crash')) await world.harness.crash()
        else held.release()
        if (!isLaterResolved) await Promise.all([first, later])
      } finally {
        held.release()
      }
      await durability.close()
      assert.deepEqual(shown(await world.read()), shown(after(whole(1), whole(2))))
    })

    scenarioWith('crash', 'P13: survives the end of its process', async (world) => {
      const changes = [...STORED, accept(9), promise(9)]
      for (const [index, change] of changes.entries()) {
        const durability = await world.opened()
        await durability.save(change)
        await world.harness.crash()
        assert.deepEqual(shown(await world.read()), shown(after(...changes.slice(0, index + 1))))
      }
    })

    scenarioWith(
      'crash',
      'P13: survives it, the first of a life and each that follows',
      async (world) => {
        const changes = Array.from({ length: 6 }, (_, index) => whole(index + 1))
        for (let lives = 1; lives <= 3; lives += 1) {
          const durability = await world.opened()
          for (const change of changes.slice(0, lives * 2)) await durability.save(change)
          await world.harness.crash()
          assert.deepEqual(shown(await world.read()), shown(after(...changes.slice(0, lives * 2))))
        }
      },
    )

    scenario('took effect after those that were called before it', async ({ opened, read }) => {
      const durability = await opened()
      const changes = Array.from({ length: 500 }, (_, index): Change => {
        const value = filled(index % 7 === 0 ? 5000 : 5)
        return {
          ...promise(index + 1),
          accepted: [entry(1 + (index % 3), bytes(index)), entry(9, value)],
        }
      })
      await Promise.all(changes.map((change) => durability.save(change)))
      await durability.close()
      assert.deepEqual(shown(await read()), shown(after(...changes)))
    })
  })

  describe('power loss at any point', () => {
    for (const [title, story] of STORIES) {
      scenarioWith('crashesDuring', title, async ({ harness, opened, read }) => {
        const changes = story.flatMap(changesOf)
        const uncut = tell(story)
        await uncut.live(await opened(), 'opened')
        assert.equal(uncut.acknowledged, changes.length)
        assert.deepEqual(shown(await read()), shown(after(...changes)))

        const told = tell(story)
        let count = 0
        for await (const found of harness.crashesDuring((durability) => told.live(durability))) {
          await requirePrefix(found, changes, told.acknowledged)
          count += 1
        }
        assert.ok(count > changes.length, `The harness crashed at ${count} points only.`)
      })
    }
  })

  describe('after a failed save', () => {
    scenarioWith(
      'fail',
      'every later one rejects, though the medium works again',
      async (world) => {
        const durability = await world.opened()
        await durability.save(promise(1))
        const repair = world.harness.fail()
        const failing = [2, 3].map((round) => codeOf(durability.save(promise(round))))
        const [first, second] = await Promise.all(failing)
        repair()
        assert.equal(first, 'ERR_PAXOS_DURABILITY_FAILED')
        assert.ok(second === first || second === 'ERR_PAXOS_DURABILITY_POISONED', String(second))
        for (const round of [4, 5]) {
          assert.equal(
            await codeOf(durability.save(promise(round))),
            'ERR_PAXOS_DURABILITY_POISONED',
          )
        }
        await durability.close()
      },
    )

    scenarioWith(
      'fail',
      'or one that was tried again, what was acknowledged is there after a crash',
      async (world) => {
        const taken: Change[] = []
        for (const [index, { from, length }] of FAILURES.entries()) {
          const change = whole(index + 1)
          const durability = await world.opened()
          const saving = codeOf(durability.save(change))
          for (let count = 0; count < from; count += 1) await turn()
          const repair = world.harness.fail()
          for (let count = 0; count < length; count += 1) await turn()
          repair()
          const code = await saving
          if (has(world.harness, 'crash')) await world.harness.crash()
          else await durability.close()
          const found = shown(await world.read())
          // One that was refused may be there all the same; one that was not, must be.
          const isThere = isDeepStrictEqual(found, shown(after(...taken, change)))
          if (isThere) taken.push(change)
          assert.ok(isThere || code !== null, 'What was acknowledged is not there.')
          assert.deepEqual(found, shown(after(...taken)))
        }
      },
    )

    scenarioWith('fail', 'a fresh open finds what was acknowledged, and goes on', async (world) => {
      const changes = [whole(1), whole(2), whole(3)]
      const durability = await world.opened()
      await durability.save(whole(1))
      const repair = world.harness.fail()
      await Promise.allSettled([durability.save(whole(2)), durability.save(whole(3))])
      repair()
      await codeOf(durability.save(whole(4)))
      await durability.close()
      const what = 'a failed save'
      await requirePrefix({ what, durability: world.made }, changes, 1)
    })
  })

  describe('damage to what is stored', () => {
    scenarioWith(
      'damages',
      'is a CorruptionError, or harmless: no other state is ever shown',
      async ({ harness, made }) => {
        const durability = made()
        const { identity } = await durability.open(OWNER)
        for (const change of STORED) await durability.save(change)
        await durability.close()
        const expected = ownedText(identity, after(...STORED))
        let refused = 0
        for await (const found of harness.damages()) {
          const state = await stateOrRefusal(found)
          if (state === 'refused') refused += 1
          else assert.equal(state, expected, `Another state is shown after ${found.what}.`)
        }
        assert.ok(refused > 0, 'No damage that the harness did was noticed.')
      },
    )

    scenarioWith('damages', 'leaves nothing open when it is refused', async (world) => {
      await world.save(...STORED)
      for await (const found of world.harness.damages()) {
        const first = found.durability()
        const code = await codeOf(first.open())
        // Not closed: a rejection has left nothing to close.
        const second = await codeOf(readFrom(found.durability()))
        if (code === null) await first.close()
        else if (second === code) return
        else assert.equal(second, code)
      }
      assert.fail('No damage that the harness did was noticed.')
    })
  })

  describe('what an earlier release wrote', () => {
    scenarioWith('fixtures', 'is read by this one, which goes on with it', async ({ harness }) => {
      let count = 0
      for await (const found of harness.fixtures()) {
        count += 1
        await requirePrefix(found, FIXTURE_CHANGES, FIXTURE_CHANGES.length)
      }
      assert.ok(count > 0, 'The harness has no fixtures.')
    })
  })
}

/** A life, and how many of its changes must be found after it: the last acknowledged, and all before. */
interface Told {
  readonly acknowledged: number
  /** Ends at the first rejection. May be lived again, from the beginning. */
  readonly live: (durability: Durability, from?: 'new' | 'opened') => Promise<void>
}

function tell(story: Story): Told {
  let acknowledged = 0
  async function saveOne(durability: Durability, change: Change, number: number): Promise<void> {
    await durability.save(change)
    acknowledged = Math.max(acknowledged, number)
  }
  async function saveAll(durability: Durability): Promise<void> {
    let called = 0
    for (const scene of story) {
      const saves: Promise<void>[] = []
      for (const change of changesOf(scene)) {
        called += 1
        saves.push(saveOne(durability, change, called))
        // Handled below, with those that come later.
        saves.at(-1)?.catch(() => undefined)
        if ('meanwhile' in scene) await turn()
      }
      const results = await Promise.allSettled(saves)
      if (results.some(({ status }) => status === 'rejected')) return
    }
    await durability.close()
  }
  return {
    get acknowledged() {
      return acknowledged
    },
    async live(durability, from = 'new') {
      acknowledged = 0
      try {
        if (from === 'new') await durability.open()
        await saveAll(durability)
      } catch {
        // The power went while it was opening or closing.
      }
    },
  }
}

function changesOf(scene: Scene): readonly Change[] {
  return 'meanwhile' in scene ? scene.meanwhile : scene
}

/** What is found is what the first `least` or more changes led to, and more can be saved. */
async function requirePrefix(
  found: Found,
  changes: readonly Change[],
  least: number,
): Promise<void> {
  const durability = found.durability()
  const saved = await openFound(found.what, durability)
  const count = prefixLength(saved, changes, least)
  try {
    assert.ok(
      count !== null,
      `After ${found.what}, with ${least} of ${changes.length} changes acknowledged, ` +
        `this is none of the states that they led to: ${asText(saved)}`,
    )
    await durability.save(NEXT)
  } finally {
    await durability.close()
  }
  assert.deepEqual(
    shown(await readFrom(found.durability())),
    shown(after(...changes.slice(0, count), NEXT)),
    `What was saved after ${found.what} was not found.`,
  )
}

function ownedText(identity: Identity | null, saved: Saved): string {
  const { cluster, id, incarnation, kind } = identity ?? {}
  return JSON.stringify([cluster, id, incarnation, kind, shown(saved)])
}

/** Whose it is and the state, as text; or 'refused' when opening rejects with CorruptionError. */
async function stateOrRefusal({ what, durability }: Found): Promise<string> {
  const adapter = durability()
  try {
    const found = await adapter.open()
    return ownedText(found.identity, found)
  } catch (error) {
    const code = await codeOf(Promise.reject(error))
    if (code === 'ERR_PAXOS_CORRUPTION') return 'refused'
    throw new Error(`After ${what} open() rejects, and not with CorruptionError.`, { cause: error })
  } finally {
    await adapter.close()
  }
}
