/**
 * Whether a state was let in to vote, where it was written before that was saved: the one rule by
 * which every durability adapter reads a state of an earlier format. Must never be asked of a state
 * that a release wrote which saves it: there, what was not saved is not so.
 */
import type { Saved } from './durability.ts'

/**
 * Whoever has promised or accepted anything has voted, and goes on: what it promised is in its state.
 * One that has done neither is like a new one.
 */
export function admittedBefore({
  promised,
  accepted,
}: {
  readonly promised: Saved['promised']
  readonly accepted: readonly unknown[]
}): boolean {
  return promised !== null || accepted.length > 0
}
