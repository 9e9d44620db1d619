import { DecodeError, InvalidArgumentError, MAX_ID_BYTES, type Member } from '@paxos/core'
import {
  configurationAfter,
  decodeConfiguration,
  encodeConfiguration,
  encodeEntry,
  quorumsOf,
  requireConfiguration,
  votersOf,
  type Configuration,
  type ConfiguredMember,
  type QuorumRule,
} from '@paxos/core/multi'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { extent } from '../../../testkit/src/fuzz.ts'
import { MAX_ADDRESS_BYTES, MAX_FORMER_MEMBERS, MAX_MEMBERS } from '../../src/multi/limits.ts'
import { anyConfiguration, FIVE_MEMBERS, FIVE_MEMBERS_HEX } from './configurations.ts'
import { PLAIN_IN_FULL_HEX, STEERED, STEERED_HEX } from './configurations.ts'
import released from './released/configurations-0.1.0.json' with { type: 'json' }

const ofHex = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

const voter = (id: string, change: object = {}): ConfiguredMember => ({
  id,
  address: `${id}:1`,
  role: 'voter',
  incarnation: null,
  ...change,
})
const gone = (id: string): Member => ({ id, address: `${id}:1` })
const range = (length: number) => Array.from({ length }, (_, at) => `n${at}`)

const of = (
  members: readonly ConfiguredMember[],
  quorums: QuorumRule = { type: 'majority' },
  former: readonly Member[] = [],
): Omit<Configuration, 'version'> => ({ members, quorums, former })

/** One voter, 'a' at 'h', of no incarnation and of weight 1, and what comes behind. */
const ONE = '01 01 01 0161 0168 01 00 01'

describe('a configuration in bytes', () => {
  it('is decoded as it was encoded, and has one encoding', () => {
    fc.assert(
      fc.property(anyConfiguration, (configuration) => {
        const bytes = encodeConfiguration(configuration)
        expect(decodeConfiguration(bytes)).toEqual(configuration)
        expect(encodeConfiguration(decodeConfiguration(bytes))).toEqual(bytes)
      }),
      { numRuns: extent(300, 3000) },
    )
  })

  it('has these bytes for ever', () => {
    const bytes = encodeConfiguration({ version: 300, ...FIVE_MEMBERS })
    expect(hexOf(bytes)).toBe(`01ac02${FIVE_MEMBERS_HEX}`)
    const steered = encodeConfiguration({ version: 300, ...STEERED })
    expect(hexOf(steered)).toBe(`02ac02${STEERED_HEX.replaceAll(' ', '')}`)
  })

  it.each(released)('$name: what a release wrote is still read, and written so', (fixture) => {
    const configuration = decodeConfiguration(ofHex(fixture.hex))
    expect(configuration).toEqual(fixture.configuration)
    expect(hexOf(encodeConfiguration(configuration))).toBe(fixture.hex)
  })

  it('whatever the bytes: a configuration, or DecodeError', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 30 }).map((rest) => Uint8Array.of(1, ...rest)),
      fc
        .tuple(anyConfiguration, fc.nat(), fc.nat(255))
        .map(([configuration, at, byte]) =>
          encodeConfiguration(configuration).map((old, index, { length }) =>
            index === at % length ? byte : old,
          ),
        ),
      fc
        .tuple(anyConfiguration, fc.nat())
        .map(([configuration, at]) => encodeConfiguration(configuration).slice(0, -1 - (at % 9))),
    )
    let understood = 0
    fc.assert(
      fc.property(bytes, (value) => {
        try {
          expect(encodeConfiguration(decodeConfiguration(value))).toEqual(value)
          understood += 1
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error
        }
      }),
      { numRuns: extent(1000, 10_000) },
    )
    expect(understood).toBeGreaterThan(extent(20, 200))
  })

  it('that the table below is made of is one', () => {
    expect(decodeConfiguration(ofHex(`${ONE} 00 00`))).toEqual({
      version: 1,
      members: [{ id: 'a', address: 'h', role: 'voter', incarnation: null }],
      quorums: { type: 'majority' },
      former: [],
    })
  })
})

