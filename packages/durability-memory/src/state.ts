/**
 * What a disk holds, and what a change makes of it, as plain data. Every function returns a copy
 * that shares no bytes with what it was given.
 */
import type { AcceptedEntry, Change, Saved, Snapshot } from '@paxos/core'

/** A copy of `saved`. */
export function copySaved({ promised, accepted, snapshot, chosenThrough }: Saved): Saved {
  return {
    promised: promised === null ? null : { ...promised },
    accepted: accepted.map(copyEntry),
    snapshot: snapshot === null ? null : copySnapshot(snapshot),
    chosenThrough,
  }
}

/** A copy of `change`. */
export function copyChange({ promised, accepted, chosenThrough, snapshot }: Change): Change {
  return {
    ...(promised === undefined ? {} : { promised: { ...promised } }),
    ...(accepted === undefined ? {} : { accepted: accepted.map(copyEntry) }),
    ...(chosenThrough === undefined ? {} : { chosenThrough }),
    ...(snapshot === undefined ? {} : { snapshot: copySnapshot(snapshot) }),
  }
}

/** `saved` after `change`. An entry replaces the one in its slot; a snapshot, those it covers. */
export function applyChange(saved: Saved, change: Change): Saved {
  const snapshot = change.snapshot ?? saved.snapshot
  const slots = new Map(saved.accepted.map((entry) => [entry.slot, entry]))
  for (const entry of change.accepted ?? []) slots.set(entry.slot, entry)
  const through = snapshot?.through ?? 0
  return {
    promised: change.promised ?? saved.promised,
    accepted: [...slots.values()]
      .filter(({ slot }) => slot > through)
      .toSorted((a, b) => a.slot - b.slot),
    snapshot,
    chosenThrough: change.chosenThrough ?? saved.chosenThrough,
  }
}

function copyEntry({ slot, ballot, value }: AcceptedEntry): AcceptedEntry {
  return { slot, ballot: { ...ballot }, value: new Uint8Array(value) }
}

function copySnapshot({ through, members, bytes }: Snapshot): Snapshot {
  return {
    through,
    members: members.map((member) => ({ ...member })),
    bytes: new Uint8Array(bytes),
  }
}
