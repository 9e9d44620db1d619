/**
 * Disks as a bad time leaves them: each holds what a leader of its own proposed, accepted by nobody
 * else, so that none of it is chosen and a new leader has to make something of all of it. Must never
 * hold the same ballot on two disks.
 */
import type { AcceptedEntry, Change, Durability, NodeId, Owner } from '@paxos/core'
import { encodeEntry } from '@paxos/core/multi'
import type { MemoryDisk } from '@paxos/durability-memory'

/** What each disk holds at the start. */
export interface TailPlan {
  /** How many slots, from the first on. */
  readonly entries: number
  readonly valueBytes: number
}

/** A session that no log opens: its commands are chosen like others, and change nothing. */
const NOBODYS = `caller:${'0'.repeat(32)}` as const

/** What the disk of `id` holds; `place` is which of the nodes it is, from 0. */
export function tailOf(id: NodeId, place: number, { entries, valueBytes }: TailPlan): Change {
  const ballot = { round: place + 1, node: id }
  const accepted = Array.from({ length: entries }, (_, index): AcceptedEntry => {
    const bytes = new Uint8Array(valueBytes).fill(place + 1)
    const sequence = index + 1
    const value = encodeEntry({
      type: 'command',
      session: NOBODYS,
      sequence,
      acknowledged: 1,
      bytes,
    })
    return { slot: sequence, ballot, value }
  })
  return { promised: ballot, accepted, admitted: true }
}

/** Saves it on a disk on which nothing was saved, and leaves it to its next owner. */
export async function leaveTail(
  disk: MemoryDisk,
  owner: Owner | undefined,
  tail: Change,
): Promise<void> {
  const before: Durability = disk.durability()
  await before.open(owner)
  const saved = before.save(tail)
  disk.release(1)
  await saved
  await before.close()
}
