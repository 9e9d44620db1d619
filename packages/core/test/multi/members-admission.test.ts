/** Who may vote: a disk that is empty must not vote as if there had been nothing. */
import type { NodeId } from '@paxos/core'
import { EMPTY_SAVED } from '@paxos/core'
import { MultiPaxos } from '@paxos/core/multi'
import type { QuorumRule } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import { member, MembersWorld } from './members-world.ts'
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

  it('of who may lead without any promise but its own is let in by no answer', () => {
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

  it('in the place of one that is named promises nothing, though it was trusted', () => {
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
})
