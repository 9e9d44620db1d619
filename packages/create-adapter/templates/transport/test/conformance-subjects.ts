/** What the conformance suite tests here: for its test, and for the command that writes the README. */
import type { Subject, TransportHarness, TransportNotApplicable } from '@paxos/testkit'
import { pigeon } from '../src/index.ts'

let nodes = 0

export function harness(): TransportHarness {
  return {
    transport: () => pigeon(),
    // An address that nobody has, or one that means "a free one", such as port 0.
    listen: () => `pigeon://node-${(nodes += 1)}`,
    deserted: 'pigeon://nobody',
    malformed: ['', 'pigeon:', 'pigeon://', 'pigeon://a b', 'udp://a'],
  }
}

/** What the medium cannot have, and why. If it knows who dials, give `harness` impostors instead. */
export const notApplicable: TransportNotApplicable = {
  impostors: 'nothing proves who a node is',
}

const subject: Subject = { transport: harness, notApplicable }
export default subject
