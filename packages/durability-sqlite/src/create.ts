/**
 * Makes a new, empty database and its mark. Each is written whole under another name and synced
 * before it gets its own, the database last: one that has its name is complete, and has its mark.
 *
 * Must never run where a database was: that is for database.ts to know.
 */
import type { Identity } from '@paxos/core'
import { damaged } from './failure.ts'
import type { SqlThread, Step } from './connection.ts'
import type { FileSystem } from './files.ts'
import { newMarkContent } from './mark.ts'
import { APPLICATION_ID, definitionOf, tablesOf, versionFor } from './schema.ts'
import { ownerRow, State } from './state.ts'
import { put } from './transaction.ts'

/** What a crash while it was being made may leave. */
const LEFTOVERS = ['-new', '-new-journal', '-new-wal', '-new-shm', '-mark-new'] as const

/** `path` is where it will be. It is not certain to be there after power loss before its directory is synced. */
export async function createDatabase(
  fs: FileSystem,
  thread: SqlThread,
  path: string,
  identity: Identity | null,
): Promise<void> {
  for (const leftover of LEFTOVERS) await fs.remove(path + leftover)
  const version = versionFor(identity)
  const { databaseId, content } = newMarkContent(version)
  await writeFile(fs, `${path}-mark-new`, content)
  await writeFile(fs, `${path}-new`, new Uint8Array(0))
  const state = new State(databaseId, version)
  state.identity = identity
  await fill(thread, `${path}-new`, state)
  await fs.rename(`${path}-mark-new`, `${path}-mark`)
  await fs.rename(`${path}-new`, path)
}

/** With SQLite's rollback journal: there is no log yet whose content could be missing. */
async function fill(thread: SqlThread, path: string, state: State): Promise<void> {
  const connection = await thread.connect(path, 'write')
  try {
    await connection.run([
      statement('PRAGMA synchronous = FULL'),
      statement('PRAGMA fullfsync = ON'),
      statement('BEGIN IMMEDIATE'),
      statement(`PRAGMA application_id = ${APPLICATION_ID}`),
      statement(`PRAGMA user_version = ${state.version}`),
      ...tablesOf(state.version).map((table) => statement(definitionOf(table))),
      put('acceptor', state.acceptorRow()),
      ...(state.identity === null ? [] : [put('owner', ownerRow(state.identity))]),
      statement('COMMIT'),
    ])
    const [[mode] = []] = await connection.run([statement('PRAGMA journal_mode = WAL')])
    if (mode?.['journal_mode'] !== 'wal') throw damaged(path, 'it has no write-ahead log')
  } finally {
    await connection.close()
  }
}

async function writeFile(fs: FileSystem, path: string, content: Uint8Array): Promise<void> {
  const file = await fs.open(path, 'create')
  try {
    await file.write(0, content)
    await file.sync()
  } finally {
    await file.close()
  }
}

function statement(sql: string): Step {
  return { sql, parameters: [] }
}
