/**
 * Applies the log to the state machine, each command once: the sessions are part of the state, and
 * know what was applied (Ongaro's thesis, §6.3). Everything here follows from the log alone, but for
 * the times at which sessions were used, which only a leader looks at. Must never apply a slot twice
 * or out of order.
 */
import { InvalidArgumentError, invariant } from '@paxos/core'
import type { Slot, Snapshot } from '@paxos/core'
import { decodeEntry, MAX_RESULTS, MAX_SESSIONS, SessionTable } from '@paxos/core/multi'
import type {
  Outcome as SessionOutcome,
  SessionId,
  SessionSpace,
  SessionUse,
} from '@paxos/core/multi'
import type { Ticket } from './client-session.ts'
import { AlreadyAnsweredError, SessionExpiredError, TooManySessionsError } from './errors.ts'
import { MAX_EXPIRED_AT_ONCE } from './limits.ts'
import { decodeState, encodeState } from './replica-snapshot.ts'
import type { ReplicaSettings } from './replica-settings.ts'

/** What came of one slot, for who may wait for it. */
export type Applied<Result> =
  | { readonly type: 'nothing' }
  | {
      readonly type: 'opened'
      readonly space: SessionSpace
      readonly nonce: Uint8Array
      readonly session: SessionId
    }
  | {
      readonly type: 'not-opened'
      readonly space: SessionSpace
      readonly nonce: Uint8Array
      readonly reason: Error
    }
  /** The command was applied, now or before, with this result. */
  | {
      readonly type: 'command'
      readonly session: SessionId
      readonly sequence: number
      readonly result: () => Result
    }
  /** The command was not applied now. */
  | {
      readonly type: 'refused'
      readonly session: SessionId
      readonly sequence: number
      readonly reason: Error
    }

const NOTHING = { type: 'nothing' } as const

/** The state of one node, and how far the log has been applied to it. */
export class Applier<Command, Result, Query, Answer> {
  readonly #settings: ReplicaSettings<Command, Result, Query, Answer>
  #table = new SessionTable()
  /** When each session was used last, on this node's clock. */
  #usedAtMs = new Map<SessionId, number>()
  #appliedThrough: Slot = 0
  #snapshotThrough: Slot = 0
  #bytesSinceSnapshot = 0

  /** Restores the state of `snapshot`. Throws DecodeError when it is of another form. */
  constructor(
    settings: ReplicaSettings<Command, Result, Query, Answer>,
    snapshot: Snapshot | null,
  ) {
    this.#settings = settings
    if (snapshot !== null && snapshot.through > 0) this.install(snapshot, settings.clock.nowMs())
  }

  /** Every slot through this one has been applied. */
  get appliedThrough(): Slot {
    return this.#appliedThrough
  }

  /** The newest snapshot stands for the slots through this one. */
  get snapshotThrough(): Slot {
    return this.#snapshotThrough
  }

  /** How many sessions are remembered. */
  get sessions(): number {
    return this.#table.size
  }

  /** Whether enough has been applied since the newest snapshot. */
  get wantsSnapshot(): boolean {
    const { snapshotEveryEntries, snapshotEveryBytes } = this.#settings
    const entries = this.#appliedThrough - this.#snapshotThrough
    return entries >= snapshotEveryEntries || this.#bytesSinceSnapshot >= snapshotEveryBytes
  }

