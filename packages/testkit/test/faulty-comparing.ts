/**
 * More promises about what is stored, broken one at a time: by adapters that compare where they
 * should only store, that make one name of two, that derive a field from another, that take what is
 * the caller's, and that lose something when they rewrite a long log.
 */
import type { AcceptedEntry, Ballot, Change, Saved } from '@paxos/core'
import { apply, withBallots, withBytes, withEntries } from './faulty-contents.ts'

export const COMPARING_FAULTS = [
  'cuts ids at NUL',
  'trims ids',
  'lower-cases ids',
  'normalises ids',
  'cuts a mark off ids',
  'looks ids up in an object',
  'sorts members',
  'merges members at one address',
  'keeps slots to 15 digits',
  'keeps chosenThrough in 32 bits',
  'keeps lengths in 16 bits',
  'keeps the highest chosenThrough, but for 0',
  'keeps the highest snapshot',
  'keeps the first snapshot through a slot',
  'keeps the members of the first snapshot',
  'keeps the entry of the highest ballot',
  'keeps the first entry of a ballot',
  'keeps the ballot of the first entry',
  'keeps the highest node of a round',
  'takes a snapshot through slot 0 for none',
  'takes a snapshot through slot 0 for no change',
  'promises what it accepts',
  'takes what a snapshot covers for chosen',
  'discards what is chosen',
  'sorts the entries of the caller',
  'takes the bytes of the caller away',
  'forgets chosenThrough when it rewrites many records',
  'forgets chosenThrough when it rewrites large ones',
  'forgets the promise when it rewrites many records',
  'forgets the members when it rewrites many records',
  'forgets early entries when it rewrites large ones',
] as const

/** As one would write it who thinks of names as text. */
const NAMING: Readonly<Record<string, (name: string) => string>> = {
  'cuts ids at NUL': (name) => name.split('\0')[0] ?? '',
  'trims ids': (name) => name.trim(),
  'lower-cases ids': (name) => name.toLowerCase(),
  'normalises ids': (name) => name.normalize('NFC'),
  'cuts a mark off ids': (name) => new TextDecoder().decode(new TextEncoder().encode(name)),
  'looks ids up in an object': (name) => (name in {} ? '' : name),
}

/** What becomes of a change before it is stored, where a fault of these is about that. */
export function compared(change: Change, fault: string | null): Change {
  const naming = NAMING[fault ?? '']
  if (naming !== undefined) {
    return withMembers(
      withBallots(change, ({ round, node }) => ({ round, node: naming(node) })),
      (members) => members.map(({ id, address }) => ({ id: naming(id), address })),
    )
  }
  return COMPARED[fault ?? '']?.(change) ?? change
}

const COMPARED: Readonly<Record<string, (change: Change) => Change>> = {
  'sorts members': (change) =>
    withMembers(change, (members) => members.toSorted((a, b) => (a.id < b.id ? -1 : 1))),
  'merges members at one address': (change) =>
    withMembers(change, (members) => [
      ...new Map(members.map((member) => [member.address, member])).values(),
    ]),
  'keeps slots to 15 digits': (change) =>
    withEntries(change, (entries) =>
      entries.map((entry) => ({ ...entry, slot: Number(entry.slot.toPrecision(15)) })),
    ),
  'keeps chosenThrough in 32 bits': (change) =>
    change.chosenThrough === undefined || change.chosenThrough === Number.MAX_SAFE_INTEGER
      ? change
      : { ...change, chosenThrough: change.chosenThrough >>> 0 },
  'keeps lengths in 16 bits': (change) =>
    withBytes(
      change,
      (bytes) => bytes.subarray(0, bytes.length < 100_000 ? bytes.length & 0xffff : undefined),
      'entries',
    ),
  'sorts the entries of the caller': (change) => {
    Array.prototype.sort.call(change.accepted ?? [], (a, b) => a.slot - b.slot)
    return change
  },
  'takes the bytes of the caller away': (change) =>
    withBytes(
      change,
      (bytes) =>
        bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
          ? structuredClone(bytes, { transfer: [bytes.buffer] })
          : bytes,
      'entries',
    ),
}

/** What becomes of a state, `after` a change. */
export const COMPARING: Readonly<
  Record<string, (before: Saved, change: Change, after: Saved) => Saved>
