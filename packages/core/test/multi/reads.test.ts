import { majority } from '@paxos/core'
import { MAX_WAITING_READS, type LogEffects } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import { at } from '../messages.ts'
import { LogCluster } from './cluster.ts'
import { accept, accepted, entry, heartbeat, heartbeatAnswer, instantly } from './one-node.ts'
import { leadingA, NO_EFFECTS, nodeA, only, prepare, promise, values } from './one-node.ts'

const follower = () => {
  const a = nodeA({ random: () => 0.25 })
  instantly(a, a.receive('b', accept(B1, 1, 1, ['x'])))
  return a
}

const B1 = at(1, 'b')

const readIds = (effects: LogEffects): number[] =>
  only(effects.send, 'logHeartbeat').map(({ message }) => message.readId)

describe('a leader’s reads', () => {
  it('are ready when a quorum has confirmed the leadership after they were asked', () => {
    const a = leadingA()
    expect(readIds(a.read(7))).toEqual([1])
    const { events } = a.receive('c', heartbeatAnswer(at(1), 1, 1, 1))
    expect(events).toEqual([{ type: 'read-ready', id: 7, slot: 1 }])
  })

  it('P16: a late answer to an earlier round confirms no newer read', () => {
    const a = leadingA()
    a.read(1)
    a.receive('b', heartbeatAnswer(at(1), 1, 1, 1))
    expect(readIds(a.read(2))).toEqual([2])
    expect(a.receive('c', heartbeatAnswer(at(1), 1, 1, 1)).events).toEqual([])
    expect(a.receive('b', heartbeatAnswer(at(1), 1, 1, 1)).events).toEqual([])
    expect(a.receive('c', heartbeatAnswer(at(1), 1, 1, 2)).events).toMatchObject([{ id: 2 }])
  })

  it('P16: nor does an answer to another ballot, whatever its number', () => {
    const a = leadingA()
    a.read(1)
    expect(a.receive('b', heartbeatAnswer(at(2), 1, 1, 9)).events).toEqual([])
    expect(a.receive('b', heartbeatAnswer(B1, 1, 1, 9)).events).toEqual([])
  })

  it('an answer of no acceptor confirms nothing', () => {
    const a = leadingA()
    a.read(1)
    expect(a.receive('stranger', heartbeatAnswer(at(1), 1, 1, 1)).events).toEqual([])
  })

  it('that wait while a round runs share the next one', () => {
    const a = leadingA()
    expect(readIds(a.read(1))).toEqual([1])
    expect(readIds(a.read(2))).toEqual([])
    expect(readIds(a.read(3))).toEqual([])
    const first = a.receive('b', heartbeatAnswer(at(1), 1, 1, 1))
    expect(first.events).toMatchObject([{ id: 1 }])
    expect(readIds(first)).toEqual([2])
    expect(a.receive('b', heartbeatAnswer(at(1), 1, 1, 2)).events).toMatchObject([
      { id: 2 },
      { id: 3 },
    ])
  })

  it('wait for all that earlier leaders may have had chosen, not only for the first of it', () => {
    const a = nodeA()
    instantly(a, a.lead())
    const entries = [entry(1, at(1, ''), 'x'), entry(2, at(1, ''), 'y')]
    instantly(a, a.receive('b', promise(at(1), 1, { entries })))
    expect(readIds(a.read(1))).toEqual([])
    expect(readIds(a.receive('b', accepted(at(1), 2)))).toEqual([])
    const { send, events } = a.receive('b', accepted(at(1), 3))
    expect(only(send, 'logHeartbeat').map(({ message }) => message.readId)).toEqual([1])
    expect(events.map(({ type }) => type)).toEqual(['chosen'])
    expect(a.receive('b', heartbeatAnswer(at(1), 3, 3, 1)).events).toEqual([
      { type: 'read-ready', id: 1, slot: 3 },
    ])
  })

  it('with a single member are ready at once', () => {
    const a = nodeA({ quorums: majority(['a']), election: 'external' })
    instantly(a, a.lead())
    expect(a.read(4).events).toEqual([{ type: 'read-ready', id: 4, slot: 1 }])
  })

  it('fail when the leadership is lost, those in a round and those that wait', () => {
    const a = leadingA()
    a.read(1)
    a.read(2)
    a.receive('b', { type: 'readIndex', run: 5, number: 6 })
    const { events, send } = a.receive('c', prepare(at(2, 'c'), 1))
    expect(events.filter(({ type }) => type === 'read-failed')).toEqual([
      { type: 'read-failed', id: 1 },
      { type: 'read-failed', id: 2 },
    ])
    expect(send).toContainEqual({
      to: 'b',
      message: { type: 'readIndexAnswer', run: 5, number: 6, slot: 0 },
    })
  })

  it('a lost heartbeat is made good by the next', () => {
    const a = leadingA()
    a.read(1)
    expect(readIds(a.tick(200))).toEqual([1])
    expect(a.receive('b', heartbeatAnswer(at(1), 1, 1, 1)).events).toMatchObject([{ id: 1 }])
  })

  it('are bounded: one more than may wait fails at once', () => {
    const a = leadingA()
    for (let id = 0; id <= MAX_WAITING_READS; id += 1) a.read(id)
    expect(a.read(-1).events).toEqual([{ type: 'read-failed', id: -1 }])
  })
})

