/**
 * Exactly once: which commands of which client were applied, and with what result. The table is part
 * of the replicated state: every node applies the same entries to it in the same order, and it goes
 * into the snapshot. It must depend on nothing else, no clock and no order of a Map, so that equal
 * logs give equal tables, and equal tables equal bytes.
 *
 * A client opens a session, numbers its commands in it, and says with each which answers it has. A
 * command that is chosen twice is applied once; the second time its stored result is returned.
 */
import type { Slot } from '../durability.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import type { CommandEntry, Entry } from './entry.ts'
import { MAX_NONCE_BYTES, MAX_RESULTS, MAX_SESSIONS } from './limits.ts'

/** What an entry led to. */
export type Outcome =
  /** The entry is none of the sessions'. */
  | { readonly type: 'none' }
  /** The command was applied now. */
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
  | { readonly type: 'opened'; readonly session: Slot; readonly expired: readonly Slot[] }
  /** These of the sessions were open until now. */
  | { readonly type: 'expired'; readonly expired: readonly Slot[] }

/** How much a table remembers. The nodes of one cluster must have the same. */
export interface SessionLimits {
  readonly sessions: number
  /** Of each session. */
  readonly results: number
}

interface Session {
  readonly nonce: Uint8Array
  /** The slot of the newest entry that used it. */
  usedAt: Slot
  /** The client has the answers to all sequences below. */
  acknowledged: number
  /** By sequence: what was applied and is not known to be answered. */
  readonly results: Map<number, Uint8Array>
}

const LIMITS: SessionLimits = { sessions: MAX_SESSIONS, results: MAX_RESULTS }

/** The first byte of an encoded table: another form would have another. */
const FORM = 1

/** The sessions of a replicated state machine. */
export class SessionTable {
  readonly #limits: SessionLimits
  readonly #sessions = new Map<Slot, Session>()
  /** The open sessions by their nonces. */
  readonly #byNonce = new Map<string, Slot>()

  /** `limits` other than the default are for tests: nodes that disagree about them diverge. */
  constructor(limits: SessionLimits = LIMITS) {
    this.#limits = limits
  }

  /** The open sessions, in the order in which they were opened. */
  get sessions(): readonly Slot[] {
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
  recall(session: Slot, sequence: number): Outcome | null {
    const open = this.#sessions.get(session)
    if (open === undefined) return { type: 'unknown-session' }
    if (sequence < open.acknowledged) return { type: 'acknowledged' }
    const result = open.results.get(sequence)
    return result === undefined ? null : { type: 'duplicate', result: new Uint8Array(result) }
  }

  /** The slot at which a session was used last; `null` when it is not open. */
  usedAt(session: Slot): Slot | null {
    return this.#sessions.get(session)?.usedAt ?? null
  }

  /**
   * Applies what `slot` says; slots must come in ascending order. `applyCommand` is called for a
   * command that is to be applied now, at most once, with the command's bytes; what it returns is
   * the result. When it throws, the table is as before.
   */
  apply(slot: Slot, entry: Entry, applyCommand: (command: Uint8Array) => Uint8Array): Outcome {
    switch (entry.type) {
      case 'no-op':
        return { type: 'none' }
      case 'command':
        return this.#apply(slot, entry, applyCommand)
      case 'open-session':
        return this.#open(slot, entry.nonce)
      case 'expire-sessions':
        return {
          type: 'expired',
          expired: entry.sessions.filter((id) => this.#expire(id)),
        }
    }
  }

  /** The table in bytes, for a snapshot. Equal tables are equal bytes. */
  encode(): Uint8Array {
    const writer = new ByteWriter()
    writer.byte(FORM)
    writer.integer(this.#sessions.size)
    // Sessions are opened in ascending slots, and a Map keeps that order.
    for (const [id, { nonce, usedAt, acknowledged, results }] of this.#sessions) {
      writer.integer(id)
      writer.sizedBytes(nonce)
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
    if (reader.byte() !== FORM) throw reader.malformed('its form is unknown')
    const count = reader.integer()
    if (count > limits.sessions) throw reader.malformed('it has too many sessions')
    let last = 0
    reader.times(count, () => {
      const id = reader.positive()
      if (id <= last) throw reader.malformed('its sessions are out of order')
      last = id
      table.#add(id, readSession(reader, { id, limits, resultOf }))
    })
    reader.end()
    if (table.#byNonce.size < count) throw reader.malformed('two sessions have one nonce')
    return table
  }

  #apply(
    slot: Slot,
    { session: id, sequence, acknowledged, bytes }: CommandEntry,
    applyCommand: (command: Uint8Array) => Uint8Array,
  ): Outcome {
    const session = this.#sessions.get(id)
    if (session === undefined) return { type: 'unknown-session' }
    const known = this.#outcomeOf(session, sequence, acknowledged)
    const outcome = known ?? { type: 'applied', result: new Uint8Array(applyCommand(bytes)) }
    session.usedAt = slot
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
  #open(slot: Slot, nonce: Uint8Array): Outcome {
    const id = this.#byNonce.get(nonce.join())
    const known = id === undefined ? undefined : this.#sessions.get(id)
    if (id !== undefined && known !== undefined) {
      known.usedAt = slot
      return { type: 'opened', session: id, expired: [] }
    }
    const expired: Slot[] = []
    while (this.#sessions.size >= this.#limits.sessions) expired.push(this.#expireOldest())
    const session = { nonce: new Uint8Array(nonce), usedAt: slot, acknowledged: 1 }
    this.#add(slot, { ...session, results: new Map() })
    return { type: 'opened', session: slot, expired }
  }

  /** Ends the session that was unused for longest. No two were used last by the same slot. */
  #expireOldest(): Slot {
    let oldest = 0
    let usedAt = Infinity
    for (const [id, session] of this.#sessions) {
      if (session.usedAt < usedAt) [oldest, usedAt] = [id, session.usedAt]
    }
    this.#expire(oldest)
    return oldest
  }

  #add(id: Slot, session: Session): void {
    this.#sessions.set(id, session)
    this.#byNonce.set(session.nonce.join(), id)
  }

  /** Says whether the session was open. */
  #expire(id: Slot): boolean {
    const session = this.#sessions.get(id)
    if (session === undefined) return false
    this.#sessions.delete(id)
    return this.#byNonce.delete(session.nonce.join())
  }
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

function readSession(
  reader: ByteReader,
  {
    id,
    limits,
    resultOf,
  }: {
    readonly id: Slot
    readonly limits: SessionLimits
    readonly resultOf: (stored: Uint8Array) => Uint8Array
  },
): Session {
  const nonce = reader.sizedBytes()
  if (nonce.length > MAX_NONCE_BYTES) throw reader.malformed('a nonce is too long')
  const usedAt = reader.positive()
  if (usedAt < id) throw reader.malformed('a session was used before it was opened')
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
  return { nonce, usedAt, acknowledged, results }
}
