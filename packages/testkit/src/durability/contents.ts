/**
 * The part of the suite about what is stored: every field of a change, what one change makes of
 * another, and whose bytes they are. Must not depend on how an adapter keeps them.
 */
import assert from 'node:assert/strict'
import { EMPTY_SAVED, MAX_CONFIGURATION_BYTES, MAX_ROUND } from '@paxos/core'
import type { AcceptedEntry, Change } from '@paxos/core'
import { bytes, filled } from '../bytes.ts'
import { LOOKALIKE_IDS } from '../ids.ts'
import type { Definer } from './definer.ts'
import { after, shown } from './model.ts'

const BALLOT = { round: 1, node: 'a' }

const entry = (slot: number, value: Uint8Array, round = 1): AcceptedEntry => ({
  slot,
  ballot: { round, node: 'a' },
  value,
})

const accept = (slot: number, value: Uint8Array): Change => ({ accepted: [entry(slot, value)] })

const IDS = [
  ['', 'the empty string'],
  ['ñ😀', 'any string'],
  ['x'.repeat(255), 'a string of 255 bytes'],
  ['a\0b', 'a string with a NUL in it'],
] as const

/** Around the sizes at which formats change their ways: lengths of one byte, pages, pieces. */
const SIZES_BYTES = [0, 1, 127, 128, 255, 256, 4095, 4096, 4097, 65_535, 65_536, 65_537]

/** Around the powers of two at which numbers lose a bit, up to the largest. */
const LARGE_SLOTS = [2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 2, 2 ** 53 - 1]

/** Every field, with the values at which adapters err. */
const FIELDS: readonly (readonly [title: string, change: Change])[] = [
  ['an empty change', {}],
  ['a promise', { promised: { round: 7, node: 'a' } }],
  ...IDS.map(([id, name]) => [`P3: an id that is ${name}`, withId(id)] as const),
  ['P18: a round of MAX_ROUND', withRound(MAX_ROUND)],
  ['a round of 32 bits and one more', withRound(2 ** 32 + 1)],
  [
    'every id, however like another,',
    {
      accepted: LOOKALIKE_IDS.map((node, index) => ({
        slot: index + 1,
        ballot: { round: 1, node },
        value: bytes(index),
      })),
      ...snapshot(0, bytes(), ...LOOKALIKE_IDS.map((id) => [id, id] as const)),
    },
  ],
  ['P3: an entry of no bytes', accept(1, bytes())],
  ['an entry of 1 MiB', accept(1, filled(1 << 20))],
  ['an entry in slot 2^40', accept(2 ** 40, bytes(1))],
  ['an entry in the largest slot', accept(Number.MAX_SAFE_INTEGER, bytes(1))],
  ['an entry in each of some large slots', { accepted: [1, ...LARGE_SLOTS].map(numbered) }],
  [
    'an entry of each of some sizes',
    { accepted: SIZES_BYTES.map((length, index) => entry(index + 1, filled(length))) },
  ],
  ['an empty list of entries', { accepted: [] }],
  ['several entries', { accepted: [entry(1, bytes(1)), entry(2, bytes(2)), entry(4, bytes())] }],
  ['what is known to be chosen', { chosenThrough: Number.MAX_SAFE_INTEGER }],
  ['a chosenThrough of 32 bits and one more', { chosenThrough: 2 ** 32 + 1 }],
  ['P3: a snapshot without members and bytes', snapshot(1, bytes())],
  [
    'a snapshot with members',
    snapshot(2 ** 40, bytes(0, 255), ['', 'udp://10.0.0.1:7000'], ['ñ😀', '']),
  ],
  [
    'members in an order of their own, two at one address,',
    snapshot(1, bytes(1), ['b', 'm:x'], ['a', 'm:x'], ['c', 'm:c']),
  ],
  ['a snapshot through slot 0', { ...snapshot(0, bytes(1), ['a', 'm:a']), ...accept(1, bytes(1)) }],
  ['a snapshot through the largest slot but one', nearTheEnd()],
  ['a snapshot of 3 MiB', snapshot(3, filled(3 << 20))],
  ['an admission', { admitted: true }],
  ['a snapshot with a configuration', configured(1, bytes(0, 255))],
  ['P3: a configuration of no bytes', configured(1, bytes())],
  ['a configuration of MAX_CONFIGURATION_BYTES', configured(1, filled(MAX_CONFIGURATION_BYTES))],
  ['all at once', everything()],
]

