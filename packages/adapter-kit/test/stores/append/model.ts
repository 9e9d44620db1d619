/** What an acceptor's storage must show: the contract as a pure function, and changes to feed it. */
import { EMPTY_SAVED, type Change, type Saved } from '@paxos/core'
import * as fc from 'fast-check'

export function after(changes: readonly Change[], start: Saved = EMPTY_SAVED): Saved {
  return changes.reduce(apply, start)
}

function apply(saved: Saved, change: Change): Saved {
  const snapshot = change.snapshot ?? saved.snapshot
  const entries = new Map(saved.accepted.map((entry) => [entry.slot, entry]))
  for (const entry of change.accepted ?? []) entries.set(entry.slot, entry)
  const accepted = [...entries.values()]
    .filter(({ slot }) => snapshot === null || slot > snapshot.through)
    .toSorted((a, b) => a.slot - b.slot)
  return {
    promised: change.promised ?? saved.promised,
    accepted,
    snapshot,
    chosenThrough: change.chosenThrough ?? saved.chosenThrough,
  }
}

/** How many of `changes` lead to `saved`, at least `least`; null when no number does. */
export function prefixThatLedTo(
  saved: Saved,
  changes: readonly Change[],
  least: number,
): number | null {
  const wanted = readable(saved)
  for (let count = least; count <= changes.length; count += 1) {
    if (readable(after(changes.slice(0, count))) === wanted) return count
  }
  return null
}

/** A state as text, with bytes in hexadecimal: for comparing, and for people. */
export function readable({ promised, accepted, snapshot, chosenThrough }: Saved): string {
  return JSON.stringify({ promised, accepted, snapshot, chosenThrough }, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  )
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const ballots = fc.record({
  round: fc.oneof(fc.nat(5), fc.constant(Number.MAX_SAFE_INTEGER)),
  node: fc.constantFrom('', 'a', 'b', '\ufeffé😀'),
})

const smallBytes = fc.uint8Array({ maxLength: 40 }).map((array) => Uint8Array.from(array))

/** Small changes that meet in few slots, so that they replace and discard one another. */
export const changes: fc.Arbitrary<Change> = fc.record(
  {
    promised: ballots,
    accepted: fc.array(
      fc.record({
        slot: fc.integer({ min: 1, max: 9 }),
        ballot: ballots,
        value: fc.oneof(smallBytes, fc.constant(new Uint8Array(0))),
      }),
      { maxLength: 3 },
    ),
    chosenThrough: fc.nat(9),
    snapshot: fc.record({
      through: fc.nat(9),
      members: fc.array(fc.record({ id: fc.constantFrom('', 'a', 'b'), address: fc.string() }), {
        maxLength: 2,
      }),
      bytes: smallBytes,
    }),
  },
  { requiredKeys: [] },
)
