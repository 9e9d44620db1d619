/**
 * The contract as a pure function: what a sequence of changes leads to. Must know nothing of
 * adapters.
 */
import { createHash } from 'node:crypto'
import { EMPTY_SAVED } from '@paxos/core'
import type { Change, Saved, Snapshot } from '@paxos/core'

/** The state after `changes`. */
export function after(...changes: readonly Change[]): Saved {
  return changes.reduce<Saved>(applied, EMPTY_SAVED)
}

/** A state as plain data, to be compared: long bytes as their hash, so that a difference is short. */
export function shown({ promised, accepted, snapshot, chosenThrough, admitted }: Saved): unknown {
  return {
    promised,
    accepted: accepted.map((entry) => ({ ...entry, value: shownBytes(entry.value) })),
    snapshot: snapshot === null ? null : shownSnapshot(snapshot),
    chosenThrough,
    admitted: admitted === true,
  }
}

/** A state as text, for messages and for comparing with many. */
export function asText(saved: Saved): string {
  return JSON.stringify(shown(saved))
}

/** How many of `changes` lead to `saved`, `least` or more; `null` when no number does. */
export function prefixLength(
  saved: Saved,
  changes: readonly Change[],
  least: number,
): number | null {
  const found = asText(saved)
  for (let count = least; count <= changes.length; count += 1) {
    if (asText(after(...changes.slice(0, count))) === found) return count
  }
  return null
}

function applied(saved: Saved, change: Change): Saved {
  const snapshot = change.snapshot ?? saved.snapshot
  const bySlot = new Map(saved.accepted.map((entry) => [entry.slot, entry]))
  for (const entry of change.accepted ?? []) bySlot.set(entry.slot, entry)
  return {
    promised: change.promised ?? saved.promised,
    accepted: [...bySlot.values()]
      .filter(({ slot }) => snapshot === null || slot > snapshot.through)
      .toSorted((a, b) => a.slot - b.slot),
    snapshot,
    chosenThrough: change.chosenThrough ?? saved.chosenThrough,
    admitted: change.admitted ?? saved.admitted,
  }
}

function shownSnapshot({ configuration, bytes, ...rest }: Snapshot): unknown {
  return {
    ...rest,
    bytes: shownBytes(bytes),
    configuration: configuration === undefined ? 'none' : shownBytes(configuration),
  }
}

const LONG_BYTES = 64

function shownBytes(bytes: Uint8Array): string {
  if (bytes.byteLength <= LONG_BYTES) return Buffer.from(bytes).toString('hex')
  const hash = createHash('sha256').update(bytes).digest('hex')
  return `${bytes.byteLength} bytes with SHA-256 ${hash}`
}
