/**
 * The explorer visits states of nodes whose saves take their time, and finds what goes out too early.
 */
import type { Effects, Message, QuorumSystem } from '@paxos/core'
import { majority } from '@paxos/core'
import { Node } from '@paxos/core/practical'
import { MultiPaxos } from '@paxos/core/multi'
import type { LogEffects, MultiPaxosMessage } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import { explore, multiModel, practicalModel, replay } from '../src/explore/index.ts'

/** Sends what should wait for a save, beside it. */
class SendsTooEarly extends Node<string> {
  override receive(from: string, message: Message<string>): Effects<string> {
    const effects = super.receive(from, message)
    if (effects.save === undefined) return effects
    const { change, then } = effects.save
    return { ...effects, send: [...effects.send, ...then], save: { change, then: [] } }
  }
}

class LogSendsTooEarly extends MultiPaxos {
  override receive(from: string, message: MultiPaxosMessage): LogEffects {
    const effects = super.receive(from, message)
    if (effects.save === undefined) return effects
    const { change, then } = effects.save
    return { ...effects, send: [...effects.send, ...then], save: { change, then: [] } }
  }
}

const oneIsEnough = (ids: readonly string[]): QuorumSystem => ({
  ...majority(ids),
  isPhase1Quorum: (nodes) => nodes.size > 0,
  isPhase2Quorum: (nodes) => nodes.size > 0,
})

describe('the practical node', () => {
  it('keeps every promise in every state of one attempt, with an acceptor that crashes once', async () => {
    const model = practicalModel({ ballots: [1, 0, 0], crashes: [0, 0, 1] })
    const { complete, violation, states } = await explore(model)
    expect({ complete, violation, states }).toEqual({
      complete: true,
      violation: null,
      states: 289_129,
    })
  })

  it('may not send a promise before it is saved: that is found', async () => {
    const model = practicalModel({
      node: (id, quorums, saved) => new SendsTooEarly({ id, quorums, saved }),
    })
    const { violation } = await explore(model)
    expect(violation?.broken).toMatch(/no promise is forgotten/)
    expect(violation?.steps).toHaveLength(7)
    expect(violation && replay(model, violation).broken?.promise).toBe(violation?.broken)
  })

  it('may not count one acceptor for a quorum of three: that is found', async () => {
    const { violation } = await explore(practicalModel({ quorums: oneIsEnough }))
    expect(violation?.broken).toMatch(/agreement/)
  })
})

describe('a log', () => {
  it('may not send a promise before it is saved: that is found', async () => {
    const model = multiModel({ node: (options) => new LogSendsTooEarly(options) })
    const { violation } = await explore(model)
    expect(violation?.broken).toMatch(/no promise is forgotten/)
    expect(violation && replay(model, violation).broken?.promise).toBe(violation?.broken)
  })

  it('keeps every promise in the first thousands of states of two leaders', async () => {
    const { complete, violation, states } = await explore(multiModel(), { maxStates: 5000 })
    expect({ complete, violation }).toEqual({ complete: false, violation: null })
    expect(states).toBeGreaterThanOrEqual(5000)
  })
})

describe('a trace', () => {
  it('breaks nothing on classes that are right, and says which step is not possible there', async () => {
    const wrong = practicalModel({ quorums: oneIsEnough })
    const { violation } = await explore(wrong)
    if (violation === null) throw new Error('nothing was found')
    const stored: typeof violation = JSON.parse(JSON.stringify(violation))
    expect(replay(wrong, stored).broken?.promise).toBe(violation.broken)
    expect(replay(practicalModel(), stored)).toMatchObject({
      broken: null,
      impossible: 'step 3: no save is running',
    })
  })
})
