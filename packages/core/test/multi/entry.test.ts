import { DecodeError, InvalidArgumentError, MAX_VALUE_BYTES } from '@paxos/core'
import {
  bundled,
  COMMAND_LENGTH_BYTES,
  COMMAND_OVERHEAD_BYTES,
  commandsOf,
  configurationAfter,
  decodeEntry,
  encodeEntry,
  entryKey,
  entryKeys,
  isForwardable,
  isKnownKind,
  MAX_COMMANDS,
  MAX_NONCE_BYTES,
  MAX_SESSIONS,
  NO_OP,
  REFUSED_HEAD_BYTES,
  SESSION_NONCE_BYTES,
  type Entry,
  type MembersEntry,
  type SessionId,
} from '@paxos/core/multi'
import * as fc from 'fast-check'
import { viewEntry } from '../../src/multi/entry.ts'
import { extent } from '../../../testkit/src/fuzz.ts'
import { describe, expect, it } from 'vitest'
import { anyMembersEntry, FIVE_MEMBERS, FIVE_MEMBERS_HEX } from './configurations.ts'
import { PLAIN_IN_FULL_HEX, STEERED, STEERED_HEX } from './configurations.ts'

const hexOf = (entry: Entry) => Buffer.from(encodeEntry(entry)).toString('hex')

const number = fc.oneof(
  fc.constantFrom(1, 127, 128, 16_384, 2 ** 32, Number.MAX_SAFE_INTEGER),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
)

const nonce = fc.uint8Array({ minLength: SESSION_NONCE_BYTES, maxLength: SESSION_NONCE_BYTES })

const anyNamed: fc.Arbitrary<SessionId> = fc.oneof(
  nonce.map((bytes): SessionId => `caller:${Buffer.from(bytes).toString('hex')}`),
  nonce.map((bytes): SessionId => `node:${Buffer.from(bytes).toString('hex')}`),
)

const anySession: fc.Arbitrary<SessionId> = fc.oneof(anyNamed, number)

const anyCommands = fc
  .record({
    session: anyNamed,
    numbers: fc.tuple(number, number),
    commands: fc.array(fc.uint8Array(), { minLength: 1, maxLength: 20 }),
  })
  .map(({ session, numbers: [a, b], commands }) => ({
    type: 'commands' as const,
    session,
    sequence: Math.max(a, b),
    acknowledged: Math.min(a, b),
    commands,
  }))

const anyNamedCommand = anyCommands.map(({ commands, ...entry }) => ({
  ...entry,
  type: 'command' as const,
  bytes: commands[0] ?? new Uint8Array(),
}))

const anyBundle = fc.record({
  type: fc.constant('bundle' as const),
  entries: fc.array(fc.oneof(anyCommands, anyNamedCommand), { minLength: 2, maxLength: 10 }),
})

const anyEntry: fc.Arbitrary<Entry> = fc.oneof(
  fc.constant<Entry>({ type: 'no-op' }),
  anyBundle,
  fc
    .record({ session: anySession, numbers: fc.tuple(number, number), bytes: fc.uint8Array() })
    .map(({ session, numbers: [a, b], bytes }) => ({
      type: 'command' as const,
      session,
      sequence: Math.max(a, b),
      acknowledged: Math.min(a, b),
      bytes,
    })),
  anyCommands,
  fc.record({
    type: fc.constant('open-session' as const),
    space: fc.constantFrom('caller' as const, 'node' as const),
    nonce,
  }),
  fc.record({
    type: fc.constant('open-session' as const),
    space: fc.constant('slot' as const),
    nonce: fc.uint8Array({ minLength: 1, maxLength: MAX_NONCE_BYTES }),
  }),
  fc.record({
    type: fc.constant('expire-unused' as const),
    sessions: fc.array(fc.record({ session: anySession, usedAt: number })),
  }),
  fc.record({ type: fc.constant('expire-sessions' as const), sessions: fc.array(number) }),
  anyMembersEntry,
)

const NAME = '00112233445566778899aabbccddeeff'

/** A command without bytes. */
const ONE = `0501${NAME}0101`

/** What several commands begin with. */
const SEVERAL = `0902${NAME}0101`

