/**
 * What this package does to files itself; the database and its log are SQLite's. All that is known
 * of the machine is here and in lock.ts, so that a test can make any of it fail.
 *
 * Must never report a sync that failed, or a write that was done in part, as done; nor open a
 * database that is in use: closing it again would drop the locks that SQLite has on it, for that is
 * how POSIX locks work.
 */
import { DurabilityError } from '@paxos/core'
import { constants } from 'node:fs'
import { lstat, mkdir, open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { errorCode } from './failure.ts'
import { lockBeside, type Lock } from './lock.ts'

/** No disk in use writes larger blocks: what one write tears does not reach the next block. */
export const BLOCK_BYTES = 4096

export interface FileSystem {
  /**
   * Where the file at `path` really is, without links; its directory is made, with its parents,
   * and what was made is there after power loss.
   */
  locate(path: string): Promise<string>
  /** In bytes; null when there is no such file. Rejects when it is none, but a directory. */
  size(path: string): Promise<number | null>
  /** For reading and writing. `create` empties a file that is there. */
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
  size,
  async open(path, mode) {
    const create = mode === 'create' ? constants.O_CREAT | constants.O_TRUNC : 0
    return openFile(path, await open(path, constants.O_RDWR | create, 0o600))
  },
  rename,
  remove: (path) => rm(path, { force: true }),
  syncDirectory,
  lock: lockBeside,
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
  await makeDirectory(dirname(absolute))
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
    const found = await stat(path)
    if (found.isDirectory()) throw Object.assign(new Error('Not a file.'), { code: 'EISDIR' })
    return found.size
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  }
}

/**
 * One level at a time, because mkdir's own recursion never returns where the system answers ENOENT
 * although the parent is there, as /proc does.
 */
async function makeDirectory(path: string): Promise<void> {
  const parent = dirname(path)
  try {
    await makeOne(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || parent === path) throw error
    await makeDirectory(parent)
    await makeOne(path)
  }
}

/**
 * A name that is there already may be that of a process which died before it had synced it, and so
 * may the one above; so both are synced again, as far as this user may.
 */
async function makeOne(path: string): Promise<void> {
  const parent = dirname(path)
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    // Whatever is there, the next step will say whether it is a directory.
    if (['EEXIST', 'EISDIR', 'EROFS'].includes(errorCode(error))) return syncIfAllowed(parent)
    throw error
  }
  await syncDirectory(parent)
  await syncIfAllowed(dirname(parent))
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
