/**
 * Two objects may only be taken for one state where they must behave the same: what tells them
 * apart is in the text, wherever it is hidden.
 */
import { describe, expect, it } from 'vitest'
import { freeze, Structures } from '../src/explore/structure.ts'

class Counter {
  #count = 0
  readonly #log: string[] = []

  get count(): number {
    return this.#count
  }

  add(entry?: string): this {
    this.#count += 1
    if (entry !== undefined) this.#log.push(entry)
    return this
  }
}

class Named extends Counter {
  #count = 'another field of the same name'

  get name(): string {
    return this.#count
  }

  rename(name: string): this {
    this.#count = name
    return this
  }
}

class Holder {
  readonly #held: unknown

  constructor(held: unknown) {
    this.#held = held
  }

  get held(): unknown {
    return this.#held
  }
}

const shared = { ballot: 1 }
const structures = new Structures()
const textOf = (held: unknown) => structures.of(new Holder(held))

describe('objects look the same', () => {
  it('when their private fields hold the same', () => {
    expect(structures.of(new Counter().add('x'))).toBe(structures.of(new Counter().add('x')))
    expect(structures.of(new Named().rename('x'))).toBe(structures.of(new Named().rename('x')))
  })

  it('when parts that nobody can change are shared in one and not in the other', () => {
    const [value, equal] = [freeze({ ballot: { round: 1 } }), freeze({ ballot: { round: 1 } })]
    expect(textOf([value, value])).toBe(textOf([value, equal]))
  })
})

describe('objects look different', () => {
  const differences: readonly (readonly [string, unknown, unknown])[] = [
    ['a private number differs', new Counter(), new Counter().add()],
    ['something in a private list differs', new Counter().add('x'), new Counter().add('y')],
    ['a field of the derived class differs', new Named().rename('x'), new Named().rename('y')],
    ['a field of the base class of that name differs', new Named(), new Named().add()],
    ['their classes differ', new Counter(), new Holder(0)],
    ['a Set iterates in another order', new Set(['a', 'b']), new Set(['b', 'a'])],
    [
      'a Map iterates in another order',
      new Map([
        [1, 1],
        [2, 2],
      ]),
      new Map([
        [2, 2],
        [1, 1],
      ]),
    ],
    ['a part that can change is shared in one only', [shared, shared], [shared, { ballot: 1 }]],
    ['a number is a string', 1, '1'],
    ['a zero is negative', 0, -0],
    ['a number is no number', Number.NaN, null],
    ['a bigint is a number', 1n, 1],
    ['bytes differ', Uint8Array.of(1), Uint8Array.of(2)],
    ['a list has a hole', [undefined], Array.from({ length: 1 }).with(0, null)],
    ['a function is another function', () => 1, () => 1],
    ['a key is undefined in one and absent in the other', { a: undefined }, {}],
  ]

  it.each(differences)('when %s', (_title, one, other) => {
    expect(textOf(one)).not.toBe(textOf(other))
  })
})

describe('what cannot be read', () => {
  it.each([
    ['a promise', Promise.resolve()],
    ['a WeakMap', new WeakMap()],
    ['a generator', [1].values()],
    ['a date', new Date(0)],
    [
      'an accessor',
      {
        get now() {
          return 1
        },
      },
    ],
  ])('is refused: %s', (_title, held) => {
    expect(() => textOf(held)).toThrow('cannot be read')
  })
})
