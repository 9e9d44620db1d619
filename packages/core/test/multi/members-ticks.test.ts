/** What a node does with time while members change: it wakes when it must, and only then. */
import { encodeEntry, MultiPaxos } from '@paxos/core/multi'
import type { Configuration } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import { ledWorld, member } from './members-world.ts'
import { ABC, accepted, bytes, instantly, leadingA, only } from './one-node.ts'
import { at } from '../messages.ts'

const UNNAMED: Configuration = {
  version: 0,
  members: ['a', 'b', 'c'].map((id) => member(id, null)),
  quorums: { type: 'majority' },
  former: [],
}

/** Node a, let in long ago. */
function nodeA(): MultiPaxos {
  const saved = { promised: at(1), accepted: [], snapshot: null, chosenThrough: 0, admitted: true }
  const options = { id: 'a', incarnation: 'a#1', configuration: UNNAMED, random: () => 0.5 }
  const node = new MultiPaxos({ ...options, saved })
  instantly(node, node.tick(0))
  return node
}

const removal = encodeEntry({
  type: 'members',
  replaces: 0,
  members: [member('b', null), member('c', null)],
  quorums: { type: 'majority' },
  former: [{ id: 'a', address: 'memory://a' }],
})

describe('a node whose members change', () => {
  it('P37: that learns amid its campaign that it votes no longer gives it up, and wakes for it no more', () => {
    const node = nodeA()
    const asked = instantly(node, node.tick(node.nextTickAtMs ?? 0))
    let more = asked
    for (let count = 0; only(more.sent, 'campaign').length === 0; count += 1) {
      if (count > 50) throw new Error('it does not campaign')
      more = instantly(node, node.tick(node.nextTickAtMs ?? 0))
    }
    const nowMs = node.nextTickAtMs ?? 0
    const [question] = only(more.sent, 'campaign')
    const { run, number } = question?.message ?? { run: 0, number: 0 }
    const answer = { type: 'support', run, number, granted: false, promised: null } as const
    const [fetch] = only(
      instantly(node, node.receive('b', { ...answer, chosenThrough: 1 })).sent,
      'fetchEntries',
    )
    const entries = [{ slot: 1, ballot: at(2, 'b'), value: removal }]
    const from = fetch?.message.from ?? 0
    instantly(node, node.receive('b', { type: 'fetched', from, entries, chosenThrough: 1 }))
    expect(node.standing).toBe('removed')
    for (let time = nowMs, count = 0; count < 20; count += 1) {
      const { sent } = instantly(node, node.tick(time))
      expect(only(sent, 'campaign')).toEqual([])
      expect(node.nextTickAtMs ?? Infinity).toBeGreaterThan(time)
      time = node.nextTickAtMs ?? time
    }
  })

  it('P23: asks whether more was chosen also while its attempt to lead gets nowhere', () => {
    const node = nodeA()
    instantly(node, node.lead())
    const polled = new Set<string>()
    for (let count = 0; count < 100 && polled.size < 2; count += 1) {
      const { sent } = instantly(node, node.tick(node.nextTickAtMs ?? 0))
      for (const { to } of only(sent, 'fetchEntries')) polled.add(to)
    }
    expect(node.phase).toBe('preparing')
    expect([...polled].toSorted()).toEqual(['b', 'c'])
  })

  it('wakes at no time at which it does nothing, whatever it is', () => {
    const world = ledWorld(['a', 'b', 'c'], ['d', 'e'])
    world.make({ voters: ['a', 'b'], learners: ['d'] })
    for (let ticks = 0; ticks < 400; ticks += 1) {
      world.exhaust()
      const nextMs = Math.min(...world.engines.map(({ nextTickAtMs }) => nextTickAtMs ?? Infinity))
      expect(nextMs).toBeGreaterThan(world.nowMs)
      world.pass(nextMs - world.nowMs)
    }
  })
})

it('where quorums are given for good, a members entry is a value like others', () => {
  const node = leadingA({ quorums: ABC, members: [{ id: 'a', address: 'x' }] })
  const { first, effects } = node.propose([removal])
  expect(first).toBe(2)
  instantly(node, effects)
  instantly(node, node.receive('b', accepted(at(1), 2)))
  expect(node.chosenThrough).toBe(2)
  expect(node.configuration.version).toBe(0)
  expect(node.propose([bytes('x')]).first).toBe(3)
})