describe('a configuration is not', () => {
  it.each([
    ['nothing', '', 'cut off'],
    ['of another form', `03 ${ONE.slice(3)} 00 00`, 'unknown form'],
    ['in the full form, and says nothing of it', `02 00 ${PLAIN_IN_FULL_HEX}`, 'plainest form'],
    [
      'of a lease that nobody could hold',
      `02 00 ${STEERED_HEX.replace('a006', '00')}`,
      'lasts 0 ms',
    ],
    ['of clocks that are perfect', `02 00 ${STEERED_HEX.replace('904e', '00')}`, '0 ppm'],
    ['of a priority above 1000', `02 00 ${STEERED_HEX.replace('05', 'e907')}`, 'A priority'],
    ['longer than it is', `${ONE} 00 00 00`, 'too long'],
    ['without its former members', `${ONE} 00`, 'cut off'],
    ['of a version that is longer than it need be', '01 8100 01', 'longer than it need be'],
    ['of nobody', '01 01 00 00 00', 'needs acceptors'],
    ['of learners', '01 01 01 0161 0168 00 00 01 00 00', 'needs acceptors'],
    ['of a role 2', '01 01 01 0161 0168 02 00 01 00 00', 'a role is unknown'],
    ['of a weight 0', '01 01 01 0161 0168 01 00 00 00 00', 'a number is 0'],
    ['of a weight 1001', '01 01 01 0161 0168 01 00 e907 00 00', 'A weight'],
    ['of an id that is no UTF-8', '01 01 01 01ff 0168 01 00 01 00 00', 'UTF-8'],
    ['of an address that is no UTF-8', '01 01 01 0161 02c1a1 01 00 01 00 00', 'UTF-8'],
    ['of an incarnation that is no UTF-8', '01 01 01 0161 0168 01 03eda080 01 00 00', 'UTF-8'],
    ["of a node 'all'", '01 01 01 03616c6c 0168 01 00 01 00 00', "'all'"],
    ['of more members than it may have', '01 01 8002', 'too many members'],
    ['of fewer members than it says', '01 01 02 0161 0168 01 00 01', 'cut off'],
    ['of an unknown rule', `${ONE} 04 00`, 'unknown rule'],
    ['of flexible sizes that need not meet', `${flexibleOf('01 01')} 00`, 'always meet'],
    ['of flexible sizes above its voters', `${flexibleOf('03 03')} 00`, 'always meet'],
    ['of a flexible size 0', `${flexibleOf('00 02')} 00`, 'a number is 0'],
    ['of a grid with no columns', `${ONE} 03 00 00`, 'a number is 0'],
    ['of a grid that is not full', `${ONE} 03 02 00`, 'no full rows'],
    ['of 17 former members', `${ONE} 00 11`, 'too many members'],
    ['of a former member that is one', `${ONE} 00 01 0161 0169`, 'one id'],
    ['of two former members with one id', `${ONE} 00 02 0162 0169 0162 016a`, 'one id'],
  ])('%s', (_, hex, reason) => {
    const bytes = ofHex(hex)
    expect(() => decodeConfiguration(bytes)).toThrow(DecodeError)
    expect(() => decodeConfiguration(bytes)).toThrow(reason)
  })

  it.each([-1, 0.5, NaN, 2 ** 53])('of the version %d', (version) => {
    const configuration = { version, ...of([voter('a')]) }
    expect(() => encodeConfiguration(configuration)).toThrow(InvalidArgumentError)
  })
})

/** Two voters under flexible quorums of these sizes. */
function flexibleOf(sizes: string): string {
  return `01 01 02 0161 0168 01 00 01 0162 0169 01 00 01 01 ${sizes}`
}

describe('no cluster can be made of', () => {
  // As a caller without types may give it.
  const noRule: QuorumRule = { type: 'majority' }
  Object.assign(noRule, { type: 'all' })

  it.each<[string, Omit<Configuration, 'version'>, string]>([
    ['nobody', of([]), 'needs acceptors'],
    ['learners', of([voter('a', { role: 'learner' })]), 'needs acceptors'],
    ['two of one id', of([voter('a'), voter('a', { address: 'b:1' })]), 'one id'],
    ['two of one address', of([voter('a'), voter('b', { address: 'a:1' })]), 'one address'],
    [
      'a learner at the address of a voter',
      of([voter('a'), voter('b', { address: 'a:1', role: 'learner' })]),
      'one address',
    ],
    ['a member that has left', of([voter('a')], { type: 'majority' }, [gone('a')]), 'one id'],
    [
      "a learner that is called 'all'",
      of([voter('a'), voter('all', { role: 'learner' })]),
      "'all'",
    ],
    ['an id that is too long', of([voter('x'.repeat(MAX_ID_BYTES + 1))]), 'The id'],
    ['half a character', of([voter('a\ud83d')]), 'surrogate'],
    [
      'an address that is too long',
      of([voter('a', { address: 'x'.repeat(MAX_ADDRESS_BYTES + 1) })]),
      'The address',
    ],
    ['no address', of([voter('a', { address: undefined })]), 'The address'],
    ['an empty incarnation', of([voter('a', { incarnation: '' })]), 'null where none is named'],
    ['no incarnation', of([voter('a', { incarnation: undefined })]), 'The incarnation'],
    ['a role of another kind', of([voter('a', { role: 'observer' })]), "'voter' or 'learner'"],
    ['a weight 0', of([voter('a', { weight: 0 })]), 'weight'],
    ['half a weight', of([voter('a', { weight: 1.5 })]), 'weight'],
    ['a weight above 1000', of([voter('a', { weight: 1001 })]), 'weight'],
    ['no rule of quorums', of([voter('a')], noRule), 'rule of quorums'],
    [
      'sizes that need not meet',
      of([voter('a'), voter('b')], { type: 'flexible', phase1: 1, phase2: 1 }),
      'always meet',
    ],
    ['half rows', of([voter('a'), voter('b')], { type: 'grid', columns: 3 }), 'no full rows'],
    ['more than MAX_MEMBERS', of(range(MAX_MEMBERS + 1).map((id) => voter(id))), 'too many'],
    [
      'more than MAX_FORMER_MEMBERS that have left',
      of([voter('a')], { type: 'majority' }, range(MAX_FORMER_MEMBERS + 1).map(gone)),
      'too many',
    ],
  ])('%s', (_, configuration, reason) => {
    expect(() => requireConfiguration(configuration)).toThrow(InvalidArgumentError)
    expect(() => requireConfiguration(configuration)).toThrow(reason)
    expect(() => encodeConfiguration({ version: 1, ...configuration })).toThrow(reason)
    expect(() => encodeEntry({ type: 'members', replaces: 1, ...configuration })).toThrow(reason)
  })

  it('but of the most members that there may be, one can', () => {
    const most = of(
      range(MAX_MEMBERS).map((id) => voter(id)),
      { type: 'weighted' },
      Array.from({ length: MAX_FORMER_MEMBERS }, (_, at) => gone(`g${at}`)),
    )
    expect(() => requireConfiguration(most)).not.toThrow()
  })
})

