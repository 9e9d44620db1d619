/**
 * One call of a client, from what was given to the answer, over as many connections as that takes. Must
 * never become another command on the way: its session and sequence are drawn once.
 */
import type { ClientSession, Outcome, Ticket } from '@paxos/replica/client'
import { callerName } from '@paxos/core/multi'
import type { Consistency } from '@paxos/replica'
import type { Asked } from './frames.ts'
import { REQUEST_OVERHEAD_BYTES } from './limits.ts'

/** What is wanted. */
export type Wanted =
  | { readonly type: 'propose'; readonly evenIfFull: boolean }
  | {
      readonly type: 'query'
      readonly consistency: Consistency
      readonly maxStalenessMs: number | null
    }
  | { readonly type: 'open-session' }

/** What becomes of it. Exactly one of these is called, unless nobody waits any more. */
export interface Answers {
  /** With the bytes of a result or of an answer, or with the name of a session. */
  answered(found: Uint8Array | string): void
  failed(error: Error): void
}

export class Request {
  /** Of this client, whatever connection it travels on. */
  readonly id: number
  readonly wanted: Wanted
  readonly body: Uint8Array
  readonly answers: Answers
  /** Of a command: its place in a session, once it has one. */
  ticket: Ticket | null
  /** This client's own session, where the ticket is of that. */
  session: ClientSession | null = null
  /** Whether a server may have it. */
  wasSent = false

  constructor(
    id: number,
    wanted: Wanted,
    { body, ticket, answers }: { body: Uint8Array; ticket: Ticket | null; answers: Answers },
  ) {
    this.id = id
    this.wanted = wanted
    this.body = body
    this.ticket = ticket
    this.answers = answers
  }

  /** Of what this client keeps for it, in bytes. */
  get heldBytes(): number {
    return this.body.byteLength + REQUEST_OVERHEAD_BYTES
  }

  /** Whether it waits for a place in this client's own session. */
  get wantsTicket(): boolean {
    return this.wanted.type === 'propose' && this.ticket === null
  }

  /** How it is asked. `null` for a command that has no place in a session. */
  get head(): Asked | null {
    const { id, wanted, ticket } = this
    if (wanted.type !== 'propose') return { id, ...wanted }
    if (ticket === null) return null
    const { sequence, acknowledged } = ticket
    const session = callerName(ticket.session)
    return { ...wanted, id, session, sequence, acknowledged }
  }
}

/** An outcome as what answers it. */
export function answersOf<T>(
  outcome: Outcome<T>,
  read: (found: Uint8Array | string) => T,
): Answers {
  return {
    answered(found) {
      try {
        outcome.resolve(read(found))
      } catch (error) {
        outcome.reject(error instanceof Error ? error : new Error(String(error)))
      }
    },
    failed: (error) => outcome.reject(error),
  }
}
