/**
 * The errors of coordination, each a class with a stable `code`. A message must never hold a value, nor the
 * id of a hold: whoever knows that can release it.
 */
import { PaxosError } from '@paxos/core'
import type { Refusal } from './commands.ts'

/**
 * Why the signal of a hold aborted by itself: it was not renewed in time, so that others may have it soon,
 * or it had expired already. What was done under it until then was done while it was held.
 */
export class HoldLostError extends PaxosError {
  readonly code = 'ERR_PAXOS_HOLD_LOST'
}

/** Why the signal of a hold aborted when its holder gave it back. */
export class HoldReleasedError extends PaxosError {
  readonly code = 'ERR_PAXOS_HOLD_RELEASED'
}

/** It was not one's turn within `timeoutMs`. This one does not wait any more. */
export class WaitTimeoutError extends PaxosError {
  readonly code = 'ERR_PAXOS_WAIT_TIMEOUT'
}

/** The Coordination was closed. */
export class CoordinationClosedError extends PaxosError {
  readonly code = 'ERR_PAXOS_COORDINATION_CLOSED'
}

/** A limit was reached, which `reason` names; nothing was changed. */
export class CoordinationLimitError extends PaxosError {
  readonly code = 'ERR_PAXOS_COORDINATION_LIMIT'
  readonly reason: Refusal

  constructor(reason: Refusal, message: string) {
    super(message)
    this.reason = reason
  }
}

/** A semaphore has other permits, or a barrier other parties, than was said here. */
export class PermitsDifferError extends PaxosError {
  readonly code = 'ERR_PAXOS_PERMITS_DIFFER'
}

/** A value that is no number was to be added to. */
export class NotANumberError extends PaxosError {
  readonly code = 'ERR_PAXOS_NOT_A_NUMBER'
}

/** Changes since the revision from which a map is watched are forgotten. */
export class RevisionTooOldError extends PaxosError {
  readonly code = 'ERR_PAXOS_REVISION_TOO_OLD'
}

/** Of the state machine's refusals, what its caller is told. */
export function errorOfRefusal(reason: Refusal): PaxosError {
  switch (reason) {
    case 'permits-differ':
      return new PermitsDifferError(
        'It is in use with another number of permits or parties. Say the same one everywhere.',
      )
    case 'no-number':
      return new NotANumberError('What is there is no number. Set it to one first.')
    case 'number-too-large':
      return new CoordinationLimitError(
        reason,
        'The sum is no safe integer. Keep it between -(2^53 - 1) and 2^53 - 1.',
      )
    case 'too-many-waiters':
    case 'too-many-leases':
      return new CoordinationLimitError(
        reason,
        'As many hold or wait as there may be. Wait until some are done, or ask for less at a time.',
      )
    case 'too-many-items':
    case 'too-many-queues':
      return new CoordinationLimitError(
        reason,
        'As many items, or queues, wait as there may be. Take some of them first.',
      )
    case 'too-large':
      return new CoordinationLimitError(
        reason,
        'All values together are as large as they may be. Remove some, or keep them elsewhere.',
      )
    case 'too-many-maps':
    case 'too-many-keys':
      return new CoordinationLimitError(
        reason,
        'There are as many maps, or keys, as there may be. Remove some keys, or keep them elsewhere.',
      )
  }
}

/** By the code: whether the replica behind it is over, so that asking again is of no use. */
export function isOver(thrown: unknown): boolean {
  const code: unknown = thrown instanceof Error && 'code' in thrown ? thrown.code : null
  return typeof code === 'string' && OVER.has(code)
}

const OVER: ReadonlySet<string> = new Set([
  'ERR_PAXOS_CLOSED',
  'ERR_PAXOS_STOPPED',
  'ERR_PAXOS_REMOVED',
  'ERR_PAXOS_LOST_DISK',
])
