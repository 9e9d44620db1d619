/**
 * By way of another follower: what a node has for a leader that it does not reach, or does not know.
 */
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError, MAX_VALUE_BYTES, NO_EFFECTS } from '@paxos/core'
import { MAX_BATCH_VALUES, MAX_REASON_BYTES } from '@paxos/core/multi'
import type { LogEffects, MultiPaxos, MultiPaxosMessage } from '@paxos/core/multi'
import { decode, encode } from '@paxos/core/wire'
import { at } from '../messages.ts'
import { heartbeat, leadingA, nodeA, only, values } from './one-node.ts'

const B1 = at(1, 'b')
const READ = { type: 'readIndex', run: 5, number: 6 } as const
const refusal = { type: 'readIndexAnswer', run: 5, number: 6, slot: 0 } as const
const forward = (...texts: readonly string[]) =>
  ({ type: 'forward', values: values(...texts) }) as const

/** Follows b. */
function follower(options = {}): MultiPaxos {
  const a = nodeA(options)
  a.receive('b', heartbeat(B1, 1, 0))
  return a
}

it.each([
  ['one byte each', 'n'.repeat(2000), 'n'.repeat(MAX_REASON_BYTES)],
  ['four bytes each', 'n' + '\u{1F512}'.repeat(500), 'n' + '\u{1F512}'.repeat(255)],
  ['as many as there may be', 'n'.repeat(MAX_REASON_BYTES), 'n'.repeat(MAX_REASON_BYTES)],
])('a refusal says as much of its reason as a frame carries (%s)', (_, reason, carried) => {
  const [sent] = leadingA().refuse('b', values('x'), reason).send
  const message = { type: 'forwardRefused', heads: values('x'), reason: carried } as const
  expect(sent).toEqual({ to: 'b', message })
  const frame = encode({ cluster: 'c', from: 'a', message })
  expect(decode(frame).message).toEqual(message)
})

describe('a follower that is given commands for the leader', () => {
  it('passes them on, once and marked', () => {
    expect(follower().receive('c', forward('x', 'y'))).toEqual({
      ...NO_EFFECTS,
      send: [{ to: 'b', message: { ...forward('x', 'y'), relayed: true } }],
    })
  })

  it.each<[string, MultiPaxos, string, MultiPaxosMessage]>([
    ['that were passed on before', follower(), 'c', { ...forward('x'), relayed: true }],
    ['of the node that it takes for the leader', follower(), 'b', forward('x')],
    ['while it knows no leader', nodeA(), 'c', forward('x')],
    ['while it needs a relay itself', relaying(), 'c', forward('x')],
    ['that are none', follower(), 'c', { type: 'forward', values: [] }],
    ['that do not fit in a frame', follower(), 'c', tooLarge(1, MAX_VALUE_BYTES + 1)],
    ['that do not fit in a frame together', follower(), 'c', tooLarge(2, MAX_VALUE_BYTES)],
    ['that are too many', follower(), 'c', tooLarge(MAX_BATCH_VALUES + 1, 1)],
  ])('drops those %s', (_, a, from, message) => {
    expect(a.receive(from, message)).toEqual(NO_EFFECTS)
  })

  it('refuses what is no value itself, and passes the rest on', () => {
    const a = follower({ isValue: ([first]: Uint8Array) => first === 'x'.charCodeAt(0) })
    const { send, events } = a.receive('c', forward('x', '!'))
    expect(send).toEqual([
      { to: 'c', message: { type: 'forwardRefused', heads: values('!') } },
      { to: 'b', message: { ...forward('x'), relayed: true } },
    ])
    expect(events).toEqual([{ type: 'disbelieved', from: 'c', reason: 'value' }])
  })

  it('passes a refusal of its leader back to those whose commands it passed on, and to no others', () => {
    const a = follower()
    const message = { type: 'forwardRefused', heads: values('x') } as const
    expect(a.receive('b', message).send).toEqual([])
    a.receive('c', forward('x'))
    expect(a.receive('b', message).send).toEqual([{ to: 'c', message }])
    expect(a.receive('c', message)).toEqual(NO_EFFECTS)
    a.receive('c', heartbeat(at(2, 'c'), 1, 0))
    expect(a.receive('c', message).send).toEqual([])
  })
})

