/**
 * Exactly once: which commands of which client were applied, and with what result. The table is part
 * of the replicated state: every node applies the same entries to it in the same order, and it goes
 * into the snapshot. It must depend on nothing else, no clock and no order of a Map, so that equal
 * logs give equal tables, and equal tables equal bytes.
 *
 * A client opens a session, numbers its commands in it, and says with each which answers it has. A
 * command that is chosen twice is applied once; the second time its stored result is returned.
 *
 * Places are bounded, for each space of sessions by itself. Callers open sessions without saying who
 * they are, so a session of theirs that was used never has to leave for a new one: that would forget
 * what was answered. One that was never used may; when there is none, the opening is refused. Among
 * nodes, which lose nothing but the place, the one that was unused for longest leaves.
 */
import type { Slot } from '../durability.ts'
import { ByteReader, ByteWriter, integerBytes } from './bytes.ts'
import type { CommandEntry, CommandsEntry, SessionUse, SingleEntry } from './entry.ts'
import {
  MAX_NODE_SESSIONS,
  MAX_NONCE_BYTES,
  MAX_RESULTS,
  MAX_SESSIONS,
  SESSION_NONCE_BYTES,
} from './limits.ts'
import { hexOf, readSpace, sessionIdOf, writeSpace } from './session-id.ts'
import type { SessionId, SessionSpace } from './session-id.ts'

/** What an entry led to. */
export type Outcome =
  /** The entry is none of the sessions'. */
  | { readonly type: 'none' }
  /** The command was applied now. Of several, `result` is what joinedResults() makes of theirs. */
  | { readonly type: 'applied'; readonly result: Uint8Array }
  /** It was applied before, with this result. */
  | { readonly type: 'duplicate'; readonly result: Uint8Array }
  /** It was applied before, and the client had said that it knows the result. */
  | { readonly type: 'acknowledged' }
  /** Not applied: the session is expired, or never was. Whether it was applied earlier is unknown. */
  | { readonly type: 'unknown-session' }
  /** Not applied: too many results wait to be acknowledged. */
  | { readonly type: 'too-many-results' }
  /** The session with the entry's nonce is open; `expired` had to make room for it. */
  | { readonly type: 'opened'; readonly session: SessionId; readonly expired: readonly SessionId[] }
  /** Not opened: every place is taken by a session that is in use. */
  | { readonly type: 'too-many-sessions' }
  /** These of the sessions were open until now. */
  | { readonly type: 'expired'; readonly expired: readonly SessionId[] }

/** How much a table remembers. The nodes of one cluster must have the same. */
export interface SessionLimits {
  /** Of callers; and as many of release 0.0.0. */
  readonly sessions: number
  /** Of nodes. */
  readonly nodeSessions: number
  /** Of each session. */
  readonly results: number
}

interface Session {
  readonly space: SessionSpace
  readonly nonce: Uint8Array
  readonly openedAt: Slot
  /** The slot of the newest entry that used it. */
  usedAt: Slot
  /** The client has the answers to all sequences below. */
  acknowledged: number
  /** By sequence: what was applied and is not known to be answered. */
  readonly results: Map<number, Uint8Array>
}

const LIMITS: SessionLimits = {
  sessions: MAX_SESSIONS,
  nodeSessions: MAX_NODE_SESSIONS,
  results: MAX_RESULTS,
}

/** The first byte of an encoded table: another form would have another. */
const FORM = 2

/** That of release 0.0.0, where all sessions were of the space 'slot'. It is read, never written. */
const SLOTS_FORM = 1

/** The sessions of a replicated state machine. */
export class SessionTable {
  readonly #limits: SessionLimits
  /** In the order in which they were opened, each in a slot of its own. */
  readonly #sessions = new Map<SessionId, Session>()
  /** The open sessions by their nonces. */
  readonly #byNonce = new Map<string, SessionId>()
  readonly #sizes: Record<SessionSpace, number> = { slot: 0, caller: 0, node: 0 }
  /** Those of callers that were never used, in the order in which they were opened. */
  readonly #unused = new Set<SessionId>()

