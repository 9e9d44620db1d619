/** What the conformance suite tests here, for `pnpm conformance`. */
import { join } from 'node:path'
import { sqlite } from '@paxos/durability-sqlite'
import { directoryHarness } from '@paxos/testkit'
import type { Subject } from '@paxos/testkit'

const subject: Subject = {
  durability: directoryHarness({
    durability: (directory) => sqlite(join(directory, 'node.db')),
    fixtures: new URL('fixtures', import.meta.url),
    flips: 32,
  }),
  notApplicable: {
    hold: 'nobody can hold the syncs of a real disk',
    fail: 'a real disk does not fail when it is asked to',
    crashesDuring: 'a real disk does not lose power when it is asked to',
  },
}
export default subject
