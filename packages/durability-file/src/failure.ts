/**
 * What the operating system says, as an error that a person can act on. Must never hide the
 * original: it is the cause.
 */
import { DurabilityError, PaxosError } from '@paxos/core'

const SENTENCES: Readonly<Record<string, readonly [what: string, wayOut: string]>> = {
  ENOSPC: ['the disk is full', 'Free some space, then open it again.'],
  EDQUOT: ['the disk quota is used up', 'Free some space or raise the quota, then open it again.'],
  EIO: ['the device failed', 'Check the disk, then open it again.'],
  EROFS: ['the file system is read-only', 'Mount it for writing, then open it again.'],
  EACCES: ['this user has no access', 'Give this user the right to read and write there.'],
  EPERM: ['this user has no permission', 'Give this user the right to read and write there.'],
  EFBIG: ['a file would be too large', 'Raise the limit on its size, then open it again.'],
  ENOENT: ['there is no such path, and it cannot be made', 'Choose a path on a writable disk.'],
  EEXIST: ['a file is in the way', 'Name a directory, or a path that is free.'],
  ENOTDIR: ['a file is in the way', 'Name a directory, or a path that is free.'],
  EISDIR: ['a directory is in the way of a file', 'Name a directory that is this node’s alone.'],
  ELOOP: [
    'a link is in the way, and links are not followed here',
    'Remove it, and ask who made it.',
  ],
  ENAMETOOLONG: ['the path is too long', 'Choose a shorter one.'],
  EMFILE: ['this process has too many files open', 'Raise its limit, or close some.'],
  ENFILE: ['this machine has too many files open', 'Raise its limit, or close some.'],
}

/** `error` itself when it is one of ours, else a DurabilityError about `path` that carries it. */
export function asPaxosError(error: unknown, doing: 'open' | 'save' | 'close', path: string) {
  if (error instanceof PaxosError) return error
  const code = errorCode(error)
  const [what, wayOut] = SENTENCES[code] ?? [
    `the system answered ${code}`,
    'See the cause of this error, then open it again.',
  ]
  return new DurabilityError(
    'ERR_PAXOS_DURABILITY_FAILED',
    `Could not ${doing} ${path}: ${what}. ${wayOut}`,
    { cause: error },
  )
}

/**
 * What is wrong, and what can be done. Not: start afresh. An empty disk votes as if it had promised
 * nothing, and a backup forgets what was promised since.
 */
export function damagedMessage(what: string): string {
  return (
    `${what}. Keep this node off, and never start it with an empty directory or a backup, which ` +
    'have forgotten what it promised: the others go on while a majority of the members runs. ' +
    'Bring the disk back as it was at the last save, and start this node again.'
  )
}

/** What is written no longer goes where the next open looks for it. */
export function lostError(path: string): DurabilityError {
  return new DurabilityError(
    'ERR_PAXOS_DURABILITY_FAILED',
    `Could not save ${path}: it was removed, moved or replaced while it was in use, or its lock was, ` +
      'so that this save would be lost. Put it back as it was before this node starts again: an ' +
      'empty one has forgotten what this node promised.',
  )
}

/** The system's code, such as 'ENOENT', or 'an unknown error'. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'an unknown error'
}