  /** `limits` other than the default are for tests: nodes that disagree about them diverge. */
  constructor(limits: SessionLimits = LIMITS) {
    this.#limits = limits
  }

  /** The open sessions, in the order in which they were opened. */
  get sessions(): readonly SessionId[] {
    return [...this.#sessions.keys()]
  }

  /** How many sessions are open. */
  get size(): number {
    return this.#sessions.size
  }

  /**
   * What is known of a command: its stored result, that it was acknowledged, that its session is not
   * open; `null` when it was not applied. Changes nothing.
   */
  recall(session: SessionId, sequence: number): Outcome | null {
    const open = this.#sessions.get(session)
    if (open === undefined) return { type: 'unknown-session' }
    if (sequence < open.acknowledged) return { type: 'acknowledged' }
    const result = open.results.get(sequence)
    return result === undefined ? null : { type: 'duplicate', result: new Uint8Array(result) }
  }

  /** The open session that was opened with `nonce`; `null` when there is none. */
  openedBy(space: SessionSpace, nonce: Uint8Array): SessionId | null {
    return this.#byNonce.get(nonceKey(space, nonce)) ?? null
  }

  /** The slot at which a session was used last; `null` when it is not open. */
  usedAt(session: SessionId): Slot | null {
    return this.#sessions.get(session)?.usedAt ?? null
  }

  /**
   * Applies what `slot` says; slots must come in ascending order, and the entries of a bundle one
   * after the other, all with its slot. `applyCommand` is called for each
   * command that is to be applied now, at most once, with the command's bytes; what it returns is
   * the result. When it throws, the table is as before.
   */
  apply(
    slot: Slot,
    entry: SingleEntry,
    applyCommand: (command: Uint8Array) => Uint8Array,
  ): Outcome {
    switch (entry.type) {
      case 'no-op':
      case 'members':
        return { type: 'none' }
      case 'command':
        return this.#apply(slot, entry, () => applyCommand(entry.bytes))
      case 'commands':
        return this.#apply(slot, entry, () => joinedResults(entry, applyCommand))
      case 'open-session':
        return this.#open(slot, entry.space ?? 'slot', entry.nonce)
      case 'expire-unused':
        return { type: 'expired', expired: this.#expireUnused(entry.sessions) }
      case 'expire-sessions':
        return { type: 'expired', expired: entry.sessions.filter((id) => this.#expire(id)) }
    }
  }

  /** The table in bytes, for a snapshot. Equal tables are equal bytes. */
  encode(): Uint8Array {
    const writer = new ByteWriter()
    writer.byte(FORM)
    writer.integer(this.#sessions.size)
    // Sessions are opened in ascending slots, and a Map keeps that order.
    for (const session of this.#sessions.values()) {
      const { space, nonce, openedAt, usedAt, acknowledged, results } = session
      writer.integer(openedAt)
      writeSpace(writer, space)
      if (space === 'slot') writer.sizedBytes(nonce)
      else writer.bytes(nonce)
      writer.integer(usedAt)
      writer.integer(acknowledged)
      writer.integer(results.size)
      for (const [sequence, result] of [...results].toSorted(([a], [b]) => a - b)) {
        writer.integer(sequence)
        writer.sizedBytes(result)
      }
    }
    return writer.finish()
  }

  /**
   * The table that `encode` made these bytes of; its results are what `resultOf` makes of those
   * that are stored. Throws DecodeError, and nothing else, when there is none within the limits.
   */
  static decode(
    bytes: Uint8Array,
    limits: SessionLimits = LIMITS,
    resultOf = (stored: Uint8Array): Uint8Array => stored,
  ): SessionTable {
    const reader = new ByteReader(bytes, 'a table of sessions')
    const table = new SessionTable(limits)
    const form = reader.byte()
    if (form !== FORM && form !== SLOTS_FORM) throw reader.malformed('its form is unknown')
    const count = reader.integer()
    let last = 0
    reader.times(count, () => {
      const session = readSession(reader, { form, limits, resultOf })
      if (session.openedAt <= last) throw reader.malformed('its sessions are out of order')
      last = session.openedAt
      if (table.#isFull(session.space)) throw reader.malformed('it has too many sessions')
      table.#add(sessionIdOf(session.space, session.nonce, last), session)
    })
    reader.end()
    const distinct = Math.min(table.#byNonce.size, table.#sessions.size)
    if (distinct < count) throw reader.malformed('two sessions have one nonce')
    return table
  }

  #apply(
    slot: Slot,
    { session: id, sequence, acknowledged }: CommandEntry | CommandsEntry,
    applyNow: () => Uint8Array,
  ): Outcome {
    const session = this.#sessions.get(id)
    if (session === undefined) return { type: 'unknown-session' }
    const known = this.#outcomeOf(session, sequence, acknowledged)
    const outcome = known ?? { type: 'applied', result: applyNow() }
    session.usedAt = slot
    if (isUnused(session)) this.#unused.delete(id)
    if (acknowledged > session.acknowledged) acknowledge(session, acknowledged)
    if (outcome.type === 'applied') session.results.set(sequence, new Uint8Array(outcome.result))
    return outcome
  }

  /** What becomes of a command that is not to be applied; `null` when it is. */
  #outcomeOf(
    { results, ...session }: Session,
    sequence: number,
    acknowledged: number,
  ): Outcome | null {
    const result = results.get(sequence)
    if (sequence < session.acknowledged) return { type: 'acknowledged' }
    if (result !== undefined) return { type: 'duplicate', result: new Uint8Array(result) }
    if (results.size < this.#limits.results) return null
    const kept = [...results.keys()].filter((each) => each >= acknowledged)
    return kept.length >= this.#limits.results ? { type: 'too-many-results' } : null
  }

  /** Opens a session, or finds the one that the same client has opened before. */
  #open(slot: Slot, space: SessionSpace, nonce: Uint8Array): Outcome {
    const known = this.openedBy(space, nonce)
    const open = known === null ? undefined : this.#sessions.get(known)
    if (known !== null && open !== undefined) {
      open.usedAt = slot
      return { type: 'opened', session: known, expired: [] }
    }
    const session = sessionIdOf(space, nonce, slot)
    // Two nonces come to one name only if somebody who knows the name wants it.
    if (this.#sessions.has(session)) return { type: 'too-many-sessions' }
    const leaving = this.#isFull(space) ? this.#leastNeeded(space) : null
    if (leaving === undefined) return { type: 'too-many-sessions' }
    if (leaving !== null) this.#expire(leaving)
    const fresh = { space, nonce: new Uint8Array(nonce), openedAt: slot, usedAt: slot }
    this.#add(session, { ...fresh, acknowledged: 1, results: new Map() })
    return { type: 'opened', session, expired: leaving === null ? [] : [leaving] }
  }

  #isFull(space: SessionSpace): boolean {
    const { sessions, nodeSessions } = this.#limits
    return this.#sizes[space] >= (space === 'node' ? nodeSessions : sessions)
  }

  /** Which session may leave for a new one; `undefined` when none may. */
  #leastNeeded(space: SessionSpace): SessionId | undefined {
    if (space === 'caller') {
      const [oldest] = this.#unused
      return oldest
    }
    let [found, usedAt]: [SessionId | undefined, Slot] = [undefined, Infinity]
    // Of those that one slot used last, the one that was opened first: so every node takes the same.
    for (const [id, session] of this.#sessions) {
      if (session.space === space && session.usedAt < usedAt) [found, usedAt] = [id, session.usedAt]
    }
    return found
  }

  /** Ends those that nobody has used since whoever wants to end them saw it. */
  #expireUnused(sessions: readonly SessionUse[]): readonly SessionId[] {
    return sessions
      .filter(({ session, usedAt }) => this.usedAt(session) === usedAt)
      .map(({ session }) => session)
      .filter((id) => this.#expire(id))
  }

  #add(id: SessionId, session: Session): void {
    const { space, nonce } = session
    this.#sessions.set(id, session)
    this.#byNonce.set(nonceKey(space, nonce), id)
    this.#sizes[space] += 1
    if (space === 'caller' && isUnused(session)) this.#unused.add(id)
  }

  /** Says whether the session was open. */
  #expire(id: SessionId): boolean {
    const session = this.#sessions.get(id)
    if (session === undefined) return false
    this.#sessions.delete(id)
    this.#unused.delete(id)
    this.#sizes[session.space] -= 1
    return this.#byNonce.delete(nonceKey(session.space, session.nonce))
  }
}

/**
 * The results of the commands of one entry, which is what a table keeps of them. Throws DecodeError
 * for anything else than the 'applied' or 'duplicate' result of such an entry.
 */
export function resultsIn(result: Uint8Array): readonly Uint8Array[] {
  const reader = new ByteReader(result, 'the results of several commands')
  const results: Uint8Array[] = []
  while (!reader.isAtEnd) results.push(reader.sizedBytes())
  return results
}

function joinedResults(
  { commands }: CommandsEntry,
  applyCommand: (command: Uint8Array) => Uint8Array,
): Uint8Array {
  const results = commands.map((command) => applyCommand(command))
  const bytes = results.reduce((sum, { length }) => sum + integerBytes(length) + length, 0)
  const writer = new ByteWriter(bytes)
  for (const result of results) writer.sizedBytes(result)
  return writer.finish()
}

/** Whether none of its commands was applied: each leaves its result or an acknowledgement. */
function isUnused({ acknowledged, results }: Session): boolean {
  return acknowledged === 1 && results.size === 0
}

function nonceKey(space: SessionSpace, nonce: Uint8Array): string {
  return `${space}:${hexOf(nonce)}`
}

/** Forgets the results below `acknowledged`. Most often that is one, the oldest of many. */
function acknowledge(session: Session, acknowledged: number): void {
  const { results } = session
  if (acknowledged - session.acknowledged <= results.size) {
    for (let each = session.acknowledged; each < acknowledged; each += 1) results.delete(each)
  } else {
    for (const each of results.keys()) if (each < acknowledged) results.delete(each)
  }
  session.acknowledged = acknowledged
}

interface TableForm {
  /** The first byte of the table. */
  readonly form: number
  readonly limits: SessionLimits
  readonly resultOf: (stored: Uint8Array) => Uint8Array
}

function readSession(reader: ByteReader, { form, limits, resultOf }: TableForm): Session {
  const openedAt = reader.positive()
  const space = form === FORM ? readSpace(reader) : 'slot'
  const nonce = space === 'slot' ? reader.sizedBytes() : reader.fixedBytes(SESSION_NONCE_BYTES)
  if (nonce.length > MAX_NONCE_BYTES) throw reader.malformed('a nonce is too long')
  const usedAt = reader.positive()
  if (usedAt < openedAt) throw reader.malformed('a session was used before it was opened')
  const acknowledged = reader.positive()
  const count = reader.integer()
  if (count > limits.results) throw reader.malformed('a session has too many results')
  const results = new Map<number, Uint8Array>()
  let last = acknowledged - 1
  reader.times(count, () => {
    const sequence = reader.positive()
    if (sequence <= last) throw reader.malformed('its results are out of order')
    last = sequence
    results.set(sequence, resultOf(reader.sizedBytes()))
  })
  return { space, nonce, openedAt, usedAt, acknowledged, results }
}
