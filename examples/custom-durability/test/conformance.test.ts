import { join } from 'node:path'
import { describe, it } from 'vitest'
import { directoryHarness, durabilityConformance } from '@paxos/testkit'
import { jsonFile } from '../src/json-file.ts'

durabilityConformance(
  directoryHarness({ durability: (directory) => jsonFile(join(directory, 'state.json')) }),
  { describe, it },
  {
    hold: 'a real disk cannot be stopped before its sync',
    fail: 'a real disk does not fail when asked',
    crashesDuring: 'a real disk does not lose power when asked',
    fixtures: 'an example has no earlier releases',
  },
)
