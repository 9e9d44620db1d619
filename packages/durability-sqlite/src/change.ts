/**
 * A Change as values that SQLite can hold: checked and measured at the moment of the call, so that
 * what cannot be stored is refused at once. Must never lose the difference between absent and empty:
 * '', 0 and zero bytes are values.
 */
import { InvalidArgumentError, type Ballot, type Change, type Slot } from '@paxos/core'
import type { SqlValue } from './connection.ts'
import { MAX_CHANGE_BYTES, MAX_SNAPSHOT_BYTES } from './limits.ts'

/** A row of `accepted`; its values are in the order of the columns. */
export interface AcceptedRow {
  readonly slot: Slot
  readonly values: readonly SqlValue[]
}

export interface EncodedSnapshot {
  readonly through: Slot
  /** Rows of `snapshot_member`. */
  readonly members: readonly (readonly SqlValue[])[]
  readonly bytes: Uint8Array
}

/** One change, ready to be written. What is null stays as it was. */
export interface EncodedChange {
  readonly promised: Ballot | null
  readonly accepted: readonly AcceptedRow[]
  readonly chosenThrough: Slot | null
  readonly snapshot: EncodedSnapshot | null
  /** What it takes while it waits, the snapshot included. */
  readonly bytes: number
  /** The same without the snapshot. */
  readonly ownBytes: number
}

/** What a row takes besides its values, roughly: its integers and SQLite's own. */
const ROW_BYTES = 32

/** Throws InvalidArgumentError for what could not be read back as it was. */
export function encodeChange(change: Change): EncodedChange {
  const promised = change.promised === undefined ? null : copyOf(change.promised)
  const accepted = (change.accepted ?? []).map(({ slot, ballot, value }) => ({
    slot,
    values: [
      integer(slot, 'accepted.slot'),
      integer(ballot.round, 'accepted.ballot.round'),
      text(ballot.node, 'accepted.ballot.node'),
      bytes(value, 'accepted.value'),
    ],
  }))
  const chosenThrough = change.chosenThrough ?? null
  if (chosenThrough !== null) integer(chosenThrough, 'chosenThrough')
  const snapshot = change.snapshot === undefined ? null : encodeSnapshot(change.snapshot)

  const rows = [...accepted.map(({ values }) => values), ...(snapshot?.members ?? [])]
  const ownBytes = rows.reduce((sum, values) => sum + rowBytes(values), ROW_BYTES)
  requireAtMost('The change', ownBytes, MAX_CHANGE_BYTES)
  const snapshotBytes = snapshot?.bytes.byteLength ?? 0
  const bytesInAll = ownBytes + snapshotBytes
  return { promised, accepted, chosenThrough, snapshot, bytes: bytesInAll, ownBytes }
}

/** A copy: the caller may only be relied on until the save resolves, and this stays. */
function copyOf({ round, node }: Ballot): Ballot {
  integer(round, 'promised.round')
  text(node, 'promised.node')
  return { round, node }
}

function encodeSnapshot(snapshot: NonNullable<Change['snapshot']>): EncodedSnapshot {
  const content = bytes(snapshot.bytes, 'snapshot.bytes')
  requireAtMost('The snapshot', content.byteLength, MAX_SNAPSHOT_BYTES)
  integer(snapshot.through, 'snapshot.through')
  const members = snapshot.members.map(({ id, address }, position) => [
    BigInt(position),
    text(id, 'snapshot.members.id'),
    text(address, 'snapshot.members.address'),
  ])
  return { through: snapshot.through, members, bytes: content }
}

function integer(value: number, what: string): bigint {
  if (Number.isSafeInteger(value) && value >= 0) return BigInt(value)
  throw new InvalidArgumentError(
    `${what} is ${value}. It must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}.`,
  )
}

/** Throws for half a surrogate pair, which UTF-8 cannot hold: it would come back as another. */
function text(value: string, what: string): Uint8Array {
  const encoded = Buffer.from(value, 'utf8')
  if (encoded.toString('utf8') === value) return encoded
  throw new InvalidArgumentError(`${what} is not well-formed Unicode. Use one that is.`)
}

function bytes(value: Uint8Array, what: string): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new InvalidArgumentError(`${what} is no Uint8Array. Encode it into one first.`)
}

function rowBytes(values: readonly SqlValue[]): number {
  return values.reduce(
    (sum, value) => sum + (value instanceof Uint8Array ? value.byteLength : 0),
    ROW_BYTES,
  )
}

function requireAtMost(what: string, size: number, limit: number): void {
  if (size <= limit) return
  throw new InvalidArgumentError(
    `${what} has ${size} bytes, and the limit is ${limit}. Save it in smaller pieces.`,
  )
}
