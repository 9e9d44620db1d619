/** Whether the adapter keeps the contract: every promise of it is a test. */
import { describe, it } from 'vitest'
import { durabilityConformance } from '@paxos/testkit'
import { pigeon } from '../src/index.ts'

let places = 0

durabilityConformance(
  // One location, empty at first. For files, directoryHarness() of the testkit makes all of this.
  () => {
    const place = `place ${(places += 1)}`
    return { durability: () => pigeon(place) }
  },
  { describe, it },
  // What cannot be done to the medium, and why. Each that you can do shows more of the contract.
  {
    hold: 'the stand-in syncs nothing',
    fail: 'the stand-in cannot fail',
    crash: 'the stand-in is gone with the process',
    crashesDuring: 'the stand-in is gone with the process',
    damages: 'the stand-in has nothing that could be damaged',
    fixtures: 'there is no earlier release',
  },
)