/** Every set of them, as the names one behind the other. */
const sets = (members: readonly ConfiguredMember[]): string[] =>
  Array.from({ length: 2 ** members.length }, (_, set) =>
    members
      .filter((_member, bit) => (set >> bit) & 1)
      .map(({ id }) => id)
      .join(''),
  )

describe('the quorums of a configuration', () => {
  const four = ['a', 'b', 'c', 'd'].map((id) => voter(id))
  const learner = voter('l', { role: 'learner', weight: 1000 })
  it.each<[string, readonly ConfiguredMember[], QuorumRule, RegExp, RegExp]>([
    ['majority', four, { type: 'majority' }, /.{3}/, /.{3}/],
    ['flexible', four, { type: 'flexible', phase1: 3, phase2: 2 }, /.{3}/, /.{2}/],
    [
      'weighted, 1 where nothing is said',
      [voter('a', { weight: 4 }), voter('b'), voter('c'), voter('d')],
      { type: 'weighted' },
      /a/,
      /a/,
    ],
    [
      'grid: a row to prepare, one of each row to choose',
      four,
      { type: 'grid', columns: 2 },
      /ab|cd/,
      /[ab]+[cd]/,
    ],
  ])('are those of its voters by the rule: %s', (_, members, quorums, phase1, phase2) => {
    const system = quorumsOf({ members: [learner, ...members], quorums })
    expect([...system.acceptors]).toEqual(['a', 'b', 'c', 'd'])
    for (const set of sets(members)) {
      const nodes = new Set(['l', ...set.split('')])
      expect(system.isPhase1Quorum(nodes), `phase 1: ${set}`).toBe(phase1.test(set))
      expect(system.isPhase2Quorum(nodes), `phase 2: ${set}`).toBe(phase2.test(set))
    }
  })

  it('weigh nobody by a rule that does not weigh', () => {
    const members = [voter('a', { weight: 1000 }), voter('b'), voter('c')]
    const system = quorumsOf({ members, quorums: { type: 'majority' } })
    expect(system.isPhase2Quorum(new Set(['a']))).toBe(false)
    expect(system.isPhase2Quorum(new Set(['b', 'c']))).toBe(true)
  })

  it('voters stand in the order of the members', () => {
    const members = [voter('c'), learner, voter('a')]
    expect(votersOf({ members }).map(({ id }) => id)).toEqual(['c', 'a'])
  })
})

describe('behind a members entry', () => {
  const before: Configuration = { version: 4, ...of([voter('a')]) }
  const after = of([voter('b')], { type: 'weighted' }, [gone('a')])

  it('the configuration is what it says, by the version of its slot', () => {
    expect(configurationAfter(before, 9, { type: 'members', replaces: 4, ...after })).toEqual({
      version: 9,
      ...after,
    })
  })

  it.each([0, 3, 5, 9])(
    'P26, P33: one that replaces version %d and not the one that governs its slot says nothing',
    (replaces) => {
      const entry = { type: 'members', replaces, ...after } as const
      expect(configurationAfter(before, 9, entry)).toBe(before)
    },
  )

  it('P33: of two that replace the same one the first counts', () => {
    const other = of([voter('c')])
    const first = configurationAfter(before, 9, { type: 'members', replaces: 4, ...after })
    expect(configurationAfter(first, 10, { type: 'members', replaces: 4, ...other })).toBe(first)
  })
})
