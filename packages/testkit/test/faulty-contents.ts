/**
 * Promises about what is stored, broken one at a time: by what becomes of a change before it is
 * stored, of a state by a change, and of a state before it is shown.
 */
import { EMPTY_SAVED } from '@paxos/core'
import type { AcceptedEntry, Ballot, Change, Saved } from '@paxos/core'

export const CONTENT_FAULTS = [
  'cuts ids at 100 bytes',
  'keeps rounds in 32 bits',
  'keeps slots in 32 bits',
  'loses empty entries',
  'cuts long entries',
  'cuts long snapshots',
  'loses members',
  'takes 0 for an absent field',
  'stores the buffer of a view',
  'takes the empty id for none',
  'forgets the fields that a change leaves out',
  'keeps the end of a longer entry',
  'keeps the first of two entries for one slot',
  'keeps the first snapshot',
  'shows entries that a snapshot covers',
  'discards all entries with a snapshot',
  'keeps the highest promise',
  'shows a promise that nobody made',
  'sorts slots as text',
  'shows Buffers',
  'forgets who is admitted',
  'takes an admission back',
  'admits who has promised',
  'loses configurations',
  'takes an empty configuration for none',
  'keeps the configuration of an earlier snapshot',
] as const

/** What becomes of a change before it is stored. */
export const STORING: Readonly<Record<string, (change: Change) => Change>> = {
  'cuts ids at 100 bytes': (change) =>
    withBallots(change, ({ round, node }) => ({ round, node: node.slice(0, 100) })),
  'keeps rounds in 32 bits': (change) =>
    withBallots(change, ({ round, node }) => ({ round: round >>> 0, node })),
  'keeps slots in 32 bits': (change) =>
    withEntries(change, (entries) =>
      entries.map((entry) => ({ ...entry, slot: entry.slot >>> 0 })),
    ),
  'loses empty entries': (change) =>
    withEntries(change, (entries) => entries.filter(({ value }) => value.byteLength > 0)),
  'cuts long entries': (change) => withBytes(change, (bytes) => bytes.slice(0, 1 << 16), 'entries'),
  'cuts long snapshots': (change) =>
    withBytes(change, (bytes) => bytes.slice(0, 1 << 16), 'snapshot'),
  'loses members': (change) =>
    change.snapshot === undefined
      ? change
      : { ...change, snapshot: { ...change.snapshot, members: [] } },
  'takes 0 for an absent field': ({ chosenThrough, ...rest }) =>
    chosenThrough === undefined || chosenThrough === 0 ? rest : { chosenThrough, ...rest },
  'stores the buffer of a view': (change) =>
    withBytes(change, (bytes) => new Uint8Array(bytes.buffer.slice(0)), 'both'),
  'takes the empty id for none': ({ promised, ...rest }) =>
    promised === undefined || promised.node === '' ? rest : { promised, ...rest },
  'forgets who is admitted': (change) =>
    Object.fromEntries(Object.entries(change).filter(([name]) => name !== 'admitted')),
  'loses configurations': (change) => withConfiguration(change, () => undefined),
  'takes an empty configuration for none': (change) =>
    withConfiguration(change, (configuration) =>
      configuration.byteLength === 0 ? undefined : configuration,
    ),
  'keeps the first of two entries for one slot': (change) =>
    withEntries(change, (entries) => entries.toReversed()),
}

/** What becomes of a state, `after` a change. */
export const APPLYING: Readonly<
  Record<string, (before: Saved, change: Change, after: Saved) => Saved>
> = {
  'forgets the fields that a change leaves out': (_, change) => apply(EMPTY_SAVED, change),
  'keeps the end of a longer entry': (before, _, after) => ({
    ...after,
    accepted: after.accepted.map((entry) => longer(entry, before)),
  }),
  'keeps the first snapshot': (before, _, after) => ({
    ...after,
    snapshot: before.snapshot ?? after.snapshot,
  }),
  'shows entries that a snapshot covers': (before, { snapshot, ...rest }) => ({
    ...apply({ ...before, snapshot: null }, rest),
    snapshot: snapshot ?? before.snapshot,
  }),
  'discards all entries with a snapshot': (before, change, after) =>
    change.snapshot === undefined ? after : apply({ ...before, accepted: [] }, change),
  'takes an admission back': (_, { admitted = false }, after) => ({ ...after, admitted }),
  'admits who has promised': (_, __, after) => ({
    ...after,
    admitted: after.admitted === true || after.promised !== null,
  }),
  'keeps the configuration of an earlier snapshot': (before, _, after) => ({
    ...after,
    snapshot: after.snapshot === null ? null : { ...before.snapshot, ...after.snapshot },
  }),
  'keeps the highest promise': (before, _, after) =>
    (before.promised?.round ?? 0) > (after.promised?.round ?? 0)
      ? { ...after, promised: before.promised }
      : after,
}

