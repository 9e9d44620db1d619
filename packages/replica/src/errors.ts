/**
 * The errors of waiting and of values. The adapters' errors come through as they are.
 */
import { PaxosError } from '@paxos/core'

/**
 * The answer did not come in time. The outcome is unknown: the value may be chosen already, or be
 * chosen later. Wait on, ask another node, or propose again: that can only confirm the choice.
 */
export class TimeoutError extends PaxosError {
  readonly code = 'ERR_PAXOS_TIMEOUT'
  readonly outcome = 'unknown'
}

/** The node was closed while somebody waited for it, or before. */
export class ClosedError extends PaxosError {
  readonly code = 'ERR_PAXOS_CLOSED'
  readonly outcome = 'unknown'
}

/**
 * The node had to stop by itself; `cause` says why. It answers nothing any more, so that it cannot
 * speak from a state that it could not store.
 */
export class StoppedError extends PaxosError {
  readonly code = 'ERR_PAXOS_STOPPED'
  readonly outcome = 'unknown'
}

/** More wait than this node can keep. Nothing was asked; try again when some are answered. */
export class OverloadedError extends PaxosError {
  readonly code = 'ERR_PAXOS_OVERLOADED'
}

/** The encoded value would not fit into a frame. Nothing was proposed. */
export class ValueTooLargeError extends PaxosError {
  readonly code = 'ERR_PAXOS_VALUE_TOO_LARGE'
}

/**
 * The session of a command is not known any more: it was idle for too long, or never opened. The
 * command was not applied now; whether it was before is not known.
 */
export class SessionExpiredError extends PaxosError {
  readonly code = 'ERR_PAXOS_SESSION_EXPIRED'
  readonly outcome = 'unknown'
}

/**
 * Every place for a session of a caller is taken by one that is in use, so no other was opened.
 * Places become free when sessions have been idle for `sessionTimeoutMs`.
 */
export class TooManySessionsError extends PaxosError {
  readonly code = 'ERR_PAXOS_TOO_MANY_SESSIONS'
}

/**
 * The sequence of a command is below one that its session has acknowledged: its client said that it
 * has the answer, or gave it up. It is not applied now; whether it was then is not known any more.
 */
export class AlreadyAnsweredError extends PaxosError {
  readonly code = 'ERR_PAXOS_ALREADY_ANSWERED'
}
