/**
 * The records of which a group is made, and how a Change becomes some. A group's payload is records
 * end to end; applied in order they lead from one state to the next.
 *
 *     1 promised        round, node
 *     2 accepted        slot, round, node, value
 *     3 chosen through  slot
 *     4 snapshot        slot, id of its file, length, count of members, (id, address) of each
 *     5 admitted
 *     6 snapshot with a configuration: as 4, and the configuration
 *
 * 5 and 6 are only in logs of version 3 and 4, see frame.ts.
 *
 * Integers, texts and bytes are as in encoding.ts. Must never lose the difference between absent
 * and empty: '', 0 and zero bytes are values.
 */
import { MAX_CONFIGURATION_BYTES } from '@paxos/core'
import type { AcceptedEntry, Ballot, Change, Member, Slot } from '@paxos/core'
import { ByteReader, ByteWriter, FIRST_CAPACITY_BYTES } from './encoding.ts'
import { MAX_CHANGE_BYTES, MAX_SNAPSHOT_BYTES, MAX_STAGED_BYTES } from '../limits.ts'
import { requireAtMost, requireConfigurationBytes } from '../values.ts'

/** A snapshot as the log knows it: its bytes are in a file of their own, named by `id`. */
export interface SnapshotReference {
  readonly id: bigint
  /** The length of its bytes. */
  readonly length: number
  readonly through: Slot
  readonly members: readonly Member[]
  /** Bytes of its own. Absent when it has none. */
  readonly configuration?: Uint8Array
}

export type StateRecord =
  | { readonly type: 'promised'; readonly ballot: Ballot }
  /** `offset` and `bytes` say where in the payload the whole record is. */
  | {
      readonly type: 'accepted'
      readonly entry: AcceptedEntry
      readonly offset: number
      readonly bytes: number
    }
  | { readonly type: 'chosen-through'; readonly slot: Slot }
  | { readonly type: 'snapshot'; readonly reference: SnapshotReference }
  | { readonly type: 'admitted' }

/** Records end to end, and what they say: who has made them need not read them again. */
export interface Records {
  readonly bytes: Uint8Array
  readonly list: readonly StateRecord[]
}

/** What an accepted entry takes besides its value and the id in its ballot, at most. */
const ENTRY_OVERHEAD_BYTES = 32

const PROMISED = 1
const ACCEPTED = 2
const CHOSEN_THROUGH = 3
const SNAPSHOT = 4
const ADMITTED = 5
const SNAPSHOT_WITH_CONFIGURATION = 6

/**
 * The records of a change. `snapshotId` names the file of `change.snapshot`. Throws
 * InvalidArgumentError for what could not be read back as it was.
 */
export function encodeChange(change: Change, snapshotId: bigint): Records {
  const accepted = change.accepted ?? []
  const expectedBytes = accepted.reduce(
    (sum, { ballot, value }) => sum + ENTRY_OVERHEAD_BYTES + ballot.node.length + value.byteLength,
    FIRST_CAPACITY_BYTES,
  )
  const writer = new ByteWriter(expectedBytes)
  const list: StateRecord[] = []
  // First, as it says which of the entries count.
  if (change.snapshot !== undefined) {
    const { through, members, bytes, staged, configuration } = change.snapshot
    if (staged === undefined) requireAtMost('The snapshot', bytes.byteLength, MAX_SNAPSHOT_BYTES)
    const reference = {
      id: snapshotId,
      length: staged?.byteLength ?? bytes.byteLength,
      through,
      members,
      // A copy: it is kept for the next rewriting, and the caller's only until this is saved.
      ...(configuration !== undefined && {
        configuration: new Uint8Array(requireConfigurationBytes(configuration)),
      }),
    }
    writeSnapshot(writer, reference)
    list.push({ type: 'snapshot', reference })
  }
  if (change.promised !== undefined) {
    writePromised(writer, change.promised)
    list.push({ type: 'promised', ballot: change.promised })
  }
  for (const entry of accepted) {
    const offset = writer.length
    writeAccepted(writer, entry)
    list.push({ type: 'accepted', entry, offset, bytes: writer.length - offset })
  }
  if (change.chosenThrough !== undefined) {
    writeChosenThrough(writer, change.chosenThrough)
    list.push({ type: 'chosen-through', slot: change.chosenThrough })
  }
  if (change.admitted === true) {
    writer.byte(ADMITTED)
    list.push({ type: 'admitted' })
  }
  const bytes = writer.finish()
  requireAtMost('The change', bytes.byteLength, MAX_CHANGE_BYTES)
  return { bytes, list }
}

/** All of a state that is no accepted entry. */
export interface Basis {
  readonly promised: Ballot | null
  readonly chosenThrough: Slot
  readonly snapshot: SnapshotReference | null
  readonly admitted: boolean
}