/** What becomes of a state before it is shown. */
export const SHOWING: Readonly<Record<string, (saved: Saved) => Saved>> = {
  'shows a promise that nobody made': (saved) => ({
    ...saved,
    promised: saved.promised ?? { round: 0, node: '' },
  }),
  'sorts slots as text': (saved) => ({
    ...saved,
    accepted: saved.accepted.toSorted((a, b) => (`${a.slot}` < `${b.slot}` ? -1 : 1)),
  }),
  'shows Buffers': ({ snapshot, ...saved }) => ({
    ...saved,
    accepted: saved.accepted.map((entry) => ({ ...entry, value: Buffer.from(entry.value) })),
    snapshot: snapshot === null ? null : { ...snapshot, bytes: Buffer.from(snapshot.bytes) },
  }),
}

/** `saved` after `change`, as the contract has it. */
export function apply(saved: Saved, change: Change): Saved {
  const snapshot = change.snapshot ?? saved.snapshot
  const bySlot = new Map(saved.accepted.map((entry) => [entry.slot, entry]))
  for (const entry of change.accepted ?? []) bySlot.set(entry.slot, entry)
  return {
    promised: change.promised ?? saved.promised,
    accepted: [...bySlot.values()]
      .filter(({ slot }) => slot > (snapshot?.through ?? 0))
      .toSorted((a, b) => a.slot - b.slot),
    snapshot,
    chosenThrough: change.chosenThrough ?? saved.chosenThrough,
    admitted: change.admitted ?? saved.admitted,
  }
}

/** A copy that shares no bytes. */
export function copyOf(change: Change): Change {
  return withBytes(change, (bytes) => new Uint8Array(bytes), 'both')
}

export function withBallots(change: Change, map: (ballot: Ballot) => Ballot): Change {
  const mapped = withEntries(change, (entries) =>
    entries.map((entry) => ({ ...entry, ballot: map(entry.ballot) })),
  )
  return change.promised === undefined ? mapped : { ...mapped, promised: map(change.promised) }
}

export function withEntries(
  change: Change,
  map: (entries: readonly AcceptedEntry[]) => readonly AcceptedEntry[],
): Change {
  return change.accepted === undefined ? change : { ...change, accepted: map(change.accepted) }
}

export function withBytes(
  change: Change,
  map: (bytes: Uint8Array) => Uint8Array,
  where: 'entries' | 'snapshot' | 'both',
): Change {
  const { snapshot } = change
  const mapped =
    where === 'snapshot'
      ? change
      : withEntries(change, (entries) =>
          entries.map((entry) => ({ ...entry, value: map(entry.value) })),
        )
  if (snapshot === undefined || where === 'entries') return mapped
  const { configuration, ...rest } = snapshot
  return {
    ...mapped,
    snapshot: {
      ...rest,
      bytes: map(rest.bytes),
      ...(configuration !== undefined && { configuration: map(configuration) }),
    },
  }
}

function withConfiguration(
  change: Change,
  map: (configuration: Uint8Array) => Uint8Array | undefined,
): Change {
  if (change.snapshot?.configuration === undefined) return change
  const { configuration, ...rest } = change.snapshot
  const mapped = map(configuration)
  return {
    ...change,
    snapshot: { ...rest, ...(mapped !== undefined && { configuration: mapped }) },
  }
}

function longer(entry: AcceptedEntry, before: Saved): AcceptedEntry {
  const old = before.accepted.find(({ slot }) => slot === entry.slot)
  const end = old?.value.subarray(entry.value.byteLength) ?? new Uint8Array(0)
  return { ...entry, value: new Uint8Array(Buffer.concat([entry.value, end])) }
}
