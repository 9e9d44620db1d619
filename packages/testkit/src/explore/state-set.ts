/**
 * Every state that was reached, in the order in which it was reached: a few numbers for each, and
 * the state that it was reached from. In typed arrays, for there are millions. The numbers are
 * compared in full: nothing rests on a hash but the speed.
 */

const INITIAL_STATES = 1 << 12

/** States of `width` numbers each. */
export class StateSet {
  readonly #width: number
  #numbers: Uint32Array
  #parents: Uint32Array
  /** Open addressing: a state's position plus one, 0 where free. */
  #slots: Uint32Array
  #size = 0

  constructor(width: number) {
    this.#width = width
    this.#numbers = new Uint32Array(width * INITIAL_STATES)
    this.#parents = new Uint32Array(INITIAL_STATES)
    this.#slots = new Uint32Array(INITIAL_STATES * 2)
  }

  get size(): number {
    return this.#size
  }

  /** Adds the state, unless it is there. Says whether it was new. */
  add(state: Uint32Array, parent: number): boolean {
    if (this.#size * 2 >= this.#slots.length) this.#grow()
    const mask = this.#slots.length - 1
    let slot = hash(state, 0, this.#width) & mask
    for (let held = this.#slots[slot] ?? 0; held !== 0; held = this.#slots[slot] ?? 0) {
      if (this.#isAt(held - 1, state)) return false
      slot = (slot + 1) & mask
    }
    if (this.#size === this.#parents.length) this.#extend()
    this.#numbers.set(state, this.#size * this.#width)
    this.#parents[this.#size] = parent
    this.#size += 1
    this.#slots[slot] = this.#size
    return true
  }

  /** Copies the state at `position` into `state`. */
  read(position: number, state: Uint32Array): void {
    const offset = position * this.#width
    for (let index = 0; index < this.#width; index += 1) {
      state[index] = this.#numbers[offset + index] ?? 0
    }
  }

  /** The position of the state from which this one was reached first. */
  parent(position: number): number {
    return this.#parents[position] ?? 0
  }

  #isAt(position: number, state: Uint32Array): boolean {
    const offset = position * this.#width
    for (let index = 0; index < this.#width; index += 1) {
      if (this.#numbers[offset + index] !== state[index]) return false
    }
    return true
  }

  #extend(): void {
    const capacity = Math.ceil(this.#parents.length * 1.5)
    const numbers = new Uint32Array(capacity * this.#width)
    numbers.set(this.#numbers)
    this.#numbers = numbers
    const parents = new Uint32Array(capacity)
    parents.set(this.#parents)
    this.#parents = parents
  }

  #grow(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2)
    const mask = this.#slots.length - 1
    for (let position = 0; position < this.#size; position += 1) {
      const offset = position * this.#width
      let slot = hash(this.#numbers, offset, offset + this.#width) & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
      this.#slots[slot] = position + 1
    }
  }
}

function hash(numbers: Uint32Array, start: number, end: number): number {
  let mixed = 0x9e3779b9
  for (let index = start; index < end; index += 1) {
    mixed = Math.imul(mixed ^ (numbers[index] ?? 0), 0x85ebca6b)
    mixed ^= mixed >>> 13
  }
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
