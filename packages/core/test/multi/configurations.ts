/** Configurations for tests: every one that there may be, and one that is kept as its bytes. */
import * as fc from 'fast-check'
import type { Configuration, ConfiguredMember, MembersEntry, QuorumRule } from '@paxos/core/multi'

type Members = Omit<Configuration, 'version'>

const version = fc.oneof(
  fc.constantFrom(0, 1, 127, 128, 2 ** 32, Number.MAX_SAFE_INTEGER),
  fc.nat({ max: Number.MAX_SAFE_INTEGER }),
)

const text = fc.oneof(
  fc.constantFrom('', 'é', '😀', '\0', 'n'.repeat(255)),
  fc.string({ unit: 'binary', maxLength: 8 }).filter((drawn) => drawn !== 'all'),
)

/** Whose ids and addresses differ by what is put before them. */
const member = fc.record({
  id: text,
  address: text,
  role: fc.constantFrom('voter' as const, 'learner' as const),
  incarnation: fc.oneof(
    fc.constant(null),
    text.filter((drawn) => drawn !== ''),
  ),
  weight: fc.integer({ min: 1, max: 1000 }),
  priority: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1000 })),
})

const lease = fc.option(
  fc.record({
    durationMs: fc.integer({ min: 1, max: 60_000 }),
    maxDriftPpm: fc.integer({ min: 500, max: 250_000 }),
  }),
  { nil: undefined },
)

function withOwnNames<T extends { readonly id: string; readonly address: string }>(
  drawn: readonly T[],
  prefix: string,
): T[] {
  return drawn.map((each, at) => {
    const own = (name: string) => `${prefix}${at}${name.slice(0, 100)}`
    return { ...each, id: own(each.id), address: own(each.address) }
  })
}

/** The rules under which so many voters make a cluster. */
function rulesFor(voters: number): fc.Arbitrary<QuorumRule> {
  const size = fc.integer({ min: 1, max: voters })
  const divisors = Array.from({ length: voters }, (_, at) => at + 1).filter(
    (columns) => voters % columns === 0,
  )
  return fc.oneof(
    fc.constantFrom<QuorumRule>({ type: 'majority' }, { type: 'weighted' }),
    fc.tuple(size, size).map(([phase1, over]): QuorumRule => {
      return { type: 'flexible', phase1, phase2: Math.min(voters, voters - phase1 + over) }
    }),
    fc.constantFrom(...divisors).map((columns): QuorumRule => ({ type: 'grid', columns })),
  )
}

/** As decode gives it: a weight of 1 is left out, and a priority of 0. */
function asRead({ weight, priority, ...rest }: ConfiguredMember): ConfiguredMember {
  return {
    ...rest,
    ...(weight !== 1 && { weight }),
    ...(priority !== 0 && { priority }),
  }
}

const anyMembers: fc.Arbitrary<Members> = fc
  .record({
    first: member,
    others: fc.array(member, { maxLength: 6 }),
    former: fc.array(fc.record({ id: text, address: text }), { maxLength: 3 }),
    lease,
  })
  .chain(({ first, others, former, lease: drawn }) => {
    const members = withOwnNames([{ ...first, role: 'voter' as const }, ...others], 'm')
    return rulesFor(members.filter(({ role }) => role === 'voter').length).map((quorums) => ({
      members: members.map(asRead),
      quorums,
      former: withOwnNames(former, 'f'),
      ...(drawn !== undefined && { lease: drawn }),
    }))
  })

export const anyMembersEntry: fc.Arbitrary<MembersEntry> = fc
  .tuple(version, anyMembers)
  .map(([replaces, members]) => ({ type: 'members', replaces, ...members }))

export const anyConfiguration: fc.Arbitrary<Configuration> = fc
  .tuple(version, anyMembers)
  .map(([own, members]) => ({ version: own, ...members }))

/** One of everything. */
export const FIVE_MEMBERS: Members = {
  members: [
    { id: 'a', address: 'h:1', role: 'voter', incarnation: '9f', weight: 300 },
    { id: 'b', address: 'h:2', role: 'voter', incarnation: null },
    { id: 'é', address: '', role: 'learner', incarnation: null },
    { id: 'd', address: 'h:4', role: 'voter', incarnation: '8e' },
    { id: '', address: 'h:5', role: 'learner', incarnation: '7d', weight: 2 },
  ],
  quorums: { type: 'flexible', phase1: 3, phase2: 1 },
  former: [{ id: 'z', address: 'h:9' }],
}

/** As this version and every later one writes it, behind a version or what is replaced. */
export const FIVE_MEMBERS_HEX = [
  '05',
  '0161 03683a31 01 023966 ac02',
  '0162 03683a32 01 00 01',
  '02c3a9 00 00 00 01',
  '0164 03683a34 01 023865 01',
  '00 03683a35 00 023764 02',
  '01 03 01',
  '01 017a 03683a39',
]
  .join('')
  .replaceAll(' ', '')

/** One voter of priority 5, and a lease. */
export const STEERED: Members = {
  members: [{ id: 'a', address: 'h:1', role: 'voter', incarnation: null, priority: 5 }],
  quorums: { type: 'majority' },
  former: [],
  lease: { durationMs: 800, maxDriftPpm: 10_000 },
}

/** As FIVE_MEMBERS_HEX. */
export const STEERED_HEX = '01 0161 03683a31 01 00 01 05 00 00 a006 904e'

/** What it would be without the one and the other. */
export const PLAIN_IN_FULL_HEX = '010161 03683a31 01 00 01 00 00 00 00 00'.replaceAll(' ', '')
