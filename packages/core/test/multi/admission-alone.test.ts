/** Who may lead by a promise of its own alone can't be let in by what others say. */
import { EMPTY_SAVED } from '@paxos/core'
import { MultiPaxos } from '@paxos/core/multi'
import type { QuorumRule } from '@paxos/core/multi'
import { expect, it } from 'vitest'
import { member } from './members-world.ts'

it('an empty disk of who may lead without any promise but its own is let in by no answer', () => {
  const alone = { type: 'flexible', phase1: 1, phase2: 2 } as const
  const members = ['a', 'b'].map((id) => member(id, null))
  const waiting = (quorums: QuorumRule, version = 0, to = 'a2') => {
    const configuration = { version, members, quorums, former: [] }
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
      to,
      incarnation: 'b1',
      hadVoted: false,
      chosenThrough: 0,
    })
    return engine.standing
  }
  expect(waiting({ type: 'majority' })).toBe('voter')
  expect(waiting(alone)).toBe('waiting')
  // What was answered to a former incarnation says nothing of this one.
  expect(waiting({ type: 'majority' }, 0, 'a1')).toBe('waiting')
  // Nor is anybody, where the members have changed: only those say who votes.
  expect(waiting({ type: 'majority' }, 3)).toBe('waiting')
})

it('an empty disk in the place of one that is named promises nothing, though it was trusted', () => {
  const members = ['a', 'b'].map((id) => member(id, `${id}1`))
  const engine = new MultiPaxos({
    id: 'a',
    configuration: { version: 0, members, quorums: { type: 'majority' }, former: [] },
    incarnation: 'a2',
    trustEmptyState: true,
    random: () => 0.5,
  })
  engine.tick(0)
  const ballot = { round: 1, node: 'b' }
  const effects = engine.receive('b', { type: 'logPrepare', ballot, from: 1, names: 'a1' })
  expect(effects.save).toBeUndefined()
  expect(engine.promised).toBeNull()
})
