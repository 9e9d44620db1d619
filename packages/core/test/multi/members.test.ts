import { describe, expect, it } from 'vitest'
import { MembersWorld } from './members-world.ts'

const knows = (world: MembersWorld, ids: readonly string[], version: number): boolean =>
  ids.every((id) => world.engine(id).configuration.version >= version)

/** A world of three that are let in and led. */
function led(spare: readonly string[] = []): MembersWorld {
  const world = new MembersWorld(['a', 'b', 'c'], spare, 1)
  world.settle(() => world.leader !== null && world.leader.room.values > 0)
  return world
}

function changed(world: MembersWorld, voters: readonly string[]): number {
  world.settle(() => {
    const { leader } = world
    if (leader === null) return false
    if (leader.configuration.members.map(({ id }) => id).join() === voters.join()) return true
    world.change({ voters, learners: [] })
    return false
  })
  return world.leader?.configuration.version ?? 0
}

describe('members that change', () => {
  it('three that are new let each other in, and go on', () => {
    const world = led()
    expect(world.engines.map(({ standing }) => standing)).toEqual(['voter', 'voter', 'voter'])
    world.propose()
    world.settle(() => world.chosen.size >= 2)
  })

  it('a set that shares nobody with the one before takes its place', () => {
    const world = led(['d', 'e', 'f'])
    const version = changed(world, ['d', 'e', 'f'])
    world.settle(() => knows(world, ['d', 'e', 'f'], version) && world.completed >= version)
    for (const id of ['a', 'b', 'c']) world.crash(id)
    world.settle(() => world.leader !== null && world.leader.room.values > 0)
    const before = world.chosen.size
    world.propose()
    world.settle(() => world.chosen.size > before)
    expect(['d', 'e', 'f']).toContain(world.leader?.id)
  })

  it('P28: what is complete survives a power failure with those alone who vote now, but for one', () => {
    const world = led(['d', 'e'])
    // Of the new voters only two hear of it; one of them had accepted it itself.
    world.passes = ({ to }) => to !== 'e'
    const leader = world.leader?.id ?? ''
    const version = changed(world, [leader, 'd', 'e'])
    world.settle(() => world.completed >= version)
    world.passes = () => true
    for (const id of ['a', 'b', 'c', 'd']) if (id !== leader) world.crash(id)
    world.losePower(leader)
    world.start(leader)
    world.settle(() => world.leader !== null && world.leader.room.values > 0)
    expect(world.engine('e').configuration.version).toBe(version)
  })
})
