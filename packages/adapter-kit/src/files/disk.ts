/**
 * Files and directories as stores need them, over node:fs. Must never report a sync that failed,
 * or a write that was done in part, as done.
 */
import { DurabilityError } from '@paxos/core'
import { constants, lstatSync, statSync, type BigIntStats } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { errorCode } from '../error-code.ts'
import type { OpenFile } from '../stores/append/file-system.ts'

/**
 * A link that somebody laid in the way would have this user write to any file that he may. Windows
 * has no such flag; there only an administrator makes links.
 */
const NO_LINK = process.platform === 'win32' ? 0 : constants.O_NOFOLLOW

/**
 * For reading and writing. Never follows a link. `create` makes a file that was not there, for this
 * user alone, and rejects where anything is.
 */
export async function openFile(path: string, mode: 'existing' | 'create'): Promise<OpenFile> {
  const create = mode === 'create' ? constants.O_CREAT | constants.O_EXCL : 0
  return fileOf(path, await open(path, constants.O_RDWR | NO_LINK | create, 0o600))
}

/** One more handle of a file that is there, each of whose writes is durable when it resolves. */
export function openSynchronous(path: string): Promise<FileHandle> {
  return open(path, constants.O_WRONLY | constants.O_DSYNC | NO_LINK)
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

function fileOf(path: string, handle: FileHandle): OpenFile {
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

/** Which file a name leads to, by no link: no other has the same. Null when there is none. */
export function identityOf(path: string): string | null {
  // At once: a name takes some microseconds, and the way to another thread and back ten times that.
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return found === undefined ? null : `${found.dev}:${found.ino}`
}

/** Makes every earlier creation, renaming and removal in it durable. */
export async function syncDirectory(directory: string): Promise<void> {
  // Windows cannot sync a directory; NTFS journals its changes in order instead.
  if (process.platform === 'win32') return
  const handle = await open(directory, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The same for a directory that may be somebody else's, as far as this user may. */
export async function syncIfAllowed(directory: string): Promise<void> {
  try {
    await syncDirectory(directory)
  } catch (error) {
    if (!['EACCES', 'EPERM'].includes(errorCode(error))) throw error
  }
}

/**
 * Where `parent` is missing, a disk is not mounted, or `path` is not the one that is meant, and a
 * fresh start would forget every promise.
 */
export function missingParent(path: string, parent: string, cause: unknown): DurabilityError {
  return new DurabilityError(
    'ERR_PAXOS_DURABILITY_FAILED',
    `Could not open ${path}: ${parent}, which it is to be in, is missing, as when a disk is not ` +
      'mounted or a path is misspelt. Mount it or name the right one; if this node is new, make it.',
    { cause },
  )
}
