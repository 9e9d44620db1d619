/**
 * The durability adapter over SQLite: a store of @paxos/adapter-kit in a database. Must never do
 * anything before it is opened.
 */
import { emitWarning } from '@paxos/adapter-kit/files'
import { transactionStore } from '@paxos/adapter-kit/stores'
import { InvalidArgumentError, requireFunction, requireOptions, type Durability } from '@paxos/core'
import { startThread, type DriverName } from './connection.ts'
import { nodeFileSystem } from './files.ts'
import { databaseMedium, type Platform } from './medium.ts'

/** How an adapter is made. */
export interface SqliteOptions {
  /**
   * The SQLite library. Default: better-sqlite3 where it is installed, else the one of the runtime
   * (Node from 22.13 on).
   */
  readonly driver?: DriverName | undefined
  /**
   * Called by `open()` with a sentence when others than this user can change what is in the
   * directory. Default: process.emitWarning(), with the code PAXOS_DIRECTORY_EXPOSED.
   */
  readonly warn?: ((message: string) => void) | undefined
}

const NODE: Platform = { fs: nodeFileSystem, startThread }

/** In the order in which they are looked for. */
const DRIVERS: readonly DriverName[] = ['better-sqlite3', 'node:sqlite']

/**
 * The state of one acceptor in the database at `path`, which belongs to it alone and is made when it
 * is missing; its directory must be there. Nothing happens before `open()`, which rejects with
 * MissingPackageError when there is no SQLite to be loaded: what a relative path means is decided
 * then, and a later change of the working directory changes nothing. After `close()` the same adapter
 * can be opened again. Throws InvalidArgumentError for a path and options that can never work,
 * and for an option that is not known.
 *
 * When the database, its log, its mark, its lock or its directory is removed, moved or replaced, no
 * later save is acknowledged: it rejects with ERR_PAXOS_DURABILITY_FAILED.
 */
export function sqlite(path: string, options: SqliteOptions = {}): Durability {
  return sqliteOn(NODE, path, options)
}

/** As `sqlite`, on another platform: for the tests. */
export function sqliteOn(
  platform: Platform,
  path: string,
  options: SqliteOptions = {},
): Durability {
  requireUsable(path)
  requireOptions('sqlite()', options, ['driver', 'warn'])
  requireFunction('warn', options.warn)
  const { driver, warn = emitWarning } = options
  const drivers = driver === undefined ? DRIVERS : [requireKnown(driver)]
  return transactionStore(databaseMedium(platform, path, drivers, warn))
}

/** A driver would take some paths for another file: it cuts off white space at the end. */
function requireUsable(path: string): void {
  if (typeof path === 'string' && path.trim() === path && path !== '' && !path.includes('\0'))
    return
  throw new InvalidArgumentError(
    `${JSON.stringify(path)} is no path of a database. Give a file name without white space at its ends.`,
  )
}

function requireKnown(driver: DriverName): DriverName {
  if (DRIVERS.includes(driver)) return driver
  throw new InvalidArgumentError(
    `The driver is ${JSON.stringify(driver)}. It must be one of ${DRIVERS.join(', ')}.`,
  )
}
