/**
 * Opens the database of one acceptor: makes it when it is missing, looks at it before anything is
 * changed, sets it up, and makes durable what it shows. The caller holds the lock.
 *
 *     <path>           the database
 *     <path>-wal       SQLite's write-ahead log; gone after close
 *     <path>-mark      how far it has come: see mark.ts
 *
 * After a crash the log holds commits that are not in the database yet, and SQLite moves into the
 * database what it can read of it, and removes it, as soon as somebody who may write has opened and
 * closed it. If part of it is damaged, that would destroy the rest. So when there is a log, the
 * first look is through a connection that cannot write.
 *
 * What an open shows may have been written, and not synced, by a process that was killed. So the
 * log is synced and moved into the database before it is shown.
 *
 * Must never write to a file that is not a database of this package, nor to one that is refused.
 */
import type { Admit } from '@paxos/adapter-kit/stores'
import { DurabilityError, type CorruptionError, type Saved } from '@paxos/core'
import { dirname } from 'node:path'
import type { Connection, SqlThread, Step } from './connection.ts'
import { createDatabase } from './create.ts'
import { damaged } from './failure.ts'
import type { FileSystem } from './files.ts'
import { bringUpToDate } from './up-to-date.ts'
import { CHECKPOINT_AFTER_PAGES, MAX_IDLE_LOG_BYTES } from './limits.ts'
import { load, type Loaded } from './load.ts'
import { openMark, type Mark } from './mark.ts'
import { APPLICATION_ID, isKnownVersion, versionFor } from './schema.ts'
import type { State } from './state.ts'

export interface OpenDatabase {
  readonly connection: Connection
  readonly mark: Mark
  readonly state: State
  readonly saved: Saved
}

const HEADER_BYTES = 100
const MAGIC = 'SQLite format 3\0'
/** In bytes 18 and 19 of a header: the database has a write-ahead log. */
const WAL_VERSION = 2

/** What SQLite and this package keep beside a database, and what SQLite would take up. */
const BESIDE = ['-mark', '-wal', '-shm', '-journal'] as const

/**
 * Opens the database at `path` for `owner`. After a rejection the mark is closed; ending the thread
 * closes the rest.
 */
export async function openDatabase(
  fs: FileSystem,
  thread: SqlThread,
  path: string,
  admit: Admit,
): Promise<OpenDatabase> {
  // Rejects for a link: SQLite may follow one, to wherever it leads.
  for (const suffix of BESIDE) await fs.size(path + suffix)
  const databaseIsThere = await hasContent(fs, path)
  const markIsThere = await hasContent(fs, `${path}-mark`)
  const admitFor = ({ state, saved }: Loaded) => admit({ ...saved, identity: state.identity })
  if (databaseIsThere && !markIsThere) throw await strange(fs, path)
  if (!databaseIsThere) {
    await requireNothingLost(fs, path, markIsThere)
    await createDatabase(fs, thread, path, admit(null))
  }
  await fs.syncDirectory(dirname(path))
  const mark = await openMark(await fs.open(`${path}-mark`, 'existing'), path)
  try {
    await requireWholeHeader(fs, path)
    if ((await fs.size(`${path}-wal`)) !== null) admitFor(await lookOnly(fs, thread, mark, path))
    const connection = await thread.connect(path, 'write')
    await connection.run([
      // First: it decides how the log is read.
      statement('PRAGMA locking_mode = EXCLUSIVE'),
      statement('PRAGMA cell_size_check = ON'),
    ])
    const loaded = await load(connection, mark, path)
    const identity = admitFor(loaded)
    const { state, saved } = loaded
    await setUp(connection, path)
    await checkpoint(connection, path)
    if (state.generation > mark.generation) await mark.write(state.generation)
    if (identity !== null && state.version !== versionFor(identity)) {
      await bringUpToDate(connection, mark, state, identity)
      await checkpoint(connection, path)
    }
    return { connection, mark, state, saved }
  } catch (error) {
    await mark.close()
    throw error
  }
}

/** Moves the log into the database, and cuts it to nothing. Everything in it is synced first. */
export async function checkpoint(connection: Connection, path: string): Promise<void> {
  const [[result] = []] = await connection.run([statement('PRAGMA wal_checkpoint(TRUNCATE)')])
  if (result?.['busy'] === 0n) return
  const message = `Could not empty the log of ${path}: it is in use. Keep other programs off it.`
  throw new DurabilityError('ERR_PAXOS_DURABILITY_FAILED', message)
}

