/**
 * The database of one acceptor as a medium that has transactions. What is committed is durable in
 * this order: committed, which syncs the log; marked, which syncs the mark.
 *
 * Must never report a commit before both syncs.
 */
import { warnOfOthers } from '@paxos/adapter-kit/files'
import type { LockedMedium, TransactionMedium } from '@paxos/adapter-kit/stores'
import { dirname } from 'node:path'
import type { Connection, DriverName, SqlThread } from './connection.ts'
import { checkpoint, openDatabase } from './database.ts'
import { asPaxosError, lost, withRealCause } from './failure.ts'
import type { FileSystem } from './files.ts'
import { isEarly } from './schema.ts'
import { commit } from './transaction.ts'
import { bringUpToDate } from './up-to-date.ts'

/** What the adapter stands on: a test puts something in between. */
export interface Platform {
  readonly fs: FileSystem
  readonly startThread: (drivers: readonly DriverName[]) => SqlThread
}

/** The database that is to be at `path`; `warn` hears of others who can change what is there. */
export function databaseMedium(
  { fs, startThread }: Platform,
  path: string,
  drivers: readonly DriverName[],
  warn: (message: string) => void,
): TransactionMedium {
  /** Where the database really is, as far as it is known. */
  let location = path
  return {
    name: path,
    async lock() {
      location = path
      location = await fs.locate(path)
      const place = location
      const lock = await fs.lock(place)
      try {
        warnOfOthers(dirname(place), await fs.exposure(dirname(place)), warn)
      } catch (error) {
        await lock.release()
        throw error
      }
      return {
        async isHeld() {
          if (await lock.isHeld()) return true
          throw lost(place)
        },
        release: () => lock.release(),
        open: (admit) => open(fs, startThread(drivers), place, admit),
      }
    },
    async explain(error, doing) {
      const cause = await withRealCause(error, () => fs.tryToWrite(`${location}-probe`))
      return asPaxosError(cause, doing, doing === 'save' ? location : path)
    },
  }
}

/** Takes over the thread: it ends with the session, or when this rejects. */
async function open(
  fs: FileSystem,
  thread: SqlThread,
  path: string,
  admit: Parameters<LockedMedium['open']>[0],
): ReturnType<LockedMedium['open']> {
  try {
    const { connection, mark, state, saved } = await openDatabase(fs, thread, path, admit)
    try {
      return {
        saved,
        session: {
          async commit(transaction) {
            if (isEarly(state.version)) {
              await bringUpToDate(connection, mark, state, state.identity)
            }
            await commit(connection, state, transaction)
            await mark.write(state.generation)
          },
          isInPlace: await placeOf(fs, path, connection),
          async close(clean) {
            try {
              if (clean) await checkpoint(connection, path)
            } finally {
              try {
                await mark.close()
              } finally {
                await thread.end()
              }
            }
          },
        },
      }
    } catch (error) {
      await mark.close()
      throw error
    }
  } catch (error) {
    // Why it could not be opened counts, not what became of the thread after that.
    await thread.end().catch(() => undefined)
    throw error
  }
}

/** The database, SQLite's log, and the mark. All are there as long as the database is open. */
const FILES = ['', '-wal', '-mark'] as const

/**
 * Asks whether the names still lead to the files that they lead to now. It costs little: a few names
 * are looked up, and nothing is read.
 */
async function placeOf(
  fs: FileSystem,
  path: string,
  connection: Connection,
): Promise<() => Promise<boolean>> {
  const identities = () => Promise.all(FILES.map((suffix) => fs.identityOf(path + suffix)))
  const own = await identities()
  if (own.includes(null)) throw lost(path)
  return async () => {
    const now = await identities()
    if (now.every((identity, at) => identity === own[at])) return true
    // A thread that died has taken its log along: then that is the reason, and this says it.
    await connection.run([])
    throw lost(path)
  }
}
