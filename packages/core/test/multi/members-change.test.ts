/** How a leader changes the members: the barrier, the door before it, and what may go wrong there. */
import { encodeEntry } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import { ledWorld, MembersWorld } from './members-world.ts'

const ABC = { voters: ['a', 'b', 'c'], learners: [] }

/** a of three leads, and everybody is named. Nobody leads but who is told to. */
function ledByA(spare: readonly string[] = []): MembersWorld {
  const world = new MembersWorld(['a', 'b', 'c'], spare, 1, { election: 'external' })
  world.settle(() => world.engines.every(({ standing }) => standing !== 'waiting'))
  world.lead('a')
  world.settle(() => world.leader?.room.values !== undefined && world.leader.room.values > 0)
  world.make(ABC)
  return world
}

describe('a change of members', () => {
  it('P25: waits until something is chosen under the ballot of its leader', () => {
    const world = ledByA(['d'])
    world.passes = ({ message }) => message.type !== 'logAccepted'
    world.lead('b')
    world.exhaust()
    expect(world.leader?.id).toBe('b')
    expect(world.change({ voters: ['a', 'b', 'd'], learners: [] })).toBe(false)
    expect(world.packets).toEqual([])
  })

  it('P26: leaves no room for another, nor for anything else, before it is chosen', () => {
    const world = ledByA(['d'])
    world.passes = ({ message }) => message.type !== 'logAccepted'
    expect(world.change({ voters: ['a', 'b'], learners: [] })).toBe(true)
    expect(world.engine('a').room.values).toBe(0)
    expect(world.change({ voters: ['a', 'c'], learners: [] })).toBe(false)
    expect(world.engine('a').propose([world.command()]).first).toBeNull()
    world.passes = () => true
    world.settle(() => world.engine('a').room.values > 0)
    expect(world.configuration.members.map(({ id }) => id)).toEqual(['a', 'b'])
  })

  it('is proposed only when a quorum of who is to vote has promised the ballot', () => {
    const world = ledByA(['d', 'e'])
    world.passes = ({ to }) => to !== 'd' && to !== 'e'
    const wanted = { voters: ['a', 'd', 'e'], learners: [] }
    for (let count = 0; count < 10; count += 1) {
      expect(world.change(wanted)).toBe(false)
      world.pass(20)
      world.exhaust()
    }
    // Until then the leader goes on as before.
    world.propose()
    world.exhaust()
    world.passes = ({ to }) => to !== 'e'
    world.settle(() => world.change(wanted))
  })

  it('costs one round trip: behind the barrier the leader goes on at once', () => {
    const world = ledByA(['d', 'e'])
    const wanted = { voters: ['a', 'd', 'e'], learners: [] }
    world.settle(() => world.change(wanted))
    let asked = 0
    world.passes = ({ message }) => {
      if (message.type === 'logPrepare') asked += 1
      return true
    }
    world.settle(() => world.engine('a').room.values > 0)
    expect(asked).toBe(0)
  })

  it('is said to be under way from when it is proposed until it is chosen', () => {
    const world = ledByA(['d'])
    const leader = world.engine('a')
    expect(leader.isChanging).toBe(false)
    world.passes = ({ message }) => message.type !== 'logAccepted'
    // Who is to vote is asked first: nothing is proposed yet.
    expect(world.change({ voters: ['a', 'd'], learners: [] })).toBe(false)
    expect(leader.isChanging).toBe(false)
    world.settle(() => world.change({ voters: ['a', 'd'], learners: [] }))
    expect([leader.isChanging, world.engine('b').isChanging]).toEqual([true, false])
    world.passes = () => true
    world.settle(() => leader.room.values > 0)
    expect(leader.isChanging).toBe(false)
  })

  it('is said to be under way by a leader that has found it, until those have promised who vote behind it', () => {
    const world = ledByA(['d', 'e'])
    world.settle(() => world.change({ voters: ['b', 'd', 'e'], learners: [] }))
    world.passes = ({ to }) => to === 'b'
    world.exhaust()
    world.crash('a')
    // What a had proposed behind it, b may have found too, and proposes only then.
    world.passes = ({ to, message }) => message.type !== 'logPrepare' || to === 'c'
    world.lead('b')
    world.exhaust()
    const leader = world.engine('b')
    expect(leader.configuration.members.map(({ id }) => id)).toEqual(['b', 'd', 'e'])
    expect([leader.isChanging, leader.room.values]).toEqual([true, 0])
    world.passes = () => true
    world.settle(() => leader.room.values > 0)
    expect(leader.isChanging).toBe(false)
  })

  it('P33: that was made already says nothing when it comes again', () => {
    const world = ledByA(['d'])
    const entry = world.entry(world.configuration, { voters: ['a', 'b', 'd'], learners: [] })
    const value = encodeEntry(entry)
    world.settle(() => world.offer(value))
    world.settle(() => world.engine('a').room.values > 0)
    const { version } = world.configuration
    world.make(ABC)
    const now = world.configuration
    expect(now.version).toBeGreaterThan(version)
    expect(world.offer(value)).toBe(true)
    world.settle(() => world.engine('a').slotsInFlight === 0)
    expect(world.configuration).toBe(now)
  })

  it('P35: whose leader died before it was known to be chosen is finished by the next', () => {
    const world = ledByA(['d', 'e'])
    world.settle(() => world.change({ voters: ['b', 'd', 'e'], learners: [] }))
    // It reaches b, and its leader hears nothing of that.
    world.passes = ({ to }) => to === 'b'
    world.exhaust()
    world.crash('a')
    world.passes = () => true
    world.lead('b')
    world.settle(() => world.engine('b').room.values > 0)
    expect(world.configuration.members.map(({ id }) => id)).toEqual(['b', 'd', 'e'])
  })

  it('P35: which nobody but its dead leader has seen is abandoned', () => {
    const world = ledByA(['d', 'e'])
    const before = world.configuration
    world.settle(() => world.change({ voters: ['b', 'd', 'e'], learners: [] }))
    world.packets.splice(0)
    world.crash('a')
    world.lead('b')
    world.settle(() => world.engine('b').room.values > 0)
    world.start('a')
    world.settle(() => world.engine('a').chosenThrough === world.engine('b').chosenThrough)
    expect(world.configuration).toBe(before)
  })

  it('is made although who is to vote has promised a higher ballot', () => {
    const world = ledByA(['d', 'e'])
    // b meant to lead, and to take it in; nothing came of that, and a has not heard of it.
    const round = (world.engine('a').ballot?.round ?? 0) + 5
    const names = world.machine('d').incarnation
    const ballot = { round, node: 'b' }
    world.receive({ from: 'b', to: 'd', message: { type: 'logPrepare', ballot, from: 1, names } })
    world.exhaust()
    expect(world.engine('d').promised?.round).toBe(round)
    world.make({ voters: ['a', 'd', 'e'], learners: [] })
    expect(world.engine('a').ballot?.round).toBeGreaterThan(round)
  })

  it('asks one who is to vote again that has forgotten by a snapshot what it was asked for', () => {
    const world = ledByA(['d'])
    world.settle(() => world.engine('d').configuration.version > 0)
    const wanted = { voters: ['a', 'd'], learners: [] }
    // The question is on its way, while more is chosen, and d learns and compacts it.
    const late = world.hold(({ to, message }) => to === 'd' && message.type === 'logPrepare')
    world.change(wanted)
    world.propose()
    world.settle(() => world.engine('d').chosenThrough === world.engine('a').chosenThrough)
    world.compact('d')
    world.passes = () => true
    for (const packet of late) world.receive(packet)
    world.settle(() => world.change(wanted))
  })

  it('that the host gives up is not prepared any more', () => {
    const world = ledByA(['d'])
    world.crash('d')
    let asked = 0
    world.passes = ({ to, message }) => {
      if (to === 'd' && message.type === 'logPrepare') asked += 1
      return true
    }
    expect(world.change({ voters: ['a', 'd'], learners: [] })).toBe(false)
    world.passFor(200)
    expect(asked).toBeGreaterThan(1)
    asked = 0
    world.passFor(2000)
    expect(asked).toBe(0)
    world.propose()
    const before = world.chosen.size
    world.settle(() => world.chosen.size > before)
  })

  it('comes alone: a members entry among other values is refused', () => {
    const world = ledByA()
    const entry = encodeEntry(world.entry(world.configuration, { voters: ['a'], learners: [] }))
    const engine = world.engine('a')
    expect(() => engine.propose([world.command(), entry])).toThrow(/alone/)
    expect(() => world.engine('b').forward([entry, world.command()])).toThrow(/alone/)
  })

  it('P27: that removes its leader ends the leadership, and one who stays takes over', () => {
    const world = ledWorld(['a', 'b', 'c'], ['d'])
    const leader = world.leader?.id ?? ''
    const rest = ['a', 'b', 'c', 'd'].filter((id) => id !== leader)
    world.settle(() => world.change({ voters: rest, learners: [] }))
    // It hands over: nobody has to miss it first.
    const handedTo: string[] = []
    world.passes = ({ to, message }) => {
      if (message.type === 'handOver') handedTo.push(to)
      return true
    }
    world.settle(() => world.leader !== null && world.leader.id !== leader)
    expect(handedTo).toEqual([world.leader?.id])
    expect(world.engine(leader).standing).toBe('removed')
    expect(world.engine(leader).phase).toBe('idle')
  })

  it('P27: a leader that was removed, and hears nobody of those who vote, gives up', () => {
    const world = ledByA(['d', 'e', 'f'])
    world.passes = ({ to, message }) => !'def'.includes(to) || message.type === 'logPrepare'
    world.settle(() => world.change({ voters: ['d', 'e', 'f'], learners: [] }))
    world.settle(() => world.engine('a').phase === 'idle')
    world.passes = () => true
    world.settle(() => world.engine('d').standing === 'voter')
  })

  it('P31: that names another state of its leader ends the leadership of this one', () => {
    const world = ledByA()
    const entry = world.entry(world.configuration, ABC)
    const members = entry.members.map((each) =>
      each.id === 'a' ? { ...each, incarnation: 'another' } : each,
    )
    world.settle(() => world.offer(encodeEntry({ ...entry, members })))
    world.settle(() => world.engine('a').phase === 'idle')
    expect(world.engine('a').standing).toBe('replaced')
    expect(world.engine('a').room.values).toBe(0)
  })
})
