/** What the conformance suite tests here: for its test, and for the command that writes the README. */
import type { DurabilityHarness, NotApplicable, Subject } from '@paxos/testkit'
import { pigeon } from '../src/index.ts'

let places = 0

/** One location, empty at first. For files, directoryHarness() of the testkit makes all of this. */
export function harness(): DurabilityHarness {
  const place = `place ${(places += 1)}`
  return { durability: () => pigeon(place) }
}

/** What cannot be done to the medium, and why. Each that can be done shows more of the contract. */
export const notApplicable: NotApplicable = {
  hold: 'the stand-in syncs nothing',
  fail: 'the stand-in cannot fail',
  crash: 'the stand-in is gone with the process',
  crashesDuring: 'the stand-in is gone with the process',
  damages: 'the stand-in has nothing that could be damaged',
  fixtures: 'there is no earlier release',
}

const subject: Subject = { durability: harness, notApplicable }
export default subject
