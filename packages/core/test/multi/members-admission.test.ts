/** Who may vote: a disk that is empty must not vote as if there had been nothing. */
import { describe, expect, it } from 'vitest'
import { ledWorld, MembersWorld } from './members-world.ts'
import type { Packet } from './members-world.ts'

/** Three that are let in, and lead when they are told to. */
function three(): MembersWorld {
  const world = new MembersWorld(['a', 'b', 'c'], [], 1, { election: 'external' })
  world.settle(() => world.engines.every(({ standing }) => standing === 'voter'))
  return world
}

describe('an empty disk', () => {
  it('promises who names it, and accepts nothing before the members entry is chosen that names it', () => {
    const world = three()
    world.lead('a')
    world.settle(() => world.chosen.size === 1)
    // c promises a higher ballot to b, which does not hear of it yet.
    const held: Packet[] = []
    world.passes = (packet) => {
      if (packet.from === 'c' && packet.to === 'b') held.push(packet)
      return packet.from !== 'b' && packet.to !== 'b' ? true : packet.to === 'c'
    }
    world.lead('b')
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
  it('votes in a first start only when all others have said that they had not voted', () => {
    const world = new MembersWorld(['a', 'b', 'c'], [], 1)
    world.crash('c')
    world.passFor(3000)
    for (const id of ['a', 'b']) {
      expect(world.engine(id).standing).toBe('waiting')
      expect(world.engine(id).waitsFor).toEqual(['c'])
      expect(world.engine(id).promised).toBeNull()
    }
    world.start('c')
    world.settle(() => world.leader !== null)
  })

  it('of a single voter votes at once', () => {
    const world = new MembersWorld(['a'], [], 1)
    expect(world.engine('a').standing).toBe('voter')
    world.settle(() => world.leader !== null)
  })

  it('that is trusted votes at once, and remembers that it may', () => {
    const world = new MembersWorld(['a', 'b', 'c'], [], 1, { trustEmptyState: true })
    world.crash('c')
    world.settle(() => world.leader !== null)
    expect(world.machine('a').saved.admitted).toBe(true)
  })

  it('of a log that has leaders waits, says for whom, and learns meanwhile', () => {
    const world = ledWorld(['a', 'b', 'c'])
    const lost = world.leader?.id === 'a' ? 'b' : 'a'
    world.wipe(lost)
    const votes: string[] = []
    world.passes = ({ from, message }) => {
      if (from === lost) votes.push(message.type)
      return true
    }
    world.passFor(2000)
    // Another attempt to lead asks everybody for a promise.
    world.lead(world.leader?.id ?? '')
    world.settle(() => world.leader !== null)
    world.passFor(1000)
    for (const type of ['logPromise', 'logAccepted', 'logHeartbeatAnswer']) {
      expect(votes).not.toContain(type)
    }
    expect(world.engine(lost).standing).toBe('waiting')
    expect(world.engine(lost).waitsFor.length).toBeGreaterThan(0)
    expect(world.engine(lost).chosenThrough).toBe(world.leader?.chosenThrough)
    expect(world.leader?.heardIncarnations.get(lost)?.incarnation).toBe(
      world.machine(lost).incarnation,
    )
  })

  it('is taken in by a members entry that names it, and votes from then on', () => {
    const world = ledWorld(['a', 'b', 'c'])
    const lost = world.leader?.id === 'a' ? 'b' : 'a'
    world.wipe(lost)
    world.make({ voters: ['a', 'b', 'c'], learners: [] })
    world.settle(() => world.engine(lost).standing === 'voter')
    // Now it is one of the two that are needed.
    world.crash(['a', 'b', 'c'].find((id) => id !== lost && id !== world.leader?.id) ?? '')
    const before = world.chosen.size
    world.propose()
    world.settle(() => world.chosen.size > before)
  })

  it('where another state of it is named is replaced: it votes for nobody, and never leads', () => {
    const world = ledWorld(['a', 'b', 'c'])
    world.make({ voters: ['a', 'b', 'c'], learners: [] })
    world.settle(() => world.completed > 0)
    const lost = world.leader?.id === 'a' ? 'b' : 'a'
    world.wipe(lost)
    world.settle(() => world.engine(lost).standing === 'replaced')
    world.passes = ({ from, message }) =>
      from !== lost || !['logPromise', 'logAccepted', 'logHeartbeatAnswer'].includes(message.type)
    world.lead(lost)
    expect(world.engine(lost).phase).toBe('idle')
    for (const id of ['a', 'b', 'c']) if (id !== lost) world.crash(id)
    world.passes = () => true
    world.passFor(3000)
    expect(world.leader).toBeNull()
  })

  it('counts no answer that was given to the state before it', () => {
    const world = new MembersWorld(['a', 'b', 'c'], [], 1)
    const late = world.hold(({ message }) => message.type === 'introductionAnswer')
    world.exhaust()
    world.wipe('c')
    for (const packet of late) if (packet.to === 'c') world.receive(packet)
    expect(world.engine('c').waitsFor).toEqual(['a', 'b'])
  })

  it('is told that somebody had voted by who has voted before it heard of it, and by no other', () => {
    const world = new MembersWorld(['a', 'b', 'c'], [], 1, { election: 'external' })
    world.packets.splice(0)
    // a has heard of c, of this very state, by its answer alone.
    world.passes = ({ from, message }) => from !== 'c' || message.type !== 'introduction'
    world.settle(() => world.engine('a').standing === 'voter')
    world.lead('a')
    world.exhaust()
    expect(world.engine('a').promised).not.toBeNull()
    world.passes = () => true
    world.settle(() => world.engine('c').standing === 'voter')
    const answers = world.hold(
      ({ to, message }) => to === 'c' && message.type === 'introductionAnswer',
    )
    world.wipe('c')
    world.passFor(50)
    const said = answers.flatMap(({ from, message }) =>
      message.type === 'introductionAnswer' && from === 'a' ? [message.hadVoted] : [],
    )
    expect(said.length).toBeGreaterThan(0)
    expect(said).not.toContain(false)
  })

  it('that starts again while it waits still waits, and is let in as the same', () => {
    const world = new MembersWorld(['a', 'b', 'c'], [], 1)
    world.passes = ({ from, to }) => from !== 'c' && to !== 'c'
    world.passFor(100)
    world.crash('a')
    world.start('a')
    expect(world.engine('a').standing).toBe('waiting')
    world.passes = () => true
    world.settle(() => world.engines.every(({ standing }) => standing === 'voter'))
  })

  it('that was let in is let in when it starts again, whoever is there', () => {
    const world = ledWorld(['a', 'b', 'c'])
    for (const id of ['a', 'b', 'c']) world.crash(id)
    for (const id of ['a', 'b']) world.start(id)
    world.settle(() => world.leader !== null)
  })
})

describe('P31: what a former state of an id says', () => {
  it('counts neither as a promise, nor as an acceptance, nor for a read, once another is named', () => {
    const world = ledWorld(['a', 'b', 'c'])
    const leader = world.leader?.id ?? ''
    const [lost, other] = ['a', 'b', 'c'].filter((id) => id !== leader)
    world.make({ voters: ['a', 'b', 'c'], learners: [] })
    world.settle(() => world.completed > 0)
    const incarnation = world.machine(lost ?? '').incarnation
    world.wipe(lost ?? '')
    world.make({ voters: ['a', 'b', 'c'], learners: [] })
    world.settle(() => world.completed >= world.configuration.version)
    // Only the former state of `lost` is heard from now on.
    world.passes = ({ from }) => from === leader
    world.propose()
    world.read(leader)
    const { readsAnswered } = world
    const before = world.engine(leader).chosenThrough
    const ballot = world.engine(leader).ballot ?? { round: 0, node: '' }
    const through = before + 1
    const from = lost ?? ''
    const said = { ballot, through, incarnation }
    const to = leader
    world.receive({ from, to, message: { type: 'logAccepted', ...said } })
    for (let readId = 0; readId < 10; readId += 1) {
      const answer = { ...said, type: 'logHeartbeatAnswer', chosenThrough: before, readId } as const
      world.receive({ from, to, message: answer })
    }
    world.exhaust()
    expect(world.engine(leader).chosenThrough).toBe(before)
    expect(world.readsAnswered).toBe(readsAnswered)
    // As an attempt to lead, a promise of it is none.
    world.crash(other ?? '')
    world.lead(leader)
    world.exhaust()
    const promised = world.engine(leader).ballot ?? ballot
    const page = { from: before + 1, entries: [], next: 0, compactedThrough: 0 }
    const promise = {
      type: 'logPromise',
      ballot: promised,
      chosenThrough: before,
      incarnation,
    } as const
    world.receive({ from, to, message: { ...promise, ...page } })
    world.exhaust()
    expect(world.engine(leader).phase).toBe('preparing')
    const named = { ...promise, ...page, incarnation: world.machine(from).incarnation }
    world.receive({ from, to, message: named })
    world.exhaust()
    expect(world.engine(leader).phase).toBe('leading')
  })
})
