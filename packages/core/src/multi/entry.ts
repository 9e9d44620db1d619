/**
 * What a value of the log says, by its first byte: nothing, commands of a session, the opening and
 * the expiry of sessions, or who is in the cluster. The engine makes only NO_OP, reads what says who
 * is in the cluster, and treats the rest as opaque: a host encodes and decodes it. Entries are stored
 * for years: a number that was once released must never change its meaning. Kinds 1 to 3 are of
 * release 0.0.0, whose sessions were named by their slots; they are still read and applied, and
 * nothing new is written with them.
 */
import type { Slot } from '../durability.ts'
import { DecodeError, InvalidArgumentError } from '../errors.ts'
import { ByteReader, ByteWriter, integerBytes } from './bytes.ts'
import { formOf, readMembers, requireVersion, writeMembers } from './configuration.ts'
import type { MembersEntry } from './configuration.ts'
import { MAX_COMMANDS, MAX_NONCE_BYTES, MAX_SESSIONS, PAGE_BYTES } from './limits.ts'
import { REFUSED_HEAD_BYTES, SESSION_NONCE_BYTES } from './limits.ts'
import { readSessionId, readSpace, writeSessionId, writeSpace } from './session-id.ts'
import type { SessionId, SessionSpace } from './session-id.ts'

/** What one slot of the log says. */
export type Entry = SingleEntry | BundleEntry

/** What may stand alone in a slot. */
export type SingleEntry =
  /** Fills a slot; changes nothing. */
  | { readonly type: 'no-op' }
  | CommandEntry
  | CommandsEntry
  /** Begins a session: see sessionIdOf() for its name. */
  | {
      readonly type: 'open-session'
      /** Default: 'slot', which nothing new is written with. */
      readonly space?: SessionSpace
      /**
       * SESSION_NONCE_BYTES that whoever opens it has drawn at random, and by which it knows its
       * session again. In the space 'slot' 1 to MAX_NONCE_BYTES.
       */
      readonly nonce: Uint8Array
    }
  /** Ends the sessions that nobody has used since, and the memory of what their clients did. */
  | { readonly type: 'expire-unused'; readonly sessions: readonly SessionUse[] }
  | MembersEntry
  /** Ends sessions of the space 'slot', whoever has used them. Nothing new is written with it. */
  | { readonly type: 'expire-sessions'; readonly sessions: readonly Slot[] }

/** A command of the application, to be applied once however often it is chosen. */
export interface CommandEntry {
  readonly type: 'command'
  readonly session: SessionId
  /** Counts the commands of the session from 1. */
  readonly sequence: number
  /** The client has the answers to all lower sequences. From 1 to `sequence`. */
  readonly acknowledged: number
  readonly bytes: Uint8Array
}

/**
 * Commands of the application in one slot, to be applied one after the other, and all of them once
 * however often the entry is chosen. A command is known by its slot and its place in here.
 */
export interface CommandsEntry {
  readonly type: 'commands'
  /** None that is named by a slot. */
  readonly session: SessionId
  /** Of all of them together: counts the entries of the session from 1. */
  readonly sequence: number
  /** The client has the answers to all lower sequences. From 1 to `sequence`. */
  readonly acknowledged: number
  /** From 1 to MAX_COMMANDS. */
  readonly commands: readonly Uint8Array[]
}

/** A session, and the slot of the newest entry that used it. */
export interface SessionUse {
  readonly session: SessionId
  readonly usedAt: Slot
}

/**
 * Commands of many sessions in one slot, one entry after the other, each as if it had a slot of its
 * own just there. Only a leader makes it, of what it was asked for one by one.
 */
export interface BundleEntry {
  readonly type: 'bundle'
  /** At least 2, with MAX_COMMANDS commands at most in all. None of a session named by a slot. */
  readonly entries: readonly (CommandEntry | CommandsEntry)[]
}

/** The first byte. */
export const KIND = {
  noOp: 0,
  slotCommand: 1,
  openSlotSession: 2,
  expireSlots: 3,
  members: 4,
  command: 5,
  openSession: 6,
  expireUnused: 7,
  fullMembers: 8,
  commands: 9,
  /** Entries of the kinds 5 and 9, each behind its length. */
  bundle: 10,
} as const

/** The value with which a leader fills a slot. */
export const NO_OP: Uint8Array = Uint8Array.of(KIND.noOp)

/** Its space, and its 128 bits. */
const SESSION_ID_BYTES = 1 + SESSION_NONCE_BYTES

