/** Who may lead by a promise of its own alone can't be let in by what others say. */
import { EMPTY_SAVED } from '@paxos/core'
import { MultiPaxos } from '@paxos/core/multi'
import type { QuorumRule } from '@paxos/core/multi'
import { expect, it } from 'vitest'
import { member } from './members-world.ts'

it('an empty disk of who may lead without any promise but its own is let in by no answer', () => {
  const alone = { type: 'flexible', phase1: 1, phase2: 2 } as const
  const members = ['a', 'b'].map((id) => member(id, null))
  const waiting = (quorums: QuorumRule) => {
    const configuration = { version: 0, members, quorums, former: [] }
    const engine = new MultiPaxos({
      id: 'a',
      configuration,
      incarnation: 'a2',
      saved: { ...EMPTY_SAVED, admitted: false },
      random: () => 0.5,
    })
    engine.tick(0)
    engine.receive('b', {
      type: 'introductionAnswer',
      to: 'a2',
      incarnation: 'b1',
      hadVoted: false,
      chosenThrough: 0,
    })
    return engine.standing
  }
  expect(waiting({ type: 'majority' })).toBe('voter')
  expect(waiting(alone)).toBe('waiting')
})