  /** Applies the value of the next slot. What it throws is final: the state is not known any more. */
  apply(slot: Slot, value: Uint8Array, nowMs: number): Applied<Result> {
    invariant(slot === this.#appliedThrough + 1, 'the log is applied out of order')
    const { stateMachine, commandCodec, resultCodec } = this.#settings
    const entry = decodeEntry(value)
    let fresh: { readonly result: Result } | null = null
    const outcome = this.#table.apply(slot, entry, (bytes) => {
      const result = stateMachine.apply(commandCodec.decode(bytes), slot)
      fresh = { result }
      return resultCodec.encode(result)
    })
    this.#appliedThrough = slot
    this.#bytesSinceSnapshot += value.byteLength
    if ('expired' in outcome) for (const id of outcome.expired) this.#usedAtMs.delete(id)
    if (entry.type === 'open-session') {
      const { space = 'slot', nonce } = entry
      if (outcome.type !== 'opened') {
        return { type: 'not-opened', space, nonce, reason: tooManySessions() }
      }
      this.#usedAtMs.set(outcome.session, nowMs)
      return { type: 'opened', space, nonce, session: outcome.session }
    }
    if (entry.type !== 'command') return NOTHING
    const { session, sequence } = entry
    if (outcome.type !== 'unknown-session') this.#usedAtMs.set(session, nowMs)
    if (outcome.type === 'applied' || outcome.type === 'duplicate') {
      const { result: bytes } = outcome
      const result = (): Result => (fresh === null ? resultCodec.decode(bytes) : fresh.result)
      return { type: 'command', session, sequence, result }
    }
    return { type: 'refused', session, sequence, reason: reasonOf(outcome, sequence) }
  }

  /** Whether apply() could read `value`: what comes from other nodes is not taken on trust. */
  understands(value: Uint8Array): boolean {
    try {
      const entry = decodeEntry(value)
      if (entry.type === 'command') this.#settings.commandCodec.decode(entry.bytes)
      return true
    } catch {
      return false
    }
  }

  query(query: Query): Answer {
    const { stateMachine } = this.#settings
    if (stateMachine.query !== undefined) return stateMachine.query(query)
    throw new InvalidArgumentError('The state machine takes no queries. Give it a method query().')
  }

  /** A snapshot of the state as it is now. */
  takeSnapshot(): { readonly through: Slot; readonly bytes: Uint8Array } {
    const machine = this.#settings.stateMachine.snapshot()
    this.#snapshotThrough = this.#appliedThrough
    this.#bytesSinceSnapshot = 0
    return {
      through: this.#appliedThrough,
      bytes: encodeState({ sessions: this.#table.encode(), machine }),
    }
  }

  /** Replaces the state. Throws DecodeError when the snapshot is of another form. */
  install({ through, bytes }: Pick<Snapshot, 'through' | 'bytes'>, nowMs: number): void {
    const { sessions, machine } = decodeState(bytes)
    this.#table = SessionTable.decode(sessions)
    this.#settings.stateMachine.restore(machine)
    this.#usedAtMs = new Map([...this.#table.sessions].map((id) => [id, nowMs]))
    this.#appliedThrough = through
    this.#snapshotThrough = through
    this.#bytesSinceSnapshot = 0
  }

  /** What is known of a command: its result, that it was not applied, or why nobody can tell. */
  recall({ session, sequence }: Ticket): { readonly result: () => Result } | Error | null {
    const found = this.#table.recall(session, sequence)
    if (found === null) return null
    if (found.type !== 'duplicate') return reasonOf(found, sequence)
    return { result: () => this.#settings.resultCodec.decode(found.result) }
  }

  /** Sessions that nobody has used since, as this node saw it; at most as many as fit an entry. */
  sessionsIdleSince(beforeMs: number): SessionUse[] {
    return this.#table.sessions
      .filter((id) => (this.#usedAtMs.get(id) ?? Infinity) < beforeMs)
      .slice(0, MAX_EXPIRED_AT_ONCE)
      .map((session) => ({ session, usedAt: this.#table.usedAt(session) ?? 0 }))
  }
}

function tooManySessions(): TooManySessionsError {
  return new TooManySessionsError(
    `All places for sessions, ${MAX_SESSIONS}, are taken by sessions in use. ` +
      'Use one that is open, or try again when others have been idle for long enough.',
  )
}

/** Why a command was not applied. Without its session, whose name is its holder's secret. */
function reasonOf({ type }: SessionOutcome, sequence: number): Error {
  if (type === 'acknowledged') {
    return new AlreadyAnsweredError(
      `A later command of the session said that ${sequence} is over, so its answer is forgotten. ` +
        'Give each command a sequence of its own.',
    )
  }
  if (type === 'too-many-results') {
    return new InvalidArgumentError(
      `${MAX_RESULTS} commands of the session are not acknowledged. Await some of them first.`,
    )
  }
  return new SessionExpiredError(
    'The session is not known any more. Open another one; whether the command was applied ' +
      'earlier has to be read from the state.',
  )
}
