/**
 * Applies the log to the state machine, each command once: the sessions are part of the state, and
 * know what was applied (Ongaro's thesis, §6.3). Everything here follows from the log alone, but for
 * the times at which sessions were used, which only a leader looks at. Must never apply a slot twice
 * or out of order.
 */
import { DecodeError, InvalidArgumentError, invariant } from '@paxos/core'
import type { Slot, Snapshot } from '@paxos/core'
import {
  commandsOf,
  decodeEntry,
  isKnownKind,
  MAX_RESULTS,
  MAX_SESSIONS,
  MAX_SNAPSHOT_BYTES,
  resultsIn,
  SessionTable,
} from '@paxos/core/multi'
import type {
  CommandEntry,
  CommandsEntry,
  Entry,
  MembersEntry,
  Outcome as SessionOutcome,
  SessionId,
  SessionSpace,
  SessionUse,
  SingleEntry,
} from '@paxos/core/multi'
import type { Ticket } from './client-session.ts'
import { AlreadyAnsweredError, SessionExpiredError } from './errors.ts'
import { StateTooLargeError, TooManySessionsError } from './errors.ts'
import { MAX_EXPIRED_AT_ONCE, MAX_KEPT_RESULTS_BYTES, MAX_SNAPSHOT_BACKOFFS } from './limits.ts'
import { Machine } from './machine.ts'
import type { Execution } from './machine.ts'
import { decodeState, encodeState, STATE_OVERHEAD_BYTES } from './replica-snapshot.ts'
import type { ReplicaSettings } from './replica-settings.ts'
import { decodeStored, encodeStored, NOT_KEPT } from './stored-result.ts'
import { asError } from './words.ts'

/** What came of one slot, for who may wait for it. */
export type Applied<Result> =
  | AppliedEntry<Result>
  /** Of each of the entries that stood there, in their order. */
  | { readonly type: 'several'; readonly each: readonly AppliedEntry<Result>[] }

/** What came of one entry. */
export type AppliedEntry<Result> =
  | { readonly type: 'nothing' }
  | { readonly type: 'members'; readonly entry: MembersEntry }
  /** The value is no entry to any version, and changes nothing. */
  | { readonly type: 'malformed'; readonly reason: DecodeError }
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
  /** The commands of the entry have outcomes, from now or before. */
  | {
      readonly type: 'commands'
      readonly session: SessionId
      readonly sequence: number
      readonly results: Results<Result>
      /** The errors that came now in the place of results. */
      readonly errors: readonly Error[]
    }
  /** The commands were not applied now. */
  | {
      readonly type: 'refused'
      readonly session: SessionId
      readonly sequence: number
      readonly reason: Error
    }

/**
 * The results of the commands of one entry, in their order, each a new copy at each call; or it
 * throws the error that stands in its place. Throws DecodeError for what is stored of another entry.
 */
export type Results<Result> = () => readonly (() => Result)[]

/** A snapshot, or why there can be none. */
export type TakenSnapshot =
  | { readonly through: Slot; readonly bytes: Uint8Array }
  | { readonly through: Slot; readonly error: Error }

const NOTHING = { type: 'nothing' } as const

/** A value in its slot. */
interface Standing {
  readonly slot: Slot
  readonly value: Uint8Array
}

/** The state of one node, and how far the log has been applied to it. */
export class Applier<Command, Result, Query, Answer> {
  readonly #settings: ReplicaSettings<Command, Result, Query, Answer>
  readonly #machine: Machine<Command, Result, Query, Answer>
  #table = new SessionTable()
  /** When each session was used last, on this node's clock. */
  #usedAtMs = new Map<SessionId, number>()
  #appliedThrough: Slot = 0
  /**
   * Of the newest command: as many as the log has slots, and one more for each command beside another
   * in its slot. So it is the slot while each holds one, which is what logs and snapshots say that are
   * older than entries of several, and equal wherever a node began to read.
   */
  #revision = 0
  #snapshotThrough: Slot = 0
  /** Of the newest command that it stands for. */
  #snapshotRevision = 0
  #snapshotBytes = 0
  #bytesSinceSnapshot = 0
  /** How many snapshots have failed since one did not. */
  #failures = 0

