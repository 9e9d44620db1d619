/**
 * The dice of the network: mulberry32 (Tommy Ettinger, public domain), a generator with 32 bits of
 * state that passes gjrand. Good enough to lose frames by; must never be used for secrets.
 */

/** A function that returns the next number in [0, 1). The same seed gives the same sequence. */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
