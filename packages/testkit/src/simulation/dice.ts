/**
 * The one source of chance of a simulation: everything that is drawn comes from a seed (mulberry32,
 * Tommy Ettinger, public domain), so that a seed is a bug report. Must never be used for secrets.
 */

export interface Dice {
  /** The next number in [0, 1). */
  next(): number
  /** A whole number from 0 to `end` - 1. */
  below(end: number): number
  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number
  /** True with probability `share`. */
  chance(share: number): boolean
  /** One of `items`, which are not none. */
  pick<T>(items: readonly [T, ...T[]]): T
  /** Dice of their own: what is drawn from them changes nothing here. */
  fork(): Dice
}

/** `seed` is an integer from 0 to 2^32 - 1. */
export function dice(seed: number): Dice {
  let state = seed >>> 0
  function next(): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (end: number): number => Math.floor(next() * end)
  return {
    next,
    below,
    between: (min, max) => min + below(max - min + 1),
    chance: (share) => next() < share,
    pick: (items) => items[below(items.length)] ?? items[0],
    fork: () => dice(Math.floor(next() * 2 ** 32)),
  }
}
