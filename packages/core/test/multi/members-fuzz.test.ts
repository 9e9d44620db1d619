/** A handful of runs; `members-fuzz.long.test.ts` has more. */
import { expect, it } from 'vitest'
import { runChaos } from './members-chaos.ts'

it.each([1, 2, 3, 5, 8])(
  'whatever happens, one value is chosen in a slot, and then who is left goes on (%i)',
  (seed) => {
    expect(runChaos(seed, 1500).chosen.size).toBeGreaterThan(1)
  },
)
