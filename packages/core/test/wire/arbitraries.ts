/**
 * Every envelope that may exist, for the properties of the codec. Small rounds, ids and values come
 * often, so that edges meet.
 */
import * as fc from 'fast-check'
import {
  MAX_ID_BYTES,
  MAX_ROUND,
  type AcceptedEntry,
  type Ballot,
  type Envelope,
  type Member,
} from '@paxos/core'

const utf8Length = (text: string): number => new TextEncoder().encode(text).length

const longestIds = ['x', 'é', '\u{ffff}', '😀'].map((character) => {
  const repeated = character.repeat(Math.floor(MAX_ID_BYTES / utf8Length(character)))
  return repeated.padEnd(repeated.length + MAX_ID_BYTES - utf8Length(repeated), 'x')
})

export const anyId: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('', 'a', 'node-1', '0', 'null', '\0', 'é', '\u{feff}', '\u{ffff}', '😀', 'ALL'),
  fc.constantFrom(...longestIds),
  fc
    .string({ unit: 'binary', maxLength: 80 })
    .filter((text) => utf8Length(text) <= MAX_ID_BYTES && text !== 'all'),
)

const anyRound: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(1, 127, 128, 2 ** 32 - 1, 2 ** 32, MAX_ROUND - 1, MAX_ROUND),
  fc.integer({ min: 1, max: MAX_ROUND }),
)

const anyValue: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.constantFrom(new Uint8Array(), Uint8Array.of(0)),
  fc.uint8Array({ maxLength: 300 }),
)

const anyBallot: fc.Arbitrary<Ballot> = fc.record({ round: anyRound, node: anyId })

const ballot = anyBallot
const value = anyValue
const chosen = fc.boolean()
const type = <const Type extends string>(name: Type): fc.Arbitrary<Type> => fc.constant(name)

/** A slot, and whatever else is at least 1. */
const slot = anyRound
/** Whatever may also be 0. */
const count = fc.oneof(fc.constant(0), anyRound)
/** What an earlier release does not say. */
const maybe = fc.option(slot, { nil: undefined })
const maxBytes = maybe
const name = anyId.filter((id) => id !== '')
const incarnation = fc.option(name, { nil: undefined })
const reason = incarnation
const configuration = fc.option(fc.uint8Array({ minLength: 1, maxLength: 40 }), {
  nil: undefined,
})
const values = fc.array(value, { maxLength: 5 })
const entry: fc.Arbitrary<AcceptedEntry> = fc.record({ slot, ballot, value })
const entries = fc.array(entry, { maxLength: 5 })
const member: fc.Arbitrary<Member> = fc.record({ id: anyId, address: anyId })
const members = fc.array(member, { maxLength: 5 })
/** Absent as often as not. */
const relayed = fc.constant(true as const)

/** One arbitrary for each type of message. */
export const messages: {
  readonly [Type in Envelope['message']['type']]: fc.Arbitrary<
    Extract<Envelope['message'], { readonly type: Type }>
  >
} = {
  prepare: fc.record({ type: type('prepare'), ballot }),
  promise: fc.record({
    type: type('promise'),
    ballot,
    accepted: fc.option(fc.record({ ballot, value })),
  }),
  accept: fc.record({ type: type('accept'), ballot, value }),
  accepted: fc.record({ type: type('accepted'), ballot, value }),
  nack: fc.record({ type: type('nack'), ballot, promised: ballot }),
  propose: fc.record({ type: type('propose'), value }),
  heartbeat: fc.record({ type: type('heartbeat'), ballot, chosen }),
  proclamation: fc.record({ type: type('proclamation'), ballot, chosen }),
  learn: fc.record({ type: type('learn') }),
  chosen: fc.record({ type: type('chosen'), ballot, value }),
  logPrepare: fc.record({
    type: type('logPrepare'),
    ballot,
    from: slot,
    version: maybe,
    names: incarnation,
    released: fc.option(ballot, { nil: undefined }),
  }),
  logPromise: fc.record({
    type: type('logPromise'),
    ballot,
    from: slot,
    entries,
    next: count,
    chosenThrough: count,
    compactedThrough: count,
    incarnation,
  }),
  logAccept: fc.record({
    type: type('logAccept'),
    ballot,
    base: slot,
    first: slot,
    values,
    chosenThrough: count,
  }),
  logAccepted: fc.record({ type: type('logAccepted'), ballot, through: count, incarnation }),
  logHeartbeat: fc.record({
    type: type('logHeartbeat'),
    ballot,
    base: slot,
    chosenThrough: count,
    readId: count,
    complete: maybe,
    leaseAt: maybe,
    leaseMs: maybe,
    version: maybe,
  }),
  logHeartbeatAnswer: fc.record({
    type: type('logHeartbeatAnswer'),
    ballot,
    through: count,
    chosenThrough: count,
    readId: count,
    incarnation,
    storedThrough: maybe,
    leaseAt: maybe,
  }),
  campaign: fc.record({
    type: type('campaign'),
    run: slot,
    number: slot,
    chosenThrough: count,
    version: maybe,
  }),
  support: fc.record({
    type: type('support'),
    run: slot,
    number: slot,
    granted: fc.boolean(),
    promised: fc.option(ballot),
    chosenThrough: count,
  }),
  handOver: fc.record({ type: type('handOver'), ballot }),
  forward: fc.record(
    { type: type('forward'), values, relayed },
    { requiredKeys: ['type', 'values'] },
  ),
  forwardRefused: fc.record({ type: type('forwardRefused'), heads: values, reason }),
  readIndex: fc.record(
    { type: type('readIndex'), run: slot, number: slot, relayed, byLease: relayed },
    { requiredKeys: ['type', 'run', 'number'] },
  ),
  readIndexAnswer: fc.record({
    type: type('readIndexAnswer'),
    run: slot,
    number: slot,
    slot: count,
  }),
  fetchEntries: fc.record({ type: type('fetchEntries'), from: slot, maxBytes }),
  fetched: fc.record({
    type: type('fetched'),
    from: slot,
    entries,
    chosenThrough: count,
    complete: maybe,
  }),
  fetchSnapshot: fc.record({
    type: type('fetchSnapshot'),
    through: slot,
    offset: count,
    maxBytes,
  }),
  snapshotChunk: fc.record({
    type: type('snapshotChunk'),
    ballot,
    through: slot,
    members,
    totalBytes: count,
    offset: count,
    bytes: value,
    configuration,
  }),
  hello: fc.record({ type: type('hello') }),
  introduction: fc.record({
    type: type('introduction'),
    incarnation: name,
    storedThrough: count,
    asks: fc.boolean(),
  }),
  introductionAnswer: fc.record({
    type: type('introductionAnswer'),
    to: name,
    incarnation: name,
    hadVoted: fc.boolean(),
    chosenThrough: count,
  }),
}

const anyMessage: fc.Arbitrary<Envelope['message']> = fc.oneof(...Object.values(messages))

/** A cluster may be called 'all': nothing is addressed by it. */
export const anyEnvelope: fc.Arbitrary<Envelope> = fc.record(
  {
    cluster: fc.oneof(anyId, fc.constant('all')),
    from: anyId,
    membersDigest: anyRound,
    message: anyMessage,
  },
  { requiredKeys: ['cluster', 'from', 'message'] },
)
