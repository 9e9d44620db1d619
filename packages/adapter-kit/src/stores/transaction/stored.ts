/**
 * What is stored after a transaction: for a medium that writes everything anew each time, and for
 * tests. A medium with rows or keys has no use for it.
 */
import type { Stored, Transaction } from './medium.ts'

/** `stored` after `transaction`, with bytes of its own. */
export function storedAfter(stored: Stored, transaction: Transaction): Stored {
  // A clone shares nothing, and makes plain bytes of what is a Buffer.
  const { snapshot, discarded, accepted, ...single } = structuredClone(transaction)
  const entries = new Map(stored.accepted.map((entry) => [entry.slot, entry]))
  for (const slot of discarded) entries.delete(slot)
  for (const entry of accepted) entries.set(entry.slot, entry)
  return {
    identity: stored.identity,
    ...single,
    snapshot: snapshot ?? stored.snapshot,
    accepted: [...entries.values()].toSorted((a, b) => a.slot - b.slot),
  }
}