/** Why a file without a mark is not opened. */
async function strange(fs: FileSystem, path: string): Promise<DurabilityError | CorruptionError> {
  const { isDatabase, applicationId } = await readHeader(fs, path)
  if (isDatabase && applicationId === APPLICATION_ID) {
    return damaged(path, `its mark, ${path}-mark, is missing`)
  }
  return new DurabilityError(
    'ERR_PAXOS_DURABILITY_FAILED',
    `Could not open ${path}: it is a file of another program, and was left as it is. ` +
      'Name a path that is free.',
  )
}

/** What in a header SQLite would believe, and no digest covers. */
async function requireWholeHeader(fs: FileSystem, path: string): Promise<void> {
  const header = await readHeader(fs, path)
  const isWhole =
    header.isDatabase &&
    header.applicationId === APPLICATION_ID &&
    isKnownVersion(header.userVersion) &&
    header.journalVersions.every((version) => version === WAL_VERSION)
  if (!isWhole) throw damaged(path, 'its header is not that of a database of this package')
}

/** The file is read here and not by SQLite, which may change what it opens. */
async function readHeader(fs: FileSystem, path: string) {
  const file = await fs.open(path, 'existing')
  try {
    const header = Buffer.alloc(HEADER_BYTES)
    header.set(await file.read(0, HEADER_BYTES))
    return {
      isDatabase: header.toString('latin1', 0, MAGIC.length) === MAGIC,
      journalVersions: [...header.subarray(18, 20)],
      userVersion: header.readUInt32BE(60),
      applicationId: header.readUInt32BE(68),
    }
  } finally {
    await file.close()
  }
}

/**
 * A mark beyond generation 0, or a log, says that there was a database. So does an empty mark: one
 * gets its name when it is whole, and a copy for which the disk was too small leaves such files.
 */
async function requireNothingLost(
  fs: FileSystem,
  path: string,
  markIsThere: boolean,
): Promise<void> {
  if (await hasContent(fs, `${path}-wal`)) throw damaged(path, 'only its log is left')
  if (!markIsThere && (await fs.size(`${path}-mark`)) === null) return
  const mark = await openMark(await fs.open(`${path}-mark`, 'existing'), path)
  await mark.close()
  if (mark.leastGeneration > 0) throw damaged(path, 'only its mark is left')
}

async function lookOnly(
  fs: FileSystem,
  thread: SqlThread,
  mark: Mark,
  path: string,
): Promise<Loaded> {
  // The index of the log. Another program that has the database open may be using it.
  const index = `${path}-shm`
  const indexWasThere = (await fs.size(index)) !== null
  const connection = await thread.connect(path, 'read')
  try {
    return await load(connection, mark, path)
  } finally {
    await connection.close()
    if (!indexWasThere) await fs.remove(index)
  }
}

/** What must hold for every save, whatever SQLite was compiled with; asked for, and asked again. */
async function setUp(connection: Connection, path: string): Promise<void> {
  const settings = [
    ['journal_mode', 'wal'],
    // FULL syncs the log in each commit. A WAL database that is opened again may come up without.
    ['synchronous', 2n],
    ['locking_mode', 'exclusive'],
    // On macOS a sync does not reach the disk without these; elsewhere they change nothing.
    ['fullfsync', 1n],
    ['checkpoint_fullfsync', 1n],
    // Nobody else may hold the database; waiting for one who does would only hide that.
    ['busy_timeout', 0n],
    ['wal_autocheckpoint', BigInt(CHECKPOINT_AFTER_PAGES)],
    ['journal_size_limit', BigInt(MAX_IDLE_LOG_BYTES)],
    // In memory: nothing but the database and its log is to be written.
    ['temp_store', 2n],
  ] as const
  await connection.run(settings.map(([name, value]) => statement(`PRAGMA ${name} = ${value}`)))
  const answers = await connection.run(settings.map(([name]) => statement(`PRAGMA ${name}`)))
  for (const [at, [name, value]] of settings.entries()) {
    const [answer] = Object.values(answers[at]?.[0] ?? {})
    if (answer !== value) throw refusedSetting(path, name, String(value), String(answer))
  }
}

function refusedSetting(path: string, name: string, wanted: string, answer: string) {
  return new DurabilityError(
    'ERR_PAXOS_DURABILITY_FAILED',
    `Could not open ${path}: SQLite was to set ${name} to ${wanted} and answers ${answer}. ` +
      'Use another SQLite: saves would not be safe with this one.',
  )
}

async function hasContent(fs: FileSystem, path: string): Promise<boolean> {
  return ((await fs.size(path)) ?? 0) > 0
}

function statement(sql: string): Step {
  return { sql, parameters: [] }
}
