/**
 * A number that tells one list of members from another, so that nodes which were started with
 * different ones notice. Must be the same on every node and in every release: it travels in each
 * frame, as proto/paxos.proto describes.
 *
 * It is made of the members that the log began with. When members come to change while a cluster
 * runs, it stays that: a later configuration is named by its slot, in a field of its own, and
 * digests are compared only where both sides speak of the same configuration. It holds the ids and
 * not the addresses: a cluster is a list of ids, and where a node is may depend on who asks.
 */
import type { NodeId } from '@paxos/core'

const OFFSET_BASIS = 0xcbf29ce484222325n
const PRIME = 0x100000001b3n
const KEPT_BITS = 53n

/** The digest of `ids`, in whatever order: an integer from 1 to 2^53 - 1. No secret rests on it. */
export function membersDigest(ids: Iterable<NodeId>): number {
  const names = [...ids].map((id) => new TextEncoder().encode(id)).toSorted(compareBytes)
  let hash = OFFSET_BASIS
  for (const name of names) {
    // With its length, so that 'a' and 'bc' are not 'ab' and 'c'.
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, name.byteLength)
    for (const byte of [...length, ...name]) {
      hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * PRIME)
    }
  }
  const folded = BigInt.asUintN(Number(KEPT_BITS), hash) ^ (hash >> KEPT_BITS)
  // 0 on the wire is a sender that does not say.
  return Math.max(1, Number(folded))
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const differs = a.findIndex((byte, at) => byte !== b[at])
  if (differs < 0) return a.byteLength - b.byteLength
  return (a[differs] ?? 0) - (b[differs] ?? -1)
}
