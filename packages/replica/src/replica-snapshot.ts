/**
 * The bytes of a replica's snapshot: the sessions, and the application's state. Both are from the
 * same slot, so that a restored node answers a retry as every other does. Must never read a snapshot
 * of another form as if it were this one.
 */
import { DecodeError } from '@paxos/core'
import { SessionTable } from '@paxos/core/multi'

/** Results are stored with what they are: see stored-result.ts. */
const FORM = 2
/** Release 0.0.0: every result is bytes of the codec. */
const FORM_OF_PLAIN_RESULTS = 1

/** What a snapshot takes besides its two parts. */
export const STATE_OVERHEAD_BYTES = 5

/** The two parts of a snapshot. */
export interface ReplicaState {
  readonly sessions: Uint8Array
  readonly machine: Uint8Array
}

export function encodeState({ sessions, machine }: ReplicaState): Uint8Array {
  const bytes = new Uint8Array(STATE_OVERHEAD_BYTES + sessions.byteLength + machine.byteLength)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, FORM)
  view.setUint32(1, sessions.byteLength)
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
  if (bytes.byteLength < STATE_OVERHEAD_BYTES) throw malformed()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = STATE_OVERHEAD_BYTES + view.getUint32(1)
  const form = view.getUint8(0)
  const hasPlainResults = form === FORM_OF_PLAIN_RESULTS
  if ((form !== FORM && !hasPlainResults) || end > bytes.byteLength) throw malformed()
  const sessions = bytes.subarray(STATE_OVERHEAD_BYTES, end)
  return { sessions, machine: bytes.subarray(end), hasPlainResults }
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
