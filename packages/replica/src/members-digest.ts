/**
 * A number that tells one list of members from another, so that nodes which were started with
 * different ones notice. Must be the same on every node and in every release: it travels in each
 * frame, as proto/paxos.proto describes.
 *
 * It is made of the members that the log began with, and guards those alone: a node says it, and
 * compares it, as long as it knows of no later ones. One that joined later was given other members
 * when it was started, and a node that knows a members entry of the log says nothing of the first
 * ones any more. What keeps two configurations apart then is their versions, and the incarnations
 * that they name: see core's configuration.ts. A node that has yet to learn takes frames without a
 * digest, and may vote for nobody before it has learned who is in the cluster, or has heard from all
 * of its own first members that none of them voted: see the admission of core's engine.
 *
 * It holds the ids and not the addresses: a cluster is a list of ids, and where a node is may depend
 * on who asks.
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
