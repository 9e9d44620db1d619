/**
 * How a request is refused: which status and which code stand for which error. It must never tell a
 * client that a write has not happened when it may have.
 */
import { PaxosError } from '@paxos/core'
import { MembersConflictError, MembersRefusedError, MembersTimeoutError } from '@paxos/replica'
import type { ErrorBody, ErrorCode } from './api.ts'
import { MAX_BATCH_BYTES } from './limits.ts'

export type RefusalStatus =
  400 | 401 | 403 | 404 | 409 | 410 | 412 | 413 | 426 | 429 | 500 | 503 | 507

/** A request that is answered with an error. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: RefusalStatus
  readonly body: ErrorBody

  constructor(
    status: RefusalStatus,
    code: ErrorCode,
    message: string,
    more: Omit<ErrorBody['error'], 'code' | 'message'> = {},
  ) {
    // An answer, and no fault: where it was made is nobody's business, and costs more than the rest of it.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(message)
    Error.stackTraceLimit = stackTraceLimit
    this.status = status
    this.body = { error: { code, message, ...more } }
  }
}

/** A body that no batch can be. */
export function batchTooLarge(): Refusal {
  const message = `A batch has at most ${MAX_BATCH_BYTES} bytes. Make several of it.`
  return new Refusal(413, 'too-large', message)
}

/** Whether the request was about to change something when it failed. */
export type Attempt = 'write' | 'read'

/** What a replica rejected with, as an answer. */
export function refusalOf(error: unknown, attempt: Attempt): Refusal {
  if (error instanceof Refusal) return error
  const code = error instanceof PaxosError ? error.code : ''
  const message = error instanceof Error ? error.message : String(error)
  switch (code) {
    case 'ERR_PAXOS_INVALID_ARGUMENT':
      return new Refusal(400, 'invalid-argument', message)
    case 'ERR_PAXOS_VALUE_TOO_LARGE':
      return new Refusal(413, 'too-large', message)
    case 'ERR_PAXOS_STATE_TOO_LARGE':
      return new Refusal(507, 'too-large', message)
    case 'ERR_PAXOS_COMMAND_REFUSED':
      return new Refusal(400, 'invalid-argument', message)
    case 'ERR_PAXOS_COMMAND_FAILED':
      return new Refusal(500, 'internal', NOT_APPLIED)
    case 'ERR_PAXOS_SESSION_EXPIRED':
      return new Refusal(410, 'session-expired', message)
    case 'ERR_PAXOS_TOO_MANY_SESSIONS':
      // No 503: the node is well, and another would say the same.
      return new Refusal(429, 'too-many-sessions', message)
    case 'ERR_PAXOS_ALREADY_ANSWERED':
      return new Refusal(409, 'already-answered', message)
    case 'ERR_PAXOS_MEMBERS_REFUSED': {
      const isOpen = error instanceof MembersRefusedError && error.outcome === 'unknown'
      return new Refusal(409, 'members-refused', message, isOpen ? { outcome: 'unknown' } : {})
    }
    case 'ERR_PAXOS_MEMBERS_CONFLICT': {
      const more = error instanceof MembersConflictError ? { version: error.actual } : {}
      return new Refusal(412, 'members-differ', message, more)
    }
    case 'ERR_PAXOS_TRANSFER_FAILED':
      return new Refusal(409, 'not-transferred', message)
    case 'ERR_PAXOS_NOT_PROMOTED':
      return new Refusal(409, 'not-promoted', message)
    case 'ERR_PAXOS_NOT_LEADER':
    case 'ERR_PAXOS_OVERLOADED':
      return new Refusal(503, 'unavailable', message)
    case 'ERR_PAXOS_REFUSED_BY_LEADER':
    case 'ERR_PAXOS_TIMEOUT':
    case 'ERR_PAXOS_CLOSED':
    case 'ERR_PAXOS_STOPPED':
    case 'ERR_PAXOS_REMOVED':
    case 'ERR_PAXOS_LOST_DISK':
      return attempt === 'read' || isNotBegun(error)
        ? new Refusal(503, 'unavailable', message)
        : new Refusal(503, 'outcome-unknown', message, { outcome: 'unknown' })
    default:
      return unexpected(attempt)
  }
}

function isNotBegun(error: unknown): boolean {
  return error instanceof MembersTimeoutError && error.progress === 'not-begun'
}

const NOT_APPLIED =
  'The command could not be applied, and nothing was changed. What happened is in the log of the server.'

/** What it was is for the log of the server; a client learns no more than what to do. */
function unexpected(attempt: Attempt): Refusal {
  const more = attempt === 'write' ? ({ outcome: 'unknown' } as const) : {}
  const message = 'The server failed. What happened is in its log.'
  return new Refusal(500, 'internal', message, more)
}
