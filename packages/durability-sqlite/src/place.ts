/**
 * What a database is made of while it is open: which files its names led to. Asked around every
 * commit, so that nobody hears of a save that the next open would not find, as when the directory
 * was removed, moved or replaced. Must cost little: a few names are looked up, and nothing is read.
 */
import { lostError } from './failure.ts'
import type { FileSystem } from './files.ts'
import type { Lock } from './lock.ts'

/** The database, SQLite's log, and the mark. All are there as long as the database is open. */
const FILES = ['', '-wal', '-mark'] as const

export interface Place {
  /** Rejects unless the names lead to the same files as at the beginning, and the lock is held. */
  requireHeld(): Promise<void>
}

/** The place of the database at `path`, which is open and locked. */
export async function placeOf(fs: FileSystem, path: string, lock: Lock): Promise<Place> {
  const identities = () => Promise.all(FILES.map((suffix) => fs.identityOf(path + suffix)))
  const own = await identities()
  if (own.includes(null)) throw lostError(path)
  return {
    async requireHeld() {
      const [now, isHeld] = await Promise.all([identities(), lock.isHeld()])
      if (isHeld && now.every((identity, at) => identity === own[at])) return
      throw lostError(path)
    },
  }
}