/** Whether records are such as only a log of version 3 or 4 may hold. */
export function needsCurrentVersion({ list }: Records): boolean {
  return list.some(
    (record) =>
      record.type === 'admitted' ||
      (record.type === 'snapshot' && record.reference.configuration !== undefined),
  )
}

/** What a log that is rewritten begins with: all that is not an accepted entry. */
export function encodeBasis({ promised, chosenThrough, snapshot, admitted }: Basis): Records {
  const writer = new ByteWriter()
  if (snapshot !== null) writeSnapshot(writer, snapshot)
  if (promised !== null) writePromised(writer, promised)
  writeChosenThrough(writer, chosenThrough)
  if (admitted) writer.byte(ADMITTED)
  return recordsIn(writer.finish(), 'A basis')
}

/** A payload with its records, which are views of it. `where` names it in errors. */
export function recordsIn(payload: Uint8Array, where: string): Records {
  return { bytes: payload, list: [...decodeRecords(payload, where)] }
}

/** Every record of a payload, in order. Values are views of it. `where` names it in errors. */
export function* decodeRecords(payload: Uint8Array, where: string): Generator<StateRecord> {
  const reader = new ByteReader(payload, where)
  while (!reader.atEnd) yield readRecord(reader)
}

function writePromised(writer: ByteWriter, ballot: Ballot): void {
  writer.byte(PROMISED)
  writeBallot(writer, ballot, 'promised')
}

function writeAccepted(writer: ByteWriter, entry: AcceptedEntry): void {
  writer.byte(ACCEPTED)
  writer.integer(entry.slot, 'accepted.slot')
  writeBallot(writer, entry.ballot, 'accepted.ballot')
  writer.bytes(entry.value, 'accepted.value')
}

function writeChosenThrough(writer: ByteWriter, slot: Slot): void {
  writer.byte(CHOSEN_THROUGH)
  writer.integer(slot, 'chosenThrough')
}

function writeSnapshot(writer: ByteWriter, snapshot: SnapshotReference): void {
  writer.byte(snapshot.configuration === undefined ? SNAPSHOT : SNAPSHOT_WITH_CONFIGURATION)
  writer.integer(snapshot.through, 'snapshot.through')
  writer.identity(snapshot.id)
  writer.integer(snapshot.length, 'snapshot.bytes')
  writer.integer(snapshot.members.length, 'snapshot.members')
  for (const member of snapshot.members) {
    writer.text(member.id, 'snapshot.members.id')
    writer.text(member.address, 'snapshot.members.address')
  }
  if (snapshot.configuration !== undefined) {
    writer.bytes(snapshot.configuration, 'snapshot.configuration')
  }
}

function writeBallot(writer: ByteWriter, ballot: Ballot, what: string): void {
  writer.integer(ballot.round, `${what}.round`)
  writer.text(ballot.node, `${what}.node`)
}

function readRecord(reader: ByteReader): StateRecord {
  const offset = reader.position
  switch (reader.byte()) {
    case PROMISED:
      return { type: 'promised', ballot: readBallot(reader) }
    case ACCEPTED: {
      const entry = { slot: reader.integer(), ballot: readBallot(reader), value: reader.bytes() }
      return { type: 'accepted', entry, offset, bytes: reader.position - offset }
    }
    case CHOSEN_THROUGH:
      return { type: 'chosen-through', slot: reader.integer() }
    case SNAPSHOT:
      return { type: 'snapshot', reference: readSnapshot(reader) }
    case ADMITTED:
      return { type: 'admitted' }
    case SNAPSHOT_WITH_CONFIGURATION: {
      const reference = readSnapshot(reader)
      const configuration = reader.bytes()
      if (configuration.byteLength > MAX_CONFIGURATION_BYTES) {
        return reader.fail('holds a configuration that is too large')
      }
      // A copy: the payload is a view of a window that moves on.
      return {
        type: 'snapshot',
        reference: { ...reference, configuration: new Uint8Array(configuration) },
      }
    }
    default:
      return reader.fail('holds a record of an unknown type')
  }
}

function readSnapshot(reader: ByteReader): SnapshotReference {
  const through = reader.integer()
  const id = reader.identity()
  const length = reader.integer()
  if (length > MAX_STAGED_BYTES) return reader.fail('refers to a snapshot that is too large')
  const members: Member[] = []
  for (let left = reader.integer(); left > 0; left -= 1) {
    members.push({ id: reader.text(), address: reader.text() })
  }
  return { id, length, through, members }
}

function readBallot(reader: ByteReader): Ballot {
  return { round: reader.integer(), node: reader.text() }
}
