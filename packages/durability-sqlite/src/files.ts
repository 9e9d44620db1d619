/**
 * What this package does to files itself; the database and its log are SQLite's. All that is known
 * of the machine is here and in lock.ts, so that a test can make any of it fail.
 *
 * Must never report a sync that failed, or a write that was done in part, as done; nor open a
 * database that is in use: closing it again would drop the locks that SQLite has on it, for that is
 * how POSIX locks work.
 */
import { DurabilityError } from '@paxos/core'
import { constants, lstatSync } from 'node:fs'
import { lstat, open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { errorCode } from './failure.ts'
import { lockBeside, type Lock } from './lock.ts'

/** No disk in use writes larger blocks: what one write tears does not reach the next block. */
export const BLOCK_BYTES = 4096

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

export interface OpenFile {
  readonly path: string
  /** Fewer bytes than asked for only where the file ends. */
  read(position: number, length: number): Promise<Uint8Array>
  write(position: number, bytes: Uint8Array): Promise<void>
  /** Everything written so far, and the size, survives power loss. */
  sync(): Promise<void>
  close(): Promise<void>
}

export const nodeFileSystem: FileSystem = {
  locate,
  exposure,
  size,
  identityOf,
  tryToWrite,
  async open(path, mode) {
    const create = mode === 'create' ? constants.O_CREAT | constants.O_EXCL : 0
    return openFile(path, await open(path, constants.O_RDWR | NO_LINK | create, 0o600))
  },
  rename,
  remove: (path) => rm(path, { force: true }),
  syncDirectory,
  lock: lockBeside,
}

/**
 * A link that somebody laid in the way would have this user write to any file that he may. Windows
 * has no such flag; there only an administrator makes links.
 */
const NO_LINK = process.platform === 'win32' ? 0 : constants.O_NOFOLLOW

/** The part of a FileHandle that writes, and may do so in part. */
interface PartialWriter {
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>
}

/** A system may write less than it was given (P11): the rest is written until none is left. */
export async function writeWhole(
  handle: PartialWriter,
  position: number,
  bytes: Uint8Array,
): Promise<void> {
  let done = 0
  while (done < bytes.byteLength) {
    const rest = bytes.byteLength - done
    const { bytesWritten } = await handle.write(bytes, done, rest, position + done)
    if (bytesWritten === 0) throw new Error('The system wrote nothing and gave no reason.')
    done += bytesWritten
  }
}

function openFile(path: string, handle: FileHandle): OpenFile {
  return {
    path,
    read: async (position, length) => {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(length), 0, length, position)
      return buffer.subarray(0, bytesRead)
    },
    write: (position, bytes) => writeWhole(handle, position, bytes),
    sync: () => handle.datasync(),
    close: () => handle.close(),
  }
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

async function identityOf(path: string): Promise<string | null> {
  // At once: a name takes some microseconds, and the way to another thread and back ten times that.
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return found === undefined ? null : `${found.dev}:${found.ino}`
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
 * Where it is missing, a disk is not mounted, or the path is not the one that is meant, and a fresh
 * start would forget every promise. It is somebody else's, who may never have synced its name; so
 * that is done here, as far as this user may.
 */
async function requireDirectory(directory: string, path: string): Promise<void> {
  const found = await stat(directory).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') throw missingDirectory(path, directory, error)
    throw error
  })
  if (!found.isDirectory()) throw Object.assign(new Error('A file.'), { code: 'ENOTDIR' })
  await syncIfAllowed(dirname(directory))
}

function missingDirectory(path: string, directory: string, cause: unknown): DurabilityError {
  return new DurabilityError(
    'ERR_PAXOS_DURABILITY_FAILED',
    `Could not open ${path}: ${directory}, which it is to be in, is missing, as when a disk is not ` +
      'mounted or a path is misspelt. Mount it or name the right one; if this node is new, make it.',
    { cause },
  )
}

/** The permission of the group, and of everybody else, to write. */
const OTHERS_MAY_WRITE = 0o022

async function exposure(directory: string): Promise<string | null> {
  const user = process.geteuid?.()
  // Windows: its permissions are lists, and are not in the mode.
  if (user === undefined) return null
  const { mode, uid } = await stat(directory)
  if (uid !== user && uid !== 0) return `it belongs to user ${uid}, and this is user ${user}`
  if ((mode & OTHERS_MAY_WRITE) === 0) return null
  return `its mode is ${(mode & 0o7777).toString(8)}`
}

async function syncIfAllowed(directory: string): Promise<void> {
  try {
    await syncDirectory(directory)
  } catch (error) {
    if (!['EACCES', 'EPERM'].includes(errorCode(error))) throw error
  }
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows cannot sync a directory; NTFS journals its changes in order instead.
  if (process.platform === 'win32') return
  const handle = await open(directory, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