  /**
   * Restores the state of `snapshot`. Throws DecodeError when it is of another form, and what the
   * state machine throws: also where it has no snapshot of the state with which it begins.
   */
  constructor(
    settings: ReplicaSettings<Command, Result, Query, Answer>,
    snapshot: Snapshot | null,
  ) {
    this.#settings = settings
    this.#machine = new Machine(settings, commandsIn)
    if (snapshot !== null && snapshot.through > 0) this.install(snapshot, settings.clock.nowMs())
    else this.#begin()
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

  /** How large the state is, at most about: the newest snapshot, and what was applied since. */
  get stateBytes(): number {
    return this.#snapshotBytes + this.#bytesSinceSnapshot
  }

  /** What has been applied since the newest snapshot, in bytes. */
  get bytesSinceSnapshot(): number {
    return this.#bytesSinceSnapshot
  }

  /** Whether no snapshot of the state could be taken when it was last tried. */
  get isSnapshotFailing(): boolean {
    return this.#failures > 0
  }

  /**
   * Whether enough has been applied since the newest snapshot: past a revision that is a multiple of
   * `snapshotEveryEntries`, which is in the same slot on every node, or so many bytes.
   */
  get wantsSnapshot(): boolean {
    const { snapshotEveryEntries, snapshotEveryBytes } = this.#settings
    const factor = 2 ** this.#failures
    const every = snapshotEveryEntries * factor
    const isPast = Math.floor(this.#revision / every) > Math.floor(this.#snapshotRevision / every)
    return isPast || this.#bytesSinceSnapshot >= snapshotEveryBytes * factor
  }

  /**
   * Applies the value of the next slot. What it throws is final: the state is not known any more, or
   * cannot be known to this version.
   */
  apply(slot: Slot, value: Uint8Array, nowMs: number): Applied<Result> {
    invariant(slot === this.#appliedThrough + 1, 'the log is applied out of order')
    const entry = entryIn(value)
    const applied = this.#applyAt({ slot, value }, entry, nowMs)
    this.#appliedThrough = slot
    this.#revision += entry instanceof DecodeError ? 1 : Math.max(1, commandsOf(entry).length)
    this.#bytesSinceSnapshot += value.byteLength
    return applied
  }

  #applyAt(at: Standing, entry: Entry | DecodeError, nowMs: number): Applied<Result> {
    if (entry instanceof DecodeError) return { type: 'malformed', reason: entry }
    if (entry.type !== 'bundle') return this.#applyEntry(at, entry, nowMs, 0)
    let before = 0
    const each = entry.entries.map((part) => {
      const applied = this.#applyEntry(at, part, nowMs, before)
      before += commandsOf(part).length
      return applied
    })
    return { type: 'several', each }
  }

  /** `before`: so many commands stand before those of `entry` in its slot, applied or not. */
  #applyEntry(
    { slot, value }: Standing,
    entry: SingleEntry,
    nowMs: number,
    before: number,
  ): AppliedEntry<Result> {
    const executions: Execution[] = []
    let keptBytes = 0
    const outcome = this.#table.apply(slot, entry, (bytes) => {
      const index = before + executions.length
      const revision = this.#revision + 1 + index
      const execution = this.#machine.execute({ slot, revision, value, index }, bytes)
      executions.push(execution)
      const { stored } = execution
      if (entry.type === 'command') return stored
      // Not kept: whoever waits for it now is told it all the same.
      if (keptBytes + stored.length > MAX_KEPT_RESULTS_BYTES) return encodeStored(NOT_KEPT)
      keptBytes += stored.length
      return stored
    })
    if ('expired' in outcome) for (const id of outcome.expired) this.#usedAtMs.delete(id)
    if (entry.type === 'open-session') {
      const { space = 'slot', nonce } = entry
      if (outcome.type !== 'opened') {
        return { type: 'not-opened', space, nonce, reason: tooManySessions() }
      }
      this.#usedAtMs.set(outcome.session, nowMs)
      return { type: 'opened', space, nonce, session: outcome.session }
    }
    if (entry.type === 'members') return { type: 'members', entry }
    if (!('session' in entry)) return NOTHING
    const { session, sequence } = entry
    if (outcome.type !== 'unknown-session') this.#usedAtMs.set(session, nowMs)
    if (outcome.type === 'applied' || outcome.type === 'duplicate') {
      const results = this.#resultsOf(outcome.result, entry.type, executions)
      const errors = executions.flatMap(({ error }) => error ?? [])
      return { type: 'commands', session, sequence, results, errors }
    }
    return { type: 'refused', session, sequence, reason: reasonOf(outcome, sequence) }
  }

  /**
   * What `value` would do if it were applied next. 'nothing': it has been applied, and whoever waits
   * for it has seen it in its slot, or will. 'unreadable': apply() could not read it; what comes from
   * other nodes is not taken on trust.
   */
  foresee(value: Uint8Array): 'something' | 'nothing' | 'unreadable' {
    try {
      const entry = decodeEntry(value)
      if (this.#isApplied(entry)) return 'nothing'
      for (const bytes of commandsOf(entry)) this.#settings.commandCodec.decode(bytes)
      return 'something'
    } catch {
      return 'unreadable'
    }
  }

  query(query: Query): Answer {
    return this.#machine.query(query)
  }

  /**
   * Takes a snapshot of the state as it is now. When that fails, nothing has changed but that the
   * next one is wanted later and later: the log stands for the state meanwhile.
   */
  takeSnapshot(): TakenSnapshot {
    const through = this.#appliedThrough
    try {
      const bytes = this.#encoded()
      this.#machine.rebase(decodeState(bytes).machine)
      this.#noteSnapshot(through, bytes.byteLength)
      return { through, bytes }
    } catch (cause) {
      this.#failures = Math.min(this.#failures + 1, MAX_SNAPSHOT_BACKOFFS)
      return { through, error: asError(cause) }
    }
  }

  /**
   * Replaces the state. Throws DecodeError when the snapshot is of another form, and what the state
   * machine throws.
   */
  install({ through, bytes }: Pick<Snapshot, 'through' | 'bytes'>, nowMs: number): void {
    const { sessions, machine, revision, hasPlainResults } = decodeState(bytes)
    const table = hasPlainResults ? withStoredResults(sessions) : SessionTable.decode(sessions)
    this.#machine.restore(machine)
    this.#table = table
    this.#usedAtMs = new Map([...this.#table.sessions].map((id) => [id, nowMs]))
    this.#appliedThrough = through
    this.#revision = revision ?? through
    this.#noteSnapshot(through, bytes.byteLength)
  }

  /**
   * What is known of an entry with one command, or with several: their results, that they were not
   * applied, or why nobody can tell.
   */
  recall(
    { session, sequence }: Ticket,
    type: (CommandEntry | CommandsEntry)['type'],
  ): { readonly results: Results<Result> } | Error | null {
    const found = this.#table.recall(session, sequence)
    if (found === null) return null
    if (found.type !== 'duplicate') return reasonOf(found, sequence)
    return { results: this.#resultsOf(found.result, type, []) }
  }

  /** The open session that was opened with `nonce`; `null` when there is none. */
  openedBy(space: SessionSpace, nonce: Uint8Array): SessionId | null {
    return this.#table.openedBy(space, nonce)
  }

  #isApplied(entry: Entry): boolean {
    if (entry.type === 'open-session') {
      return this.openedBy(entry.space ?? 'slot', entry.nonce) !== null
    }
    if (entry.type === 'bundle') return entry.entries.every((part) => this.#isApplied(part))
    if (!('session' in entry)) return false
    return this.#table.recall(entry.session, entry.sequence)?.type === 'duplicate'
  }

  /**
   * A state before any command: what fails in the first ones is undone from here. Without it the
   * first that fails would stop every node.
   */
  #begin(): void {
    const taken = this.takeSnapshot()
    // What is only too large is told when a snapshot is wanted.
    if ('error' in taken && !(taken.error instanceof StateTooLargeError)) throw taken.error
  }

  #encoded(): Uint8Array {
    const machine = this.#machine.snapshot()
    const sessions = this.#table.encode()
    const bytes = STATE_OVERHEAD_BYTES + sessions.byteLength + machine.byteLength
    // Before it is copied: there may be no memory for that.
    if (bytes > MAX_SNAPSHOT_BYTES) throw snapshotTooLarge(bytes)
    return encodeState({ sessions, machine, revision: this.#revision })
  }

  #noteSnapshot(through: Slot, bytes: number): void {
    this.#snapshotThrough = through
    this.#snapshotRevision = this.#revision
    this.#snapshotBytes = bytes
    this.#bytesSinceSnapshot = 0
    this.#failures = 0
  }

  /** `executions`: of the commands that were applied now. */
  #resultsOf(
    stored: Uint8Array,
    type: (CommandEntry | CommandsEntry)['type'],
    executions: readonly Execution[],
  ): Results<Result> {
    return () => {
      const each = type === 'command' ? [stored] : resultsIn(stored)
      return each.map((bytes, index) => () => {
        const execution = executions[index]
        const known = decodeStored(execution?.stored ?? bytes)
        return this.#machine.resultOf(known, execution?.error ?? null)
      })
    }
  }

  /** Sessions that nobody has used since, as this node saw it; at most as many as fit an entry. */
  sessionsIdleSince(beforeMs: number): SessionUse[] {
    return this.#table.sessions
      .filter((id) => (this.#usedAtMs.get(id) ?? Infinity) < beforeMs)
      .slice(0, MAX_EXPIRED_AT_ONCE)
      .map((session) => ({ session, usedAt: this.#table.usedAt(session) ?? 0 }))
  }
}

/**
 * What `value` says; or why it is no entry to any version of this library, so that all go on alike.
 * Throws DecodeError for what another version may know: this one must not go on without it.
 */
function entryIn(value: Uint8Array): Entry | DecodeError {
  try {
    return decodeEntry(value)
  } catch (error) {
    if (error instanceof DecodeError && isKnownKind(value)) return error
    throw error
  }
}

/** The commands in a value of the log that was applied. */
function commandsIn(value: Uint8Array): readonly Uint8Array[] {
  return commandsOf(decodeEntry(value))
}

function snapshotTooLarge(bytes: number): StateTooLargeError {
  return new StateTooLargeError(
    `A snapshot of the state takes ${bytes} bytes, and may take ${MAX_SNAPSHOT_BYTES}. ` +
      'Delete some of it, or divide it among several clusters.',
  )
}

/** The table of a snapshot of release 0.0.0, in which the bytes of a result stood as they are. */
function withStoredResults(sessions: Uint8Array): SessionTable {
  return SessionTable.decode(sessions, undefined, (bytes) =>
    encodeStored({ type: 'result', bytes }),
  )
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
