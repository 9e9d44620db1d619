/**
 * The errors of waiting and of values. The adapters' errors come through as they are.
 */
import { PaxosError } from '@paxos/core'
import type { NodeId, Slot } from '@paxos/core'
import type { TransferFailure } from '@paxos/core/multi'

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
 * Or it met its slot beside others whose results left no room to keep its own, and this node learned
 * of that from a snapshot: the state says what came of it.
 */
export class AlreadyAnsweredError extends PaxosError {
  readonly code = 'ERR_PAXOS_ALREADY_ANSWERED'
}

/** Why a change of members was refused. */
export type MembersRefusal =
  /** It changes nothing, or says two things of one member. */
  | 'meaningless'
  /** It names somebody who is no member. */
  | 'unknown-member'
  /** A member has that id already. */
  | 'duplicate-id'
  /** A member has that address already. */
  | 'duplicate-address'
  /** Nobody would be left who votes. */
  | 'no-voter'
  /** With the members that there would be, the quorums need not meet, or there are none. */
  | 'quorums'
  /** The voters that the leader hears would be no quorum any more. */
  | 'no-live-quorum'
  /** A new voter has not caught up, or was not heard. */
  | 'not-caught-up'
  /** There would be more members than a cluster may have. */
  | 'too-many'
  /** The leader says why in words alone. */
  | 'other'

/**
 * A change of members that would be unsafe, or means nothing. Nothing was changed by it so far;
 * `outcome` says whether that is for good.
 */
export class MembersRefusedError extends PaxosError {
  readonly code = 'ERR_PAXOS_MEMBERS_REFUSED'
  readonly reason: MembersRefusal
  /**
   * 'not-made': it is not made, and never will be. 'unknown': it had left this node before it was
   * refused. A copy that is on its way, or what an earlier leader had begun, may be made yet, as long as
   * no other change is made.
   */
  readonly outcome: 'not-made' | 'unknown'

  constructor(
    reason: MembersRefusal,
    message: string,
    { outcome = 'not-made', ...options }: MembersRefusedOptions = {},
  ) {
    super(message, options)
    this.reason = reason
    this.outcome = outcome
  }
}

/** What more is known of a refusal. */
export interface MembersRefusedOptions extends ErrorOptions {
  readonly outcome?: MembersRefusedError['outcome'] | undefined
}

/**
 * The members are not of the version that was expected: somebody has changed them in the meantime.
 * Nothing was changed. Look at members(), and decide again.
 */
export class MembersConflictError extends PaxosError {
  readonly code = 'ERR_PAXOS_MEMBERS_CONFLICT'
  readonly expected: Slot
  readonly actual: Slot

  constructor(message: string, { expected, actual }: { expected: Slot; actual: Slot }) {
    super(message)
    this.expected = expected
    this.actual = actual
  }
}

/**
 * A new voter could not be promoted: it has not caught up, nobody hears it, or what was to go with its
 * promotion is refused by now, for a reason that `cause` says. It is a learner; who was to be removed
 * with its promotion is still a member; the cluster goes on. Where the promotion had left this node,
 * which the message says, a copy of it may be made yet, as long as no other change is.
 */
export class NotPromotedError extends PaxosError {
  readonly code = 'ERR_PAXOS_NOT_PROMOTED'
  /** Who is still a learner. */
  readonly learners: readonly NodeId[]

  constructor(message: string, learners: readonly NodeId[], options?: ErrorOptions) {
    super(message, options)
    this.learners = learners
  }
}

/**
 * This node was removed from the cluster. It serves the others until the change is complete, then it
 * stops by itself.
 */
export class RemovedError extends PaxosError {
  readonly code = 'ERR_PAXOS_REMOVED'
  readonly outcome = 'unknown'
}

/**
 * The cluster knows another incarnation of this node as a voter: the disk that held what it promised
 * was lost, or is another machine's. Without that it must not vote. It has stopped; replaceMember()
 * on another node takes it in as a new one.
 */
export class LostDiskError extends PaxosError {
  readonly code = 'ERR_PAXOS_LOST_DISK'
  readonly outcome = 'unknown'
}

/** This node does not lead, and what was asked is for the leader. Nothing was done. */
export class NotLeaderError extends PaxosError {
  readonly code = 'ERR_PAXOS_NOT_LEADER'
  /** Who leads, as far as this node knows. */
  readonly leader: NodeId | null

  constructor(message: string, leader: NodeId | null) {
    super(message)
    this.leader = leader
  }
}

/**
 * The leadership was not transferred to whom it was meant for. But for 'other-leads' the node that was
 * asked leads on, and has taken up again what it had held back.
 */
export class TransferFailedError extends PaxosError {
  readonly code = 'ERR_PAXOS_TRANSFER_FAILED'
  readonly reason:
    | TransferFailure
    /** Another node than the one that was named leads now. */
    | 'other-leads'
    /** Another transfer has taken the place of this one. */
    | 'overtaken'

  constructor(reason: TransferFailedError['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

/** Nobody is known to lead after a transfer. The other node may lead, or come to. */
export class TransferTimeoutError extends TimeoutError {}

/** How far a change of members had come, as far as the node that was asked knows. */
export type MembersProgress =
  /** The newest members were not known yet: nothing was changed by this call. */
  | 'not-begun'
  /** An entry is on its way, and may be chosen yet. */
  | 'proposed'
  /** New voters are learners, and have not caught up. */
  | 'learning'
  /** The new members count; a quorum of them has not said yet that it holds all before. */
  | 'chosen'

/** A change of members did not complete in time; it may yet. */
export class MembersTimeoutError extends TimeoutError {
  readonly progress: MembersProgress
  /** The newest version of the members that this node knows. */
  readonly version: Slot

  constructor(message: string, { progress, version }: MembersTimeoutDetails) {
    super(message)
    this.progress = progress
    this.version = version
  }
}

/** What is known when the time is over. */
export interface MembersTimeoutDetails {
  readonly progress: MembersProgress
  readonly version: Slot
}