/** A state with every field set, and a change that leaves all but one of them alone. */
const FULL = everything()
const SINGLE_FIELDS: readonly (readonly [title: string, change: Change])[] = [
  ['a promise', { promised: { round: 9, node: 'z' } }],
  ['an entry', accept(9, bytes(9))],
  ['chosenThrough', { chosenThrough: 9 }],
  ['a snapshot', snapshot(5, bytes(5))],
  ['an admission', { admitted: true }],
  ['nothing', {}],
]

/** What a later change makes of earlier ones. */
const SEQUENCES: readonly (readonly [title: string, changes: readonly Change[]])[] = [
  [
    'P11: an entry replaces the one in its slot, a shorter one a longer one too',
    [accept(1, filled(5000)), accept(2, bytes(2)), accept(1, bytes(1)), accept(2, filled(300))],
  ],
  [
    'of two entries for one slot in one change the last counts',
    [{ accepted: [entry(1, bytes(1, 1), 1), entry(1, bytes(2), 2)] }],
  ],
  [
    'entries come in ascending slots, as numbers',
    [accept(10, bytes(10)), accept(2, bytes(2)), { accepted: [300, 1, 20].map(numbered) }],
  ],
  [
    'a snapshot discards the entries that it covers, and those above it stay',
    [{ accepted: [1, 2, 3, 4].map(numbered) }, snapshot(2, bytes(2))],
  ],
  [
    'a later snapshot replaces the earlier one, a shorter one a longer one too',
    [snapshot(1, filled(5000), ['a', 'm:a']), accept(3, bytes(3)), snapshot(2, bytes(2))],
  ],
  [
    'entries at or below a snapshot are not shown, whichever came first',
    [snapshot(2, bytes(2)), { accepted: [1, 2, 3].map(numbered) }],
  ],
  [
    'a snapshot covers entries of its own change',
    [{ ...snapshot(2, bytes(2)), accepted: [1, 2, 3].map(numbered) }],
  ],
  [
    'P3: 0 is a value of chosenThrough, and no absent field',
    [{ chosenThrough: 5 }, { chosenThrough: 0 }],
  ],
  [
    'what a change says is stored, though it be lower than before',
    [{ promised: { round: 2, node: 'b' } }, { promised: { round: 1, node: 'a' } }],
  ],
  [
    'a promise of the same round and a lower node replaces what was',
    [{ promised: { round: 2, node: 'b' } }, { promised: { round: 2, node: 'a' } }],
  ],
  [
    'an entry of a lower ballot, or of the same, replaces the one in its slot',
    [
      { accepted: [entry(1, bytes(1), 9), entry(2, bytes(1), 9)] },
      { accepted: [entry(1, bytes(2), 3), entry(2, bytes(2), 9)] },
    ],
  ],
  ['a lower chosenThrough replaces what was', [{ chosenThrough: 9 }, { chosenThrough: 3 }]],
  [
    'a lower snapshot replaces the one that was, with its members and bytes',
    [
      { ...snapshot(5, bytes(5), ['a', 'm:a']), ...accept(7, bytes(7)) },
      snapshot(3, bytes(3), ['b', 'm:b']),
    ],
  ],
  [
    'another snapshot through the same slot replaces the one that was',
    [snapshot(5, bytes(5), ['a', 'm:a']), snapshot(5, bytes(6), ['b', 'm:b'])],
  ],
  [
    'a snapshot through slot 0 replaces the one that was, and covers nothing',
    [
      { ...snapshot(5, bytes(5), ['a', 'm:a']), ...accept(7, bytes(7)) },
      { ...snapshot(0, bytes()), chosenThrough: 0 },
      accept(1, bytes(1)),
    ],
  ],
  [
    'no field is derived from another, such as a promise from an entry',
    [
      { promised: { round: 2, node: 'b' }, chosenThrough: 2 },
      { accepted: [entry(8, bytes(8), 9)] },
      snapshot(6, bytes(6)),
    ],
  ],
  [
    'an admission stays, whatever is saved behind it',
    [
      { admitted: true },
      { promised: { round: 1, node: 'a' }, ...accept(1, bytes(1)) },
      configured(2, bytes(2)),
      { admitted: true, chosenThrough: 3 },
      {},
    ],
  ],
  [
    'who has promised and accepted is not admitted by that',
    [{ promised: { round: 1, node: 'a' }, ...accept(1, bytes(1)), chosenThrough: 1 }],
  ],
  [
    'a configuration is its snapshot’s: a later one without takes it away',
    [configured(1, filled(5000)), snapshot(2, bytes(2))],
  ],
  [
    'a configuration is its snapshot’s: that of a later one replaces it, a shorter one a longer one too',
    [configured(1, filled(5000)), configured(2, bytes(7))],
  ],
  [
    'an entry that is chosen stays, as long as no snapshot covers it',
    [{ accepted: [1, 2, 3].map(numbered) }, { chosenThrough: 2 }, { chosenThrough: 20 }],
  ],
  [
    'what was saved before can be saved again, after something else too',
    [accept(1, bytes(1)), accept(1, bytes(2)), accept(1, bytes(1)), accept(1, bytes(1))],
  ],
]

