/** Learners: they follow, and count for nothing; and many of them load nobody. */
import type { NodeId } from '@paxos/core'
import { RELAY_FANOUT } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import { upstreamOf } from '../../src/multi/relay-tree.ts'
import { ledWorld, member } from './members-world.ts'
import type { MembersWorld } from './members-world.ts'

const ABC = ['a', 'b', 'c']

/** Three voters, named, and as many learners as there are names. */
function withLearners(learners: readonly NodeId[]): MembersWorld {
  const world = ledWorld(ABC, learners)
  world.make({ voters: ABC, learners })
  world.settle(() => learners.every((id) => world.engine(id).standing === 'learner'))
  return world
}

const numbered = (count: number): NodeId[] =>
  Array.from({ length: count }, (_, at) => `learner-${String(at).padStart(3, '0')}`)

describe('P36: a learner', () => {
  it('is counted for no quorum, no read, and no campaign', () => {
    const world = withLearners(['d', 'e'])
    const leader = world.leader?.id ?? ''
    for (const id of ABC) if (id !== leader) world.crash(id)
    const before = world.chosen.size
    const { readsAnswered } = world
    world.propose()
    world.read(leader)
    world.settle(() => world.leader === null)
    world.passFor(2000)
    expect(world.leader).toBeNull()
    expect(world.chosen.size).toBe(before)
    expect(world.readsAnswered).toBe(readsAnswered)
    world.lead('d')
    expect(world.engine('d').phase).toBe('idle')
  })

  it('follows, reads and hands over commands, also when the voter that it asked is gone', () => {
    const world = withLearners(['d'])
    const [gone] = ABC.filter((id) => id !== world.leader?.id)
    world.crash(gone ?? '')
    const value = world.command()
    const { readsAnswered } = world
    let askAtMs = 0
    world.settle(() => {
      if (world.nowMs >= askAtMs) {
        askAtMs = world.nowMs + 60
        world.forward('d', value)
        world.read('d')
      }
      if (world.leader !== null) world.proposeQueued(world.leader.id)
      const isThere = [...world.chosen.values()].some((each) => each === value)
      return isThere && world.readsAnswered > readsAnswered
    })
    world.settle(() => world.engine('d').chosenThrough === world.leader?.chosenThrough)
  })

  it('that voted before hands nothing over to the leader of its past', () => {
    const world = ledWorld(ABC, [])
    world.make({ voters: ABC, learners: [] })
    const leader = world.leader?.id ?? ''
    const learner = leader === 'a' ? 'b' : 'a'
    world.make({ voters: ABC.filter((id) => id !== learner), learners: [learner] })
    world.settle(() => world.engine(learner).standing === 'learner')
    world.passFor(500)
    expect(world.engine(learner).leader).toBeNull()
    expect(world.engine(learner).forwardsTo).toHaveLength(1)
  })

  it('votes, and leads, as soon as it is named a voter', () => {
    const world = withLearners(['d'])
    world.make({ voters: ['d'], learners: ABC })
    for (const id of ABC) world.crash(id)
    world.settle(() => world.leader?.id === 'd' && world.leader.room.values > 0)
  })

  it('hears that a change is complete, and makes known who it is and how far', () => {
    const world = withLearners(['d'])
    world.settle(() => world.engine('d').completeVersion === world.configuration.version)
    const { incarnation } = world.machine('d')
    const { chosenThrough } = world.engine('d')
    world.settle(() => {
      const heard = world.leader?.heardIncarnations.get('d')
      return heard?.incarnation === incarnation && heard.storedThrough >= chosenThrough
    })
  })

  it('learns although the one above it is gone, or is cut off itself', () => {
    const learners = numbered(3 * RELAY_FANOUT + 1)
    const last = learners.at(-1) ?? ''
    const world = withLearners(learners)
    const upstream = upstreamOf(world.configuration, last) ?? ''
    expect(learners).toContain(upstream)
    const told = (): boolean => world.engine(last).chosenThrough === world.leader?.chosenThrough
    world.passes = ({ from, to }) => from === last || to === last || ![from, to].includes(upstream)
    world.propose()
    world.settle(told, 2000)
    world.passes = () => true
    world.crash(upstream)
    world.propose()
    world.settle(told, 2000)
  })
})

describe('the tree of learners', () => {
  it('has no circles, and nobody has more than its share below it', () => {
    for (const count of [0, 1, 8, 9, 30, 200, 252]) {
      const ids = numbered(count)
      const members = [
        ...ABC.map((id) => member(id, null)),
        ...ids.map((id) => ({ ...member(id, null), role: 'learner' as const })),
      ]
      const configuration = {
        version: 1,
        members,
        quorums: { type: 'majority' },
        former: [],
      } as const
      const below = new Map<NodeId, number>()
      const order = [...ABC, ...ids]
      for (const id of ids) {
        const upstream = upstreamOf(configuration, id) ?? ''
        expect(order.indexOf(upstream)).toBeGreaterThanOrEqual(0)
        expect(order.indexOf(upstream)).toBeLessThan(order.indexOf(id))
        below.set(upstream, (below.get(upstream) ?? 0) + 1)
      }
      expect(Math.max(0, ...below.values())).toBeLessThanOrEqual(RELAY_FANOUT)
      expect(upstreamOf(configuration, 'a')).toBeNull()
      expect(upstreamOf(configuration, 'stranger')).toBeNull()
    }
  })
})
