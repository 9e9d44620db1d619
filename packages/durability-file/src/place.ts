/**
 * The directory that a caller names. Must never take what is no name for the working directory.
 */
import { InvalidArgumentError, requireText } from '@paxos/core'

/** Throws InvalidArgumentError unless `directory` is text, and not empty. */
export function requireDirectory(directory: unknown): void {
  requireText('directory', directory)
  if (directory !== '') return
  throw new InvalidArgumentError("directory is empty. Write './' for the working directory.")
}
