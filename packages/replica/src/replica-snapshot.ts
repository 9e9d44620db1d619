/**
 * The bytes of a replica's snapshot: the sessions, and the application's state. Both are from the
 * same slot, so that a restored node answers a retry as every other does. Must never read a snapshot
 * of another form as if it were this one.
 */
import { DecodeError } from '@paxos/core'
import { SessionTable } from '@paxos/core/multi'

const FORM = 1
const HEADER_BYTES = 5

/** The two parts of a snapshot. */
export interface ReplicaState {
  readonly sessions: Uint8Array
  readonly machine: Uint8Array
}

export function encodeState({ sessions, machine }: ReplicaState): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + sessions.byteLength + machine.byteLength)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, FORM)
  view.setUint32(1, sessions.byteLength)
  bytes.set(sessions, HEADER_BYTES)
  bytes.set(machine, HEADER_BYTES + sessions.byteLength)
  return bytes
}

/** Throws DecodeError for anything else than encodeState() returned. */
export function decodeState(bytes: Uint8Array): ReplicaState {
  if (bytes.byteLength < HEADER_BYTES) throw malformed()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = HEADER_BYTES + view.getUint32(1)
  if (view.getUint8(0) !== FORM || end > bytes.byteLength) throw malformed()
  return { sessions: bytes.subarray(HEADER_BYTES, end), machine: bytes.slice(end) }
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