describe('a follower’s reads', () => {
  it('fail at once when no leader is known', () => {
    expect(nodeA().read(1).events).toEqual([{ type: 'read-failed', id: 1 }])
  })

  it('ask the leader, one question at a time for all that wait', () => {
    const a = follower()
    const [question] = only(a.read(1).send, 'readIndex')
    expect(question?.to).toBe('b')
    expect(a.read(2).send).toEqual([])
    const { run = 0, number = 0 } = question?.message ?? {}
    const answer = a.receive('b', { type: 'readIndexAnswer', run, number, slot: 9 })
    expect(answer.events).toEqual([{ type: 'read-ready', id: 1, slot: 9 }])
    expect(only(answer.send, 'readIndex')[0]?.message).toMatchObject({ run, number: number + 1 })
  })

  it('P16: an answer to an earlier run of the node, or to another question, confirms nothing', () => {
    const a = follower()
    const [question] = only(a.read(1).send, 'readIndex')
    const { run = 0, number = 0 } = question?.message ?? {}
    const answer = (aRun: number, aNumber: number) =>
      a.receive('b', { type: 'readIndexAnswer', run: aRun, number: aNumber, slot: 9 }).events
    expect(answer(run + 1, number)).toEqual([])
    expect(answer(run, number + 1)).toEqual([])
    expect(answer(run, number)).toHaveLength(1)
    expect(answer(run, number)).toEqual([])
    const later = nodeA({ random: () => 0.75 })
    later.receive('b', heartbeat(B1, 1, 0))
    expect(only(later.read(1).send, 'readIndex')[0]?.message.run).not.toBe(run)
  })

  it('P16: an answer to an earlier question confirms no later one, however late or often it comes', () => {
    const a = follower()
    const { run = 0, number = 0 } = only(a.read(1).send, 'readIndex')[0]?.message ?? {}
    const early = { type: 'readIndexAnswer', run, number, slot: 9 } as const
    expect(a.receive('b', early).events).toHaveLength(1)
    // Something may have been chosen in slot 10 before this one was asked.
    expect(only(a.read(2).send, 'readIndex')[0]?.message.number).toBe(number + 1)
    expect(a.receive('b', early).events).toEqual([])
    expect(a.receive('b', { ...early, number: number + 1, slot: 10 }).events).toEqual([
      { type: 'read-ready', id: 2, slot: 10 },
    ])
    expect(a.receive('b', { ...early, number: number + 1, slot: 10 }).events).toEqual([])
  })

  it('are asked again when the answer is overdue, under the same number', () => {
    const a = follower()
    const [question] = only(a.read(1).send, 'readIndex')
    expect(only(a.tick(199).send, 'readIndex')).toEqual([])
    expect(only(a.tick(200).send, 'readIndex')).toEqual([question])
  })

  it('fail when the leader does not lead, or is another now', () => {
    const a = follower()
    const [question] = only(a.read(1).send, 'readIndex')
    const { run = 0, number = 0 } = question?.message ?? {}
    expect(a.receive('b', { type: 'readIndexAnswer', run, number, slot: 0 }).events).toEqual([
      { type: 'read-failed', id: 1 },
    ])
    a.read(2)
    a.read(3)
    const { events } = a.receive('c', heartbeat(at(2, 'c'), 1, 0))
    expect(events.filter(({ type }) => type === 'read-failed')).toHaveLength(2)
  })

  it('a node that knows no leader refuses the question of another', () => {
    expect(nodeA().receive('c', { type: 'readIndex', run: 1, number: 2 }).send).toEqual([
      { to: 'c', message: { type: 'readIndexAnswer', run: 1, number: 2, slot: 0 } },
    ])
  })

  it('of which an earlier question comes late do not lose the later one', () => {
    const a = leadingA()
    // A round is under way, so that both wait for the next.
    a.read(1)
    a.receive('c', { type: 'readIndex', run: 5, number: 2 })
    a.receive('c', { type: 'readIndex', run: 5, number: 1 })
    a.receive('b', heartbeatAnswer(at(1), 1, 1, 1))
    const { send } = a.receive('b', heartbeatAnswer(at(1), 1, 1, 2))
    expect(send).toContainEqual({
      to: 'c',
      message: { type: 'readIndexAnswer', run: 5, number: 2, slot: 1 },
    })
    // Of another run nobody knows which is later.
    a.read(2)
    a.receive('c', { type: 'readIndex', run: 5, number: 3 })
    a.receive('c', { type: 'readIndex', run: 6, number: 1 })
    a.receive('b', heartbeatAnswer(at(1), 1, 1, 3))
    expect(a.receive('b', heartbeatAnswer(at(1), 1, 1, 4)).send).toContainEqual({
      to: 'c',
      message: { type: 'readIndexAnswer', run: 6, number: 1, slot: 1 },
    })
  })

  it('may be as many as wait at once, again and again', () => {
    const a = follower()
    for (let question = 1; question <= 3; question += 1) {
      const [asked] = only(a.read(0).send, 'readIndex')
      const { run = 0, number = 0 } = asked?.message ?? {}
      for (let id = 1; id <= MAX_WAITING_READS; id += 1) a.read(id)
      const { events } = a.receive('b', { type: 'readIndexAnswer', run, number, slot: 9 })
      expect(events).toEqual([{ type: 'read-ready', id: 0, slot: 9 }])
      const all = a.receive('b', { type: 'readIndexAnswer', run, number: number + 1, slot: 9 })
      expect(all.events).toHaveLength(MAX_WAITING_READS)
    }
  })

  it('are bounded', () => {
    const a = follower()
    for (let id = 0; id <= MAX_WAITING_READS; id += 1) a.read(id)
    expect(a.read(-1).events).toEqual([{ type: 'read-failed', id: -1 }])
    expect(a.receive('c', { type: 'readIndexAnswer', run: 1, number: 1, slot: 1 })).toEqual(
      NO_EFFECTS,
    )
    expect(values('x')).toHaveLength(1)
  })
})

