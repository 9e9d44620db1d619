/**
 * Errors as they travel: a code and the words. The other side makes the class of @paxos/core and
 * @paxos/replica from it that the code belongs to, so that who catches one need not know where it was
 * thrown. Must never send a stack, nor more words than fit.
 */
import { DecodeError, InvalidArgumentError } from '@paxos/core'
import {
  AlreadyAnsweredError,
  ClosedError,
  CommandFailedError,
  CommandRefusedError,
  LostDiskError,
  NotLeaderError,
  OverloadedError,
  RefusedByLeaderError,
  RemovedError,
  SessionExpiredError,
  StateTooLargeError,
  StoppedError,
  TimeoutError,
  TooManySessionsError,
  ValueTooLargeError,
} from '@paxos/replica'
import { wordsOf } from '@paxos/replica/client'
import { AnswerTooLargeError, RemoteError } from './errors.ts'
import type { Told } from './frames.ts'
import { MAX_MESSAGE_CHARACTERS } from './limits.ts'

type ToldError = Extract<Told, { readonly type: 'error' }>

/** What propose(), query() and openSession() reject with, by code. */
const CLASSES = new Map<string, new (message: string) => Error>([
  ['ERR_PAXOS_ALREADY_ANSWERED', AlreadyAnsweredError],
  ['ERR_PAXOS_ANSWER_TOO_LARGE', AnswerTooLargeError],
  ['ERR_PAXOS_CLOSED', ClosedError],
  ['ERR_PAXOS_COMMAND_FAILED', CommandFailedError],
  ['ERR_PAXOS_COMMAND_REFUSED', CommandRefusedError],
  ['ERR_PAXOS_DECODE', DecodeError],
  ['ERR_PAXOS_INVALID_ARGUMENT', InvalidArgumentError],
  ['ERR_PAXOS_LOST_DISK', LostDiskError],
  ['ERR_PAXOS_OVERLOADED', OverloadedError],
  ['ERR_PAXOS_REFUSED_BY_LEADER', RefusedByLeaderError],
  ['ERR_PAXOS_REMOVED', RemovedError],
  ['ERR_PAXOS_SESSION_EXPIRED', SessionExpiredError],
  ['ERR_PAXOS_STATE_TOO_LARGE', StateTooLargeError],
  ['ERR_PAXOS_STOPPED', StoppedError],
  ['ERR_PAXOS_TIMEOUT', TimeoutError],
  ['ERR_PAXOS_TOO_MANY_SESSIONS', TooManySessionsError],
  ['ERR_PAXOS_VALUE_TOO_LARGE', ValueTooLargeError],
])

/** What says that the node is over: whoever asked may ask another one. */
const OF_THE_NODE: ReadonlySet<string | null> = new Set([
  'ERR_PAXOS_CLOSED',
  'ERR_PAXOS_LOST_DISK',
  'ERR_PAXOS_REMOVED',
  'ERR_PAXOS_STOPPED',
])

/** Why the request `id` has no answer. */
export function toldOf(id: number, thrown: unknown): ToldError {
  const message = shortened(wordsOf(thrown))
  const leader = thrown instanceof NotLeaderError ? thrown.leader : null
  return { type: 'error', id, code: codeOf(thrown), message, leader }
}

/** What the caller is to be rejected with. */
export function errorOf({ code, message, leader }: ToldError): Error {
  if (code === 'ERR_PAXOS_NOT_LEADER') return new NotLeaderError(message, leader)
  const Class = code === null ? undefined : CLASSES.get(code)
  return Class === undefined ? new RemoteError(message, code) : new Class(message)
}

/** Whether it is the node that is over, and not the request that is wrong. */
export function isOfTheNode({ code }: ToldError): boolean {
  return OF_THE_NODE.has(code)
}

/** An error of an event, which goes beside it. */
export function revived(error: unknown): Error {
  const isObject = typeof error === 'object' && error !== null
  const { code = null, message }: { readonly code?: unknown; readonly message?: unknown } = isObject
    ? error
    : {}
  return errorOf({
    type: 'error',
    id: 1,
    code: typeof code === 'string' ? code : null,
    message: typeof message === 'string' ? message : 'An error without words.',
    leader: null,
  })
}

/** Anything may be thrown, also what throws when it is looked at. */
export function codeOf(thrown: unknown): string | null {
  try {
    const code: unknown = thrown instanceof Error && 'code' in thrown ? thrown.code : null
    return typeof code === 'string' ? shortened(code) : null
  } catch {
    return null
  }
}

function shortened(words: string): string {
  if (words.length <= MAX_MESSAGE_CHARACTERS) return words
  return `${words.slice(0, MAX_MESSAGE_CHARACTERS)}…`
}
