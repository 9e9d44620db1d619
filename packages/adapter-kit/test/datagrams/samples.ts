/** Frames as the datagrams that they travel in, for tests. */
import { authentication } from '../../src/datagrams/authentication.ts'
import {
  countFitting,
  cutFrame,
  encodeFragment,
  encodeFrames,
  stampDatagram,
} from '../../src/datagrams/datagram.ts'
import type { Stamp } from '../../src/datagrams/datagram.ts'
import { SECRET_BYTES } from '../../src/datagrams/header.ts'
import type { Head } from '../../src/datagrams/header.ts'

const utf8 = new TextEncoder()

/** What the datagrams of `sender` begin with; signed ones have room for a tag. */
export function headOf(sender: string, isAuthenticated = false): Head {
  return { sender: utf8.encode(sender), isAuthenticated }
}

/** The datagrams of one frame that travels alone, in order. */
export function datagramsOf(
  sender: string,
  messageId: bigint,
  frame: Uint8Array,
  datagramBytes = 1_200,
  isAuthenticated = false,
): Uint8Array[] {
  const head = headOf(sender, isAuthenticated)
  if (countFitting(head, [frame], datagramBytes) > 0) return [plain(encodeFrames(head, [frame]))]
  const { count, fragmentBytes } = cutFrame(head, frame.byteLength, datagramBytes)
  return Array.from({ length: count }, (_, index) => {
    const payload = frame.subarray(index * fragmentBytes, (index + 1) * fragmentBytes)
    const fragment = { messageId, frameBytes: frame.byteLength, count, index, payload }
    return plain(encodeFragment(head, fragment))
  })
}

/** The one datagram of small frames that travel together. */
export function packed(
  sender: string,
  frames: readonly Uint8Array[],
  isAuthenticated = false,
): Uint8Array {
  return plain(encodeFrames(headOf(sender, isAuthenticated), frames))
}

/** A copy of `datagram`, which has room for a tag, as somebody with `key` sends it to `receiver`. */
export function signed(datagram: Uint8Array, key: Uint8Array, receiver: string): Uint8Array {
  const copy = new Uint8Array(datagram)
  authentication({ sign: key }).sign(utf8.encode(receiver), copy)
  return copy
}

/** What a datagram is stamped with before somebody stamps it. */
export const NO_STAMP: Stamp = { cookie: new Uint8Array(SECRET_BYTES), epoch: 0, sequence: 0 }

/** A copy of `datagram` with this stamp. */
export function stamped(datagram: Uint8Array, stamp: Stamp): Uint8Array {
  const copy = new Uint8Array(datagram)
  stampDatagram(copy, stamp)
  return copy
}

function plain(datagram: Uint8Array): Uint8Array {
  return new Uint8Array(datagram)
}
