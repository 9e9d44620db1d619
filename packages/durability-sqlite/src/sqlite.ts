/**
 * The durability adapter over SQLite: the contract's three calls and who may call them when. The
 * work is in store.ts. Must never have two of them open at once, nor leave anything open behind.
 */
import {
  DurabilityError,
  InvalidArgumentError,
  requireFunction,
  requireOptions,
  type Change,
  type Durability,
  type Opened,
  type Owner,
} from '@paxos/core'
import { dirname } from 'node:path'
import { startThread, type DriverName, type SqlThread } from './connection.ts'
import { openDatabase } from './database.ts'
import { emitWarning, warnOfOthers } from './exposure.ts'
import { asPaxosError, withRealCause } from './failure.ts'
import { nodeFileSystem, type FileSystem } from './files.ts'
import type { Lock } from './lock.ts'
import { placeOf } from './place.ts'
import { Store } from './store.ts'

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

/** What the adapter stands on: a test puts something in between. */
export interface Platform {
  readonly fs: FileSystem
  readonly startThread: (drivers: readonly DriverName[]) => SqlThread
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

type Phase =
  | { readonly name: 'closed' }
  | { readonly name: 'opening'; readonly done: Promise<unknown> }
  | { readonly name: 'open'; readonly store: Store; readonly resources: Resources }
  | { readonly name: 'closing'; readonly done: Promise<void> }

interface Resources {
  readonly thread: SqlThread
  readonly lock: Lock
  /** Where the database really is. */
  readonly location: string
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
  let phase: Phase = { name: 'closed' }

  async function openFresh(owner: Owner | undefined): Promise<Opened> {
    let location = path
    try {
      location = await platform.fs.locate(path)
      const lock = await platform.fs.lock(location)
      try {
        await warnOfOthers(platform.fs, dirname(location), warn)
        return await openLocked(location, lock, owner)
      } catch (error) {
        await lock.release()
        throw error
      }
    } catch (error) {
      phase = { name: 'closed' }
      throw asPaxosError(await reasonOf(error, location), 'open', path)
    }
  }

  function reasonOf(error: unknown, location: string): Promise<unknown> {
    return withRealCause(error, () => platform.fs.tryToWrite(`${location}-probe`))
  }

  async function openLocked(
    location: string,
    lock: Lock,
    owner: Owner | undefined,
  ): Promise<Opened> {
    const thread = platform.startThread(drivers)
    try {
      const database = await openDatabase(platform.fs, thread, location, owner)
      const place = await placeOf(platform.fs, location, lock).catch(async (error: unknown) => {
        await database.mark.close()
        throw error
      })
      const store = new Store(database, platform.fs, location, place)
      phase = { name: 'open', store, resources: { thread, lock, location } }
      return database.opened
    } catch (error) {
      // Why it could not be opened counts, not what became of the thread after that.
      await thread.end().catch(() => undefined)
      throw error
    }
  }

  async function closeOpen(store: Store, { thread, lock, location }: Resources): Promise<void> {
    try {
      try {
        await store.close()
      } finally {
        await thread.end()
      }
    } catch (error) {
      throw asPaxosError(await reasonOf(error, location), 'close', path)
    } finally {
      await lock.release()
      phase = { name: 'closed' }
    }
  }

  return {
    async open(owner?: Owner): Promise<Opened> {
      if (phase.name !== 'closed') throw stateError(path, `is ${phase.name}`, 'Close it first.')
      const done = openFresh(owner)
      phase = { name: 'opening', done }
      return done
    },

    async save(change: Change): Promise<void> {
      if (phase.name !== 'open') throw stateError(path, `is ${phase.name}`, 'Open it first.')
      return phase.store.save(change)
    },

    async close(): Promise<void> {
      if (phase.name === 'opening') await phase.done.catch(() => undefined)
      if (phase.name === 'closing') return phase.done
      if (phase.name !== 'open') return
      const done = closeOpen(phase.store, phase.resources)
      phase = { name: 'closing', done }
      return done
    },
  }
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

function stateError(path: string, what: string, wayOut: string): DurabilityError {
  return new DurabilityError('ERR_PAXOS_DURABILITY_STATE', `${path} ${what}. ${wayOut}`)
}
