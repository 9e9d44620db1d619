/** Who may vote: a disk that is empty must not vote as if there had been nothing. */
import type { NodeId } from '@paxos/core'
import { describe, expect, it } from 'vitest'
import { MembersWorld } from './members-world.ts'
import type { Packet } from './members-world.ts'

/** Three that are let in, and lead when they are told to. */
function three(): MembersWorld {
  const world = new MembersWorld(['a', 'b', 'c'], [], 1, { election: 'external' })
  world.settle(() => world.engines.every(({ standing }) => standing === 'voter'))
  return world
}

/** `id` leads, as far as its messages pass. */
function lead(world: MembersWorld, id: NodeId): void {
  world.carryOut(id, world.engine(id).lead())
}

describe('an empty disk', () => {
  it('promises who names it, and accepts nothing before the members entry is chosen that names it', () => {
    const world = three()
    lead(world, 'a')
    world.settle(() => world.chosen.size === 1)
    // c promises a higher ballot to b, which does not hear of it yet.
    const held: Packet[] = []
    world.passes = (packet) => {
      if (packet.from === 'c' && packet.to === 'b') held.push(packet)
      return packet.from !== 'b' && packet.to !== 'b' ? true : packet.to === 'c'
    }
    lead(world, 'b')
    world.exhaust()
    expect(held.at(-1)?.message.type).toBe('logPromise')
    // It loses its disk. a, which knows nothing of that ballot, asks to name the new one.
    world.wipe('c')
    world.change({ voters: ['a', 'b', 'c'], learners: [] })
    world.exhaust()
    world.propose()
    world.exhaust()
    world.pass(100)
    world.exhaust()
    // Now the promise comes to b: it knows nothing of what a proposed.
    world.passes = () => true
    for (const packet of held) world.receive(packet)
    world.exhaust()
    world.settle(() => world.chosen.size > 1)
    expect(world.engine('c').standing).toBe('waiting')
  })
})
