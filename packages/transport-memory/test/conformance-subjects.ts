/** What the conformance suite tests here: for its test, and for `pnpm conformance`. */
import type { Subject, TransportHarness } from '@paxos/testkit'
import { memory, memoryHub } from '@paxos/transport-memory'

export function harness(): TransportHarness {
  const hub = memoryHub()
  return {
    transport: () => memory({ hub }),
    listen: (node) => `memory://${node}`,
    deserted: 'memory://deserted',
    malformed: ['', 'memory:', 'memory://', 'memory://a/b', 'memory://a b', 'udp://127.0.0.1:0'],
  }
}

export const notApplicable = {
  connections: 'nodes of one hub need none',
  impostors: 'whoever has the hub is trusted',
}

const subject: Subject = { transport: harness, notApplicable }
export default subject
