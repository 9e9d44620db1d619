/**
 * What a session is called. Whoever opens one draws 128 bits at random, the nonce; the session is
 * named by them and by the slot that opened it. Who was not told a name cannot guess it, so a name
 * is a secret of its holder: it must never get into a log, a metric, or an error that others read.
 *
 * The slot is part of the name because an opening may be chosen twice. A session that is opened
 * again, after it has ended, has another name: else a command that was applied in the first, and is
 * chosen once more, would be applied again in the second.
 */
import type { Slot } from '../durability.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'
import { SESSION_NONCE_BYTES } from './limits.ts'

/**
 * Whose a session is. 'caller': of somebody outside, who names it. 'node': of a node, for commands
 * without a session; nobody outside can name it. 'slot': opened by release 0.0.0, named by its slot
 * alone, so that anybody could; nobody outside can name it any more.
 */
export type SessionSpace = 'slot' | 'caller' | 'node'

/** The name of a session inside the cluster: 'caller:' or 'node:' and 32 hex digits, or its slot. */
export type SessionId = Slot | `caller:${string}` | `node:${string}`

/** The byte that stands for a space. */
const SPACES: readonly SessionSpace[] = ['slot', 'caller', 'node']

const HEX_DIGITS = 2 * SESSION_NONCE_BYTES

/** The session that was opened in `slot` with `nonce`. */
export function sessionIdOf(space: SessionSpace, nonce: Uint8Array, slot: Slot): SessionId {
  if (space === 'slot') return slot
  const bytes = new Uint8Array(nonce)
  for (let [at, rest] = [bytes.length - 1, slot]; rest > 0; at -= 1) {
    bytes[at] = (bytes[at] ?? 0) ^ (rest % 0x100)
    rest = Math.floor(rest / 0x100)
  }
  return `${space}:${hexOf(bytes)}`
}

/** The session that a caller names by 32 hex digits; `null` when they are none. */
export function callerSession(name: string): SessionId | null {
  return /^[0-9a-f]{32}$/.test(name) ? `caller:${name}` : null
}

/** The name by which its caller knows a session: what callerSession() takes. */
export function callerName(id: SessionId): string {
  return String(id).slice('caller:'.length)
}

/** Called for every command: plain additions of short strings are the fastest there is. */
export function hexOf(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of bytes) hex += HEX[byte]
  return hex
}

export function writeSpace(writer: ByteWriter, space: SessionSpace): void {
  writer.byte(SPACES.indexOf(space))
}

export function readSpace(reader: ByteReader): SessionSpace {
  const space = SPACES[reader.byte()]
  if (space === undefined) throw reader.malformed('whose a session is, is unknown')
  return space
}

/** Throws InvalidArgumentError for what is no name. */
export function writeSessionId(writer: ByteWriter, id: SessionId): void {
  if (typeof id === 'number') {
    if (!Number.isSafeInteger(id) || id <= 0) refuse()
    writeSpace(writer, 'slot')
    return writer.integer(id)
  }
  const space = id.startsWith('caller:') ? 'caller' : id.startsWith('node:') ? 'node' : refuse()
  writeSpace(writer, space)
  const start = space.length + 1
  if (id.length !== start + HEX_DIGITS) refuse()
  for (let at = start; at < id.length; at += 2) {
    writer.byte(0x10 * digitAt(id, at) + digitAt(id, at + 1))
  }
}

export function readSessionId(reader: ByteReader): SessionId {
  const space = readSpace(reader)
  if (space === 'slot') return reader.positive()
  return `${space}:${hexOf(reader.fixedBytes(SESSION_NONCE_BYTES))}`
}

function digitAt(hex: string, at: number): number {
  const code = hex.charCodeAt(at)
  if (code >= ZERO && code < ZERO + 10) return code - ZERO
  return code >= LETTER_A && code < LETTER_A + 6 ? code - LETTER_A + 10 : refuse()
}

/** Without the name: an error may get to where a name must not. */
function refuse(): never {
  throw new InvalidArgumentError('This is no name of a session. Take one that was opened.')
}

const [ZERO, LETTER_A] = [0x30, 0x61]

const HEX = Array.from({ length: 0x100 }, (_, byte) => byte.toString(16).padStart(2, '0'))
