import { describe, it } from 'vitest'
import { transportConformance } from '@paxos/testkit'
import { memory, memoryHub } from '@paxos/transport-memory'

transportConformance(
  () => {
    const hub = memoryHub()
    return {
      transport: () => memory({ hub }),
      listen: (node) => `memory://${node}`,
      deserted: 'memory://deserted',
      malformed: ['', 'memory:', 'memory://', 'memory://a/b', 'memory://a b', 'udp://127.0.0.1:0'],
    }
  },
  { describe, it },
)
