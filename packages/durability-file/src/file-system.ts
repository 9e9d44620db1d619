/**
 * The file system of Node, as far as this package needs it: a directory that is this one's alone,
 * and the few operations of `FileSystem` of @paxos/adapter-kit, in whose words it keeps its promises.
 *
 * Must never report a sync that failed, or a write that was done in part, as done.
 */
import {
  errorCode,
  exposureOf,
  lockDirectory,
  missingParent,
  openFile,
  openSynchronous,
  syncDirectory,
  syncIfAllowed,
  writeWhole,
} from '@paxos/adapter-kit/files'
import type { DurableFile, FileSystem, Lock } from '@paxos/adapter-kit/stores'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** With what is needed to have a directory for oneself. */
export interface DirectorySystem extends FileSystem {
  /** Unless it is there. Its parent must be. What was made is there after power loss. */
  makeDirectory(directory: string): Promise<void>
  /** Why others than this user can change what is in it, in words; null when they cannot. */
  exposure(directory: string): Promise<string | null>
  /** Rejects with LockedError while somebody else holds it. */
  lock(directory: string): Promise<Lock>
}

export const nodeFileSystem: DirectorySystem = {
  makeDirectory,
  exposure: exposureOf,
  lock: lockDirectory,
  list: (directory) => readdir(directory),
  open: openFile,
  openDurable,
  rename,
  remove: (path) => rm(path, { force: true }),
  syncDirectory,
}

/**
 * A second handle with O_DSYNC writes and syncs in one call, half the way to the disk and back. Only
 * on Linux is it worth as much as fdatasync: elsewhere it may stop at the disk's cache, or not exist.
 */
async function openDurable(path: string, mode: 'existing' | 'create'): Promise<DurableFile> {
  const file = await openFile(path, mode)
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
    const synchronous = await openSynchronous(path)
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
    await file.close()
    throw error
  }
}

/**
 * A name that is there already may be that of a process which died before it had synced it, and the
 * one above is somebody else's, who may never sync it; so both are synced, as far as this user may.
 * The parent must be there: where it is not, a disk is not mounted, or the path is not the one that
 * is meant, and a fresh start would forget every promise.
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

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return false
    throw error
  }
}
