/**
 * The part of the suite about whose a location is. A disk that is taken for another node's makes two
 * acceptors of one, or one of two; so what is written about it must be there before anybody is told,
 * for ever, and must keep everybody else out. Must leave alone how an adapter stores it.
 */
import assert from 'node:assert/strict'
import { MAX_ID_BYTES } from '@paxos/core'
import type { Change, Durability, Identity, Owner } from '@paxos/core'
import { bytes, filled } from '../bytes.ts'
import { codeOf } from '../code-of.ts'
import type { Definer } from './definer.ts'
import { FIXTURE_CHANGES, FIXTURE_OWNER } from './fixture.ts'
import { after, asText, prefixLength, shown } from './model.ts'
import type { World } from './world.ts'

const REFUSED = 'ERR_PAXOS_IDENTITY'

const MEMBERS = ['a', 'b'].map((id) => ({ id, address: `m:${id}` }))

/** As a log begins: with who its members are. */
const BEGINNING: Change = { snapshot: { through: 0, members: MEMBERS, bytes: bytes() } }

const promise = (round: number): Change => ({ promised: { round, node: 'a' } })

/** With a snapshot among them. What becomes of a log that is rewritten is in rewriting.ts. */
const SOME: readonly Change[] = Array.from({ length: 8 }, (_, index) => ({
  ...promise(index + 1),
  accepted: [{ slot: 2, ballot: { round: index + 1, node: 'a' }, value: filled(1000) }],
  ...(index === 4 ? { snapshot: { through: 1, members: MEMBERS, bytes: bytes(index) } } : {}),
}))

const OTHERS: readonly (readonly [title: string, other: Partial<Owner>])[] = [
  ['another cluster', { cluster: 'y' }],
  ['another id', { id: 'b' }],
  ['another kind', { kind: 'decree' }],
]

/** A name that is easily taken for others, and those others. */
const NAME = 'n\u00e9'
const LOOKALIKES = [
  'ne\u0301',
  'N\u00c9',
  'n',
  ' n\u00e9',
  'n\u00e9 ',
  'n\u00e9\0',
  'n\u00e9\0m',
  '',
]

/** What no identity can be made of: too long, empty, or nothing at all. */
const UNUSABLE: readonly (readonly [title: string, owner: Partial<Owner>])[] = [
  ['a cluster of 256 bytes', { cluster: 'x'.repeat(MAX_ID_BYTES + 1) }],
  ['an id of 256 bytes', { id: '\u00e9'.repeat(128) }],
  ['half of a surrogate pair', { id: 'a\ud800' }],
  ['an incarnation of 256 bytes', { drawIncarnation: () => 'x'.repeat(MAX_ID_BYTES + 1) }],
  ['an empty incarnation', { drawIncarnation: () => '' }],
]

/** States without an identity, and owners that they cannot be of. */
const CONTRADICTIONS: readonly (readonly [title: string, held: Change, owner: Partial<Owner>])[] = [
  ['a log, for a node that is no member', BEGINNING, { id: 'c' }],
  ['a log, for a single decree', BEGINNING, { kind: 'decree' }],
  ['a single decree, for a log', promise(1), {}],
]

/** An owner whose incarnations are counted. */
function ownerWith(other: Partial<Owner> = {}): Owner & { readonly drawn: () => number } {
  let drawn = 0
  const drawIncarnation = () => `incarnation ${(drawn += 1)}`
  return { cluster: 'x', id: 'a', kind: 'log', drawIncarnation, ...other, drawn: () => drawn }
}

const identityOf = ({ cluster, id, kind }: Owner, incarnation = 'incarnation 1'): Identity => ({
  cluster,
  id,
  incarnation,
  kind,
})

/** What an owner finds. The location is closed again. */
async function openedBy({ made }: Pick<World, 'made'>, owner?: Owner) {
  const durability = made()
  try {
    return await durability.open(owner)
  } finally {
    await durability.close()
  }
}

/** Opens as `owner`, saves one change after the other, and closes. */
async function saveAs({ made }: World, owner: Owner, changes: readonly Change[]): Promise<void> {
  const durability = made()
  await durability.open(owner)
  for (const change of changes) await durability.save(change)
  await durability.close()
}

