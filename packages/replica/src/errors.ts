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
 * The node is closed, says nothing more and takes nothing in; but what it stands on could not be
 * released in time: a save that hangs, say. It is released as soon as that ends. Until then a lock is
 * held, and a port may be.
 */
export class CloseTimeoutError extends PaxosError {
  readonly code = 'ERR_PAXOS_CLOSE_TIMEOUT'
  /** What is not released yet. */
  readonly remaining: readonly Releasable[]

  constructor(message: string, remaining: readonly Releasable[]) {
    super(message)
    this.remaining = remaining
  }
}

/** What close() releases. */
export type Releasable = 'transport' | 'durability'

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
 * What a state machine throws to refuse a command, before it has changed anything: a promise that
 * nothing has to be undone, so that a refusal costs no more than a result. Whoever proposed the
 * command is rejected with an error of this class and with the same message, on every node and in a
 * retry through the session. The command was not applied.
 */
export class CommandRefusedError extends PaxosError {
  readonly code = 'ERR_PAXOS_COMMAND_REFUSED'
}

/**
 * The command was chosen, and could not be applied: the state machine threw, returned a promise, or
 * returned what the codec cannot write. Nothing of it is in the state, on no node, now or later. The
 * message is the same on every node and in a retry through the session; `cause` is what was thrown,
 * where this node applied the command itself.
 */
export class CommandFailedError extends PaxosError {
  readonly code = 'ERR_PAXOS_COMMAND_FAILED'
}

/**
 * The leader did not take the command: it cannot read it. It will not be handed over again; but
 * whether another leader took it before is not known. The same session and sequence tells.
 */
export class RefusedByLeaderError extends PaxosError {
  readonly code = 'ERR_PAXOS_REFUSED_BY_LEADER'
  readonly outcome = 'unknown'
}

/**
 * The state has become as large as it may be, or its snapshots fail and the log has become as long
 * as it may be. Nothing was proposed, and reads go on. See `evenIfFull` of ProposeOptions.
 */
export class StateTooLargeError extends PaxosError {
  readonly code = 'ERR_PAXOS_STATE_TOO_LARGE'
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
