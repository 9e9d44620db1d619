import * as fc from 'fast-check'
import { extent } from '../src/fuzz.ts'
import { describe, expect, it } from 'vitest'
import { checkLinearizability } from '@paxos/testkit'
import type { Operation, SequentialModel } from '@paxos/testkit'

type Input =
  | { readonly op: 'get'; readonly key: string }
  | { readonly op: 'put'; readonly key: string; readonly value: number }
  /** Writes `value` where `expected` is. Answers whether it did. */
  | { readonly op: 'swap'; readonly key: string; readonly expected: number; readonly value: number }
type Output = number | boolean | null

/** A store of keys, each of which holds 0 at first. */
const store: SequentialModel<number, Input, Output> = {
  initial: 0,
  step(state, input, answer) {
    const [next, output] = apply(state, input)
    return answer === null || answer.output === output ? { state: next } : null
  },
  stateKey: String,
  partitionOf: ({ key }) => key,
}

function apply(state: number, input: Input): readonly [number, Output] {
  switch (input.op) {
    case 'get':
      return [state, state]
    case 'put':
      return [input.value, null]
    case 'swap':
      return state === input.expected ? [input.value, true] : [state, false]
  }
}

const put = (value: number, key = 'x'): Input => ({ op: 'put', key, value })
const get = (key = 'x'): Input => ({ op: 'get', key })
const swap = (expected: number, value: number): Input => ({ op: 'swap', key: 'x', expected, value })

/** [from, to, input, output]; without an output the client never heard. */
type Row = readonly [number, number, Input, Output] | readonly [number, null, Input]

function history(rows: readonly Row[]): Operation<Input, Output>[] {
  return rows.map((row) => {
    const [calledAt, , input] = row
    const answer = row[1] === null ? null : { at: row[1], output: row[3] }
    return { input, calledAt, answer }
  })
}

const good: Record<string, readonly Row[]> = {
  'nothing at all': [],
  'one after the other': [
    [0, 1, put(1), null],
    [2, 3, get(), 1],
  ],
  'a read beside a write sees the old value': [
    [0, 9, put(1), null],
    [1, 2, get(), 0],
  ],
  'a read beside a write sees the new value': [
    [0, 9, put(1), null],
    [1, 2, get(), 1],
  ],
  'two writes at once, read in either order by those that overlap them': [
    [0, 9, put(1), null],
    [0, 9, put(2), null],
    [1, 2, get(), 2],
    [3, 4, get(), 1],
  ],
  'one ends when the other begins: they may have overlapped': [
    [0, 5, put(1), null],
    [5, 6, get(), 0],
  ],
  'a write without an answer happened': [
    [0, null, put(1)],
    [5, 6, get(), 1],
  ],
  'a write without an answer never happened': [
    [0, null, put(1)],
    [5, 6, get(), 0],
  ],
  'a write without an answer happened much later': [
    [0, null, put(1)],
    [1, 2, get(), 0],
    [3, 4, put(2), null],
    [5, 6, get(), 2],
    [7, 8, get(), 1],
  ],
  'of two swaps one wins': [
    [0, 9, swap(0, 1), true],
    [0, 9, swap(0, 2), false],
    [10, 11, get(), 1],
  ],
  'keys do not see each other': [
    [0, 1, put(1, 'x'), null],
    [2, 3, get('y'), 0],
    [4, 5, get('x'), 1],
  ],
}

const bad: Record<string, readonly Row[]> = {
  'a stale read': [
    [0, 1, put(1), null],
    [2, 3, get(), 0],
  ],
  'a write that was acknowledged is lost': [
    [0, 1, put(1), null],
    [2, 3, put(2), null],
    [4, 5, get(), 1],
  ],
  'a read of what nobody wrote': [
    [0, 1, put(1), null],
    [2, 3, get(), 7],
  ],
  'a read of what is written only later': [
    [0, 1, get(), 1],
    [2, 3, put(1), null],
  ],
  'two readers see two writes in different orders': [
    [0, 1, put(1), null],
    [2, 9, put(2), null],
    [3, 4, get(), 2],
    [5, 6, get(), 1],
  ],
  'a retry was applied twice': [
    [0, 1, swap(0, 1), true],
    [2, 3, put(0), null],
    [4, 5, get(), 1],
  ],
  'two swaps of the same value win': [
    [0, 9, swap(0, 1), true],
    [0, 9, swap(0, 2), true],
  ],
  'a write without an answer happened, and then had not': [
    [0, null, put(1)],
    [5, 6, get(), 1],
    [7, 8, get(), 0],
  ],
  'a write without an answer happened before it was called': [
    [0, 1, get(), 1],
    [2, null, put(1)],
  ],
  'only one key of several is wrong': [
    [0, 1, put(1, 'x'), null],
    [2, 3, get('x'), 1],
    [0, 1, put(1, 'y'), null],
    [2, 3, get('y'), 0],
  ],
}

