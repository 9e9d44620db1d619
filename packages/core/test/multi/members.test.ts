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
    world.change(voters)
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
})

/** Who votes next: whoever the dice say, of those whose state is whole. */
function someVoters(world: MembersWorld): readonly string[] {
  const whole = [...world.machines.keys()].filter((id) => world.machine(id).engine !== null)
  const voters = whole.filter(() => world.chance() < 0.6)
  return voters.length > 0 ? voters : whole
}

/** Whether a disk may be lost now: every voter is named, and holds what it must. */
function mayWipe(world: MembersWorld): boolean {
  const { leader } = world
  if (leader === null || leader.configuration.version > world.completed) return false
  // Of fewer than three, one is a majority of what is known.
  if (leader.configuration.members.length < 3) return false
  return leader.configuration.members.every(({ id, incarnation }) => {
    const machine = world.machine(id)
    return machine.engine !== null && machine.incarnation === incarnation
  })
}

function step(world: MembersWorld): void {
  const ids = [...world.machines.keys()]
  const dice = world.chance()
  const id = world.pick(ids) ?? 'a'
  if (dice < 0.55) world.deliver(Math.floor(world.chance() * world.packets.length))
  else if (dice < 0.57) world.packets.splice(Math.floor(world.chance() * world.packets.length), 1)
  else if (dice < 0.77) world.finishSave(id)
  else if (dice < 0.85) world.pass(5)
  else if (dice < 0.92) world.propose()
  else if (dice < 0.97) world.change(someVoters(world))
  else if (dice < 0.98 && mayWipe(world)) world.wipe(id)
  else if (dice < 0.984) world.crash(id)
  else if (world.machine(id).engine === null) world.start(id)
  if (world.packets.length > 300) world.packets.splice(0, 100)
}

describe('whatever happens', () => {
  it.each(Array.from({ length: 40 }, (_, seed) => [seed]))(
    'one value is chosen in a slot (%i)',
    (seed) => {
      const world = new MembersWorld(['a', 'b', 'c'], ['d', 'e'], seed)
      world.settle(() => world.leader !== null)
      for (let count = 0; count < 3000; count += 1) step(world)
      expect(world.chosen.size).toBeGreaterThan(1)
    },
  )
})
