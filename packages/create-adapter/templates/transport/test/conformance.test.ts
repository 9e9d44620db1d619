/** Whether the transport keeps the contract: every promise of it is a test. */
import { describe, it } from 'vitest'
import { transportConformance } from '@paxos/testkit'
import { pigeon } from '../src/index.ts'

let nodes = 0

transportConformance(
  () => ({
    transport: () => pigeon(),
    // An address that nobody has, or one that means "a free one", such as port 0.
    listen: () => `pigeon://node-${(nodes += 1)}`,
    deserted: 'pigeon://nobody',
    malformed: ['', 'pigeon:', 'pigeon://', 'pigeon://a b', 'udp://a'],
  }),
  { describe, it },
)
