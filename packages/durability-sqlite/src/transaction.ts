/**
 * What a group of changes amounts to as one transaction: each row that is left at the end is
 * written once, however often the group changed it. Must be whole or not at all: BEGIN to COMMIT,
 * and nothing between two groups.
 */
import type { Slot } from '@paxos/core'
import type { AcceptedRow, EncodedChange, EncodedSnapshot } from './change.ts'
import type { Connection, SqlValue, Step } from './connection.ts'
import { hashRow, NO_ROWS } from './digest.ts'
import { MESSAGE_BYTES, PIECE_BYTES } from './limits.ts'
import type { TableName } from './schema.ts'
import type { State } from './state.ts'

/** What a statement counts for besides its bytes. */
const STEP_BYTES = 64

/** Commits the group and takes it into account in `state`, as the next generation. */
export async function commitGroup(
  connection: Connection,
  state: State,
  group: readonly EncodedChange[],
): Promise<void> {
  const { snapshot, discardThrough, accepted } = netEffect(state, group)
  const sender = new Sender(connection)
  await sender.add({ sql: 'BEGIN IMMEDIATE', parameters: [] })
  if (snapshot !== null) await replaceSnapshot(sender, state, snapshot)
  if (discardThrough !== null) {
    state.discardAccepted(discardThrough)
    const parameters = [BigInt(discardThrough)]
    await sender.add({ sql: 'DELETE FROM accepted WHERE slot <= ?', parameters })
  }
  for (const { slot, values } of accepted) {
    state.setAccepted(slot, values)
    await sender.add(put('accepted', values))
  }
  state.generation += 1
  await sender.add(put('acceptor', state.acceptorRow()))
  await sender.add({ sql: 'COMMIT', parameters: [] })
  await sender.send()
}

/** A row, in place of the one with the same primary key. */
export function put(table: TableName, values: readonly SqlValue[]): Step {
  const marks = values.map(() => '?').join(', ')
  return { sql: `INSERT OR REPLACE INTO ${table} VALUES (${marks})`, parameters: values }
}

interface NetEffect {
  /** The last snapshot of the group. */
  readonly snapshot: EncodedSnapshot | null
  /** Every entry that is stored at or below this slot goes. */
  readonly discardThrough: Slot | null
  readonly accepted: Iterable<AcceptedRow>
}

/** Applies what is single to `state`, and finds what the rest comes to. */
function netEffect(state: State, group: readonly EncodedChange[]): NetEffect {
  let snapshot: EncodedSnapshot | null = null
  let discardThrough: Slot | null = null
  const accepted = new Map<Slot, AcceptedRow>()
  for (const change of group) {
    state.promised = change.promised ?? state.promised
    state.chosenThrough = change.chosenThrough ?? state.chosenThrough
    // First, as it says which of the entries count.
    if (change.snapshot !== null) {
      const { through } = change.snapshot
      snapshot = change.snapshot
      state.snapshotThrough = through
      discardThrough = Math.max(discardThrough ?? through, through)
      for (const slot of accepted.keys()) if (slot <= through) accepted.delete(slot)
    }
    for (const row of change.accepted) {
      if (state.isAboveSnapshot(row.slot)) accepted.set(row.slot, row)
    }
  }
  return { snapshot, discardThrough, accepted: accepted.values() }
}

async function replaceSnapshot(
  sender: Sender,
  state: State,
  { through, members, bytes }: EncodedSnapshot,
): Promise<void> {
  let digest = NO_ROWS
  const add = (table: TableName, values: readonly SqlValue[]) => {
    digest ^= hashRow(state.databaseId, table, values)
    return sender.add(put(table, values))
  }
  for (const table of ['snapshot_member', 'snapshot_piece']) {
    await sender.add({ sql: `DELETE FROM ${table}`, parameters: [] })
  }
  await add('snapshot', [1n, BigInt(through), BigInt(bytes.byteLength)])
  for (const values of members) await add('snapshot_member', values)
  for (let start = 0; start < bytes.byteLength; start += PIECE_BYTES) {
    const piece = bytes.subarray(start, start + PIECE_BYTES)
    await add('snapshot_piece', [BigInt(start), piece])
  }
  state.snapshotDigest = digest
}

/** Collects statements into messages of a size that is quick to copy. */
class Sender {
  readonly #connection: Connection
  #steps: Step[] = []
  #bytes = 0

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async add(step: Step): Promise<void> {
    this.#steps.push(step)
    this.#bytes += sizeOf(step)
    if (this.#bytes >= MESSAGE_BYTES) await this.send()
  }

  async send(): Promise<void> {
    const steps = this.#steps
    this.#steps = []
    this.#bytes = 0
    await this.#connection.run(steps)
  }
}

/** Roughly: a small statement takes its time too. */
function sizeOf({ parameters }: Step): number {
  return parameters.reduce(
    (sum, value) => sum + (value instanceof Uint8Array ? value.byteLength : 0),
    STEP_BYTES,
  )
}
