/**
 * The errors of being elsewhere. Whatever the state machine, the session or the cluster has to say comes
 * as it would from a Replica in this process, by the same classes of @paxos/replica.
 */
import { PaxosError } from '@paxos/core'

/** What became of one address when it was tried last. */
export interface Attempt {
  readonly address: string
  readonly problem: string
}

/**
 * No server could be reached. `attempts` says what became of each address. Only connect() rejects with
 * it: a call waits for a connection, as it would for a majority, until its own time is up.
 */
export class ConnectionError extends PaxosError {
  readonly code = 'ERR_PAXOS_CONNECTION'
  readonly attempts: readonly Attempt[]

  constructor(message: string, attempts: readonly Attempt[], options?: ErrorOptions) {
    super(message, options)
    this.attempts = attempts
  }
}

/**
 * The servers do not let this client in: its token, its certificate, or what their hook says of it.
 * `outcome` says of a call whether it had been sent before, over a connection that was let in.
 */
export class UnauthorizedError extends PaxosError {
  readonly code = 'ERR_PAXOS_UNAUTHORIZED'
  readonly outcome: 'not-asked' | 'unknown'

  constructor(message: string, outcome: 'not-asked' | 'unknown' = 'not-asked') {
    super(message)
    this.outcome = outcome
  }
}

/**
 * Whoever listens there does not speak this version of the protocol, or said what means nothing in it.
 * `outcome` is as in UnauthorizedError.
 */
export class ProtocolError extends PaxosError {
  readonly code = 'ERR_PAXOS_PROTOCOL'
  readonly outcome: 'not-asked' | 'unknown'

  constructor(message: string, outcome: 'not-asked' | 'unknown' = 'not-asked') {
    super(message)
    this.outcome = outcome
  }
}

/**
 * What the server threw is no error that this release knows: an error of the state machine's own, from a
 * query, or of a later release. `remoteCode` is its code, where it has one.
 */
export class RemoteError extends PaxosError {
  readonly code = 'ERR_PAXOS_REMOTE'
  readonly remoteCode: string | null

  constructor(message: string, remoteCode: string | null) {
    super(message)
    this.remoteCode = remoteCode
  }
}

/**
 * serve() was to listen where others can reach it, and would let in whoever comes, or be read by whoever
 * is on the way. Nothing was opened.
 */
export class InsecureError extends PaxosError {
  readonly code = 'ERR_PAXOS_INSECURE'
}

/** The answer is too large to be sent. A command was applied; a query has to ask for less. */
export class AnswerTooLargeError extends PaxosError {
  readonly code = 'ERR_PAXOS_ANSWER_TOO_LARGE'
}

/** The server could not listen on the address: it is taken, or none of this machine. `cause` says why. */
export class ListenError extends PaxosError {
  readonly code = 'ERR_PAXOS_LISTEN'
}
