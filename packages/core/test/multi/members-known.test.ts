/** What follows for a node from the members entries that it comes to know. */
import type { NodeId } from '@paxos/core'
import { encodeEntry, MultiPaxos } from '@paxos/core/multi'
import { expect, it } from 'vitest'
import { Electorate } from '../../src/multi/electorate.ts'
import { Members } from '../../src/multi/members.ts'
import { member } from './members-world.ts'

const votersOf = (ids: readonly NodeId[]) => ({
  members: ids.map((id) => member(id, null)),
  quorums: { type: 'majority' as const },
  former: [],
})
const initial = { version: 0, ...votersOf(['a', 'b', 'c']) }
const ballot = { round: 1, node: 'a' }

const chosen = (ids: readonly NodeId[]) => ({
  slot: 1,
  ballot,
  value: encodeEntry({ type: 'members', replaces: 0, ...votersOf(ids) }),
})

it('who has left is told until it is bid farewell, and who votes always', () => {
  const members = new Members(new Electorate(initial), [], null)
  members.update({ get: () => chosen(['a', 'b']) }, 1)
  expect([...members.told].toSorted()).toEqual(['a', 'b', 'c'])
  members.bidFarewell(1)
  expect([...members.told].toSorted()).toEqual(['a', 'b'])
})

it('a candidate that learns of other members asks those, at a ballot of its own for them', () => {
  const engine = new MultiPaxos({
    id: 'c',
    configuration: initial,
    random: () => 0.5,
    election: 'external',
  })
  engine.tick(0)
  engine.lead()
  engine.saved()
  engine.receive('a', {
    type: 'introductionAnswer',
    to: '',
    incarnation: '',
    hadVoted: true,
    chosenThrough: 1,
  })
  const { save } = engine.receive('a', {
    type: 'fetched',
    from: 1,
    entries: [chosen(['c', 'd', 'e'])],
    chosenThrough: 1,
  })
  const asked = save?.then.flatMap(({ to, message }) => (message.type === 'logPrepare' ? [to] : []))
  expect(asked).toEqual(['d', 'e'])
  expect(engine.ballot).toEqual({ round: 2, node: 'c' })
})
