/** What the conformance suite tests here, for `pnpm conformance`. */
import { file } from '@paxos/durability-file'
import { directoryHarness } from '@paxos/testkit'
import type { Subject } from '@paxos/testkit'

const subject: Subject = {
  durability: directoryHarness({
    durability: file,
    fixtures: new URL('../../adapter-kit/test/stores/append/fixtures', import.meta.url),
    flips: 32,
  }),
  notApplicable: {
    hold: 'nobody can hold the syncs of a real disk',
    fail: 'a real disk does not fail when it is asked to',
    crashesDuring: 'a real disk does not lose power when it is asked to',
  },
}
export default subject