export function contentScenarios({ describe, scenario }: Definer): void {
  describe('what was saved is there', () => {
    scenario('a new location opens empty, again and again', async ({ read }) => {
      for (let count = 0; count < 3; count += 1)
        assert.deepEqual(shown(await read()), shown(after()))
    })

    for (const [title, change] of FIELDS) {
      scenario(`${title} comes back as it was`, async ({ save, read }) => {
        await save(change)
        assert.deepEqual(shown(await read()), shown(after(change)))
      })
    }

    for (const [title, change] of SINGLE_FIELDS) {
      scenario(`a change of ${title} leaves the other fields as they were`, async (world) => {
        await world.save(FULL, change)
        assert.deepEqual(shown(await world.read()), shown(after(FULL, change)))
      })
    }

    for (const [title, changes] of SEQUENCES) {
      scenario(title, async ({ save, read }) => {
        await save(...changes)
        assert.deepEqual(shown(await read()), shown(after(...changes)))
      })
    }

    scenario('is there again and again, and more can be saved between', async (world) => {
      const changes = [1, 2, 3, 4].map((slot) => ({
        ...accept(slot + 1, filled(slot)),
        ...snapshot(slot, bytes(slot)),
      }))
      for (const [index, change] of changes.entries()) {
        await world.save(change)
        for (let count = 0; count < 2; count += 1) {
          assert.deepEqual(shown(await world.read()), shown(after(...changes.slice(0, index + 1))))
        }
      }
    })
  })

  describe('bytes', () => {
    scenario('P7: are the caller’s again when the save has resolved', async ({ opened, read }) => {
      const durability = await opened()
      const value = bytes(1, 2, 3)
      const snapshotBytes = bytes(4, 5, 6)
      const configuration = bytes(7, 8)
      const taken = { through: 1, members: [], bytes: snapshotBytes, configuration }
      await durability.save({ ...accept(2, value), snapshot: taken })
      for (const given of [value, snapshotBytes, configuration]) given.fill(9)
      await durability.save({ chosenThrough: 1 })
      await durability.close()
      const saved = await read()
      assert.deepEqual(saved.accepted[0]?.value, bytes(1, 2, 3))
      assert.deepEqual(saved.snapshot?.bytes, bytes(4, 5, 6))
      assert.deepEqual(saved.snapshot.configuration, bytes(7, 8))
    })

    scenario('P7: belong to who opened, and to nobody else', async ({ save, made, read }) => {
      await save({ ...accept(2, bytes(1, 2, 3)), ...snapshot(1, bytes(4, 5, 6)) })
      const durability = made()
      const mine = await durability.open()
      mine.accepted[0]?.value.fill(9)
      mine.snapshot?.bytes.fill(9)
      await durability.save({ chosenThrough: 1 })
      await durability.close()
      const saved = await read()
      assert.deepEqual(saved.accepted[0]?.value, bytes(1, 2, 3))
      assert.deepEqual(saved.snapshot?.bytes, bytes(4, 5, 6))
    })

    scenario('P7: a change is read, and never changed or taken away', async ({ opened, read }) => {
      const durability = await opened()
      const change = frozen({
        promised: BALLOT,
        accepted: [entry(9, filled(100_000)), entry(4, filled(300)), entry(7, bytes())],
        ...snapshot(3, filled(70_000), ['b', 'm:b'], ['a', 'm:a']),
        chosenThrough: 3,
      })
      const before = shown({ ...EMPTY_SAVED, ...change })
      await durability.save(change)
      assert.deepEqual(shown({ ...EMPTY_SAVED, ...change }), before)
      await durability.close()
      assert.deepEqual(shown({ ...EMPTY_SAVED, ...change }), before)
      assert.deepEqual(shown(await read()), shown(after(change)))
    })

    scenario('P7: come back as plain bytes, whatever was saved', async ({ save, read }) => {
      await save({ ...accept(2, Buffer.from([1])), ...snapshot(1, Buffer.from([2])) })
      const saved = await read()
      for (const found of [saved.accepted[0]?.value, saved.snapshot?.bytes]) {
        assert.equal(Object.getPrototypeOf(found), Uint8Array.prototype)
      }
    })

    scenario('of a view are those that it shows, not its whole buffer', async (world) => {
      const view = bytes(1, 2, 3, 4).subarray(1, 3)
      await world.save({ ...accept(2, view), ...snapshot(1, view) })
      const saved = await world.read()
      assert.deepEqual(saved.accepted[0]?.value, bytes(2, 3))
      assert.deepEqual(saved.snapshot?.bytes, bytes(2, 3))
    })
  })
}

