/**
 * The suite of every durability adapter on a real disk. That of the kit, whose store this is, runs it
 * on a simulated one, which can lose power at any moment.
 */
import { file } from '@paxos/durability-file'
import { directoryHarness, durabilityConformance } from '@paxos/testkit'
import { describe, it } from 'vitest'

/** What earlier releases left: the format is the kit's. */
const FIXTURES = new URL('../../adapter-kit/test/stores/append/fixtures', import.meta.url)

durabilityConformance(
  directoryHarness({ durability: file, fixtures: FIXTURES, flips: 32 }),
  { describe, it },
  {
    hold: 'nobody can hold the syncs of a real disk',
    fail: 'a real disk does not fail when it is asked to',
    crashesDuring: 'power cuts are on the simulated disk, and kill.test.ts ends real processes',
  },
)
