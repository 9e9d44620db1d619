/** The changes that write.ts saves, so that whoever ends it knows what to find. */
import type { Change } from '@paxos/core'

/** Large values in few slots, so that the log is moved into the database again and again. */
const VALUE_BYTES = 48 << 10
const SLOTS = 12

export function changeNumber(number: number): Change {
  const ballot = { round: number, node: 'a' }
  const value = new Uint8Array(VALUE_BYTES).fill(number % 251)
  const change: Change = {
    promised: ballot,
    accepted: [{ slot: 1000 + (number % SLOTS), ballot, value }],
    chosenThrough: number,
  }
  if (number % 40 !== 0) return change
  const bytes = new TextEncoder().encode(`state ${number}`)
  return { ...change, snapshot: { through: number % 1000, members: [], bytes } }
}
