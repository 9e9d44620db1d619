/**
 * The explorer visits states of nodes whose saves take their time, and finds what goes out too early.
 */
import type { Ballot, Effects, Message, QuorumSystem, Saved } from '@paxos/core'
import { compareBallots, InvariantError, majority, NO_EFFECTS } from '@paxos/core'
import { Node } from '@paxos/core/practical'
import { MultiPaxos } from '@paxos/core/multi'
import type { LogEffects, MultiPaxosMessage } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import { explore, multiModel, practicalModel, replay } from '../src/explore/index.ts'
import type { PracticalOptions } from '../src/explore/index.ts'

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

/** Starts from what it has accepted, as if it had promised nothing above that. */
const forgetting = (saved: Saved<string>): Saved<string> => ({
  ...saved,
  promised: saved.accepted[0]?.ballot ?? null,
})

/** Takes every promise for one of an acceptor that has accepted nothing. */
class HearsOfNoAcceptance extends Node<string> {
  override receive(from: string, message: Message<string>): Effects<string> {
    return super.receive(
      from,
      message.type === 'promise' ? { ...message, accepted: null } : message,
    )
  }
}

/** Says that it has accepted what it refuses. */
class NeverRefuses extends Node<string> {
  override receive(from: string, message: Message<string>): Effects<string> {
    const effects = super.receive(from, message)
    if (message.type !== 'accept' || compareBallots(message.ballot, this.promised) >= 0) {
      return effects
    }
    const { ballot, value } = message
    return { ...effects, send: [{ to: 'all', message: { type: 'accepted', ballot, value } }] }
  }
}

/** Hears of no acceptance below one that it has heard of from the same node. */
class HearsOnlyTheNewest extends Node<string> {
  readonly #newest = new Map<string, Ballot>()

  override receive(from: string, message: Message<string>): Effects<string> {
    if (message.type === 'accepted') {
      const isOld = compareBallots(message.ballot, this.#newest.get(from) ?? null) < 0
      if (isOld) return NO_EFFECTS
      this.#newest.set(from, message.ballot)
    }
    return super.receive(from, message)
  }
}

class FindsItselfBroken extends Node<string> {
  override receive(from: string, message: Message<string>): Effects<string> {
    if (message.type === 'accept') throw new InvariantError('Impossible state: it is broken.')
    return super.receive(from, message)
  }
}

class IsWrongInItself extends Node<string> {
  override prepare(): Effects<string> {
    throw new TypeError('That is no promise of core.')
  }
}

const TWO = { ballots: [1, 1], crashes: [1, 1] }

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
      states: 169_325,
    })
  })

  it('may not send a promise before it is saved: that is found', async () => {
    const model = practicalModel({
      node: (id, quorums, saved) => new SendsTooEarly({ id, quorums, saved }),
    })
    const { violation } = await explore(model)
    expect(violation?.broken).toMatch(/sends a promise that is not on its disk/)
    expect(violation?.steps).toHaveLength(3)
    expect(violation && replay(model, violation).broken?.promise).toBe(violation?.broken)
  })

  it('keeps every promise in every state of two that contend, and crash once each', async () => {
    const { complete, violation, states } = await explore(practicalModel(TWO))
    expect({ complete, violation, states }).toEqual({
      complete: true,
      violation: null,
      states: 106_014,
    })
  })

  it.each<readonly [string, RegExp, PracticalOptions]>([
    [
      'may not forget its promise at a restart',
      /no promise is forgotten/,
      {
        ...TWO,
        node: (id, quorums, saved) => new Node({ id, quorums, saved: forgetting(saved) }),
      },
    ],
    [
      'may not leave out what others tell in their promises',
      /agreement: ".1" and ".1" are both chosen/,
      {
        // Among two, what its own acceptor tells is enough.
        ballots: [1, 1, 0],
        crashes: [0, 0, 0],
        node: (id, quorums, saved) => new HearsOfNoAcceptance({ id, quorums, saved }),
      },
    ],
    [
      'may not tell of an acceptance that it has refused',
      /tells what is not accepted on its disk/,
      { ...TWO, node: (id, quorums, saved) => new NeverRefuses({ id, quorums, saved }) },
    ],
    [
      'may not leave out of a quorum what it hears late of one of them',
      /a learner learns: it has heard of a quorum at ballot 1\.a, and does not say so/,
      { ...TWO, node: (id, quorums, saved) => new HearsOnlyTheNewest({ id, quorums, saved }) },
    ],
    [
      'may not come to a state that it says is impossible',
      /an engine finds itself broken: Impossible state: it is broken/,
      { ...TWO, node: (id, quorums, saved) => new FindsItselfBroken({ id, quorums, saved }) },
    ],
  ])('%s: that is found', async (_title, broken, options) => {
    const model = practicalModel(options)
    const { violation } = await explore(model)
    if (violation === null) throw new Error('nothing was found')
    expect(violation.broken).toMatch(broken)
    expect(replay(model, violation).broken).toEqual({
      promise: violation.broken,
      afterSteps: violation.steps.length,
    })
  })

  it('that throws what is no promise of core ends the exploration with that error', async () => {
    const model = practicalModel({
      node: (id, quorums, saved) => new IsWrongInItself({ id, quorums, saved }),
    })
    await expect(explore(model)).rejects.toThrow('That is no promise of core.')
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
    expect(violation?.broken).toMatch(/sends a promise that is not on its disk/)
    expect(violation && replay(model, violation).broken?.promise).toBe(violation?.broken)
  })

  it('keeps every promise in every state of two leaders that contend for a slot', async () => {
    const model = multiModel({ ballots: [1, 1], crashes: [0, 0], slots: 1 })
    const { complete, violation, states } = await explore(model)
    expect({ complete, violation, states }).toEqual({
      complete: true,
      violation: null,
      states: 3200,
    })
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
