import { describe, expect, it } from 'vitest'
import { durabilityConformance } from '@paxos/testkit'
import type { DurabilityHarness, Found, NotApplicable } from '@paxos/testkit'
import { DURABILITY_FAULTS, honestDurability } from './honest-durability.ts'
import type { DurabilityFault } from './honest-durability.ts'
import { play, playToTheEnd, scenariosOf } from './play.ts'

/** Every broken promise, and the scenario that must notice it. */
const CAUGHT: Readonly<Record<DurabilityFault, RegExp>> = {
  'cuts ids at 100 bytes': /a string of 255 bytes comes back/,
  'keeps rounds in 32 bits': /a round of 32 bits and one more comes back/,
  'keeps slots in 32 bits': /an entry in slot 2\^40 comes back/,
  'loses empty entries': /an entry of no bytes comes back/,
  'cuts long entries': /an entry of 1 MiB comes back/,
  'cuts long snapshots': /a snapshot of 3 MiB comes back/,
  'loses members': /a snapshot with members comes back/,
  'takes 0 for an absent field': /0 is a value of chosenThrough/,
  'stores the buffer of a view': /not its whole buffer/,
  'takes the empty id for none': /the empty string comes back/,
  'forgets the fields that a change leaves out': /a change of an entry leaves the other fields/,
  'keeps the end of a longer entry': /an entry replaces the one in its slot/,
  'keeps the first of two entries for one slot': /two entries for one slot/,
  'keeps the first snapshot': /a later snapshot replaces/,
  'shows entries that a snapshot covers': /discards the entries that it covers/,
  'discards all entries with a snapshot': /discards the entries that it covers/,
  'keeps the highest promise': /though it be lower than before/,
  'shows a promise that nobody made': /a new location opens empty/,
  'sorts slots as text': /ascending slots, as numbers/,
  'forgets who is admitted': /an admission comes back as it was/,
  'takes an admission back': /an admission stays, whatever is saved behind it/,
  'admits who has promised': /who has promised and accepted is not admitted by that/,
  'loses configurations': /a snapshot with a configuration comes back/,
  'takes an empty configuration for none': /P3: a configuration of no bytes/,
  'keeps the configuration of an earlier snapshot': /a later one without takes it away/,
  'shows Buffers': /plain bytes/,
  'cuts ids at NUL': /every id, however like another/,
  'trims ids': /every id, however like another/,
  'lower-cases ids': /every id, however like another/,
  'normalises ids': /every id, however like another/,
  'cuts a mark off ids': /every id, however like another/,
  'looks ids up in an object': /every id, however like another/,
  'sorts members': /members in an order of their own/,
  'merges members at one address': /members in an order of their own/,
  'keeps slots to 15 digits': /some large slots/,
  'keeps chosenThrough in 32 bits': /a chosenThrough of 32 bits and one more/,
  'keeps lengths in 16 bits': /an entry of each of some sizes/,
  'keeps the highest chosenThrough, but for 0': /a lower chosenThrough replaces/,
  'keeps the highest snapshot': /a lower snapshot replaces/,
  'keeps the first snapshot through a slot': /another snapshot through the same slot/,
  'keeps the members of the first snapshot': /a lower snapshot replaces/,
  'keeps the entry of the highest ballot': /an entry of a lower ballot, or of the same/,
  'keeps the first entry of a ballot': /an entry of a lower ballot, or of the same/,
  'keeps the ballot of the first entry': /an entry of a lower ballot, or of the same/,
  'keeps the highest node of a round': /a promise of the same round and a lower node/,
  'takes a snapshot through slot 0 for none': /a snapshot through slot 0 comes back/,
  'takes a snapshot through slot 0 for no change': /a snapshot through slot 0 replaces/,
  'promises what it accepts': /no field is derived from another/,
  'takes what a snapshot covers for chosen': /no field is derived from another/,
  'discards what is chosen': /an entry that is chosen stays/,
  'sorts the entries of the caller': /never changed or taken away/,
  'takes the bytes of the caller away': /never changed or taken away/,
  'forgets chosenThrough when it rewrites many records': /behind many small changes/,
  'forgets chosenThrough when it rewrites large ones': /behind large changes/,
  'forgets the promise when it rewrites many records': /behind many small changes/,
  'forgets the members when it rewrites many records': /behind many small changes/,
  'forgets early entries when it rewrites large ones': /behind large changes/,
  'forgets whose it is': /a new one is its first owner’s, for a log/,
  'loses whose it is with a snapshot': /after any number of saves and openings/,
  'draws the incarnation again': /a new one is its first owner’s, for a log/,
  'opens for another cluster': /another cluster is refused/,
  'opens for another node': /another id is refused/,
  'opens for another kind of node': /another kind is refused/,
  'takes what it refuses': /another cluster is refused/,
  'keeps the location when an owner is refused': /another id is refused/,
  'gives what contradicts': /what contradicts .* for a node that is no member/,
  'gives an identity that is not durable': /is durable when open resolves/,
  'gives an identity that no owner has': /without an owner is nobody’s/,
  'takes what an earlier release left for new': /what has no identity yet is given/,
  'forgets what there was when it is given an owner': /what has no identity yet is given/,
  'cuts names at 100 bytes': /names of 255 bytes come back/,
  'compares names without their case': /a name that is like the owner’s/,
  'compares names up to a NUL': /a name that is like the owner’s/,
  'compares names without spaces around them': /a name that is like the owner’s/,
  'compares names as people read them': /a name that is like the owner’s/,
  'stores names up to a NUL': /names of any characters come back/,
  'takes names of any length': /an owner that cannot be/,
  'forgets whose it is when it rewrites many records': /behind many small changes/,
  'forgets all at the third opening': /again and again, and more can be saved/,
  'keeps the bytes of the caller': /the caller’s again/,
  'shows its own bytes': /belong to who opened/,
  'resolves before the sync': /none resolves before/,
  'never syncs': /survives the end of its process/,
  'syncs every other group': /the first of a life and each that follows/,
  'resolves with a sync what came while it ran': /came before the sync that it resolves with/,
  'resolves at once what is being written already': /though it is like the one that is written/,
  'skips what is durable already': /though it is like the one that is written/,
  'tries a failed sync again': /or one that was tried again/,
  'lets a later save overtake': /took effect after those that were called before/,
  'writes a change in two parts': /the ballot and the entries of one change together/,
  'removes an entry before it writes the next': /keeps a longer entry whole/,
  'removes entries before it writes what a snapshot leaves': /keeps the entries above a snapshot/,
  'keeps what comes behind a gap': /of overlapping saves keeps the first ones/,
  'appends behind what a crash left': /of overlapping saves keeps the first ones/,
  'goes on after a failed save': /every later one rejects/,
  'keeps half of a failed save': /finds what was acknowledged/,
  'shows an older state for a damaged one': /no other state is ever shown/,
  'has no checksums': /no other state is ever shown/,
  'raises an error of its own for damage': /is a CorruptionError, or harmless/,
  'keeps the location when damage is refused': /leaves nothing open when it is refused/,
  'cannot read the release before': /is read by this one/,
  'opens one location twice': /a second adapter is refused/,
  'is freed by an adapter that was refused': /an adapter that was refused frees nothing/,
  'is freed by a late close': /another adapter has opened since/,
  'opens twice': /rejects a second time/,
  'saves before it is open': /rejects before open/,
  'saves while it closes': /rejects as soon as close is called/,
  'saves after it closed': /rejects after close/,
  'does not wait for saves': /waits for the saves that run/,
  'gives up running saves': /saves running: they resolve/,
  'gives up what waits behind the group that runs': /waits for the saves that run/,
  'waits for saves at its first close only': /waits for them each time/,
  'keeps the location when the disk refuses': /an open that cannot write it rejects/,
  'keeps the location when the owner cannot be': /an owner that cannot be/,
  'leaves a timer running': /keeps the process alive/,
  'closes only once': /twice at once, and again/,
  'opens though it was closed': /while it is opening/,
}

