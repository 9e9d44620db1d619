import { describe, it } from 'vitest'
import { datagrams } from '@paxos/adapter-kit/datagrams'
import { transportConformance } from '@paxos/testkit'
import { hubAddresses, hubOf } from './hub.ts'

describe('datagrams in memory', () => {
  transportConformance(
    () => {
      const { medium } = hubOf()
      return { transport: () => datagrams(medium), ...hubAddresses }
    },
    { describe, it },
  )
})
