/** The waits between dials. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoff } from '../src/backoff.ts'
import { FIRST_RETRY_MS, MAX_RETRY_MS } from '../src/limits.ts'

describe('the wait before the next dial', () => {
  it('doubles up to a cap, and begins anew after a success', () => {
    const retry = backoff(() => 1)
    const waits = Array.from({ length: 9 }, () => retry.next())
    expect(waits).toEqual([50, 100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000])
    retry.reset()
    expect(retry.next()).toBe(FIRST_RETRY_MS)
  })

  it('is between half of that and all of it, by chance, and never zero', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        (dice) => {
          let turn = 0
          const retry = backoff(() => dice[turn++] ?? 0)
          const ceiling = backoff(() => 1)
          for (const random of dice) {
            const highest = ceiling.next()
            expect(retry.next()).toBe(highest * (0.5 + random / 2))
            expect(highest).toBeLessThanOrEqual(MAX_RETRY_MS)
          }
        },
      ),
    )
  })
})
