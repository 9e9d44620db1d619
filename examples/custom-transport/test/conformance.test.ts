import { describe, it } from 'vitest'
import { transportConformance } from '@paxos/testkit'
import { certifiedHarness } from '@paxos/testkit/certificates'
import { tcp } from '../src/tcp.ts'

describe('tcp:', () => {
  transportConformance(
    () => ({
      transport: () => tcp(),
      listen: () => 'tcp://127.0.0.1:0',
      deserted: 'tcp://127.0.0.1:9',
      malformed: ['', '127.0.0.1:7000', 'tcp://127.0.0.1', 'tcp://127.0.0.1:65536', 'udp://a:1'],
    }),
    { describe, it },
    { impostors: 'without certificates nobody proves anything' },
  )
})

const certified = await certifiedHarness({
  transport: (tls) => tcp({ tls }),
  impostor: (tls) => tcp({ tls: { ...tls, mutual: false } }),
  listen: () => 'tcps://127.0.0.1:0',
  deserted: 'tcps://127.0.0.1:9',
  malformed: ['', 'tcps://127.0.0.1', 'tcps://:7000'],
})

describe('tcps:', () => {
  transportConformance(certified, { describe, it })
})
