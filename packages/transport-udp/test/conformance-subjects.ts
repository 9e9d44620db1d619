/** What the conformance suite tests here: for its test, and for `pnpm conformance`. */
import { randomBytes } from 'node:crypto'
import type { Subject, TransportHarness } from '@paxos/testkit'
import { udp } from '@paxos/transport-udp'
import type { UdpOptions } from '@paxos/transport-udp'

const harness = (options: UdpOptions, impostors: TransportHarness['impostors'] = {}) => {
  return (): TransportHarness => ({
    transport: () => udp(options),
    listen: () => 'udp://127.0.0.1:0',
    deserted: 'udp://127.0.0.1:9',
    malformed: ['', '127.0.0.1:7000', 'udp://127.0.0.1', 'udp://:7000', 'memory://a'],
    impostors,
  })
}

const connections = 'datagrams need none'
const authentication = { sign: randomBytes(32), accept: [randomBytes(32)] }

const subjects = [
  {
    name: 'without keys',
    transport: harness({}),
    notApplicable: { connections, impostors: 'without keys nobody proves anything' },
  },
  {
    name: 'with authentication',
    transport: harness(
      { authentication },
      {
        'another key': () => udp({ authentication: { sign: randomBytes(32) } }),
        'no key': () => udp(),
      },
    ),
    notApplicable: { connections },
  },
] satisfies readonly Subject[]
export default subjects
