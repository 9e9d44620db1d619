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

/** The encoded value would not fit into a frame. Nothing was proposed. */
export class ValueTooLargeError extends PaxosError {
  readonly code = 'ERR_PAXOS_VALUE_TOO_LARGE'
}
