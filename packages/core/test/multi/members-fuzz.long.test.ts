/** As `members-fuzz.test.ts`, with so many seeds that each kind of event meets each other one. */
import { expect, it } from 'vitest'
import { runChaos } from './members-chaos.ts'

const SEEDS = 200

it('whatever happens, one value is chosen in a slot, and then who is left goes on', () => {
  let [changes, reads, leaseReads, installed, wiped] = [0, 0, 0, 0, 0]
  for (let seed = 100; seed < 100 + SEEDS; seed += 1) {
    const world = runChaos(seed, 3000)
    changes += world.changes
    reads += world.readsAnswered
    leaseReads += world.leaseReads
    installed += world.installed
    wiped += world.wiped
  }
  // The dice must have thrown what this is about.
  for (const count of [changes, reads, leaseReads, installed, wiped])
    expect(count).toBeGreaterThan(SEEDS / 4)
})
