/**
 * The part of the suite about snapshots that are staged: written and read in pieces, and made the
 * snapshot by a save. Of adapters that take snapshots whole it asks nothing. Must never ask for a
 * staged snapshot to be there that no save has named, once its adapter is closed.
 */
import assert from 'node:assert/strict'
import type { Change, Durability, Snapshot, SnapshotStage, StagedSnapshot } from '@paxos/core'
import { bytes, filled } from '../bytes.ts'
import { codeOf } from '../code-of.ts'
import type { Definer } from './definer.ts'
import { has } from './harness.ts'
import { after, prefixLength, shown } from './model.ts'
import { readFrom } from './world.ts'

const NONE = new Uint8Array()

const entry = (slot: number) => ({ slot, ballot: { round: 1, node: 'a' }, value: bytes(slot) })

/** Around the sizes at which an adapter may cut. */
const SIZES = [0, 1, 70_000, (4 << 20) - 1, (8 << 20) + 5]

/** What is appended at once, and read at once: of no size that an adapter would choose. */
const CUT_BYTES = 999_983

const taken = (through: number, content: Uint8Array): Snapshot => ({
  through,
  members: [{ id: 'a', address: 'm:a' }],
  bytes: content,
  configuration: bytes(through),
})

/** A change with a staged snapshot, and what it amounts to. */
function changeWith(snapshot: Snapshot, at: StagedSnapshot): Change {
  return { ...wholeChange(snapshot), snapshot: { ...snapshot, bytes: NONE, staged: at } }
}

function wholeChange(snapshot: Snapshot): Change {
  const { through } = snapshot
  return { snapshot, accepted: [through, through + 1].map(entry), chosenThrough: through }
}

export function stagedScenarios({ describe, scenarioStaged }: Definer): void {
  describe('a snapshot that is staged', () => {
    scenarioStaged(
      'is what a save makes it, whole or in pieces, as who opens it asks',
      async (world) => {
        for (const [index, size] of SIZES.entries()) {
          const snapshot = taken(index + 1, filled(size))
          const durability = await world.opened()
          const stage = stageOf(durability)
          await durability.save(changeWith(snapshot, await staged(stage, snapshot.bytes)))
          await durability.close()
          assert.deepEqual(shown(await world.read()), shown(after(wholeChange(snapshot))))
          await requireStaged(world.made(), snapshot.bytes)
        }
      },
    )

    scenarioStaged('may be asked for, though it was saved whole', async (world) => {
      for (const content of [NONE, filled(70_000)]) {
        await world.save({ snapshot: taken(1, content) })
        await requireStaged(world.made(), content)
      }
    })

    scenarioStaged(
      'means nothing before it is saved, and is gone with the adapter',
      async (world) => {
        await world.save(wholeChange(taken(1, bytes(1))))
        const durability = await world.opened()
        const left = await staged(stageOf(durability), filled(70_000))
        const unsealed = await stageOf(durability).begin()
        await unsealed.append(filled(70_000))
        await durability.save({ chosenThrough: 2 })
        await durability.close()
        const again = await world.opened()
        assert.notEqual(await codeOf(stageOf(again).read(left, 0, 1)), null)
        await again.close()
        const expected = after(wholeChange(taken(1, bytes(1))), { chosenThrough: 2 })
        assert.deepEqual(shown(await world.read()), shown(expected))
      },
    )

    scenarioStaged(
      'can be read though another has followed, until it is discarded',
      async (world) => {
        const durability = await world.opened()
        const stage = stageOf(durability)
        const [first, second] = [filled(70_000), filled(90_000).toReversed()]
        const former = await staged(stage, first)
        await durability.save(changeWith(taken(1, first), former))
        const newest = await staged(stage, second)
        await durability.save(changeWith(taken(2, second), newest))
        // Some saves later, too: what is of no use may be removed between two of them.
        for (const round of [1, 2]) await durability.save({ promised: { round, node: 'a' } })
        assert.deepEqual(await all(stage, former), first)
        await stage.discard(former)
        await stage.discard(former)
        assert.notEqual(await codeOf(stage.read(former, 0, 1)), null)
        await stage.discard(newest)
        await durability.save({ promised: { round: 3, node: 'a' } })
        await durability.close()
        await requireStaged(world.made(), second)
      },
    )

    scenarioStaged('is its own, though others are written at the same time', async (world) => {
      const durability = await world.opened()
      const stage = stageOf(durability)
      const writers = await Promise.all([stage.begin(), stage.begin(), stage.begin()])
      const piece = bytes(0, 0)
      for (const round of [1, 2]) {
        for (const [index, writer] of writers.entries()) {
          piece.fill(10 * round + index)
          await writer.append(piece)
        }
      }
      const [first, second, third] = writers
      await second?.abandon()
      const sealed = await Promise.all([first?.seal(), third?.seal()])
      const found = await Promise.all(sealed.flatMap((each) => (each ? [all(stage, each)] : [])))
      assert.deepEqual(found, [bytes(10, 10, 20, 20), bytes(12, 12, 22, 22)])
    })

    scenarioStaged('must be there when a save names it', async (world) => {
      const durability = await world.opened()
      const given = await staged(stageOf(durability), bytes(1))
      const other = { ...given, byteLength: 2 }
      const refused = codeOf(durability.save(changeWith(taken(1, NONE), other)))
      assert.equal(await refused, 'ERR_PAXOS_INVALID_ARGUMENT')
    })

    scenarioStaged('outlives its process, and what was not saved leaves nothing', async (world) => {
      if (!has(world.harness, 'crash')) return
      const durability = await world.opened()
      const content = filled(70_000)
      const change = changeWith(taken(1, content), await staged(stageOf(durability), content))
      await durability.save(change)
      const left = await staged(stageOf(durability), content)
      const writer = await stageOf(durability).begin()
      await writer.append(content)
      await world.harness.crash()
      await requireStaged(world.made(), content)
      const again = await world.opened()
      assert.notEqual(await codeOf(stageOf(again).read(left, 0, 1)), null)
    })

    scenarioStaged(
      'is the snapshot whole or not at all, wherever the power goes',
      async (world) => {
        if (!has(world.harness, 'crashesDuring')) return
        const contents = [filled(5000), filled(4000).toReversed()]
        const changes = contents.map((content, index) => wholeChange(taken(index + 1, content)))
        let acknowledged = 0
        const life = async (durability: Durability): Promise<void> => {
          acknowledged = 0
          try {
            await durability.open()
            for (const [index, content] of contents.entries()) {
              const snapshot = taken(index + 1, content)
              await durability.save(
                changeWith(snapshot, await staged(stageOf(durability), content)),
              )
              acknowledged += 1
            }
          } catch {
            // The power went.
          }
          await durability.close().catch(() => undefined)
        }
        for await (const found of world.harness.crashesDuring(life)) {
          const saved = await readFrom(found.durability())
          assert.notEqual(prefixLength(saved, changes, acknowledged), null, found.what)
        }
      },
    )

    scenarioStaged('that fails harms nothing that is saved', async (world) => {
      if (!has(world.harness, 'fail')) return
      const durability = await world.opened()
      const repair = world.harness.fail()
      assert.notEqual(await codeOf(staged(stageOf(durability), filled(70_000))), null)
      repair()
      await durability.save({ chosenThrough: 3 })
      await durability.save(
        changeWith(taken(3, bytes(3)), await staged(stageOf(durability), bytes(3))),
      )
      await durability.close()
      await requireStaged(world.made(), bytes(3))
    })

    scenarioStaged('is for who has it open', async (world) => {
      const durability = world.made()
      const stage = stageOf(durability)
      assert.equal(await codeOf(stage.begin()), 'ERR_PAXOS_DURABILITY_STATE')
      await durability.open()
      const writer = await stage.begin()
      await durability.close()
      assert.notEqual(await codeOf(writer.append(bytes(1))), null)
      assert.equal(await codeOf(stage.begin()), 'ERR_PAXOS_DURABILITY_STATE')
    })
  })
}

