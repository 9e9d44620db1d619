/**
 * A change as a transaction can take it: checked and measured at the moment of the call, so that
 * what cannot be stored is refused at once. Must never lose the difference between absent and empty:
 * '', 0 and zero bytes are values.
 */
import { InvalidArgumentError } from '@paxos/core'
import type { AcceptedEntry, Ballot, Change, Slot, Snapshot } from '@paxos/core'
import { MAX_CHANGE_BYTES, MAX_SNAPSHOT_BYTES } from '../limits.ts'
import {
  requireAtMost,
  requireBytes,
  requireConfigurationBytes,
  requireCount,
  requireWellFormed,
} from '../values.ts'

/** One change, ready to be written. What is null stays as it was. */
export interface CheckedChange {
  readonly promised: Ballot | null
  readonly accepted: readonly AcceptedEntry[]
  readonly chosenThrough: Slot | null
  readonly snapshot: Snapshot | null
  readonly admitted: boolean
  /** What it takes while it waits, roughly, the snapshot included. */
  readonly bytes: number
  /** The same without the snapshot. */
  readonly ownBytes: number
}

/** What an entry or a member takes besides its texts and bytes, roughly. */
const ROW_BYTES = 32

/** Throws InvalidArgumentError for what could not be read back as it was. */
export function checkedChange(change: Change): CheckedChange {
  const promised = change.promised === undefined ? null : ballotOf(change.promised, 'promised')
  const accepted = (change.accepted ?? []).map(({ slot, ballot, value }) => ({
    slot: requireCount(slot, 'accepted.slot'),
    ballot: ballotOf(ballot, 'accepted.ballot'),
    value: plain(requireBytes(value, 'accepted.value')),
  }))
  const chosenThrough =
    change.chosenThrough === undefined ? null : requireCount(change.chosenThrough, 'chosenThrough')
  const snapshot = change.snapshot === undefined ? null : snapshotOf(change.snapshot)

  let ownBytes = ROW_BYTES
  for (const { ballot, value } of accepted) {
    ownBytes += ROW_BYTES + ballot.node.length + value.byteLength
  }
  for (const { id, address } of snapshot?.members ?? []) {
    ownBytes += ROW_BYTES + id.length + address.length
  }
  ownBytes += snapshot?.configuration?.byteLength ?? 0
  requireAtMost('The change', ownBytes, MAX_CHANGE_BYTES)
  const bytes = ownBytes + (snapshot?.bytes.byteLength ?? 0)
  const admitted = change.admitted === true
  return { promised, accepted, chosenThrough, snapshot, admitted, bytes, ownBytes }
}

/** A copy: the caller may only be relied on until the save resolves, and this stays. */
function ballotOf({ round, node }: Ballot, what: string): Ballot {
  return {
    round: requireCount(round, `${what}.round`),
    node: requireWellFormed(node, `${what}.node`),
  }
}

function snapshotOf({ through, members, bytes, staged, configuration }: Snapshot): Snapshot {
  if (staged !== undefined) {
    throw new InvalidArgumentError('This store stages no snapshots. Save the bytes of this one.')
  }
  requireAtMost(
    'The snapshot',
    requireBytes(bytes, 'snapshot.bytes').byteLength,
    MAX_SNAPSHOT_BYTES,
  )
  return {
    through: requireCount(through, 'snapshot.through'),
    members: members.map(({ id, address }) => ({
      id: requireWellFormed(id, 'snapshot.members.id'),
      address: requireWellFormed(address, 'snapshot.members.address'),
    })),
    bytes: plain(bytes),
    ...(configuration !== undefined && {
      configuration: plain(requireConfigurationBytes(configuration)),
    }),
  }
}

/** A view without a class of its own, such as Buffer, which JSON and others take for something else. */
function plain(bytes: Uint8Array): Uint8Array {
  if (Object.getPrototypeOf(bytes) === Uint8Array.prototype) return bytes
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