/** What an entry takes besides its commands, at most. */
const COMMANDS_HEAD_BYTES = 1 + SESSION_ID_BYTES + 16

/** What one of several commands takes besides its bytes, at most: its length. */
export const COMMAND_LENGTH_BYTES = 4

/** What a command takes besides its bytes, at most, where it is alone in its entry. */
export const COMMAND_OVERHEAD_BYTES = COMMANDS_HEAD_BYTES + COMMAND_LENGTH_BYTES

/** The value that says `entry`. Throws InvalidArgumentError for numbers that are out of range. */
export function encodeEntry(entry: Entry): Uint8Array {
  if (entry.type === 'command' || entry.type === 'commands') return encodeCommands(entry)
  const writer = new ByteWriter()
  switch (entry.type) {
    case 'no-op':
      return new Uint8Array(NO_OP)
    case 'bundle':
      requireBundle(entry)
      writer.byte(KIND.bundle)
      for (const part of entry.entries) writer.sizedBytes(encodeCommands(part))
      return writer.finish()
    case 'open-session': {
      const { space = 'slot', nonce } = entry
      if (!isNonce(space, nonce)) {
        throw new InvalidArgumentError(
          `A nonce has ${SESSION_NONCE_BYTES} bytes, not ${nonce.length}. Draw them at random.`,
        )
      }
      writer.byte(space === 'slot' ? KIND.openSlotSession : KIND.openSession)
      if (space !== 'slot') writeSpace(writer, space)
      writer.bytes(nonce)
      return writer.finish()
    }
    case 'expire-unused':
      requireFew(entry.sessions)
      writer.byte(KIND.expireUnused)
      writer.integer(entry.sessions.length)
      for (const { session, usedAt } of entry.sessions) {
        requirePositive(usedAt)
        writeSessionId(writer, session)
        writer.integer(usedAt)
      }
      return writer.finish()
    case 'members':
      requireVersion(entry.replaces)
      writer.byte(formOf(entry) === 'full' ? KIND.fullMembers : KIND.members)
      writer.integer(entry.replaces)
      writeMembers(writer, entry)
      return writer.finish()
    case 'expire-sessions':
      requireFew(entry.sessions)
      writer.byte(KIND.expireSlots)
      writer.integer(entry.sessions.length)
      for (const slot of entry.sessions) {
        requirePositive(slot)
        writer.integer(slot)
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
  return readWhole(new ByteReader(value, 'an entry'))
}

/** As decodeEntry(), for who only looks: what it returns are views of `value`. */
export function viewEntry(value: Uint8Array): Entry {
  return readWhole(new ByteReader(value, 'an entry', 'views'))
}

/**
 * Whether a node may have another put such an entry into the log for it: a command or an opening of
 * today, or a change of the members. Which sessions end is the leader's own decision. Looks no
 * further than the kind.
 */
export function isForwardable(value: Uint8Array): boolean {
  const [kind] = value
  return isCommandsKind(kind) || kind === KIND.openSession || isMembersKind(kind)
}

/**
 * Whether `value` is of a kind that this version knows. What is of a known kind and no entry is none
 * to every version; of an unknown kind, only a newer version can tell.
 */
export function isKnownKind(value: Uint8Array): boolean {
  const [kind] = value
  return kind === undefined || Object.values<number>(KIND).includes(kind)
}

/** The members entry that `value` is; `null` when it is none. Of other kinds it reads no further. */
export function membersEntryIn(value: Uint8Array): MembersEntry | null {
  if (!isMembersKind(value[0])) return null
  try {
    const entry = decodeEntry(value)
    return entry.type === 'members' ? entry : null
  } catch (error) {
    if (error instanceof DecodeError) return null
    throw error
  }
}

/**
 * By what a value is named that a leader refuses: its beginning, which says whose it is. Two changes
 * of the members may begin alike, and are named whole.
 */
export function headOf(value: Uint8Array): Uint8Array {
  const isWhole = isMembersKind(value[0]) && value.length <= PAGE_BYTES
  return isWhole ? value : value.slice(0, REFUSED_HEAD_BYTES)
}

/** Of those that are written today. */
function isCommandsKind(kind: number | undefined): boolean {
  return kind === KIND.command || kind === KIND.commands
}

function isMembersKind(kind: number | undefined): boolean {
  return kind === KIND.members || kind === KIND.fullMembers
}

/**
 * What the copies of one command have in common, and those of one opening; `null` for other entries:
 * a members entry that is chosen twice says nothing the second time (see configurationAfter()).
 * Cheap: it looks no further than what names them, and does not check the rest.
 */
export function entryKey(value: Uint8Array): string | null {
  const end = keyEnd(value)
  if (end === null) return null
  return String.fromCharCode(...value.subarray(0, Math.min(end, REFUSED_HEAD_BYTES)))
}

/**
 * How many commands are in a value that may be part of a bundle; 0 for others. As entryKey() it does
 * not check the rest.
 */
export function commandCount(value: Uint8Array): number {
  const [kind] = value
  if (kind !== KIND.commands) return kind === KIND.command ? 1 : 0
  const start = integerEnd(value, integerEnd(value, 1 + SESSION_ID_BYTES))
  return partsIn(value, start).length
}

/** What stands in a value from `start` on, each behind its length, as views. It stops where they do. */
export function partsIn(value: Uint8Array, start = 1): readonly Uint8Array[] {
  const reader = new ByteReader(value.subarray(start), 'parts', 'views')
  const parts: Uint8Array[] = []
  try {
    while (!reader.isAtEnd) parts.push(reader.sizedBytes())
    return parts
  } catch (error) {
    if (error instanceof DecodeError) return []
    throw error
  }
}

/** Where the key of an entry ends: a command's behind its sequence. */
function keyEnd(value: Uint8Array): number | null {
  const [kind] = value
  if (kind === KIND.openSession || kind === KIND.openSlotSession) return value.length
  if (isCommandsKind(kind)) return integerEnd(value, 1 + SESSION_ID_BYTES)
  return kind === KIND.slotCommand ? integerEnd(value, integerEnd(value, 1)) : null
}

function integerEnd(value: Uint8Array, start: number): number {
  let at = start
  while ((value[at] ?? 0) >= 0x80 && at < REFUSED_HEAD_BYTES) at += 1
  return at + 1
}

/** By far the most frequent: its size is known before, and it is written once. */
function encodeCommands(entry: CommandEntry | CommandsEntry): Uint8Array {
  const { session, sequence, acknowledged } = entry
  requirePositive(sequence)
  requirePositive(acknowledged)
  if (acknowledged > sequence) {
    throw new InvalidArgumentError(
      `Sequence ${sequence} is below the ${acknowledged} that is acknowledged. ` +
        'Give each command a new sequence.',
    )
  }
  const slot = typeof session === 'number' ? session : null
  if (slot !== null) requirePositive(slot)
  if (entry.type === 'commands') requireCommands(entry)
  const sessionBytes = slot === null ? SESSION_ID_BYTES : integerBytes(slot)
  const integersBytes = integerBytes(sequence) + integerBytes(acknowledged)
  const writer = new ByteWriter(1 + sessionBytes + integersBytes + contentBytes(entry))
  if (slot !== null) writer.byte(KIND.slotCommand)
  else writer.byte(entry.type === 'command' ? KIND.command : KIND.commands)
  if (slot === null) writeSessionId(writer, session)
  else writer.integer(slot)
  writer.integer(sequence)
  writer.integer(acknowledged)
  if (entry.type === 'command') writer.bytes(entry.bytes)
  else for (const command of entry.commands) writer.sizedBytes(command)
  return writer.finish()
}

/** The commands that an entry has, in their order. */
export function commandsOf(entry: Entry): readonly Uint8Array[] {
  if (entry.type === 'command') return [entry.bytes]
  if (entry.type === 'commands') return entry.commands
  return entry.type === 'bundle' ? entry.entries.flatMap(commandsOf) : []
}

function requireBundle(entry: BundleEntry): void {
  const { length } = commandsOf(entry)
  const isOfToday = entry.entries.every(({ session }) => typeof session !== 'number')
  if (isOfToday && entry.entries.length > 1 && length <= MAX_COMMANDS) return
  throw new InvalidArgumentError(
    `A bundle has from 2 entries to ${MAX_COMMANDS} commands, none of them of a session that is ` +
      'named by a slot. Use several entries.',
  )
}

function contentBytes(entry: CommandEntry | CommandsEntry): number {
  if (entry.type === 'command') return entry.bytes.length
  return entry.commands.reduce((sum, { length }) => sum + integerBytes(length) + length, 0)
}

function requireCommands({ session, commands: { length } }: CommandsEntry): void {
  if (typeof session === 'number') {
    throw new InvalidArgumentError(
      'Several commands cannot be of a session that is named by a slot. Open one of today.',
    )
  }
  if (length > 0 && length <= MAX_COMMANDS) return
  throw new InvalidArgumentError(
    `An entry has from 1 to ${MAX_COMMANDS} commands, not ${length}. Use several entries.`,
  )
}

function readWhole(reader: ByteReader): Entry {
  const entry = readEntry(reader)
  reader.end()
  return entry
}

function readEntry(reader: ByteReader): Entry {
  const kind = reader.byte()
  switch (kind) {
    case KIND.noOp:
      return { type: 'no-op' }
    case KIND.slotCommand:
      return readCommand(reader, reader.positive())
    case KIND.command:
      return readNamedCommand(reader)
    case KIND.commands:
      return readCommands(reader)
    case KIND.bundle:
      return readBundle(reader)
    case KIND.openSlotSession:
      return readOpening(reader, 'slot')
    case KIND.openSession: {
      const space = readSpace(reader)
      if (space === 'slot') throw reader.malformed('its session would be named by a slot')
      return readOpening(reader, space)
    }
    case KIND.members:
      return { type: 'members', replaces: reader.integer(), ...readMembers(reader, 'plain') }
    case KIND.fullMembers:
      return { type: 'members', replaces: reader.integer(), ...readMembers(reader, 'full') }
    case KIND.expireSlots:
      return { type: 'expire-sessions', sessions: readFew(reader, () => reader.positive()) }
    case KIND.expireUnused: {
      const sessions = readFew(reader, () => ({
        session: readSessionId(reader),
        usedAt: reader.positive(),
      }))
      return { type: 'expire-unused', sessions }
    }
    default:
      throw new DecodeError(`An entry of kind ${kind} is unknown. Upgrade this node.`)
  }
}

function readCommand(reader: ByteReader, session: SessionId): CommandEntry {
  return { type: 'command', session, ...readNumbers(reader), bytes: reader.rest() }
}

function readNamedCommand(reader: ByteReader): CommandEntry {
  return readCommand(reader, readName(reader))
}

function readName(reader: ByteReader): SessionId {
  const session = readSessionId(reader)
  if (typeof session === 'number') throw reader.malformed('its session is named by a slot')
  return session
}

function readCommands(reader: ByteReader): CommandsEntry {
  const session = readName(reader)
  const numbers = readNumbers(reader)
  const commands: Uint8Array[] = []
  do commands.push(reader.sizedBytes())
  while (!reader.isAtEnd && commands.length < MAX_COMMANDS)
  return { type: 'commands', session, ...numbers, commands }
}

/** No entry is read but of commands: so none is within another that is within another. */
function readBundle(reader: ByteReader): BundleEntry {
  const entries: (CommandEntry | CommandsEntry)[] = []
  let commands = 0
  while (!reader.isAtEnd && commands <= MAX_COMMANDS) {
    const part = reader.sizedReader('an entry of a bundle')
    const kind = part.byte()
    if (!isCommandsKind(kind)) throw part.malformed('it has no commands')
    const entry = kind === KIND.command ? readNamedCommand(part) : readCommands(part)
    part.end()
    entries.push(entry)
    commands += entry.type === 'command' ? 1 : entry.commands.length
  }
  if (entries.length < 2) throw reader.malformed('it is a bundle of fewer than two')
  if (commands > MAX_COMMANDS) throw reader.malformed('it is a bundle of too many commands')
  return { type: 'bundle', entries }
}

function readNumbers(reader: ByteReader): Pick<CommandEntry, 'sequence' | 'acknowledged'> {
  const sequence = reader.positive()
  const acknowledged = reader.positive()
  if (acknowledged > sequence) throw reader.malformed('it acknowledges itself')
  return { sequence, acknowledged }
}

function readOpening(reader: ByteReader, space: SessionSpace): Entry {
  const nonce = reader.rest()
  if (!isNonce(space, nonce)) throw reader.malformed('its nonce is too long or too short')
  return { type: 'open-session', space, nonce }
}

function readFew<T>(reader: ByteReader, read: () => T): T[] {
  const count = reader.integer()
  if (count > MAX_SESSIONS) throw reader.malformed('it expires too many sessions')
  return reader.times(count, read)
}

function isNonce(space: SessionSpace, { length }: Uint8Array): boolean {
  return space === 'slot'
    ? length >= 1 && length <= MAX_NONCE_BYTES
    : length === SESSION_NONCE_BYTES
}

function requireFew({ length }: readonly unknown[]): void {
  if (length <= MAX_SESSIONS) return
  throw new InvalidArgumentError(
    `An entry expires at most ${MAX_SESSIONS} sessions. Use several entries.`,
  )
}

function requirePositive(value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return
  throw new InvalidArgumentError(`${value} is no integer from 1 to 2^53 - 1. Correct it.`)
}