function stageOf({ snapshots }: Durability): SnapshotStage {
  assert.ok(snapshots !== undefined, 'An adapter has snapshots, and another one of it has not.')
  return snapshots
}

async function staged(stage: SnapshotStage, content: Uint8Array): Promise<StagedSnapshot> {
  const writer = await stage.begin()
  try {
    for (let offset = 0; offset < content.byteLength; offset += CUT_BYTES) {
      await writer.append(content.subarray(offset, offset + CUT_BYTES))
    }
    return await writer.seal()
  } catch (error) {
    await writer.abandon().catch(() => undefined)
    throw error
  }
}

/** All of it, read in pieces, and asked for beyond its end. */
async function all(stage: SnapshotStage, from: StagedSnapshot): Promise<Uint8Array> {
  const found = new Uint8Array(from.byteLength)
  for (let offset = 0; offset < from.byteLength; offset += CUT_BYTES) {
    found.set(await stage.read(from, offset, CUT_BYTES), offset)
  }
  assert.equal((await stage.read(from, from.byteLength, 10)).byteLength, 0)
  return found
}

/** Opens it for pieces, and reads them. */
async function requireStaged(durability: Durability, content: Uint8Array): Promise<void> {
  const { snapshot } = await durability.open(undefined, { staged: true })
  try {
    assert.ok(snapshot?.staged !== undefined, 'The snapshot is not told as staged.')
    assert.deepEqual(
      [snapshot.bytes.byteLength, snapshot.staged.byteLength],
      [0, content.byteLength],
    )
    const found = await all(stageOf(durability), snapshot.staged)
    assert.ok(Buffer.from(found).equals(content), 'What is read is not what was appended.')
  } finally {
    await durability.close()
  }
}
