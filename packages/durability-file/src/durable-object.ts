/**
 * One value in a directory, replaced as a whole: a DurableObject of @paxos/adapter-kit, and what its
 * caller can be told before anything is made.
 */
import { emitWarning } from '@paxos/adapter-kit/files'
import { openObject, type Codec, type DurableObject as Kept } from '@paxos/adapter-kit/stores'
import { requireFunction, requireMethods, requireOptions } from '@paxos/core'
import { nodeFileSystem, type DirectorySystem } from './file-system.ts'
import { directoryMedium, requireDirectory } from './place.ts'

export interface DurableObjectOptions<T> {
  /** Default: JSON in UTF-8. Give one for values that JSON does not keep, such as bytes. */
  readonly codec?: Codec<T>
  /**
   * Called with a sentence when others than this user can change what is in the directory. Default:
   * process.emitWarning(), with the code PAXOS_DIRECTORY_EXPOSED.
   */
  readonly warn?: ((message: string) => void) | undefined
}

/** As in the kit. */
export type DurableObject<T> = Kept<T>

export const DurableObject = {
  /**
   * Opens the object in `directory`, which is made when it is missing; its parent must be there. The
   * path means what it means now, whatever becomes of the working directory; when what it leads to is
   * removed, moved or replaced, no later save is acknowledged. Rejects with CorruptionError when the
   * last completed save cannot be read whole, with LockedError while somebody else has it open, with
   * DurabilityError when the disk or the codec refuses, with InvalidArgumentError, before anything is
   * made, for options that can never work or are not known. After a rejection nothing is left open.
   */
  open<T>(directory: string, options: DurableObjectOptions<T> = {}): Promise<DurableObject<T>> {
    return openObjectOn(nodeFileSystem, directory, options)
  },
}

/** As `DurableObject.open`, on another file system: for the tests. */
export async function openObjectOn<T>(
  fs: DirectorySystem,
  directory: string,
  options: DurableObjectOptions<T> = {},
): Promise<DurableObject<T>> {
  requireDirectory(directory)
  requireOptions('DurableObject.open', options, ['codec', 'warn'])
  requireFunction('warn', options.warn)
  if (options.codec !== undefined) {
    requireMethods('codec', options.codec, ['encode', 'decode'], 'an object with both')
  }
  return openObject(directoryMedium(fs, directory, options.warn ?? emitWarning), options.codec)
}