export function identityScenarios({ describe, scenario, scenarioWith }: Definer): void {
  describe('whose it is', () => {
    scenario('without an owner is nobody’s, and new until something is saved', async (world) => {
      for (let count = 0; count < 2; count += 1) {
        const { identity, isNew } = await openedBy(world)
        assert.deepEqual({ identity, isNew }, { identity: null, isNew: true })
      }
      await world.save(promise(1))
      const { identity, isNew } = await openedBy(world)
      assert.deepEqual({ identity, isNew }, { identity: null, isNew: false })
    })

    for (const kind of ['log', 'decree'] as const) {
      scenario(`a new one is its first owner’s, for a ${kind}, and stays so`, async (world) => {
        const owner = ownerWith({ kind, cluster: 'ñ😀', id: '' })
        const first = await openedBy(world, owner)
        assert.deepEqual(first.identity, identityOf(owner))
        assert.equal(first.isNew, true)
        assert.deepEqual(shown(first), shown(after()))
        for (const opener of [owner, undefined, owner]) {
          const { identity, isNew } = await openedBy(world, opener)
          assert.deepEqual({ identity, isNew }, { identity: first.identity, isNew: false })
        }
        assert.equal(owner.drawn(), 1)
      })
    }

    scenario('names of 255 bytes come back as they were', async (world) => {
      const long = 'é'.repeat(127)
      const owner = ownerWith({ cluster: long, id: `${long}x`, drawIncarnation: () => `y${long}` })
      await openedBy(world, owner)
      assert.deepEqual((await openedBy(world, owner)).identity, identityOf(owner, `y${long}`))
    })

    scenario('names of any characters come back, with a NUL and spaces too', async (world) => {
      const owner = ownerWith({ cluster: ' x\0y ', id: '\ufeff\0', drawIncarnation: () => ' z\0' })
      await openedBy(world, owner)
      assert.deepEqual((await openedBy(world, owner)).identity, identityOf(owner, ' z\0'))
    })

    scenario('a name that is like the owner’s is another’s, and refused', async (world) => {
      const owner = ownerWith({ cluster: NAME, id: NAME })
      await openedBy(world, owner)
      for (const name of LOOKALIKES) {
        for (const other of [{ cluster: name }, { id: name }]) {
          const stranger = ownerWith({ cluster: NAME, id: NAME, ...other })
          assert.equal(await codeOf(openedBy(world, stranger)), REFUSED, JSON.stringify(other))
        }
      }
      assert.deepEqual((await openedBy(world, owner)).identity, identityOf(owner))
    })

    scenario('an owner that cannot be leaves it nobody’s, new, and free', async (world) => {
      for (const [title, unusable] of UNUSABLE) {
        // Not closed: a rejection has left nothing to close.
        const code = await codeOf(world.made().open(ownerWith(unusable)))
        assert.equal(code, 'ERR_PAXOS_INVALID_ARGUMENT', title)
      }
      const failing = new Error('No randomness today.')
      const drawIncarnation = () => {
        throw failing
      }
      assert.notEqual(await codeOf(world.made().open(ownerWith({ drawIncarnation }))), null)
      const { identity, isNew } = await openedBy(world)
      assert.deepEqual({ identity, isNew }, { identity: null, isNew: true })
      assert.equal((await openedBy(world, ownerWith())).isNew, true)
    })

    scenario('is what it was after any number of saves and openings', async (world) => {
      const owner = ownerWith()
      const changes = [BEGINNING, ...SOME]
      await saveAs(world, owner, changes)
      for (let count = 0; count < 2; count += 1) {
        const found = await openedBy(world, owner)
        assert.deepEqual(found.identity, identityOf(owner))
        assert.deepEqual(shown(found), shown(after(...changes)))
      }
    })

    scenario('saves without an owner leave it as it was', async (world) => {
      const owner = ownerWith()
      await saveAs(world, owner, [BEGINNING])
      await world.save(promise(3))
      const found = await openedBy(world, owner)
      assert.deepEqual(found.identity, identityOf(owner))
      assert.deepEqual(shown(found), shown(after(BEGINNING, promise(3))))
    })

    for (const [title, other] of OTHERS) {
      scenario(`${title} is refused, and leaves everything as it was`, async (world) => {
        const owner = ownerWith()
        await saveAs(world, owner, [BEGINNING, promise(1)])
        const stranger = ownerWith(other)
        for (let count = 0; count < 2; count += 1) {
          // Not closed: a rejection has left nothing to close.
          assert.equal(await codeOf(world.made().open(stranger)), REFUSED)
        }
        assert.equal(stranger.drawn(), 0)
        const found = await openedBy(world, owner)
        assert.deepEqual(found.identity, identityOf(owner))
        assert.deepEqual(shown(found), shown(after(BEGINNING, promise(1))))
      })
    }

    scenario('what has no identity yet is given its owner’s, and is not new', async (world) => {
      await world.save(BEGINNING, promise(1))
      const owner = ownerWith()
      for (let count = 0; count < 3; count += 1) {
        const found = await openedBy(world, owner)
        assert.deepEqual(found.identity, identityOf(owner))
        assert.equal(found.isNew, false)
        assert.deepEqual(shown(found), shown(after(BEGINNING, promise(1))))
      }
      assert.equal(owner.drawn(), 1)
      await saveAs(world, owner, [promise(2)])
      assert.deepEqual(shown(await world.read()), shown(after(BEGINNING, promise(2))))
    })

    for (const [title, held, other] of CONTRADICTIONS) {
      scenario(`what contradicts is refused, and stays nobody’s: ${title}`, async (world) => {
        await world.save(held)
        const stranger = ownerWith(other)
        assert.equal(await codeOf(openedBy(world, stranger)), REFUSED)
        assert.equal(stranger.drawn(), 0)
        const found = await openedBy(world)
        assert.equal(found.identity, null)
        assert.deepEqual(shown(found), shown(after(held)))
      })
    }

    scenarioWith('crash', 'is durable when open resolves', async (world) => {
      const owner = ownerWith()
      await world.made().open(owner)
      await world.harness.crash()
      const found = await openedBy(world, owner)
      assert.deepEqual(found.identity, identityOf(owner))
      assert.equal(found.isNew, false)
    })

    scenarioWith(
      'fail',
      'an open that cannot write it rejects, and leaves it free',
      async (world) => {
        const repair = world.harness.fail()
        const owner = ownerWith()
        try {
          // Not closed: a rejection has left nothing to close.
          assert.notEqual(await codeOf(world.made().open(owner)), null)
        } finally {
          repair()
        }
        const { identity } = await openedBy(world, owner)
        assert.deepEqual(identity, identityOf(owner, `incarnation ${owner.drawn()}`))
        assert.equal(await codeOf(openedBy(world, ownerWith({ id: 'b' }))), REFUSED)
      },
    )

    scenarioWith('crashesDuring', 'survives power loss with what is saved', async (world) => {
      const changes = [BEGINNING, promise(1), { ...promise(2), chosenThrough: 1 }]
      const owner = ownerWith({ drawIncarnation: () => 'the only one' })
      let given: Identity | null = null
      let acknowledged = 0
      async function life(durability: Durability): Promise<void> {
        given = null
        acknowledged = 0
        try {
          given = (await durability.open(owner)).identity
          for (const change of changes) {
            await durability.save(change)
            acknowledged += 1
          }
          await durability.close()
        } catch {
          // The power went.
        }
      }
      let count = 0
      for await (const { what, durability } of world.harness.crashesDuring(life)) {
        count += 1
        const found = await openedBy({ made: durability })
        if (given !== null) assert.deepEqual(found.identity, given, what)
        const kept = prefixLength(found, changes, acknowledged)
        assert.ok(kept !== null, `After ${what} this is found: ${asText(found)}`)
        // A state that nobody owns would be anybody's.
        if (kept > 0) assert.notEqual(found.identity, null, what)
        const stranger = ownerWith({ id: 'b' })
        const code = await codeOf(openedBy({ made: durability }, stranger))
        assert.equal(code, found.identity === null ? null : REFUSED, what)
      }
      assert.ok(count > changes.length, `The harness crashed at ${count} points only.`)
    })

    scenarioWith('fixtures', 'is given to what an earlier release wrote', async ({ harness }) => {
      let count = 0
      for await (const { what, durability } of harness.fixtures()) {
        count += 1
        const first = await openedBy({ made: durability }, FIXTURE_OWNER)
        assert.equal(first.isNew, false, what)
        assert.notEqual(first.identity, null, what)
        const again = await openedBy({ made: durability }, FIXTURE_OWNER)
        assert.deepEqual(again.identity, first.identity, what)
        assert.deepEqual(shown(again), shown(after(...FIXTURE_CHANGES)), what)
        const stranger = { ...FIXTURE_OWNER, cluster: 'another' }
        assert.equal(await codeOf(openedBy({ made: durability }, stranger)), REFUSED, what)
      }
      assert.ok(count > 0, 'The harness has no fixtures.')
    })
  })
}