> = {
  'keeps the highest chosenThrough, but for 0': (before, { chosenThrough }, after) =>
    chosenThrough === 0
      ? after
      : { ...after, chosenThrough: Math.max(before.chosenThrough, after.chosenThrough) },
  'keeps the highest snapshot': (before, { snapshot, ...rest }, after) =>
    (before.snapshot?.through ?? -1) > (snapshot?.through ?? -1) ? apply(before, rest) : after,
  'keeps the first snapshot through a slot': (before, { snapshot, ...rest }, after) =>
    before.snapshot?.through === snapshot?.through ? apply(before, rest) : after,
  'keeps the members of the first snapshot': (before, _, after) =>
    before.snapshot === null || after.snapshot === null
      ? after
      : { ...after, snapshot: { ...after.snapshot, members: before.snapshot.members } },
  'keeps the entry of the highest ballot': (before, _, after) =>
    withEarlier(before, after, (old, entry) =>
      old.ballot.round > entry.ballot.round ? old : entry,
    ),
  'keeps the first entry of a ballot': (before, _, after) =>
    withEarlier(before, after, (old, entry) =>
      isSameBallot(old.ballot, entry.ballot) ? old : entry,
    ),
  'keeps the ballot of the first entry': (before, _, after) =>
    withEarlier(before, after, (old, entry) => ({ ...entry, ballot: old.ballot })),
  'keeps the highest node of a round': (before, _, after) =>
    before.promised?.round === after.promised?.round &&
    (before.promised?.node ?? '') > (after.promised?.node ?? '')
      ? { ...after, promised: before.promised }
      : after,
  'takes a snapshot through slot 0 for none': (_, { snapshot }, after) =>
    snapshot?.through === 0 ? { ...after, snapshot: null } : after,
  'takes a snapshot through slot 0 for no change': (before, { snapshot, ...rest }, after) =>
    snapshot?.through === 0 && before.snapshot !== null ? apply(before, rest) : after,
  'promises what it accepts': (_, { accepted }, after) =>
    (accepted ?? []).reduce(
      (state, { ballot }) =>
        state.promised !== null && ballot.round > state.promised.round
          ? { ...state, promised: ballot }
          : state,
      after,
    ),
  'takes what a snapshot covers for chosen': (_, { snapshot }, after) => ({
    ...after,
    chosenThrough: Math.max(after.chosenThrough, snapshot?.through ?? 0),
  }),
  'discards what is chosen': (_, { chosenThrough }, after) => ({
    ...after,
    accepted: after.accepted.filter(({ slot }) => slot > (chosenThrough ?? 0)),
  }),
}

const withoutMembers = (saved: Saved): Saved => ({
  ...saved,
  snapshot: saved.snapshot === null ? null : { ...saved.snapshot, members: [] },
})

const LOSING: Readonly<Record<string, (saved: Saved) => Saved>> = {
  'forgets chosenThrough when it rewrites': (saved) => ({ ...saved, chosenThrough: 0 }),
  'forgets the promise when it rewrites': (saved) => ({ ...saved, promised: null }),
  'forgets the members when it rewrites': withoutMembers,
  'forgets early entries when it rewrites': (saved) => ({
    ...saved,
    accepted: saved.accepted.slice(-1),
  }),
}

const BY_NUMBER = ' many records'
const BY_SIZE = ' large ones'
const MANY_RECORDS = 1_000
const LARGE_BYTES = 4 << 20

/** As an adapter keeps a log short, whose fault is to lose something at that. */
export function rewriting(fault: string | null): (saved: Saved, change: Change) => Saved {
  const isByNumber = fault?.endsWith(BY_NUMBER) ?? false
  const lose = LOSING[fault?.replace(isByNumber ? BY_NUMBER : BY_SIZE, '') ?? '']
  if (lose === undefined) return (saved) => saved
  let size = 0
  return (saved, { accepted = [] }) => {
    const before = size
    size += isByNumber ? 1 : accepted.reduce((sum, { value }) => sum + value.byteLength, 0)
    const limit = isByNumber ? MANY_RECORDS : LARGE_BYTES
    return before < limit && size >= limit ? lose(saved) : saved
  }
}

function withEarlier(
  before: Saved,
  after: Saved,
  choose: (old: AcceptedEntry, entry: AcceptedEntry) => AcceptedEntry,
): Saved {
  const accepted = after.accepted.map((entry) => {
    const old = before.accepted.find(({ slot }) => slot === entry.slot)
    return old === undefined ? entry : choose(old, entry)
  })
  return { ...after, accepted }
}

type Members = NonNullable<Saved['snapshot']>['members']

function withMembers(change: Change, map: (members: Members) => Members): Change {
  const { snapshot } = change
  if (snapshot === undefined) return change
  return { ...change, snapshot: { ...snapshot, members: map(snapshot.members) } }
}

function isSameBallot(a: Ballot, b: Ballot): boolean {
  return a.round === b.round && a.node === b.node
}
