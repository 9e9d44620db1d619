/**
 * The directory that a caller names, as the medium of a store. Must never take what is no name for
 * the working directory.
 */
import { SYSTEM_SENTENCES, warnOfOthers } from '@paxos/adapter-kit/files'
import type { AppendMedium, Sentences } from '@paxos/adapter-kit/stores'
import { InvalidArgumentError, requireText } from '@paxos/core'
import { resolve } from 'node:path'
import type { DirectorySystem } from './file-system.ts'

const A_FILE_IS_IN_THE_WAY = [
  'a file is in the way',
  'Name a directory, or a path that is free.',
] as const

const SENTENCES: Sentences = {
  ...SYSTEM_SENTENCES,
  EEXIST: A_FILE_IS_IN_THE_WAY,
  ENOTDIR: A_FILE_IS_IN_THE_WAY,
  EISDIR: ['a directory is in the way of a file', 'Name a directory that is this node’s alone.'],
}

/** Throws InvalidArgumentError unless `directory` is text, and not empty. */
export function requireDirectory(directory: unknown): void {
  requireText('directory', directory)
  if (directory !== '') return
  throw new InvalidArgumentError("directory is empty. Write './' for the working directory.")
}

/** The medium of what is kept in `directory`; `warn` hears of others who can change what is there. */
export function directoryMedium(
  fs: DirectorySystem,
  directory: string,
  warn: (message: string) => void,
): AppendMedium {
  return {
    name: directory,
    fs,
    sentences: SENTENCES,
    async lock() {
      const absolute = resolve(directory)
      await fs.makeDirectory(absolute)
      const lock = await fs.lock(absolute)
      try {
        warnOfOthers(absolute, await fs.exposure(absolute), warn)
        return { ...lock, directory: absolute }
      } catch (error) {
        await lock.release()
        throw error
      }
    },
  }
}