describe('a node that has a relay', () => {
  it('hands commands to it too, and believes its refusals', () => {
    const a = relaying()
    expect(a.forwardsTo).toEqual(['b', 'c'])
    expect(a.forward(values('x')).send).toEqual([
      { to: 'b', message: forward('x') },
      { to: 'c', message: forward('x') },
    ])
    const refused = { type: 'forwardRefused', heads: values('x') } as const
    expect(a.receive('c', refused).events).toEqual([
      { type: 'forward-refused', heads: values('x') },
    ])
  })

  it('needs to know of no leader', () => {
    const a = nodeA()
    a.relayBy('c')
    expect([a.leader, a.forwardsTo]).toEqual([null, ['c']])
    expect(a.forward(values('x')).send).toEqual([{ to: 'c', message: forward('x') }])
    expect(only(a.read(1).send, 'readIndex')[0]?.to).toBe('c')
  })

  it('goes directly alone when it wants to, when the leader changes, and never while it leads', () => {
    const a = relaying()
    a.relayBy(null)
    expect(a.forwardsTo).toEqual(['b'])
    a.relayBy('c')
    a.receive('c', heartbeat(at(2, 'c'), 1, 0))
    expect(a.forwardsTo).toEqual(['c'])
    a.relayBy('c')
    expect(a.forwardsTo).toEqual(['c'])
    a.receive('b', heartbeat(at(3, 'b'), 1, 0))
    expect(a.forwardsTo).toEqual(['b'])
    const leader = leadingA()
    leader.relayBy('c')
    expect(leader.forwardsTo).toEqual([])
    expect(leader.forward(values('x'))).toEqual(NO_EFFECTS)
  })

  it('relays by another acceptor, and by nobody else', () => {
    for (const node of ['a', 'x']) expect(() => nodeA().relayBy(node)).toThrow(InvalidArgumentError)
  })

  it('asks it for reads too, and believes its answer, but not that it knows nobody', () => {
    const a = relaying()
    const questions = only(a.read(7).send, 'readIndex')
    expect(questions.map(({ to }) => to)).toEqual(['b', 'c'])
    const { run = 0, number = 0 } = questions[0]?.message ?? {}
    const answer = { type: 'readIndexAnswer', run, number, slot: 3 } as const
    expect(a.receive('c', { ...answer, slot: 0 })).toEqual(NO_EFFECTS)
    expect(a.receive('c', answer).events).toEqual([{ type: 'read-ready', id: 7, slot: 3 }])
  })

  it.each<[string, (a: MultiPaxos) => LogEffects]>([
    ['it tries to lead', (a) => a.lead()],
    ['it has the relay no more', (a) => a.relayBy(null)],
  ])('asks nobody for a read any more when %s and knows no leader', (_, change) => {
    const a = nodeA()
    a.tick(0)
    a.relayBy('c')
    a.read(7)
    expect(change(a).events).toContainEqual({ type: 'read-failed', id: 7 })
    // Nothing is due for ever: a host would do nothing else.
    const { send } = a.tick(500)
    expect(only(send, 'readIndex')).toEqual([])
    expect(a.nextTickAtMs).toBeGreaterThan(500)
  })

  it('believes it that it knows nobody when there is nobody else to ask', () => {
    const a = nodeA()
    a.relayBy('c')
    const [question] = only(a.read(7).send, 'readIndex')
    const { run = 0, number = 0 } = question?.message ?? {}
    const answer = { type: 'readIndexAnswer', run, number, slot: 0 } as const
    expect(a.receive('c', answer).events).toEqual([{ type: 'read-failed', id: 7 }])
  })
})

describe('a follower that is asked for a read', () => {
  it('asks its leader, marked, and passes the answer back', () => {
    const a = follower()
    const [question] = only(a.receive('c', READ).send, 'readIndex')
    expect(question).toMatchObject({ to: 'b', message: { relayed: true } })
    const { run = 0, number = 0 } = question?.message ?? {}
    expect(a.receive('b', { type: 'readIndexAnswer', run, number, slot: 4 }).send).toEqual([
      { to: 'c', message: { ...refusal, slot: 4 } },
    ])
  })

  it('counts no answer to a question that left before it was asked', () => {
    const a = follower()
    const [first] = only(a.read(1).send, 'readIndex')
    expect(a.receive('c', READ).send).toEqual([])
    const { run = 0, number = 0 } = first?.message ?? {}
    const { send, events } = a.receive('b', { type: 'readIndexAnswer', run, number, slot: 4 })
    expect(events).toEqual([{ type: 'read-ready', id: 1, slot: 4 }])
    const relayed = { type: 'readIndex', run, number: number + 1, relayed: true }
    expect(send).toEqual([{ to: 'b', message: relayed }])
  })

  it('asks once for a question that comes again while it asks', () => {
    const a = follower()
    const [question] = only(a.receive('c', READ).send, 'readIndex')
    a.receive('c', READ)
    const { run = 0, number = 0 } = question?.message ?? {}
    expect(a.receive('b', { type: 'readIndexAnswer', run, number, slot: 4 }).send).toHaveLength(1)
  })

  it.each<[string, MultiPaxos, string, MultiPaxosMessage]>([
    ['one that was passed on before', follower(), 'c', { ...READ, relayed: true }],
    ['one of the node that it takes for the leader', follower(), 'b', READ],
    ['any while it needs a relay itself', relaying(), 'c', READ],
  ])('refuses %s', (_, a, from, message) => {
    expect(a.receive(from, message).send).toEqual([{ to: from, message: refusal }])
  })

  it('tells it when the leader is another', () => {
    const a = follower()
    a.receive('c', READ)
    const { send } = a.receive('c', heartbeat(at(2, 'c'), 1, 0))
    expect(only(send, 'readIndexAnswer')).toEqual([{ to: 'c', message: refusal }])
  })
})

/** Follows b, by way of c. */
function relaying(): MultiPaxos {
  const a = follower()
  a.relayBy('c')
  return a
}

function tooLarge(count: number, bytes: number): MultiPaxosMessage {
  return { type: 'forward', values: Array.from({ length: count }, () => new Uint8Array(bytes)) }
}
