/** What a group of changes comes to, held against the changes one by one. */
import { EMPTY_SAVED, type Change } from '@paxos/core'
import { extent } from '@paxos/testkit/fuzz'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkedChange } from '../../../src/stores/transaction/change.ts'
import type { Transaction } from '../../../src/stores/transaction/medium.ts'
import { State } from '../../../src/stores/transaction/state.ts'
import { storedAfter } from '../../../src/stores/transaction/stored.ts'
import { after, bytes, changes, readable } from '../append/model.ts'

const NOTHING = { ...EMPTY_SAVED, identity: null }
const entry = (slot: number, text: string) => ({
  slot,
  ballot: { round: 1, node: 'a' },
  value: bytes(text),
})
const cover = (through: number): Change => ({
  snapshot: { through, members: [], bytes: bytes('s') },
})

/** What groups come to, one after the other. */
function transactions(...groups: readonly (readonly Change[])[]): readonly Transaction[] {
  const state = new State(NOTHING)
  return groups.map((group) => state.apply(group.map(checkedChange)))
}

describe('a transaction', () => {
  it('leads to the same as its changes one by one, whatever they are and however they are grouped', () => {
    fc.assert(
      fc.property(fc.array(fc.array(changes, { maxLength: 4 }), { maxLength: 5 }), (groups) => {
        const stored = transactions(...groups).reduce(storedAfter, NOTHING)
        expect(readable(stored)).toBe(readable(after(groups.flat())))
      }),
      { numRuns: extent(300, 5000) },
    )
  })

  it('has each slot once, removes nothing that it writes, and nothing that is not there', () => {
    fc.assert(
      fc.property(fc.array(fc.array(changes, { maxLength: 4 }), { maxLength: 5 }), (groups) => {
        const there = new Set<number>()
        for (const { accepted, discarded } of transactions(...groups)) {
          const slots = [...discarded, ...accepted.map(({ slot }) => slot)]
          expect(new Set(slots).size).toBe(slots.length)
          expect(discarded).toEqual(discarded.toSorted((a, b) => a - b))
          for (const slot of discarded) expect(there.delete(slot)).toBe(true)
          for (const { slot } of accepted) there.add(slot)
          // A medium may remove by range.
          const last = discarded.at(-1) ?? 0
          const written = new Set(accepted.map(({ slot }) => slot))
          for (const slot of there) expect(slot > last || written.has(slot)).toBe(true)
        }
      }),
      { numRuns: extent(300, 5000) },
    )
  })

  it('writes what was changed twice once, and what a snapshot of the same group covers not at all', () => {
    const [first, second] = transactions(
      [{ accepted: [entry(1, 'old'), entry(2, 'two')] }, { accepted: [entry(1, 'new')] }],
      [{ accepted: [entry(3, 'three'), entry(4, 'four')] }, cover(3)],
    )
    expect(first?.accepted).toEqual([entry(1, 'new'), entry(2, 'two')])
    expect(second).toMatchObject({ discarded: [1, 2], accepted: [entry(4, 'four')] })
  })

  it('takes an entry below an older snapshot again, once that is replaced by a lower one', () => {
    const [, second] = transactions(
      [{ accepted: [entry(5, 'five')] }],
      [cover(6), cover(2), { accepted: [entry(5, 'again')] }],
    )
    expect(second).toMatchObject({ discarded: [], accepted: [entry(5, 'again')] })
  })
})
