/**
 * What SQLite and the operating system say, as an error that a person can act on. Must never hide
 * the original: it is the cause.
 */
import { errorCode, lockedError, SYSTEM_SENTENCES } from '@paxos/adapter-kit/files'
import {
  asPaxosError as explained,
  damagedMessage,
  lostError,
  type Doing,
  type Sentences,
} from '@paxos/adapter-kit/stores'
import { CorruptionError, MissingPackageError, PaxosError } from '@paxos/core'
import type { DurabilityError } from '@paxos/core'

const READ_ONLY = [
  'it cannot be written',
  'Give this user the right to write there, on a file system that is mounted for writing.',
] as const
const ACCESS = SYSTEM_SENTENCES.EACCES

const SENTENCES: Sentences = {
  ...SYSTEM_SENTENCES,
  EROFS: READ_ONLY,
  EPERM: ACCESS,
  SQLITE_FULL: SYSTEM_SENTENCES.ENOSPC,
  SQLITE_IOERR: SYSTEM_SENTENCES.EIO,
  SQLITE_READONLY: READ_ONLY,
  SQLITE_PERM: ACCESS,
  SQLITE_CANTOPEN: ['SQLite cannot open it', 'Let this user make files beside it.'],
  SQLITE_NOMEM: ['there is not enough memory', 'Give this process more, then open it again.'],
}

/** What SQLite says of a database that is not as it was written. */
const DAMAGE = new Set(['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_IOERR_SHORT_READ'])

/** What it may say too, while only statements run that a sound database has answers to. */
const DAMAGE_WHEN_READ = new Set(['SQLITE_ERROR', 'SQLITE_TOOBIG', 'SQLITE_MISMATCH'])

/** `error` itself when it is one of ours, else what it means for the database at `path`. */
export function asPaxosError(error: unknown, doing: Doing, path: string): PaxosError {
  if (error instanceof PaxosError) return error
  const code = errorCode(error)
  const cause = { cause: error }
  if (DAMAGE.has(code) || (doing === 'open' && DAMAGE_WHEN_READ.has(code)))
    return damaged(path, 'SQLite cannot read it whole', cause)
  if (code === 'SQLITE_BUSY') return lockedError(path, 'database', 'another program', cause)
  return explained(error, doing, path, SENTENCES, 'the answer was')
}

/** What was durable is not there any more. `what` says how it shows. */
export function damaged(path: string, what: string, options?: ErrorOptions): CorruptionError {
  return new CorruptionError(damagedMessage(`${path} is damaged: ${what}`, 'database'), options)
}

/** What is written no longer goes where the next open looks for it. */
export function lost(path: string): DurabilityError {
  return lostError(path, 'its lock, its mark or its log was')
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