const NOTHING: NotApplicable = {
  hold: 'reason 1',
  fail: 'reason 2',
  crash: 'reason 3',
  crashesDuring: 'reason 4',
  damages: 'reason 5',
  fixtures: 'reason 6',
}

/** A harness that can do nothing but make adapters. */
function simple(): DurabilityHarness {
  return { durability: honestDurability().durability }
}

async function* none(): AsyncGenerator<Found> {
  // Nothing to yield.
}

describe('the honest adapter passes', () => {
  durabilityConformance(() => honestDurability(), { describe, it })
})

describe('every broken promise is caught, by the scenario that is about it', () => {
  it.each(DURABILITY_FAULTS)('an adapter that %s', async (fault) => {
    const scenarios = scenariosOf((runner) =>
      durabilityConformance(() => honestDurability(fault), runner),
    )
    const matching = scenarios.filter(({ title }) => CAUGHT[fault].test(title))
    expect(matching).toHaveLength(1)
    for (const scenario of matching) expect(await play(scenario)).toBe('failed')
  })
})

describe('what a harness cannot do', () => {
  it('is in the titles of the scenarios that need it, with the reason, and they pass', async () => {
    const scenarios = scenariosOf((runner) => durabilityConformance(simple, runner, NOTHING))
    const left = scenarios.filter(({ title }) => title.includes('not applicable'))
    for (const reason of Object.values(NOTHING)) {
      expect(left.some(({ title }) => title.endsWith(`(not applicable: ${reason})`))).toBe(true)
    }
    for (const scenario of scenarios) {
      expect(await playToTheEnd(scenario), scenario.title).toBe('passed')
    }
  })

  it.each(Object.keys(NOTHING))('%s: without a reason its scenarios fail', async (name) => {
    const without = { ...honestDurability(), [name]: undefined }
    const reasons = { ...NOTHING, [name]: undefined }
    const complete = scenariosOf((runner) => durabilityConformance(simple, runner, NOTHING))
    const scenarios = scenariosOf((runner) => durabilityConformance(() => without, runner, reasons))
    const concerned = scenarios.filter((_, index) =>
      complete[index]?.title.endsWith(`(not applicable: ${Reflect.get(NOTHING, name)})`),
    )
    expect(concerned.length).toBeGreaterThan(0)
    for (const scenario of concerned) expect(await play(scenario)).toBe('failed')
  })

  it('is no excuse for what it can do: a reason beside the capability fails', async () => {
    const scenarios = scenariosOf((runner) =>
      durabilityConformance(() => honestDurability(), runner, { crash: 'no power switch' }),
    )
    const concerned = scenarios.filter(({ title }) => title.includes('no power switch'))
    expect(concerned).toHaveLength(3)
    for (const scenario of concerned) expect(await play(scenario), scenario.title).toBe('failed')
  })

  it('may not be nothing: a harness whose crashes, damages or fixtures are none fails', async () => {
    const idle = { crashesDuring: none, damages: none, fixtures: none }
    const scenarios = scenariosOf((runner) =>
      durabilityConformance(() => ({ ...honestDurability(), ...idle }), runner),
    )
    const concerned = scenarios.filter(({ title }) =>
      /^power loss|^damage|^what an earlier|survives power loss|given to what/.test(title),
    )
    expect(concerned).toHaveLength(10)
    for (const scenario of concerned) expect(await play(scenario), scenario.title).toBe('failed')
  })
})
