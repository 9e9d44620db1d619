/**
 * One transaction as statements of SQLite. Must be whole or not at all: BEGIN to COMMIT, and nothing
 * between two of them.
 */
import type { Transaction } from '@paxos/adapter-kit/stores'
import type { AcceptedEntry, Snapshot } from '@paxos/core'
import type { Connection, SqlValue, Step } from './connection.ts'
import { hashRow, NO_ROWS } from './digest.ts'
import { MESSAGE_BYTES, PIECE_BYTES } from './limits.ts'
import type { TableName } from './schema.ts'
import { ADMISSION_ROW, type State } from './state.ts'

/** What a statement counts for besides its bytes. */
const STEP_BYTES = 64

/**
 * Commits it and takes it into account in `state`, as the next generation. The database is of a
 * version of today.
 */
export async function commit(
  connection: Connection,
  state: State,
  { promised, chosenThrough, admitted, snapshot, discarded, accepted }: Transaction,
): Promise<void> {
  const sender = new Sender(connection)
  await sender.add({ sql: 'BEGIN IMMEDIATE', parameters: [] })
  if (snapshot !== null) await replaceSnapshot(sender, state, snapshot)
  const lastDiscarded = discarded.at(-1)
  if (lastDiscarded !== undefined) {
    state.discardAccepted(discarded)
    const parameters = [BigInt(lastDiscarded)]
    await sender.add({ sql: 'DELETE FROM accepted WHERE slot <= ?', parameters })
  }
  for (const entry of accepted) {
    const values = acceptedRow(entry)
    state.setAccepted(entry.slot, values)
    await sender.add(put('accepted', values))
  }
  if (admitted && !state.admitted) await sender.add(put('admission', ADMISSION_ROW))
  state.admitted = admitted
  state.promised = promised
  state.chosenThrough = chosenThrough
  state.generation += 1
  await sender.add(put('acceptor', state.acceptorRow()))
  await sender.add({ sql: 'COMMIT', parameters: [] })
  await sender.send()
}

/** In the order of the columns. */
function acceptedRow({ slot, ballot, value }: AcceptedEntry): readonly SqlValue[] {
  return [BigInt(slot), BigInt(ballot.round), Buffer.from(ballot.node), value]
}

/** A row, in place of the one with the same primary key. */
export function put(table: TableName, values: readonly SqlValue[]): Step {
  const marks = values.map(() => '?').join(', ')
  return { sql: `INSERT OR REPLACE INTO ${table} VALUES (${marks})`, parameters: values }
}

async function replaceSnapshot(
  sender: Sender,
  state: State,
  { through, members, bytes, configuration }: Snapshot,
): Promise<void> {
  let digest = NO_ROWS
  const add = (table: TableName, values: readonly SqlValue[]) => {
    digest ^= hashRow(state.databaseId, table, values)
    return sender.add(put(table, values))
  }
  for (const table of ['snapshot_member', 'snapshot_piece', 'snapshot_configuration']) {
    await sender.add({ sql: `DELETE FROM ${table}`, parameters: [] })
  }
  await add('snapshot', [1n, BigInt(through), BigInt(bytes.byteLength)])
  for (const [position, { id, address }] of members.entries()) {
    await add('snapshot_member', [BigInt(position), Buffer.from(id), Buffer.from(address)])
  }
  if (configuration !== undefined) await add('snapshot_configuration', [1n, configuration])
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
