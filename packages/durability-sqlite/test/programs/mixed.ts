/**
 * As write.ts, with changes that are drawn from the seed in its second argument: promises, entries,
 * what is chosen and snapshots, in any mix. What number n is depends on the seed and n alone.
 */
import type { Change } from '@paxos/core'
import { seeded } from '@paxos/testkit/fuzz'

const SLOTS = 20

/** Every change has its number in it, so that no two of them lead to one state. */
export function mixedChange(seed: number, number: number): Change {
  const draw = seeded(seed * 1_000_003 + number)
  const below = (limit: number) => Math.floor(draw() * limit)
  const ballot = { round: number, node: 'a' }
  const kind = draw()
  if (kind < 0.3) return { promised: ballot, chosenThrough: number }
  const accepted = Array.from({ length: 1 + below(3) }, () => ({
    slot: 1 + below(SLOTS),
    ballot,
    value: new Uint8Array(below(draw() < 0.2 ? 60_000 : 500)).fill(number % 251),
  }))
  if (kind < 0.95) return { accepted, chosenThrough: number }
  const bytes = new Uint8Array(below(20_000)).fill(number % 251)
  return { snapshot: { through: below(SLOTS), members: [], bytes }, chosenThrough: number }
}
