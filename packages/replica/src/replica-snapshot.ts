/**
 * The bytes of a replica's snapshot: the sessions, and the application's state. Both are from the
 * same slot, so that a restored node answers a retry as every other does. Must never read a snapshot
 * of another form as if it were this one.
 */
import { DecodeError } from '@paxos/core'
import { SessionTable } from '@paxos/core/multi'

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

/**
 * The parts of a snapshot, as views of its bytes. Throws DecodeError for anything else than
 * encodeState() returned, in this version or in one that had `hasPlainResults`.
 */
export function decodeState(
  bytes: Uint8Array,
): ReplicaState & { readonly hasPlainResults: boolean } {
  if (bytes.byteLength < HEAD_BYTES) throw malformed()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const form = view.getUint8(0)
  const hasPlainResults = form === FORM_OF_PLAIN_RESULTS
  const isOfSlots = hasPlainResults || form === FORM_OF_SLOTS
  const start = isOfSlots ? HEAD_BYTES : STATE_OVERHEAD_BYTES
  const end = start + view.getUint32(1)
  if ((form !== FORM && !isOfSlots) || end > bytes.byteLength) throw malformed()
  const revision = isOfSlots ? null : Number(view.getBigUint64(HEAD_BYTES))
  if (revision !== null && !Number.isSafeInteger(revision)) throw malformed()
  const [sessions, machine] = [bytes.subarray(start, end), bytes.subarray(end)]
  return { sessions, machine, revision, hasPlainResults }
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

function malformed(): DecodeError {
  return new DecodeError(
    'The snapshot is none of a replica of this version. Start the version that wrote it.',
  )
}
