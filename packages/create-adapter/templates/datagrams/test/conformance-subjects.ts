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

/** What it does not have, and why. If it takes a shared key, give `harness` impostors instead. */
export const notApplicable: TransportNotApplicable = {
  connections: 'datagrams need none',
  impostors: 'nothing proves who a node is',
}

const subject: Subject = { transport: harness, notApplicable }
export default subject
