/**
 * What propose() and query() are given, and what is refused before anything is begun. Must never repeat
 * the name of a session: whoever knows it can use it.
 */
import { InvalidArgumentError, MAX_VALUE_BYTES, requireOptions, requireText } from '@paxos/core'
import { callerSession, COMMAND_OVERHEAD_BYTES } from '@paxos/core/multi'
import type { Ticket } from './client-session.ts'
import { SessionExpiredError, ValueTooLargeError } from './errors.ts'
import type { WaitOptions } from './outcome.ts'

/** Which command of which session. */
export interface SessionPlace {
  /** As openSession() named it. */
  readonly id: string
  /** From 1 on. */
  readonly sequence: number
  /** All sequences below this one were answered or given up; from 1 to `sequence`. Default: `sequence`. */
  readonly acknowledged?: number | undefined
}

/** How to propose. */
export interface ProposeOptions extends WaitOptions {
  /**
   * A session that the caller holds, as openSession() named it, and the number of the command in
   * it. Whoever knows the name can use the session: keep it as you would a password. Sequences start at 1 and
   * grow by one; a new one says that all lower ones were answered or given up. The same session and
   * sequence again, on any node, is the same command: it is applied once. Default: this node's own
   * session, in which every call is another command.
   *
   * Who has several commands of one session on their way says so by `acknowledged`: only the sequences
   * below that one were answered or given up. At most 256 may be between it and the newest one.
   */
  readonly session?: SessionPlace | undefined
  /**
   * Proposes the command although the state is as large as it may be: for commands that make it
   * smaller. Default: false, and it is rejected with StateTooLargeError.
   */
  readonly evenIfFull?: boolean | undefined
}

/** How to query. */
export interface QueryOptions extends WaitOptions {
  /**
   * 'linearizable': the answer shows every command that was answered, anywhere, before the query
   * began. 'lease': the same, as long as no clock of the cluster runs wrong by more than its lease
   * allows; while the leader's lease holds it asks no quorum, and on the leader nobody at all. Without
   * a lease it is 'linearizable'. 'bounded': the answer shows every command that was answered more than
   * `maxStalenessMs` before the query began. 'local': it shows the state of this node at once, however
   * old. Default: 'linearizable'.
   */
  readonly consistency?: Consistency | undefined
  /** For 'bounded', and only for that: how old the state may be, in milliseconds, >= 0. */
  readonly maxStalenessMs?: number | undefined
}

/** What a query may show: see QueryOptions. */
export type Consistency = (typeof CONSISTENCIES)[number]

const CONSISTENCIES = ['linearizable', 'lease', 'bounded', 'local'] as const

/** Throws ValueTooLargeError for an encoded command that no frame takes. */
export function requireFits({ byteLength }: Uint8Array): void {
  const limit = MAX_VALUE_BYTES - COMMAND_OVERHEAD_BYTES
  if (byteLength <= limit) return
  throw new ValueTooLargeError(
    `The command takes ${byteLength} bytes, and ${limit} fit into a frame. ` +
      'Store what is large elsewhere, and put into the command where it is.',
  )
}

/** A session and a sequence as plain JavaScript gives them. */
function requirePlace<Place extends { readonly id: unknown }>(session: Place): Place {
  requireOptions('session', session, ['id', 'sequence', 'acknowledged'])
  requireText('The id of a session', session.id)
  return session
}

function requireAcknowledged(acknowledged: unknown, sequence: number): void {
  const isOne = Number.isSafeInteger(acknowledged) && Number(acknowledged) > 0
  if (isOne && Number(acknowledged) <= sequence) return
  throw new InvalidArgumentError(
    `The sequence ${sequence} cannot come with what is acknowledged below ${String(acknowledged)}. ` +
      'Give the lowest sequence that is not answered, from 1 to that of the command.',
  )
}

/** Throws InvalidArgumentError for a consistency that there is not, or a bound that is none. */
export function requireConsistency(consistency: unknown, maxStalenessMs: unknown): void {
  const isOne = CONSISTENCIES.some((known) => known === consistency)
  if (isOne && consistency === 'bounded') {
    if (typeof maxStalenessMs === 'number' && maxStalenessMs >= 0) return
    throw new InvalidArgumentError(
      `A 'bounded' query needs maxStalenessMs, milliseconds from 0 on. Say how old it may be.`,
    )
  }
  if (isOne && maxStalenessMs === undefined) return
  if (isOne) {
    throw new InvalidArgumentError(
      `maxStalenessMs is for the consistency 'bounded' alone. Give that, or leave it out.`,
    )
  }
  throw new InvalidArgumentError(
    `A consistency is one of ${CONSISTENCIES.join(', ')}. Give one of them, or leave it out.`,
  )
}

/**
 * The place that the caller names. Throws InvalidArgumentError for what cannot be one, and
 * SessionExpiredError for one of an earlier release.
 */
export function ticketOf(session: NonNullable<ProposeOptions['session']>): Ticket {
  const { id, sequence, acknowledged = sequence } = requirePlace(session)
  const isSequence = Number.isSafeInteger(sequence) && sequence > 0
  const known = callerSession(id)
  if (known !== null && isSequence) {
    requireAcknowledged(acknowledged, sequence)
    return { session: known, sequence, acknowledged }
  }
  if (isSequence && /^[1-9]\d{0,15}$/.test(id)) {
    throw new SessionExpiredError(
      'The session was opened by an earlier release. Open another one; whether the command was ' +
        'applied earlier has to be read from the state.',
    )
  }
  throw new InvalidArgumentError(
    `There can be no command ${sequence} of such a session. ` +
      'Give an id that openSession() returned, and a sequence from 1 on.',
  )
}
