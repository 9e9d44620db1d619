/** What many learners cost the nodes that they follow, on the wire. */
import type { NodeId } from '@paxos/core'
import { RELAY_FANOUT } from '@paxos/core/multi'
import { encode } from '@paxos/core/wire'
import { expect, it } from 'vitest'
import { ledWorld } from './members-world.ts'

const ABC = ['a', 'b', 'c']

it('200 learners cost the leader no more than the few below it, and what all say of themselves', () => {
  const learners = Array.from({ length: 200 }, (_, at) => `learner-${String(at).padStart(3, '0')}`)
  const world = ledWorld(ABC, learners)
  world.make({ voters: ABC, learners })
  world.settle(() => learners.every((id) => world.engine(id).standing === 'learner'))
  const leader = world.leader?.id ?? ''
  world.passFor(200)
  const sent = new Map<NodeId, { messages: number; bytes: number }>()
  let introductions = 0
  world.passes = ({ from, to, message }) => {
    const before = sent.get(from) ?? { messages: 0, bytes: 0 }
    const bytes = encode({ cluster: 'c', from, message }).length
    sent.set(from, { messages: before.messages + 1, bytes: before.bytes + bytes })
    if (to === leader && message.type === 'introduction') introductions += 1
    return true
  }
  const [heartbeatMs, heartbeats] = [20, 20]
  const first = world.chosen.size
  for (let beat = 0; beat < heartbeats; beat += 1) {
    world.propose()
    world.passFor(heartbeatMs)
  }
  world.passes = () => true
  const values = world.chosen.size - first
  world.passFor(10 * heartbeatMs)
  for (const id of learners)
    expect(world.engine(id).chosenThrough).toBe(world.leader?.chosenThrough)
  const { messages, bytes } = sent.get(leader) ?? { messages: 0, bytes: 0 }
  const valueBytes = world.command().length
  // Per heartbeat: an answer to each of those below, some of the fallback, and what two voters get.
  expect(messages / heartbeats).toBeLessThan(3 * RELAY_FANOUT)
  // Each value goes to each of those below once, to both voters, and little of it twice.
  expect(bytes).toBeLessThan(4 * RELAY_FANOUT * (values * (valueBytes + 100) + heartbeats * 100))
  expect(introductions).toBeLessThanOrEqual(3 * learners.length)
})
