/**
 * What SQLite and the operating system say, as an error that a person can act on. Must never hide
 * the original: it is the cause.
 */
import {
  CorruptionError,
  DurabilityError,
  LockedError,
  MissingPackageError,
  PaxosError,
} from '@paxos/core'

const FULL = ['the disk is full', 'Free some space, then open it again.'] as const
const DEVICE = ['the device failed', 'Check the disk, then open it again.'] as const
const READ_ONLY = [
  'it cannot be written',
  'Give this user the right to write there, on a file system that is mounted for writing.',
] as const
const ACCESS = [
  'this user has no access',
  'Give this user the right to read and write there.',
] as const
const IN_THE_WAY = ['a file is in the way', 'Name a path that is free.'] as const

const SENTENCES: Readonly<Record<string, readonly [what: string, wayOut: string]>> = {
  SQLITE_FULL: FULL,
  SQLITE_IOERR: DEVICE,
  SQLITE_READONLY: READ_ONLY,
  SQLITE_PERM: ACCESS,
  SQLITE_CANTOPEN: ['SQLite cannot open it', 'Let this user make files beside it.'],
  SQLITE_NOMEM: ['there is not enough memory', 'Give this process more, then open it again.'],
  ENOSPC: FULL,
  EFBIG: ['a file would be too large', 'Raise the limit on its size, then open it again.'],
  EDQUOT: ['the disk quota is used up', 'Free some space or raise the quota, then open it again.'],
  EIO: DEVICE,
  EROFS: READ_ONLY,
  EACCES: ACCESS,
  EPERM: ACCESS,
  ENOENT: ['there is no such path, and it cannot be made', 'Choose a path on a writable disk.'],
  EEXIST: IN_THE_WAY,
  ENOTDIR: IN_THE_WAY,
  EISDIR: ['a directory is in the way', 'Name a file.'],
  ELOOP: [
    'a link is in the way, and links are not followed here',
    'Remove it, and ask who made it.',
  ],
  ENAMETOOLONG: ['the path is too long', 'Choose a shorter one.'],
  EMFILE: ['this process has too many files open', 'Raise its limit, or close some.'],
  ENFILE: ['this machine has too many files open', 'Raise its limit, or close some.'],
}

/** What SQLite says of a database that is not as it was written. */
const DAMAGE = new Set(['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_IOERR_SHORT_READ'])

/** What it may say too, while only statements run that a sound database has answers to. */
const DAMAGE_WHEN_READ = new Set(['SQLITE_ERROR', 'SQLITE_TOOBIG', 'SQLITE_MISMATCH'])

/** `error` itself when it is one of ours, else what it means for the database at `path`. */
export function asPaxosError(
  error: unknown,
  doing: 'open' | 'save' | 'close',
  path: string,
): PaxosError {
  if (error instanceof PaxosError) return error
  const code = errorCode(error)
  const cause = { cause: error }
  if (DAMAGE.has(code) || (doing === 'open' && DAMAGE_WHEN_READ.has(code)))
    return damaged(path, 'SQLite cannot read it whole', cause)
  if (code === 'SQLITE_BUSY') return lockedError(path, 'another program', cause)
  const [what, wayOut] = SENTENCES[code] ?? [
    `the answer was ${code}`,
    'See the cause of this error, then open it again.',
  ]
  const message = `Could not ${doing} ${path}: ${what}. ${wayOut}`
  return new DurabilityError('ERR_PAXOS_DURABILITY_FAILED', message, cause)
}

/** What was durable is not there any more. `what` says how it shows. */
export function damaged(path: string, what: string, options?: ErrorOptions): CorruptionError {
  return new CorruptionError(
    `${path} is damaged: ${what}. Keep this node off, and never start it with an empty database or ` +
      'a backup, which have forgotten what it promised: the others go on while a majority of the ' +
      'members runs. Bring the disk back as it was at the last save, and start this node again.',
    options,
  )
}

export function lockedError(path: string, holder: string, options?: ErrorOptions): LockedError {
  return new LockedError(
    `${path} is held by ${holder}: two writers would forget each other's promises. ` +
      'Close or end that one first, or give this node a database of its own.',
    options,
  )
}

/** What is written no longer goes where the next open looks for it. */
export function lostError(path: string): DurabilityError {
  return new DurabilityError(
    'ERR_PAXOS_DURABILITY_FAILED',
    `Could not save ${path}: it was removed, moved or replaced while it was in use, or its lock, its ` +
      'mark or its log was, so that this save would be lost. Put it back as it was before this node ' +
      'starts again: an empty one has forgotten what this node promised.',
  )
}

/** What SQLite says when it does not say why. */
const VAGUE = new Set(['SQLITE_IOERR', 'SQLITE_CANTOPEN', 'SQLITE_READONLY', 'SQLITE_PERM'])

/**
 * `error`, or what the system says when a file is made where SQLite could not do something: that a
 * disk is full, or that too many files are open.
 */
export async function withRealCause(
  error: unknown,
  tryToWrite: () => Promise<void>,
): Promise<unknown> {
  if (!VAGUE.has(errorCode(error))) return error
  try {
    await tryToWrite()
    return error
  } catch (reason) {
    const code = errorCode(reason)
    if (!(code in SENTENCES)) return error
    const words = reason instanceof Error ? reason.message : code
    return Object.assign(new Error(words, { cause: error }), { code })
  }
}

/** The code of the system or of SQLite, such as 'ENOENT', or 'an unknown error'. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'an unknown error'
}

/** None of `drivers` can be loaded. */
export function missingDriver(drivers: readonly string[], cause: unknown): MissingPackageError {
  const ways = drivers.map((driver) =>
    driver === 'node:sqlite'
      ? 'use a Node from 22.13 on, which has node:sqlite'
      : `run \`npm install ${driver}\`, or \`npm rebuild ${driver}\` when it is there`,
  )
  const [first = '', ...others] = ways
  const wayOut = [first.slice(0, 1).toUpperCase() + first.slice(1), ...others].join('; or ')
  return new MissingPackageError(
    `This runtime cannot load ${drivers.join(' or ')}, and the state is kept in SQLite. ${wayOut}.`,
    { cause },
  )
}
