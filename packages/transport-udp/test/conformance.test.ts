import { randomBytes } from 'node:crypto'
import { describe, it } from 'vitest'
import { transportConformance } from '@paxos/testkit'
import type { TransportHarness } from '@paxos/testkit'
import { udp } from '@paxos/transport-udp'
import type { UdpOptions } from '@paxos/transport-udp'

const harness = (options: UdpOptions): TransportHarness => ({
  transport: () => udp(options),
  listen: () => 'udp://127.0.0.1:0',
  deserted: 'udp://127.0.0.1:9',
  malformed: ['', '127.0.0.1:7000', 'udp://127.0.0.1', 'udp://:7000', 'memory://a'],
})

describe.each([
  ['without keys', {}],
  ['with authentication', { authentication: { sign: randomBytes(32), accept: [randomBytes(32)] } }],
])('%s', (_, options) => {
  transportConformance(() => harness(options), { describe, it })
})
