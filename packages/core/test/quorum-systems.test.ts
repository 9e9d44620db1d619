import { flexible, grid, InvalidArgumentError, requireQuorums, weighted } from '@paxos/core'
import type { NodeId, QuorumSystem } from '@paxos/core'
import { array, assert, double, integer, option, property, tuple } from 'fast-check'
import { describe, expect, it } from 'vitest'

const IDS = ['a', 'b', 'c', 'd', 'e', 'f']

/** A copy, which nobody knows to be sound. */
function unknown(quorums: QuorumSystem): QuorumSystem {
  return { ...quorums }
}

function nodes(...ids: NodeId[]): ReadonlySet<NodeId> {
  return new Set(ids)
}

describe('every quorum system that can be made is one with which one value is chosen', () => {
  it('by size', () => {
    for (let count = 1; count <= IDS.length; count += 1) {
      const ids = IDS.slice(0, count)
      for (let phase1 = 0; phase1 <= count + 1; phase1 += 1) {
        for (let phase2 = 0; phase2 <= count + 1; phase2 += 1) {
          const make = () => flexible(ids, { phase1, phase2 })
          const isSize = Math.min(phase1, phase2) >= 1 && Math.max(phase1, phase2) <= count
          if (!isSize || phase1 + phase2 <= count) expect(make).toThrow(InvalidArgumentError)
          else expect(() => requireQuorums(unknown(make()))).not.toThrow()
        }
      }
    }
  })

  it('by weight', () => {
    const weights = array(integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 })
    const share = double({ min: 0, max: 1, noNaN: true })
    assert(
      property(weights, option(tuple(share, share)), (drawn, shares) => {
        const total = drawn.reduce((sum, weight) => sum + weight, 0)
        const sizes = shares?.map((part) => Math.round(part * (total + 1))) ?? []
        const [phase1, phase2] = sizes
        const given = phase1 === undefined || phase2 === undefined ? [] : [{ phase1, phase2 }]
        const make = () =>
          weighted(new Map(drawn.map((weight, at) => [String(at), weight])), ...given)
        const isSound =
          phase1 === undefined ||
          phase2 === undefined ||
          (Math.min(phase1, phase2) >= 1 &&
            Math.max(phase1, phase2) <= total &&
            phase1 + phase2 > total)
        if (isSound) expect(() => requireQuorums(unknown(make()))).not.toThrow()
        else expect(make).toThrow(InvalidArgumentError)
      }),
    )
  })

  it('by rows, also of different lengths', () => {
    const lengths = array(integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 })
    assert(
      property(lengths, (drawn) => {
        const rows = drawn.map((length, row) =>
          Array.from({ length }, (_, column) => `${row} ${column}`),
        )
        expect(() => requireQuorums(unknown(grid(rows)))).not.toThrow()
      }),
    )
  })
})

describe('what is a quorum', () => {
  it('by size: any so many, and strangers do not count', () => {
    const quorums = flexible(IDS.slice(0, 5), { phase1: 4, phase2: 2 })
    expect(quorums.isPhase1Quorum(nodes('a', 'b', 'd', 'e'))).toBe(true)
    expect(quorums.isPhase1Quorum(nodes('a', 'b', 'd', 'x'))).toBe(false)
    expect(quorums.isPhase2Quorum(nodes('b', 'e'))).toBe(true)
    expect(quorums.isPhase2Quorum(nodes('b', 'f'))).toBe(false)
  })

  it('by weight: more than half of it, or what the sizes say', () => {
    const weights = new Map(Object.entries({ a: 2, b: 1, c: 1 }))
    const half = weighted(weights)
    expect(half.isPhase1Quorum(nodes('a', 'b'))).toBe(true)
    expect(half.isPhase2Quorum(nodes('b', 'c'))).toBe(false)
    const sized = weighted(weights, { phase1: 3, phase2: 2 })
    expect(sized.isPhase2Quorum(nodes('b', 'c'))).toBe(true)
    expect(sized.isPhase1Quorum(nodes('b', 'c'))).toBe(false)
    // They are copied: the caller’s map may change.
    weights.set('b', 9)
    expect(half.isPhase2Quorum(nodes('b', 'c'))).toBe(false)
  })

  it('by rows: a whole one elects, and one of each chooses', () => {
    const quorums = grid([
      ['a', 'b'],
      ['c', 'd'],
    ])
    expect(quorums.isPhase1Quorum(nodes('c', 'd'))).toBe(true)
    expect(quorums.isPhase1Quorum(nodes('b', 'd'))).toBe(false)
    expect(quorums.isPhase2Quorum(nodes('b', 'd'))).toBe(true)
    expect(quorums.isPhase2Quorum(nodes('c', 'd'))).toBe(false)
  })
})

describe('what can be none is refused, and says what to give', () => {
  const sizes = { phase1: 1, phase2: 1 }
  it.each([
    ['nobody', () => flexible([], sizes), 'A quorum needs acceptors'],
    ['an acceptor twice', () => flexible(['a', 'a'], { phase1: 2, phase2: 1 }), 'named twice'],
    ["'all'", () => flexible(['all'], sizes), "'all' addresses"],
    ['a part of an acceptor', () => flexible(['a'], { phase1: 1, phase2: 0.5 }), 'from 1 to 1'],
    ['two halves', () => flexible(IDS, { phase1: 3, phase2: 3 }), 'together more than 6'],
    ['no weight', () => weighted(new Map([['a', 0]])), "The weight of 'a' is 0"],
    ['half a weight', () => weighted(new Map([['a', 0.5]])), "The weight of 'a' is 0.5"],
    ['no row', () => grid([]), 'A quorum needs acceptors'],
    ['an empty row', () => grid([['a'], []]), 'A row of the grid is empty'],
    ['an acceptor in two rows', () => grid([['a'], ['a']]), 'named twice'],
  ])('%s', (_, make, said) => {
    expect(make).toThrow(InvalidArgumentError)
    expect(make).toThrow(said)
  })
})
