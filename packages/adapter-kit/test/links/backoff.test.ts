/** How long to wait before the next attempt to connect. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoff } from '../../src/links/backoff.ts'
import { FIRST_RETRY_MS, MAX_RETRY_MS } from '../../src/links/limits.ts'

describe('the delay', () => {
  it('doubles up to the cap, and starts again after a success', () => {
    const delays = backoff(() => 0)
    const first = [FIRST_RETRY_MS, 2 * FIRST_RETRY_MS, 4 * FIRST_RETRY_MS]
    expect(first.map(() => delays.next())).toEqual(first)
    for (let count = 0; count < 1_000; count += 1) delays.next()
    expect(delays.next()).toBe(MAX_RETRY_MS)
    delays.reset()
    expect(first.map(() => delays.next())).toEqual(first)
  })

  it('is between half of that and all of it, as chance has it', () => {
    const chance = fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 12 })
    fc.assert(
      fc.property(chance, (draws) => {
        const queue = [...draws]
        const delays = backoff(() => queue.shift() ?? 0)
        for (const [index, draw] of draws.entries()) {
          const limit = Math.min(FIRST_RETRY_MS * 2 ** index, MAX_RETRY_MS)
          const delay = delays.next()
          expect(delay).toBeCloseTo(limit * (1 - draw / 2))
          expect(delay).toBeGreaterThanOrEqual(limit / 2)
        }
      }),
    )
  })
})