describe('a history that one object could have made is good', () => {
  it.each(Object.entries(good))('%s', (_, rows) => {
    expect(checkLinearizability(store, history(rows))).toEqual({ linearizable: true })
  })
})

describe('a history that no object could have made is bad', () => {
  it.each(Object.entries(bad))('%s', (_, rows) => {
    expect(checkLinearizability(store, history(rows))).toMatchObject({ linearizable: false })
  })

  it('and it is told which part, what can be explained, and what cannot', () => {
    const rows = history(bad['only one key of several is wrong'] ?? [])
    expect(checkLinearizability(store, rows)).toEqual({
      linearizable: false,
      partition: 'y',
      longest: [rows[2]],
      unexplained: [rows[3]],
    })
  })
})

describe('it agrees with trying every order', () => {
  const small = fc.array(
    fc.record({
      from: fc.nat(8),
      lasts: fc.nat(6),
      input: fc.oneof(
        fc.constant(get()),
        fc.nat(2).map((value) => put(value)),
        fc.tuple(fc.nat(2), fc.nat(2)).map(([expected, value]) => swap(expected, value)),
      ),
      output: fc.constantFrom<Output>(0, 1, 2, null, true, false),
      heard: fc.boolean(),
    }),
    { maxLength: 5 },
  )

  it('on any small history', () => {
    let [accepted, refused] = [0, 0]
    fc.assert(
      fc.property(small, (rows) => {
        const operations = rows.map(({ from, lasts, input, output, heard }) => ({
          input,
          calledAt: from,
          answer: heard ? { at: from + lasts, output: fitting(input, output) } : null,
        }))
        const { linearizable } = checkLinearizability(store, operations)
        expect(linearizable).toBe(someOrderFits(operations))
        if (linearizable) accepted += 1
        else refused += 1
      }),
      { numRuns: extent(500, 3000) },
    )
    // Neither answer is the only one that was ever asked for.
    expect(Math.min(accepted, refused)).toBeGreaterThan(extent(50, 300))
  })
})

it('thousands of operations of many clients take a moment', () => {
  // Eight clients whose operations overlap; each happens, in truth, at the middle of its time.
  const operations: Operation<Input, Output>[] = []
  let state = 0
  for (let index = 0; index < 4000; index += 1) {
    const input = index % 3 === 0 ? put(index) : get()
    const [next, output] = apply(state, input)
    state = next
    operations.push({ input, calledAt: index - 4, answer: { at: index + 4, output } })
  }
  expect(checkLinearizability(store, operations)).toEqual({ linearizable: true })
})

it('an answer before its call is refused: the clocks differ', () => {
  const rows = history([[2, 1, get(), 0]])
  expect(() => checkLinearizability(store, rows)).toThrow(/Use one clock for both\.$/)
})

/** An output of the kind that `input` has. */
function fitting(input: Input, output: Output): Output {
  if (input.op === 'put') return null
  if (input.op === 'swap') return output === true || output === 1
  return typeof output === 'number' ? output : 0
}

/** The definition, word by word: some of those without an answer, and all others, in some order. */
function someOrderFits(operations: readonly Operation<Input, Output>[]): boolean {
  const fits = (state: number, rest: readonly Operation<Input, Output>[]): boolean => {
    if (rest.every(({ answer }) => answer === null)) return true
    return rest.some((operation) => {
      const others = rest.filter((other) => other !== operation)
      // Who was answered before this one was called has happened before it.
      if (others.some(({ answer }) => answer !== null && answer.at < operation.calledAt))
        return false
      const next = store.step(state, operation.input, operation.answer)
      return next !== null && fits(next.state, others)
    })
  }
  return fits(0, operations)
}