/** `change`, in which only the bytes themselves can be changed, as nothing can freeze those. */
function frozen(change: Change): Change {
  for (const item of [...(change.accepted ?? []), ...(change.snapshot?.members ?? [])]) {
    Object.freeze(item)
  }
  for (const held of [change.accepted, change.snapshot?.members, change.snapshot]) {
    Object.freeze(held)
  }
  return Object.freeze(change)
}

function nearTheEnd(): Change {
  const last = Number.MAX_SAFE_INTEGER
  return { ...snapshot(last - 1, bytes(1)), ...accept(last, bytes(2)) }
}

function numbered(slot: number): AcceptedEntry {
  return entry(slot, bytes(slot & 0xff))
}

function snapshot(
  through: number,
  content: Uint8Array,
  ...members: readonly (readonly [id: string, address: string])[]
): Change {
  const named = members.map(([id, address]) => ({ id, address }))
  return { snapshot: { through, members: named, bytes: content } }
}

function withId(node: string): Change {
  const ballot = { round: 1, node }
  return {
    promised: ballot,
    accepted: [{ slot: 2, ballot, value: bytes(1) }],
    ...snapshot(1, bytes(1), [node, 'm:a']),
  }
}

function withRound(round: number): Change {
  const ballot = { round, node: 'a' }
  return { promised: ballot, accepted: [{ slot: 1, ballot, value: bytes(1) }] }
}

function everything(): Change {
  return {
    promised: BALLOT,
    accepted: [4, 6, 7].map(numbered),
    chosenThrough: 4,
    ...snapshot(3, bytes(1, 2), ['a', 'm:a'], ['b', 'm:b']),
  }
}

/** A snapshot that says who is in the cluster behind it. */
function configured(through: number, configuration: Uint8Array): Change {
  return { snapshot: { through, members: [], bytes: bytes(3), configuration } }
}
