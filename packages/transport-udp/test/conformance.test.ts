import { describe, it } from 'vitest'
import { transportConformance } from '@paxos/testkit'
import { udp } from '@paxos/transport-udp'

transportConformance(
  () => ({
    transport: () => udp(),
    listen: () => 'udp://127.0.0.1:0',
    deserted: 'udp://127.0.0.1:9',
    malformed: ['', '127.0.0.1:7000', 'udp://127.0.0.1', 'udp://:7000', 'memory://a'],
  }),
  { describe, it },
)
