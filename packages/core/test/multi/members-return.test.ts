/** Who comes back: removed nodes, nodes that were away, and what they may not do to the others. */
import { encodeEntry } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import { ledWorld } from './members-world.ts'
import type { MembersWorld } from './members-world.ts'

/** a, b and c have let d, e and f take their place; `away` were crashed meanwhile. */
function replaced(away: readonly string[] = []): MembersWorld {
  const world = ledWorld(['a', 'b', 'c'], ['d', 'e', 'f'])
  world.make({ voters: ['a', 'b', 'c'], learners: [] })
  for (const id of away) world.crash(id)
  world.make({ voters: ['d', 'e', 'f'], learners: [] })
  world.settle(() => world.completed >= world.configuration.version)
  return world
}

const rounds = (world: MembersWorld): readonly number[] =>
  ['d', 'e', 'f'].map((id) => world.engine(id).promised?.round ?? 0)

describe('who comes back', () => {
  it('P23: a node that was away during several changes finds its way, and learns that it was removed', () => {
    const world = ledWorld(['a', 'b', 'c'], ['d', 'e', 'f', 'g', 'h', 'i'])
    world.make({ voters: ['a', 'b', 'c'], learners: [] })
    const away = world.leader?.id === 'a' ? 'b' : 'a'
    world.crash(away)
    world.make({ voters: ['c', 'd', 'e'], learners: [] })
    world.make({ voters: ['f', 'd', 'e'], learners: [] })
    world.make({ voters: ['g', 'h', 'i'], learners: [] })
    // Of all that it knew, only c still answers, which was removed as well.
    for (const id of ['a', 'b', 'd', 'e', 'f']) world.crash(id)
    world.start(away)
    world.settle(() => world.engine(away).standing === 'removed')
    expect(world.engine(away).configuration).toEqual(world.configuration)
  })

  it('P23: of those that a node knew, one that never voted may be left to show it the way', () => {
    const world = ledWorld(['a', 'b', 'c'], ['d', 'e', 'f'])
    world.make({ voters: ['a', 'b', 'c'], learners: ['f'] })
    world.settle(() =>
      world.engines.every(({ chosenThrough }) => chosenThrough >= world.chosen.size),
    )
    const away = world.leader?.id === 'a' ? 'b' : 'a'
    world.crash(away)
    const rest = ['a', 'b', 'c'].filter((id) => id !== away)
    world.make({ voters: [...rest, 'd'], learners: ['f'] })
    world.make({ voters: ['d', 'e'], learners: ['f'] })
    for (const id of rest) world.crash(id)
    world.start(away)
    world.settle(() => world.engine(away).standing === 'removed')
  })

  it('P29: removed nodes that start again, and know of no change, finish it and elect nobody', () => {
    const world = replaced(['a'])
    for (const id of ['b', 'c']) {
      world.crash(id)
      // The change had reached this disk, and not that it was chosen.
      world.forget(id)
    }
    for (const id of ['d', 'e', 'f']) world.crash(id)
    for (const id of ['a', 'b', 'c']) world.start(id)
    world.settle(() => ['a', 'b', 'c'].every((id) => world.engine(id).standing === 'removed'))
    world.passFor(2000)
    expect(world.leader).toBeNull()
  })

  it('P29, P37: removed nodes that lead each other take no leadership from those who stay', () => {
    const world = replaced(['a'])
    const [before, leader] = [rounds(world), world.leader?.id]
    // They have outbidden everybody in the meantime.
    for (const id of ['a', 'b', 'c']) {
      if (id !== 'a') world.crash(id)
      world.forget(id)
      world.promise(id, { round: 500, node: id })
      world.start(id)
    }
    world.passes = ({ from, to }) => 'abc'.includes(from) || !'abc'.includes(to)
    world.passFor(3000)
    world.passes = () => true
    world.passFor(1000)
    expect(rounds(world)).toEqual(before)
    expect(world.leader?.id).toBe(leader)
    world.settle(() => ['a', 'b', 'c'].every((id) => world.engine(id).standing === 'removed'))
  })

  it('P37: a Prepare, a campaign or a heartbeat of who is no member any more changes nothing', () => {
    const world = replaced()
    const [before, leader] = [rounds(world), world.leader?.id]
    const ballot = { round: 900, node: 'a' }
    const { version } = world.configuration
    const chosenThrough = world.engine('d').chosenThrough
    for (const to of ['d', 'e', 'f']) {
      const run = { run: 1, number: 1, chosenThrough, version }
      const said = { ballot, base: 1, chosenThrough, readId: 0 }
      world.receive({ from: 'a', to, message: { type: 'logPrepare', ballot, from: 1, version } })
      world.receive({ from: 'a', to, message: { type: 'campaign', ...run } })
      world.receive({ from: 'a', to, message: { type: 'logHeartbeat', ...said } })
    }
    const support = world.packets.flatMap(({ message }) =>
      message.type === 'support' ? [message.granted] : [],
    )
    expect(support).toEqual([false, false, false])
    world.passFor(500)
    expect(rounds(world)).toEqual(before)
    expect(world.leader?.id).toBe(leader)
  })

  it('P37: nobody supports who is no member any more, also when there is no leader', () => {
    const world = replaced()
    const follower = world.leader?.id === 'd' ? 'e' : 'd'
    const asker = ['d', 'e', 'f'].find((id) => id !== follower && id !== world.leader?.id) ?? ''
    world.packets.splice(0)
    world.passes = ({ message }) => message.type === 'support'
    world.pass(150)
    const { version } = world.configuration
    const campaign = { type: 'campaign', run: 1, number: 1, chosenThrough: 1, version } as const
    world.receive({ from: 'a', to: follower, message: campaign })
    world.receive({ from: asker, to: follower, message: campaign })
    expect(
      world.packets.map(({ message }) => message.type === 'support' && message.granted),
    ).toEqual([false, true])
  })

  it('a removed node is told that the change is complete, also when it was away as all were told', () => {
    const world = replaced(['a'])
    world.passFor(1000)
    world.start('a')
    world.settle(() => world.engine('a').completeVersion === world.configuration.version)
    expect(world.engine('a').standing).toBe('removed')
  })

  it('who has left is told of it for a while, and then is no part of what all are told', () => {
    const world = replaced()
    const leader = world.engine(world.leader?.id ?? '')
    world.passFor(1000)
    expect([...leader.told].toSorted()).toEqual(['d', 'e', 'f'])
    for (const id of ['a', 'b', 'c']) {
      expect(world.engine(id).completeVersion).toBe(world.configuration.version)
    }
  })

  it('until the change is complete, who has left is told everything', () => {
    const world = ledWorld(['a', 'b', 'c'], ['d', 'e', 'f'])
    world.make({ voters: ['a', 'b', 'c'], learners: [] })
    // Nobody of the new voters can say what it has stored.
    world.passes = ({ message }) => message.type !== 'logHeartbeatAnswer'
    world.make({ voters: ['d', 'e', 'f'], learners: [] })
    world.passFor(60)
    const leader = world.leader ?? world.engine('d')
    expect([...leader.told].toSorted()).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
    expect(leader.completeVersion).toBeLessThan(world.configuration.version)
  })

  it('P30: a node that was away over several changes takes the members from a snapshot', () => {
    const world = ledWorld(['a', 'b', 'c'], ['d'])
    world.make({ voters: ['a', 'b', 'c'], learners: [] })
    const away = world.leader?.id === 'a' ? 'b' : 'a'
    world.crash(away)
    world.make({ voters: ['a', 'b', 'c', 'd'], learners: [] })
    const { version } = world.configuration
    world.propose()
    world.settle(() => world.leader?.slotsInFlight === 0)
    // The snapshot is of a slot below the change that follows.
    const through = world.leader?.chosenThrough ?? 0
    world.make({ voters: ['a', 'b', 'c'], learners: ['d'] })
    world.settle(() => world.engines.every(({ chosenThrough }) => chosenThrough > through))
    for (const { id } of world.engines) world.snapshot(id, through)
    world.exhaust()
    for (const id of ['a', 'b', 'c', 'd'].filter((each) => each !== away)) {
      world.crash(id)
      world.start(id)
      expect(world.engine(id).configuration.version).toBeGreaterThan(version)
    }
    world.start(away)
    world.settle(() => world.engine(away).configuration.version === world.configuration.version)
    expect(world.installed).toBe(1)
  })

  it('P18: an id need be no number, and comes again with another address', () => {
    const world = ledWorld(['nord', 'süd', '7'], ['∞'])
    world.make({ voters: ['nord', 'süd', '7', '∞'], learners: [] })
    const entry = world.entry(world.configuration, {
      voters: ['nord', 'süd', '7', '∞'],
      learners: [],
    })
    const members = entry.members.map((each) =>
      each.id === '7' ? { ...each, address: 'elsewhere' } : each,
    )
    world.settle(() => world.offer(encodeEntry({ ...entry, members })))
    world.settle(() => world.engine('7').configuration.version > entry.replaces)
    expect(world.engine('7').standing).toBe('voter')
  })

  it('a candidate that learns of other members by a snapshot asks those', () => {
    const world = ledWorld(['a', 'b', 'c'], ['d', 'e'])
    world.make({ voters: ['a', 'b', 'c'], learners: [] })
    const away = world.leader?.id === 'a' ? 'b' : 'a'
    world.crash(away)
    const rest = ['a', 'b', 'c'].filter((id) => id !== away)
    world.make({ voters: [away, 'd', 'e'], learners: [] })
    world.settle(() => world.completed >= world.configuration.version)
    world.settle(() => 'de'.includes(world.leader?.id ?? '-'))
    for (const id of ['d', 'e']) world.compact(id)
    for (const id of rest) world.crash(id)
    world.passes = ({ to, message }) =>
      to === away || message.type !== 'logPrepare' || message.ballot.node === away
    world.start(away)
    world.lead(away)
    world.settle(() => world.leader?.id === away && world.leader.room.values > 0)
    expect(world.installed).toBe(1)
  })
})