describe('in a cluster', () => {
  it('a read on any node sees what was told as chosen before it, without a write to the log', () => {
    const cluster = new LogCluster()
    const leader = cluster.runUntilLed()
    cluster.propose(leader)
    cluster.run(500)
    const through = cluster.safety.chosenThrough
    cluster.ids.forEach((id, index) => cluster.read(id, index))
    cluster.run(100)
    cluster.ids.forEach((id, index) => expect(cluster.reads(id).get(index)).toBe(through))
    expect(cluster.safety.chosenThrough).toBe(through)
  })

  it('a leader that was replaced without noticing confirms no read', () => {
    const cluster = new LogCluster()
    const old = cluster.runUntilLed()
    const [next = '', third = ''] = cluster.ids.filter((id) => id !== old)
    cluster.cut(old, next, third)
    cluster.input(next, 'is told to lead', (engine) => engine.lead())
    cluster.runUntil(() => cluster.engine(next).room.values > 0, 300)
    const command = cluster.propose(next)
    cluster.runUntil(() => cluster.machine(third).commands.includes(command), 300)
    expect(cluster.engine(old).phase).toBe('leading')
    cluster.read(old, 1)
    cluster.heal()
    cluster.run(3000)
    expect(cluster.reads(old).get(1)).toBeNull()
  })
})
