import { describe, it } from 'vitest'
import { transportConformance } from '@paxos/testkit'
import { broadcast } from '../src/broadcast.ts'

let buses = 0

transportConformance(
  () => {
    const bus = `broadcast://suite-${process.pid}-${(buses += 1)}`
    let nodes = 0
    return {
      transport: () => broadcast(),
      listen: () => `${bus}/node-${(nodes += 1)}`,
      deserted: `${bus}/nobody`,
      malformed: ['', 'broadcast:', 'broadcast://bus', 'broadcast://bus/', 'ws://bus/a'],
    }
  },
  { describe, it },
)
