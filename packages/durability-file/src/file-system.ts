/**
 * The few operations of a file system that this package stands on, and node:fs behind them. All
 * that it knows about the machine is here and in lock.ts, so that the tests can put a disk in its
 * place that loses, tears and refuses.
 *
 * What the rest of the package relies on: a write that was not synced may be on disk in part, in
 * any order with others, or not at all; one that was synced is there; a write touches no block of
 * BLOCK_BYTES other than those it covers; a rename is there or not, and after syncDirectory it is.
 *
 * Must never report a sync that failed, or a write that was done in part, as done.
 */
import { DurabilityError } from '@paxos/core'
import { constants, statSync, type BigIntStats } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode } from './failure.ts'
import { lockDirectory, type Lock } from './lock.ts'

/** No disk in use writes larger blocks: what one write tears does not reach the next block. */
export const BLOCK_BYTES = 4096

export interface FileSystem {
  /** Unless it is there. Its parent must be. What was made is there after power loss. */
  makeDirectory(directory: string): Promise<void>
  /** Why others than this user can change what is in it, in words; null when they cannot. */
  exposure(directory: string): Promise<string | null>
  list(directory: string): Promise<readonly string[]>
  /**
   * For reading and writing. Never follows a link. `create` makes a file that was not there, and
   * rejects where anything is.
   */
  open(path: string, mode: 'existing' | 'create'): Promise<OpenFile>
  /** As open, for a file whose writes are mostly to be durable one by one. */
  openDurable(path: string, mode: 'existing' | 'create'): Promise<DurableFile>
  /** Replaces what is there. */
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Makes every earlier creation, renaming and removal in it durable. */
  syncDirectory(directory: string): Promise<void>
  /** Rejects with LockedError while somebody else holds it. */
  lock(directory: string): Promise<Lock>
}

export interface OpenFile {
  readonly path: string
  size(): Promise<number>
  /** Fewer bytes than asked for only where the file ends. */
  read(position: number, length: number): Promise<Uint8Array>
  write(position: number, bytes: Uint8Array): Promise<void>
  truncate(length: number): Promise<void>
  /** Whether `path` leads to this file: not once it was removed, moved away or replaced. */
  isAt(path: string): Promise<boolean>
  /** Everything written so far, and the size, survives power loss. */
  sync(): Promise<void>
  close(): Promise<void>
}

export interface DurableFile extends OpenFile {
  /**
   * A write that survives power loss once it resolves. It says nothing of what write() wrote before:
   * that needs sync().
   */
  writeDurably(position: number, bytes: Uint8Array): Promise<void>
}

export const nodeFileSystem: FileSystem = {
  makeDirectory,
  exposure,
  list: (directory) => readdir(directory),
  open: async (path, mode) => openFile(path, await openHandle(path, mode)),
  openDurable,
  rename,
  remove: (path) => rm(path, { force: true }),
  syncDirectory,
  lock: lockDirectory,
}

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

/** A link that somebody laid in the way would have this user write to any file that he may. */
function openHandle(path: string, mode: 'existing' | 'create'): Promise<FileHandle> {
  const create = mode === 'create' ? constants.O_CREAT | constants.O_EXCL : 0
  return open(path, constants.O_RDWR | NO_LINK | create, 0o600)
}

/** Windows has no such flag; there only an administrator makes links. */
const NO_LINK = process.platform === 'win32' ? 0 : constants.O_NOFOLLOW

/**
 * A second handle with O_DSYNC writes and syncs in one call, half the way to the disk and back. Only
 * on Linux is it worth as much as fdatasync: elsewhere it may stop at the disk's cache, or not exist.
 */
async function openDurable(path: string, mode: 'existing' | 'create'): Promise<DurableFile> {
  const handle = await openHandle(path, mode)
  const file = openFile(path, handle)
  if (process.platform !== 'linux') {
    return {
      ...file,
      async writeDurably(position, bytes) {
        await file.write(position, bytes)
        await file.sync()
      },
    }
  }
  try {
    const synchronous = await open(path, constants.O_WRONLY | constants.O_DSYNC | NO_LINK)
    return {
      ...file,
      writeDurably: (position, bytes) => writeWhole(synchronous, position, bytes),
      async close() {
        try {
          await synchronous.close()
        } finally {
          await file.close()
        }
      },
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

function openFile(path: string, handle: FileHandle): OpenFile {
  let own: Promise<BigIntStats> | null = null
  return {
    path,
    async isAt(place) {
      // A file is the same for as long as it is open, so this is asked once.
      own ??= handle.stat({ bigint: true })
      const { dev, ino } = await own
      // At once: a name takes some microseconds, and the way to another thread and back ten times that.
      const found = statSync(place, { bigint: true, throwIfNoEntry: false })
      return found?.dev === dev && found.ino === ino
    },
    size: async () => (await handle.stat()).size,
    read: (position, length) => readWhole(handle, position, length),
    write: (position, bytes) => writeWhole(handle, position, bytes),
    truncate: (length) => handle.truncate(length),
    sync: () => handle.datasync(),
    close: () => handle.close(),
  }
}

async function readWhole(
  handle: FileHandle,
  position: number,
  length: number,
): Promise<Uint8Array> {
  // The length may be one that a damaged file announces, far beyond its own end.
  const { size } = await handle.stat()
  const bytes = new Uint8Array(Math.max(0, Math.min(length, size - position)))
  let done = 0
  while (done < bytes.byteLength) {
    const rest = bytes.byteLength - done
    const { bytesRead } = await handle.read(bytes, done, rest, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return bytes.subarray(0, done)
}

/**
 * A name that is there already may be that of a process which died before it had synced it, and the
 * one above is somebody else's, who may never sync it; so both are synced, as far as this user may.
 * The parent must be there: where it is not, a disk is not
 * mounted, or the path is not the one that is meant, and a fresh start would forget every promise.
 */
async function makeDirectory(path: string): Promise<void> {
  const parent = dirname(path)
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && !(await isThere(parent))) {
      throw missingParent(path, parent, error)
    }
    // Whatever is there, listing it will say whether it is a directory.
    if (errorCode(error) !== 'EEXIST') throw error
  }
  await syncIfAllowed(parent)
  await syncIfAllowed(dirname(parent))
}

function missingParent(path: string, parent: string, cause: unknown): DurabilityError {
  return new DurabilityError(
    'ERR_PAXOS_DURABILITY_FAILED',
    `Could not open ${path}: ${parent}, which it is to be in, is missing, as when a disk is not ` +
      'mounted or a path is misspelt. Mount it or name the right one; if this node is new, make it.',
    { cause },
  )
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return false
    throw error
  }
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
