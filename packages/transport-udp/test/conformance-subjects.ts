/** What the conformance suite tests here, for `pnpm conformance`. */
import { randomBytes } from 'node:crypto'
import type { Subject, TransportHarness } from '@paxos/testkit'
import { udp } from '@paxos/transport-udp'
import type { UdpOptions } from '@paxos/transport-udp'

const harness = (options: UdpOptions) => (): TransportHarness => ({
  transport: () => udp(options),
  listen: () => 'udp://127.0.0.1:0',
  deserted: 'udp://127.0.0.1:9',
  malformed: ['', '127.0.0.1:7000', 'udp://127.0.0.1', 'udp://:7000', 'memory://a'],
})

const notApplicable = { connections: 'datagrams need none' }
const authentication = { sign: randomBytes(32), accept: [randomBytes(32)] }

const subjects: readonly Subject[] = [
  { name: 'without keys', transport: harness({}), notApplicable },
  { name: 'with authentication', transport: harness({ authentication }), notApplicable },
]
export default subjects
