import { describe, expect, it } from 'vitest'
import { Budget } from '../src/budget.ts'

function budgetOf(bytes: number): { budget: Budget; clock: { nowMs: number } } {
  const clock = { nowMs: 0 }
  return { budget: new Budget({ bytes, stalledAfterMs: 100 }, () => clock.nowMs), clock }
}

describe('memory that clients share', () => {
  it('is taken up to the limit, and comes back once, however often it is released', () => {
    const { budget } = budgetOf(10)
    const [a, b] = [budget.share(() => undefined), budget.share(() => undefined)]
    expect(a.take(7)).toBe(true)
    expect(b.take(4)).toBe(false)
    expect(budget.used).toBe(7)
    a.release()
    a.release()
    expect(budget.used).toBe(0)
    expect(b.take(10)).toBe(true)
  })

  it('is taken from those who are stalled, the longest first, and from no more than is needed', () => {
    const { budget, clock } = budgetOf(10)
    const cut: string[] = []
    for (const name of ['first', 'second', 'third']) {
      expect(budget.share(() => cut.push(name)).take(3)).toBe(true)
      clock.nowMs += 10
    }
    clock.nowMs = 115
    expect(budget.share(() => cut.push('new')).take(4)).toBe(true)
    expect(cut).toEqual(['first'])
    expect(budget.used).toBe(10)
  })

  it('is never taken from one that moves, from one that waits for us, nor from whoever asks', () => {
    const { budget, clock } = budgetOf(9)
    const cut: string[] = []
    const shares = ['moves', 'waits', 'asks'].map((name) => budget.share(() => cut.push(name)))
    for (const share of shares) share.take(3)
    clock.nowMs = 1000
    shares[0]?.moved()
    shares[1]?.keep()
    expect(shares[2]?.take(1)).toBe(false)
    expect(cut).toEqual([])
    expect(budget.used).toBe(9)
  })
})