const command = (change: object = {}): Entry => ({
  type: 'command',
  session: `caller:${NAME}`,
  sequence: 1,
  acknowledged: 1,
  bytes: new Uint8Array(),
  ...change,
})

const commands = (change: object = {}): Entry => ({
  type: 'commands',
  session: `node:${NAME}`,
  sequence: 1,
  acknowledged: 1,
  commands: [new Uint8Array()],
  ...change,
})

const bundle = (...entries: readonly Entry[]): Entry => ({
  type: 'bundle',
  entries: entries.filter((entry) => entry.type === 'command' || entry.type === 'commands'),
})

/** What names commands or an opening; false for other entries. */
function keyed(entry: Entry): unknown {
  if ('session' in entry) return [entry.type, entry.session, entry.sequence]
  return entry.type === 'open-session' && [entry.space, Buffer.from(entry.nonce).toString('hex')]
}

/** What else the entry may say under the same name. */
function copyOf(entry: Entry, bytes: Uint8Array): Entry {
  if (entry.type === 'command') return { ...entry, acknowledged: 1, bytes }
  return entry.type === 'commands' ? { ...entry, acknowledged: 1, commands: [bytes] } : entry
}

describe('an entry of the log', () => {
  it('is decoded as it was encoded, and has one encoding', () => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        const value = encodeEntry(entry)
        expect(decodeEntry(value)).toEqual(entry)
        expect(encodeEntry(decodeEntry(value))).toEqual(value)
      }),
      { numRuns: 2000 },
    )
  })

  it('has the key of its copies, and of no other entry', () => {
    fc.assert(
      fc.property(anyEntry, anyEntry, fc.uint8Array(), (entry, other, bytes) => {
        const key = entryKey(encodeEntry(entry))
        expect(key === null).toBe(keyed(entry) === false)
        const copy = copyOf(entry, bytes)
        expect(entryKey(encodeEntry(copy))).toBe(key)
        const isSame = JSON.stringify(keyed(other)) === JSON.stringify(keyed(entry))
        if (!isSame) expect(entryKey(encodeEntry(other))).not.toBe(key)
      }),
      { numRuns: 1000 },
    )
  })

  it.each([
    ['nothing', new Uint8Array()],
    ['a session that is cut off', Uint8Array.of(5, 1, 2)],
    ['a number without an end', new Uint8Array(1 << 20).fill(0xff).fill(5, 0, 1)],
    ['an opening as long as a frame', new Uint8Array(1 << 20).fill(6)],
  ])('of which there is %s has a short key or none, and nothing fails', (_, value) => {
    expect((entryKey(value) ?? '').length).toBeLessThanOrEqual(REFUSED_HEAD_BYTES)
  })

  it('says what it is by its first byte, for ever', () => {
    const numbers = { sequence: 5, acknowledged: 2, bytes: Uint8Array.of(9) }
    const drawn = Uint8Array.from(Buffer.from(NAME, 'hex'))
    const sessions = [
      { session: `caller:${NAME}`, usedAt: 300 },
      { session: `node:${NAME}`, usedAt: 1 },
      { session: 300, usedAt: 301 },
    ] as const
    expect(hexOf({ type: 'no-op' })).toBe('00')
    expect(hexOf({ type: 'members', replaces: 300, ...FIVE_MEMBERS })).toBe(
      `04ac02${FIVE_MEMBERS_HEX}`,
    )
    expect(hexOf({ type: 'members', replaces: 300, ...STEERED })).toBe(
      `08ac02${STEERED_HEX.replaceAll(' ', '')}`,
    )
    expect(hexOf(command({ ...numbers, session: 300 }))).toBe('01ac02050209')
    expect(hexOf({ type: 'open-session', space: 'slot', nonce: Uint8Array.of(7, 8) })).toBe(
      '020708',
    )
    expect(hexOf({ type: 'expire-sessions', sessions: [1, 300] })).toBe('030201ac02')
    expect(hexOf(command(numbers))).toBe(`0501${NAME}050209`)
    expect(hexOf(command({ ...numbers, session: `node:${NAME}` }))).toBe(`0502${NAME}050209`)
    expect(hexOf({ type: 'open-session', space: 'caller', nonce: drawn })).toBe(`0601${NAME}`)
    expect(hexOf({ type: 'open-session', space: 'node', nonce: drawn })).toBe(`0602${NAME}`)
    expect(hexOf({ type: 'expire-unused', sessions })).toBe(
      `070301${NAME}ac0202${NAME}0100ac02ad02`,
    )
    const several = [Uint8Array.of(9), new Uint8Array(), Uint8Array.of(8, 7)]
    expect(hexOf(commands({ sequence: 5, acknowledged: 2, commands: several }))).toBe(
      `0902${NAME}0502010900020807`,
    )
    const ofTwo = [command(numbers), commands({ commands: several })]
    expect(hexOf(bundle(...ofTwo))).toBe(`0a150501${NAME}0502091a0902${NAME}0101010900020807`)
    expect(NO_OP).toEqual(Uint8Array.of(0))
  })

  it('can be looked at without a copy, and says the same', () => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        expect(viewEntry(encodeEntry(entry))).toEqual(entry)
      }),
      { numRuns: 300 },
    )
    const value = encodeEntry(commands({ commands: [Uint8Array.of(1, 2)] }))
    const seen = viewEntry(value)
    value.fill(9, value.length - 2)
    expect(seen).toMatchObject({ commands: [Uint8Array.of(9, 9)] })
  })

  it('is put together with its neighbours, in their order, and is found in there by its key', () => {
    const maxBytes = 200
    fc.assert(
      fc.property(fc.array(anyEntry, { maxLength: 30 }), (entries) => {
        const values = entries.map(encodeEntry)
        const bundles = bundled(values, maxBytes)
        const parts = bundles.flatMap((value) => {
          const entry = decodeEntry(value)
          if (entry.type !== 'bundle' || values.includes(value)) return [value]
          expect(value.length).toBeLessThanOrEqual(maxBytes)
          expect(entryKeys(value)).toEqual(entry.entries.map((each) => entryKey(encodeEntry(each))))
          expect(commandsOf(entry).length).toBeLessThanOrEqual(MAX_COMMANDS)
          return entry.entries.map(encodeEntry)
        })
        expect(parts).toEqual(values)
      }),
      { numRuns: 300 },
    )
  })

  it('is put together with others as far as there may be commands in one', () => {
    const some = encodeEntry(
      commands({ commands: Array.from({ length: 100 }, () => new Uint8Array()) }),
    )
    const values = [some, some, some, some, some]
    const counts = bundled(values, MAX_VALUE_BYTES).map(
      (value) => commandsOf(decodeEntry(value)).length,
    )
    expect(counts).toEqual([200, 200, 100])
  })

  it('takes no more than COMMAND_OVERHEAD_BYTES besides the command', () => {
    const most = Number.MAX_SAFE_INTEGER
    const bytes = new Uint8Array(MAX_VALUE_BYTES - COMMAND_OVERHEAD_BYTES)
    const largest = command({ sequence: most, acknowledged: most, bytes })
    expect(encodeEntry(largest).length).toBeLessThanOrEqual(MAX_VALUE_BYTES)
    const alone = commands({ sequence: most, acknowledged: most, commands: [bytes] })
    expect(encodeEntry(alone).length).toBeLessThanOrEqual(MAX_VALUE_BYTES)
    expect(encodeEntry(alone).length + COMMAND_LENGTH_BYTES).toBeGreaterThan(MAX_VALUE_BYTES)
  })

  it('whatever the bytes: an entry, or DecodeError', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc
        .tuple(fc.nat(10), fc.uint8Array({ maxLength: 40 }))
        .map(([kind, rest]) => Uint8Array.of(kind, ...rest)),
    )
    let understood = 0
    fc.assert(
      fc.property(bytes, (value) => {
        try {
          expect(encodeEntry(decodeEntry(value))).toEqual(value)
          understood += 1
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error
        }
      }),
      { numRuns: extent(2000, 20_000) },
    )
    expect(understood).toBeGreaterThan(extent(100, 1000))
  })

  it.each([
    ['nothing', '', 'cut off'],
    ['a no-op with more behind it', '0000', 'too long'],
    ['members that replace nothing', '04', 'cut off'],
    ['a cluster of nobody', '0400000000', 'needs acceptors'],
    ['a kind of a later version', '0b', 'unknown'],
    ['a bundle of nothing', '0a', 'fewer than two'],
    ['a bundle of one', `0a14${ONE}`, 'fewer than two'],
    ['a bundle of which the last is cut off', `0a14${ONE}14${ONE.slice(2)}`, 'cut off'],
    [
      'a bundle with commands of a session that is named by a slot',
      `0a14${ONE}06090001010100`,
      'by a slot',
    ],
    ['a bundle in a bundle', `0a14${ONE}2b0a14${ONE}14${ONE}`, 'has no commands'],
    ['a bundle with an opening', `0a14${ONE}120601${NAME}`, 'has no commands'],
    ['a bundle with a no-op', `0a14${ONE}0100`, 'has no commands'],
    ['a bundle with nothing at one place', `0a14${ONE}00`, 'cut off'],
    ['a bundle with members', `0a14${ONE}0104`, 'has no commands'],
    ['a bundle with a command that acknowledges itself', `0a14${ONE}140501${NAME}0102`, 'itself'],
    ['a bundle with a command of release 0.0.0', `0a14${ONE}0401010101`, 'has no commands'],
    [
      'a bundle of more entries than there may be commands',
      `0a${`14${ONE}`.repeat(MAX_COMMANDS + 1)}`,
      'too many commands',
    ],
    [
      'a bundle of more commands than there may be',
      `0a14${ONE}9402${SEVERAL}${'00'.repeat(MAX_COMMANDS)}`,
      'too many commands',
    ],
    ['several commands of a session that is named by a slot', '09000101010109', 'named by a slot'],
    ['several commands, of which there are none', `0902${NAME}0101`, 'cut off'],
    ['several commands that acknowledge themselves', `0902${NAME}01020109`, 'acknowledges itself'],
    ['several commands of which the last is cut off', `0902${NAME}010101090209`, 'cut off'],
    ['more commands than there may be', `0902${NAME}0101${'00'.repeat(MAX_COMMANDS + 1)}`, 'long'],
    ['members with a lease that is cut off', '0800010161', 'cut off'],
    ['members in the full form that say nothing of it', `0800${PLAIN_IN_FULL_HEX}`, 'plainest'],
    ['a session 0', '01000101', 'a number is 0'],
    ['a session that is named by a slot in an entry of today', '05000101', 'named by a slot'],
    ['a session of a space that nobody knows', `0503${NAME}0101`, 'whose'],
    ['half the name of a session', '05010011223344556677', 'cut off'],
    ['a command that acknowledges itself', `0501${NAME}0102`, 'acknowledges itself'],
    ['a command that is cut off', `0501${NAME}01`, 'cut off'],
    ['a command of release 0.0.0 that acknowledges itself', '01010102', 'acknowledges itself'],
    ['a command of release 0.0.0 that is cut off', '010101', 'cut off'],
    ['an integer that is longer than it need be', '0181000101', 'longer than it need be'],
    ['an integer of 2^53', '0180808080808080100101', 'above 2^53 - 1'],
    ['an integer without end', `01${'80'.repeat(400)}`, 'above 2^53 - 1'],
    ['a session without a nonce', '0601', 'nonce'],
    ['a nonce that is too short', '0601001122', 'nonce'],
    ['a nonce that is too long', `0601${NAME}00`, 'nonce'],
    ['an opening by slot in an entry of today', `0600${NAME}`, 'named by a slot'],
    ['an opening of release 0.0.0 without a nonce', '02', 'nonce'],
    [
      'an opening of release 0.0.0 with a long nonce',
      `02${'00'.repeat(MAX_NONCE_BYTES + 1)}`,
      'nonce',
    ],
    ['more sessions than there may be', '07ffffff7f', 'too many'],
    ['fewer sessions than announced', `070201${NAME}01`, 'cut off'],
    ['more sessions than announced', `070101${NAME}0101`, 'too long'],
    ['a session that was never used', `070101${NAME}00`, 'a number is 0'],
    ['more slots than there may be', '03ffffff7f', 'too many'],
    ['fewer slots than announced', '030501', 'cut off'],
    ['more slots than announced', '03010101', 'too long'],
  ])('is not %s', (_, hex, reason) => {
    const value = Uint8Array.from(Buffer.from(hex, 'hex'))
    expect(() => decodeEntry(value)).toThrow(DecodeError)
    expect(() => decodeEntry(value)).toThrow(reason)
  })

  it('may come from any node, unless it ends sessions, does nothing, or is of release 0.0.0', () => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        const isOfOld = 'session' in entry && typeof entry.session === 'number'
        const isOpeningOfOld = entry.type === 'open-session' && entry.space === 'slot'
        const kinds = ['command', 'commands', 'open-session', 'members']
        const mayCome = kinds.includes(entry.type)
        expect(isForwardable(encodeEntry(entry))).toBe(mayCome && !isOfOld && !isOpeningOfOld)
      }),
      { numRuns: 300 },
    )
  })

  it('P26: a members entry has no key: copies of it may all be chosen, and the second says nothing', () => {
    const entry: MembersEntry = { type: 'members', replaces: 4, ...FIVE_MEMBERS }
    expect(entryKey(encodeEntry(entry))).toBe(null)
    const first = configurationAfter({ version: 4, ...FIVE_MEMBERS }, 9, entry)
    expect(first.version).toBe(9)
    expect(configurationAfter(first, 10, entry)).toBe(first)
  })

  it.each([
    ['nothing', '', true],
    ['a no-op with more behind it', '0000', true],
    ['a command that is cut off', '010101', true],
    ['a session without a nonce', '02', true],
    ['fewer sessions than announced', '030501', true],
    ['members that are cut off', '04', true],
    ['a bundle of nothing', '0a', true],
    ['a kind of a version to come', 'ff00', false],
  ])('%s (%s) is of a kind that this version knows: %s', (_, hex, isKnown) => {
    expect(isKnownKind(Uint8Array.from(Buffer.from(hex, 'hex')))).toBe(isKnown)
  })

  it.each<[string, Entry]>([
    ['a session 0', command({ session: 0 })],
    ['a slot that is none', command({ session: 1.5 })],
    ['half a name', command({ session: 'caller:0011' })],
    ['a name that is no hex', command({ session: `caller:${'x'.repeat(32)}` })],
    ['a session of nobody', command({ session: `other:${NAME}` })],
    ['half a sequence', command({ sequence: 1.5 })],
    ['an acknowledgement of itself', command({ acknowledged: 2 })],
    ['nothing acknowledged', command({ acknowledged: 0 })],
    ['no commands', commands({ commands: [] })],
    [
      'more commands than there may be',
      commands({ commands: Array.from({ length: MAX_COMMANDS + 1 }, () => new Uint8Array()) }),
    ],
    ['several commands of a session that is named by a slot', commands({ session: 7 })],
    ['a bundle of one', bundle(command())],
    [
      'a bundle with a command of a session that is named by a slot',
      bundle(command(), command({ session: 7 })),
    ],
    [
      'a bundle of more commands than there may be',
      bundle(...Array.from({ length: MAX_COMMANDS + 1 }, () => command())),
    ],
    ['a version -1', { type: 'members', replaces: -1, ...FIVE_MEMBERS }],
    ['half a version', { type: 'members', replaces: 1.5, ...FIVE_MEMBERS }],
    ['no members', { type: 'members', replaces: 1, ...FIVE_MEMBERS, members: [] }],
    ['no nonce', { type: 'open-session', space: 'slot', nonce: new Uint8Array() }],
    ['a short nonce', { type: 'open-session', space: 'caller', nonce: new Uint8Array(15) }],
    ['a long nonce', { type: 'open-session', space: 'node', nonce: new Uint8Array(17) }],
    ['a slot -1', { type: 'expire-sessions', sessions: [-1] }],
    [
      'a session that was used at -1',
      { type: 'expire-unused', sessions: [{ session: -1, usedAt: 1 }] },
    ],
    [
      'a session that was never used',
      { type: 'expire-unused', sessions: [{ session: `node:${NAME}`, usedAt: 0 }] },
    ],
    [
      'too many sessions',
      {
        type: 'expire-unused',
        sessions: Array.from({ length: MAX_SESSIONS + 1 }, () => {
          return { session: `node:${NAME}`, usedAt: 1 } as const
        }),
      },
    ],
  ])('is not made of %s', (_, entry) => {
    expect(() => encodeEntry(entry)).toThrow(InvalidArgumentError)
  })
})
