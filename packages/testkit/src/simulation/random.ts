/**
 * The one source of chance in a simulation. Streams are forked by name, so that one part which draws
 * more or less than before changes nothing for the others. Must never ask the platform for chance.
 */

/** Numbers that follow from a seed alone. */
export interface Random {
  /** In [0, 1). */
  next(): number
  /** A whole number, both ends included. */
  integer(min: number, max: number): number
  /** True with that probability. */
  chance(probability: number): boolean
  /** One of them; there must be one. */
  pick<T>(items: readonly [T, ...T[]]): T
}

/** The stream of that name under `seed`, a whole number from 0 to 2^32 - 1. */
export function randomOf(seed: number, name: string): Random {
  let state = seed >>> 0
  for (let index = 0; index < name.length; index += 1) {
    state = mix((state ^ name.charCodeAt(index)) + 0x9e37_79b9)
  }
  const next = (): number => {
    state = (state + 0x9e37_79b9) >>> 0
    return mix(state) / 2 ** 32
  }
  return {
    next,
    integer: (min, max) => min + Math.floor(next() * (max - min + 1)),
    chance: (probability) => next() < probability,
    pick: (items) => items[Math.floor(next() * items.length)] ?? items[0],
  }
}

/** Spreads the bits of a number over 32 bits (the finaliser of MurmurHash3). */
function mix(value: number): number {
  let bits = value >>> 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
