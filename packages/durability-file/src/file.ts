/**
 * The durability adapter over files: a store of @paxos/adapter-kit in a directory of Node's. Must
 * never do anything before it is opened.
 */
import { emitWarning } from '@paxos/adapter-kit/files'
import { appendStore } from '@paxos/adapter-kit/stores'
import { requireFunction, requireOptions, type Durability } from '@paxos/core'
import { nodeFileSystem, type DirectorySystem } from './file-system.ts'
import { directoryMedium, requireDirectory } from './place.ts'

/** What `file` can be told. */
export interface FileOptions {
  /**
   * Called by `open()` with a sentence when others than this user can change what is in the
   * directory. Default: process.emitWarning(), with the code PAXOS_DIRECTORY_EXPOSED.
   */
  readonly warn?: ((message: string) => void) | undefined
}

/**
 * The state of one acceptor in `directory`, which belongs to it alone and is made when it is
 * missing; its parent must be there. Nothing happens before `open()`: what a relative path means is
 * decided then, and a later change of the working directory changes nothing. After `close()` the
 * same adapter can be opened again. Throws InvalidArgumentError for options that can never work, or are
 * not known.
 *
 * When the directory, the log in it or the lock is removed, moved or replaced, no later save is
 * acknowledged: it rejects with ERR_PAXOS_DURABILITY_FAILED.
 */
export function file(directory: string, options: FileOptions = {}): Durability {
  return fileOn(nodeFileSystem, directory, options)
}

/** As `file`, on another file system: for the tests. */
export function fileOn(
  fs: DirectorySystem,
  directory: string,
  options: FileOptions = {},
): Durability {
  requireDirectory(directory)
  requireOptions('file()', options, ['warn'])
  requireFunction('warn', options.warn)
  return appendStore(directoryMedium(fs, directory, options.warn ?? emitWarning))
}
