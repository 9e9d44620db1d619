/**
 * The errors of the client. Each says whether something may have been changed: a caller who has to
 * guess would lose a write, or make it twice.
 */
import type { ErrorCode } from './api.ts'

/** What came of asking a node, at last. */
export interface Try {
  /** The base URL of the node. */
  readonly node: string
  /** What was wrong, in words: 'refused the connection (ECONNREFUSED)'. */
  readonly why: string
}

/** What all of them share. */
export abstract class ClientError extends Error {
  /** Stable; compare this, not the message. */
  abstract readonly code: string
}

/** The servers understood the request and refuse it, for good. Nothing was changed. */
export class RequestError extends ClientError {
  override readonly name = 'RequestError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** No node answered in time. Nothing was changed, and nothing will be. */
export class UnavailableError extends ClientError {
  override readonly name = 'UnavailableError'
  readonly code = 'unavailable'
  /** One for each node that was asked; empty when none was. */
  readonly tries: readonly Try[]

  constructor(message: string, tries: readonly Try[] = []) {
    super(message)
    this.tries = tries
  }
}

/** No answer came in time: the write may have happened, or may still happen. */
export class OutcomeUnknownError extends ClientError {
  override readonly name = 'OutcomeUnknownError'
  readonly code = 'outcome-unknown'
  readonly outcome = 'unknown'
  /** One for each node that was asked. */
  readonly tries: readonly Try[]

  constructor(message: string, tries: readonly Try[] = []) {
    super(message)
    this.tries = tries
  }
}

/** Too many writes wait for their turn. This one was not begun. */
export class TooManyWritesError extends ClientError {
  override readonly name = 'TooManyWritesError'
  readonly code = 'too-many-writes'
}

/**
 * All sessions that the cluster remembers are in use, so the write was not begun. It is not sent
 * without one: if its answer were lost, nobody could send it again and be sure that it is made once.
 * Begin it again after a minute (OPEN_SESSION_AGAIN_S), and use one client for all writes.
 */
export class TooManySessionsError extends ClientError {
  override readonly name = 'TooManySessionsError'
  readonly code = 'too-many-sessions'
}

/** The watch has missed changes. Read the keys anew, and watch again. */
export class WatchLaggedError extends ClientError {
  override readonly name = 'WatchLaggedError'
  readonly code = 'lagged'
}

export function forgotten(): OutcomeUnknownError {
  return new OutcomeUnknownError(
    'The session expired before anybody said what came of the write. Read the key to find out.',
  )
}
