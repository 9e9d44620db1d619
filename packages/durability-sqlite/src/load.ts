/**
 * Reads the database whole, and accepts it only if it is exactly what the last commit left: SQLite
 * finds it sound, the tables are ours, the mark knows of no later commit, and the rows add up to
 * the digest. Must never change anything, nor return a state that is not the newest.
 */
import { MAX_SNAPSHOT_BYTES } from '@paxos/adapter-kit/stores'
import { admittedBefore } from '@paxos/core'
import type { AcceptedEntry, Identity, Member, Saved, Slot, Snapshot } from '@paxos/core'
import type { Connection, SqlValue } from './connection.ts'
import { hashRow, NO_ROWS } from './digest.ts'
import { damaged } from './failure.ts'
import type { Mark } from './mark.ts'
import { bytesIn, countIn, integerIn, rowsOf, textIn } from './rows.ts'
import { definitionOf, hasOwner, isEarly, isKnownVersion, tablesOf } from './schema.ts'
import type { SchemaVersion } from './schema.ts'
import { State } from './state.ts'

export interface Loaded {
  readonly state: State
  readonly saved: Saved
}

/** Rejects with CorruptionError unless the database at `path` holds what was saved last. */
export async function load(connection: Connection, mark: Mark, path: string): Promise<Loaded> {
  const version = await versionOf(connection, mark, path)
  await requireSound(connection, version, path)
  const state = new State(mark.databaseId, version)
  const acceptor = await readAcceptor(connection, state, path)
  const { databaseId, leastGeneration } = mark
  if (acceptor.databaseId !== databaseId) throw damaged(path, 'its mark is of another database')
  if (state.generation < leastGeneration) {
    const what = `${leastGeneration} commits were durable, and it has come up with ${state.generation}`
    throw damaged(path, what)
  }
  if (hasOwner(version)) state.identity = await readOwner(connection, path)
  const snapshot = await readSnapshot(connection, state, path)
  const accepted = await readAccepted(connection, state, path)
  state.admitted = isEarly(version)
    ? admittedBefore({ promised: state.promised, accepted })
    : await readAdmission(connection, path)
  if (state.acceptorRow().at(-1) !== acceptor.digest) {
    throw damaged(path, 'its rows are not those that the last save left')
  }
  const { promised, chosenThrough, admitted } = state
  return { state, saved: { promised, accepted, snapshot, chosenThrough, admitted } }
}

/** What the database is, with what is in its log. */
async function versionOf(connection: Connection, mark: Mark, path: string): Promise<SchemaVersion> {
  const [[row] = []] = await connection.run([{ sql: 'PRAGMA user_version', parameters: [] }])
  const version = Number(row?.['user_version'])
  if (isKnownVersion(version) && version <= mark.version) return version
  throw damaged(path, 'it is in a version that its mark does not know of')
}

async function requireSound(
  connection: Connection,
  version: SchemaVersion,
  path: string,
): Promise<void> {
  const [integrity = [], tables = []] = await connection.run([
    { sql: 'PRAGMA integrity_check(1)', parameters: [] },
    { sql: 'SELECT sql FROM sqlite_schema ORDER BY sql', parameters: [] },
  ])
  const answers = integrity.flatMap((row) => Object.values(row))
  if (answers.join() !== 'ok') throw damaged(path, `SQLite says: ${answers.join('; ')}`)
  const expected = tablesOf(version).map(definitionOf).toSorted()
  const found = tables.map((row) => row['sql'])
  if (found.length !== expected.length || found.some((sql, at) => sql !== expected[at])) {
    throw damaged(path, 'its tables are not those of this package')
  }
}

/** Takes what is single into `state`; the rest of the row is for comparing. */
async function readAcceptor(
  connection: Connection,
  state: State,
  path: string,
): Promise<{ readonly databaseId: bigint; readonly digest: SqlValue }> {
  for await (const row of rowsOf(connection, 'acceptor', path)) {
    state.generation = countIn(row, 'generation', path)
    if (row['promised_round'] !== null) {
      const round = countIn(row, 'promised_round', path)
      state.promised = { round, node: textIn(row, 'promised_node', path) }
    }
    state.chosenThrough = countIn(row, 'chosen_through', path)
    const digest = integerIn(row, 'digest', path)
    return { databaseId: integerIn(row, 'database_id', path), digest }
  }
  throw damaged(path, 'the row of the acceptor is missing')
}

async function readOwner(connection: Connection, path: string): Promise<Identity> {
  for await (const row of rowsOf(connection, 'owner', path)) {
    const kind = textIn(row, 'kind', path)
    if (kind !== 'log' && kind !== 'decree') throw damaged(path, 'its owner is of an unknown kind')
    return {
      cluster: textIn(row, 'cluster', path),
      id: textIn(row, 'node', path),
      incarnation: textIn(row, 'incarnation', path),
      kind,
    }
  }
  throw damaged(path, 'the row of its owner is missing')
}

async function readAdmission(connection: Connection, path: string): Promise<boolean> {
  let rows = 0
  for await (const row of rowsOf(connection, 'admission', path)) {
    if (countIn(row, 'only_row', path) !== 1) throw damaged(path, 'its admission is none')
    rows += 1
  }
  return rows > 0
}

async function readAccepted(
  connection: Connection,
  state: State,
  path: string,
): Promise<readonly AcceptedEntry[]> {
  const accepted: AcceptedEntry[] = []
  for await (const row of rowsOf(connection, 'accepted', path)) {
    const slot = countIn(row, 'slot', path)
    state.setAccepted(slot, Object.values(row))
    const ballot = { round: countIn(row, 'round', path), node: textIn(row, 'node', path) }
    accepted.push({ slot, ballot, value: bytesIn(row, 'value', path) })
  }
  return accepted
}

async function readSnapshot(
  connection: Connection,
  state: State,
  path: string,
): Promise<Snapshot | null> {
  let through: Slot | null = null
  let bytes: Uint8Array | null = null
  let digest = NO_ROWS
  for await (const row of rowsOf(connection, 'snapshot', path)) {
    digest ^= hashRow(state.databaseId, 'snapshot', Object.values(row))
    through = countIn(row, 'through', path)
    const length = countIn(row, 'bytes', path)
    if (length > MAX_SNAPSHOT_BYTES) throw damaged(path, `a snapshot has ${length} bytes`)
    bytes = new Uint8Array(length)
  }
  const members: Member[] = []
  for await (const row of rowsOf(connection, 'snapshot_member', path)) {
    digest ^= hashRow(state.databaseId, 'snapshot_member', Object.values(row))
    members.push({ id: textIn(row, 'id', path), address: textIn(row, 'address', path) })
  }
  for await (const row of rowsOf(connection, 'snapshot_piece', path)) {
    digest ^= hashRow(state.databaseId, 'snapshot_piece', Object.values(row))
    const start = countIn(row, 'position', path)
    const piece = bytesIn(row, 'piece', path)
    if (start + piece.byteLength > (bytes?.byteLength ?? 0)) {
      throw damaged(path, 'a piece of the snapshot lies outside of it')
    }
    bytes?.set(piece, start)
  }
  let configuration: Uint8Array | undefined
  if (!isEarly(state.version)) {
    for await (const row of rowsOf(connection, 'snapshot_configuration', path)) {
      digest ^= hashRow(state.databaseId, 'snapshot_configuration', Object.values(row))
      configuration = bytesIn(row, 'configuration', path)
    }
  }
  state.snapshotDigest = digest
  if (bytes === null || through === null) return null
  return { through, members, bytes, ...(configuration !== undefined && { configuration }) }
}
