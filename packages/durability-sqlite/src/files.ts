/**
 * What this package does to files itself; the database and its log are SQLite's. All that is known
 * of the machine is here, so that a test can make any of it fail.
 *
 * Must never report a sync that failed, or a write that was done in part, as done; nor open a
 * database that is in use: closing it again would drop the locks that SQLite has on it, for that is
 * how POSIX locks work.
 */
import {
  errorCode,
  exposureOf,
  identityOf,
  lockBeside,
  missingParent,
  openFile,
  syncDirectory,
  syncIfAllowed,
  writeWhole,
} from '@paxos/adapter-kit/files'
import type { Lock, OpenFile as DiskFile } from '@paxos/adapter-kit/stores'
import { DurabilityError } from '@paxos/core'
import { constants } from 'node:fs'
import { lstat, open, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'

export interface FileSystem {
  /**
   * Where the file at `path` really is, absolute and without links. Its directory must be there.
   */
  locate(path: string): Promise<string>
  /** Why others than this user can change what is in it, in words; null when they cannot. */
  exposure(directory: string): Promise<string | null>
  /** In bytes; null when there is no such file. Rejects for a directory, and for a link. */
  size(path: string): Promise<number | null>
  /** Which file that is: no other has the same. Null when there is none. */
  identityOf(path: string): Promise<string | null>
  /** Makes a file at `path`, writes into it, and removes it again. */
  tryToWrite(path: string): Promise<void>
  /**
   * For reading and writing. Never follows a link. `create` makes a file that was not there, and
   * rejects where anything is.
   */
  open(path: string, mode: 'existing' | 'create'): Promise<OpenFile>
  /** Replaces what is there. */
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Makes every earlier creation, renaming and removal in it durable. */
  syncDirectory(directory: string): Promise<void>
  /** Rejects with LockedError while somebody else holds the file at `location`. */
  lock(location: string): Promise<Lock>
}

/** Of a file, what a mark needs. */
export type OpenFile = Pick<DiskFile, 'path' | 'read' | 'write' | 'sync' | 'close'>

export const nodeFileSystem: FileSystem = {
  locate,
  exposure: exposureOf,
  size,
  identityOf: async (path) => identityOf(path),
  tryToWrite,
  open: openFile,
  rename,
  remove: (path) => rm(path, { force: true }),
  syncDirectory,
  lock: (location) => lockBeside(location, 'database'),
}

async function locate(path: string): Promise<string> {
  const absolute = resolve(path)
  await requireDirectory(dirname(absolute), path)
  try {
    return await realpath(absolute)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
  const isLink = await lstat(absolute).then(
    (found) => found.isSymbolicLink(),
    () => false,
  )
  if (isLink) {
    throw new DurabilityError(
      'ERR_PAXOS_DURABILITY_FAILED',
      `Could not open ${path}: it is a link that leads nowhere. Name the file that it should be.`,
    )
  }
  return join(await realpath(dirname(absolute)), basename(absolute))
}

async function size(path: string): Promise<number | null> {
  try {
    const found = await lstat(path)
    if (found.isDirectory()) throw Object.assign(new Error('Not a file.'), { code: 'EISDIR' })
    if (found.isSymbolicLink()) throw Object.assign(new Error('A link.'), { code: 'ELOOP' })
    return found.size
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  }
}

/** What SQLite makes at least in one go: the index of its log. */
const TRIED_BYTES = 64 << 10

async function tryToWrite(path: string): Promise<void> {
  await rm(path, { force: true })
  const handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    await writeWhole(handle, 0, new Uint8Array(TRIED_BYTES))
    await handle.datasync()
  } finally {
    await handle.close()
    await rm(path, { force: true })
  }
}

/**
 * Where it is missing, a fresh start would forget every promise. It is somebody else's, who may never have synced its name; so
 * that is done here, as far as this user may.
 */
async function requireDirectory(directory: string, path: string): Promise<void> {
  const found = await stat(directory).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') throw missingParent(path, directory, error)
    throw error
  })
  if (!found.isDirectory()) throw Object.assign(new Error('A file.'), { code: 'ENOTDIR' })
  await syncIfAllowed(dirname(directory))
}
