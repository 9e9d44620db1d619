import { describe, it } from 'vitest'
import { transportConformance } from '@paxos/testkit'
import { tcp } from '../src/tcp.ts'

transportConformance(
  () => ({
    transport: () => tcp(),
    listen: () => 'tcp://127.0.0.1:0',
    deserted: 'tcp://127.0.0.1:9',
    malformed: ['', '127.0.0.1:7000', 'tcp://127.0.0.1', 'tcp://127.0.0.1:65536', 'udp://a:1'],
  }),
  { describe, it },
)
