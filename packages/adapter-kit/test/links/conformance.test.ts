import { describe, it } from 'vitest'
import { links } from '@paxos/adapter-kit/links'
import { transportConformance } from '@paxos/testkit'
import { switchboard } from './switchboard.ts'

describe('links over a medium within one process', () => {
  transportConformance(
    () => {
      const medium = switchboard()
      let count = 0
      return {
        transport: () => links(medium()),
        listen: () => `board:node${(count += 1)}`,
        deserted: 'board:nobody',
        malformed: ['', 'board', 'board:', 'board:a b', 'tcp://a:1'],
      }
    },
    { describe, it },
  )
})
