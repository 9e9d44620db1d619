/**
 * The bytes of a replica's snapshot: the sessions, and the application's state. Both are from the
 * same slot, so that a restored node answers a retry as every other does. Must never read a snapshot
 * of another form as if it were this one.
 */
import { DecodeError } from '@paxos/core'
import { MAX_SNAPSHOT_BYTES, SessionTable } from '@paxos/core/multi'
import { StateTooLargeError } from './errors.ts'
import { STATE_PIECE_BYTES } from './limits.ts'
import { sourceOfAll } from './pieces.ts'
import type { Source } from './pieces.ts'
import { encodeStored } from './stored-result.ts'

const FORM = 3
/** A slot held one command: its number was the revision. */
const FORM_OF_SLOTS = 2
/** Release 0.0.0: besides, every result is bytes of the codec; later they say what they are. */
const FORM_OF_PLAIN_RESULTS = 1

/** The form, and the length of the sessions. */
const HEAD_BYTES = 5

/** What a snapshot takes besides its two parts: the head, and the revision. */
export const STATE_OVERHEAD_BYTES = HEAD_BYTES + 8

/** What a snapshot is made of. */
export interface ReplicaState {
  readonly sessions: Uint8Array
  readonly machine: Uint8Array
  /** That of the newest command; `null` where it is the slot. */
  readonly revision: number | null
}

export function encodeState({
  sessions,
  machine,
  revision,
}: ReplicaState & { readonly revision: number }): Uint8Array {
  const bytes = new Uint8Array(STATE_OVERHEAD_BYTES + sessions.byteLength + machine.byteLength)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, FORM)
  view.setUint32(1, sessions.byteLength)
  view.setBigUint64(HEAD_BYTES, BigInt(revision))
  bytes.set(sessions, STATE_OVERHEAD_BYTES)
  bytes.set(machine, STATE_OVERHEAD_BYTES + sessions.byteLength)
  return bytes
}

/** What stands in a snapshot before the application's state. */
export interface Beginning {
  readonly table: SessionTable
  /** As in ReplicaState. */
  readonly revision: number | null
  /** Where the application's state begins. */
  readonly byteLength: number
}

/**
 * The beginning of a snapshot whose state follows in pieces. Throws StateTooLargeError for what
 * readBeginning() would not read: no node could be started from it.
 */
export function encodeBeginning(table: Pick<SessionTable, 'encode'>, revision: number): Uint8Array {
  const sessions = table.encode()
  const bytes = STATE_OVERHEAD_BYTES + sessions.byteLength
  if (bytes > MAX_SNAPSHOT_BYTES) throw tooLarge(bytes)
  return encodeState({ sessions, machine: new Uint8Array(), revision })
}

/** The beginning of a snapshot. Rejects with DecodeError as decodeState() throws it. */
export async function readBeginning(source: Source): Promise<Beginning> {
  const head = await source.read(0, STATE_OVERHEAD_BYTES)
  const { start, end } = partsOf(head, source.byteLength)
  // It is held in memory, whatever the state takes.
  if (end > MAX_SNAPSHOT_BYTES) throw malformed()
  const pieces: Uint8Array[] = []
  for (let offset = 0; offset < end;) {
    const piece = await source.read(offset, Math.min(STATE_PIECE_BYTES, end - offset))
    if (piece.byteLength === 0) throw malformed()
    pieces.push(new Uint8Array(piece))
    offset += piece.byteLength
  }
  const bytes = await sourceOfAll(pieces).read(0, Math.max(start, end))
  const { sessions, revision, hasPlainResults } = decodeState(bytes)
  return { table: tableIn(sessions, hasPlainResults), revision, byteLength: end }
}

/** The sessions of a snapshot. Of release 0.0.0 the bytes of a result stand as they are. */
export function tableIn(sessions: Uint8Array, hasPlainResults: boolean): SessionTable {
  if (!hasPlainResults) return SessionTable.decode(sessions)
  return SessionTable.decode(sessions, undefined, (bytes) =>
    encodeStored({ type: 'result', bytes }),
  )
}

/**
 * The parts of a snapshot, as views of its bytes. Throws DecodeError for anything else than
 * encodeState() returned, in this version or in one that had `hasPlainResults`.
 */
export function decodeState(
  bytes: Uint8Array,
): ReplicaState & { readonly hasPlainResults: boolean } {
  const { start, end, isOfSlots, hasPlainResults } = partsOf(bytes, bytes.byteLength)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const revision = isOfSlots ? null : Number(view.getBigUint64(HEAD_BYTES))
  if (revision !== null && !Number.isSafeInteger(revision)) throw malformed()
  const [sessions, machine] = [bytes.subarray(start, end), bytes.subarray(end)]
  return { sessions, machine, revision, hasPlainResults }
}

/** Where the sessions of a snapshot of `byteLength` bytes are, which begins with `head`. */
function partsOf(
  head: Uint8Array,
  byteLength: number,
): { start: number; end: number; isOfSlots: boolean; hasPlainResults: boolean } {
  if (head.byteLength < HEAD_BYTES) throw malformed()
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  const form = view.getUint8(0)
  const hasPlainResults = form === FORM_OF_PLAIN_RESULTS
  const isOfSlots = hasPlainResults || form === FORM_OF_SLOTS
  const start = isOfSlots ? HEAD_BYTES : STATE_OVERHEAD_BYTES
  const end = start + view.getUint32(1)
  if ((form !== FORM && !isOfSlots) || end > byteLength) throw malformed()
  return { start, end, isOfSlots, hasPlainResults }
}

/** Whether bytes are a snapshot of this version, as far as can be told without the application. */
export function isState(bytes: Uint8Array): boolean {
  try {
    SessionTable.decode(decodeState(bytes).sessions)
    return true
  } catch (error) {
    if (error instanceof DecodeError) return false
    throw error
  }
}

function tooLarge(bytes: number): StateTooLargeError {
  return new StateTooLargeError(
    `What the sessions have stored takes ${bytes} bytes, and may take ${MAX_SNAPSHOT_BYTES}. ` +
      'Have commands return less, or use fewer sessions.',
  )
}

function malformed(): DecodeError {
  return new DecodeError(
    'The snapshot is none of a replica of this version. Start the version that wrote it.',
  )
}
