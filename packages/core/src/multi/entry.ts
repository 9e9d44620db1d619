/**
 * What a value of the log says, by its first byte: nothing, a command of a session, or the opening
 * and the expiry of sessions. The engine makes only NO_OP and treats the rest as opaque; a host
 * encodes and decodes the rest. Entries are stored for years: a number that was once released must
 * never change its meaning.
 */
import type { Slot } from '../durability.ts'
import { DecodeError, InvalidArgumentError } from '../errors.ts'
import { ByteReader, ByteWriter, integerBytes } from './bytes.ts'
import { MAX_NONCE_BYTES, MAX_SESSIONS, REFUSED_HEAD_BYTES } from './limits.ts'

/** What one slot of the log says. */
export type Entry =
  /** Fills a slot; changes nothing. */
  | { readonly type: 'no-op' }
  | CommandEntry
  /** Begins a session, whose id is the slot of this entry. */
  | {
      readonly type: 'open-session'
      /** By which its client knows it: 1 to MAX_NONCE_BYTES bytes that nobody else has. */
      readonly nonce: Uint8Array
    }
  /** Ends sessions, and with them the memory of what their clients did. */
  | { readonly type: 'expire-sessions'; readonly sessions: readonly Slot[] }

/** A command of the application, to be applied once however often it is chosen. */
export interface CommandEntry {
  readonly type: 'command'
  readonly session: Slot
  /** Counts the commands of the session from 1. */
  readonly sequence: number
  /** The client has the answers to all lower sequences. From 1 to `sequence`. */
  readonly acknowledged: number
  readonly bytes: Uint8Array
}

/** The first byte. 4 is kept for a change of the members. */
const KIND = { noOp: 0, command: 1, openSession: 2, expireSessions: 3 } as const

/** The value with which a leader fills a slot. */
export const NO_OP: Uint8Array = Uint8Array.of(KIND.noOp)

/** What a command takes besides its bytes, at most. */
export const COMMAND_OVERHEAD_BYTES = 25

/** The value that says `entry`. Throws InvalidArgumentError for numbers that are out of range. */
export function encodeEntry(entry: Entry): Uint8Array {
  if (entry.type === 'command') return encodeCommand(entry)
  const writer = new ByteWriter()
  switch (entry.type) {
    case 'no-op':
      return new Uint8Array(NO_OP)
    case 'open-session': {
      const { length } = entry.nonce
      if (length < 1 || length > MAX_NONCE_BYTES) {
        throw new InvalidArgumentError(
          `A nonce has 1 to ${MAX_NONCE_BYTES} bytes, not ${length}. Draw 16 at random.`,
        )
      }
      writer.byte(KIND.openSession)
      writer.bytes(entry.nonce)
      return writer.finish()
    }
    case 'expire-sessions':
      if (entry.sessions.length > MAX_SESSIONS) {
        throw new InvalidArgumentError(
          `An entry expires at most ${MAX_SESSIONS} sessions. Use several entries.`,
        )
      }
      writer.byte(KIND.expireSessions)
      writer.integer(entry.sessions.length)
      for (const session of entry.sessions) {
        requirePositive(session)
        writer.integer(session)
      }
      return writer.finish()
  }
}

/**
 * What `value` says. Throws DecodeError, and nothing else, when it says nothing that this version
 * knows. Whoever applies a log takes it for a no-op when isKnownKind(), as all do; and must stop there
 * when not, for others may know it and go on differently.
 */
export function decodeEntry(value: Uint8Array): Entry {
  const reader = new ByteReader(value, 'an entry')
  const entry = readEntry(reader)
  reader.end()
  return entry
}

/**
 * Whether `value` is of a kind that this version knows. What is of a known kind and no entry is none
 * to every version; of an unknown kind, only a newer version can tell.
 */
export function isKnownKind(value: Uint8Array): boolean {
  const [kind] = value
  return kind === undefined || Object.values<number>(KIND).includes(kind)
}

/** By what a value is named that a leader refuses. */
export function headOf(value: Uint8Array): Uint8Array {
  return value.slice(0, REFUSED_HEAD_BYTES)
}

/** By far the most frequent: its size is known before, and it is written once. */
function encodeCommand({ session, sequence, acknowledged, bytes }: CommandEntry): Uint8Array {
  const integers = [session, sequence, acknowledged]
  for (const integer of integers) requirePositive(integer)
  if (acknowledged > sequence) {
    throw new InvalidArgumentError(
      `Sequence ${sequence} is below the ${acknowledged} that is acknowledged. ` +
        'Give each command a new sequence.',
    )
  }
  const integersBytes = integers.reduce((sum, integer) => sum + integerBytes(integer), 0)
  const writer = new ByteWriter(1 + integersBytes + bytes.length)
  writer.byte(KIND.command)
  for (const integer of integers) writer.integer(integer)
  writer.bytes(bytes)
  return writer.finish()
}

function readEntry(reader: ByteReader): Entry {
  const kind = reader.byte()
  switch (kind) {
    case KIND.noOp:
      return { type: 'no-op' }
    case KIND.command: {
      const session = reader.positive()
      const sequence = reader.positive()
      const acknowledged = reader.positive()
      if (acknowledged > sequence) throw reader.malformed('it acknowledges itself')
      return { type: 'command', session, sequence, acknowledged, bytes: reader.rest() }
    }
    case KIND.openSession: {
      const nonce = reader.rest()
      const fits = nonce.length >= 1 && nonce.length <= MAX_NONCE_BYTES
      if (!fits) throw reader.malformed('its nonce is too long or too short')
      return { type: 'open-session', nonce }
    }
    case KIND.expireSessions: {
      const count = reader.integer()
      if (count > MAX_SESSIONS) throw reader.malformed('it expires too many sessions')
      return { type: 'expire-sessions', sessions: reader.times(count, () => reader.positive()) }
    }
    default:
      throw new DecodeError(`An entry of kind ${kind} is unknown. Upgrade this node.`)
  }
}

function requirePositive(value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return
  throw new InvalidArgumentError(`${value} is no integer from 1 to 2^53 - 1. Correct it.`)
}
