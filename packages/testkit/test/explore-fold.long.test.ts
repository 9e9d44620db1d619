/**
 * A search that folds visits far fewer states and misses nothing that could be accepted or said; and
 * it takes up no claim of a model that the objects refute.
 */
import { compareBallots, majority } from '@paxos/core'
import type { AcceptMessage, AcceptedMessage } from '@paxos/core'
import { Acceptor } from '@paxos/core/essential'
import { describe, expect, it } from 'vitest'
import {
  essentialModel,
  explore,
  multiModel,
  practicalModel,
  replay,
} from '../src/explore/index.ts'
import type { Model, Stored } from '../src/explore/index.ts'
import { FoldError, Ignored } from '../src/explore/ignored.ts'
import { textIn } from '../src/explore/model.ts'
import type { Engine } from '../src/explore/model.ts'

const MODELS: readonly (readonly [string, Model])[] = [
  ['proposers that contend', essentialModel({ ballots: 1 })],
  ['a proposer that starts again', essentialModel({ proposers: 1, proposerRestarts: 1 })],
  ['saves that a crash loses', practicalModel({ ballots: [1, 1], crashes: [1, 1] })],
  ['an acceptor of three that crashes', practicalModel({ ballots: [1, 0, 0], crashes: [0, 0, 1] })],
  ['two leaders of a log', multiModel({ ballots: [1, 1], crashes: [0, 0], slots: 1 })],
]

/** The model, with something else claimed of its engines. */
function claiming(model: Model, claims: Pick<Engine, 'likeness' | 'ignores'>): Model {
  const nodes = model.nodes.map((node) => ({
    ...node,
    create: (stored: Stored) => ({ ...node.create(stored, 0), ...claims }),
  }))
  return { ...model, nodes }
}

class AcceptsOnlyAboveItsPromise extends Acceptor<string> {
  override receiveAccept(accept: AcceptMessage<string>): AcceptedMessage<string> | null {
    return compareBallots(accept.ballot, this.promised) > 0 ? super.receiveAccept(accept) : null
  }
}

describe('a folded search', () => {
  it.each(MODELS)('comes to every outcome that there is: %s', async (_title, model) => {
    const whole = await explore(model)
    const folded = await explore(model, { fold: true })
    expect(folded).toMatchObject({ refuted: null, complete: true, violation: null })
    expect(folded.outcomes).toBe(whole.outcomes)
    expect(folded.outcomes).toBeGreaterThan(10)
    expect(folded.states * 3).toBeLessThan(whole.states)
  })

  it('visits two proposers with two ballots each and a restart, to the last state', async () => {
    const model = essentialModel({ ballots: 2, proposerRestarts: 1 })
    expect(await explore(model, { fold: true })).toMatchObject({
      refuted: null,
      complete: true,
      violation: null,
      states: 88_906,
      outcomes: 1265,
    })
  })

  it('shows a broken promise as a run that real objects repeat', async () => {
    const model = essentialModel({
      quorums: (acceptors) => ({ ...majority(acceptors), isPhase1Quorum: ({ size }) => size > 0 }),
    })
    const { violation, refuted } = await explore(model, { fold: true })
    if (violation === null) throw new Error('nothing was found')
    expect(refuted).toBeNull()
    expect(violation.broken).toMatch(/agreement: "." and "." are both chosen/)
    expect(replay(model, violation).broken).toEqual({
      promise: violation.broken,
      afterSteps: violation.steps.length,
    })
  })

  const small = essentialModel({ ballots: 1 })
  const LIES: readonly (readonly [string, Model])[] = [
    ['that all states are alike', claiming(small, { likeness: () => 'like any other' })],
    ['that every message is ignored', claiming(small, { ignores: () => true })],
  ]
  it.each(LIES)('begins again, unfolded, when it is not so %s', async (_title, model) => {
    const whole = await explore(small)
    const refuted: unknown = expect.stringMatching(/^(?:States of . are not alike|Not ignored)/)
    expect(await explore(model, { fold: true })).toEqual({ ...whole, refuted })
    expect(whole.refuted).toBeNull()
  })

  it('says which value no run chooses, where acceptors refuse what they have promised', async () => {
    const classes = {
      acceptor: ({ promised, accepted: [held] }: Stored) => {
        const accepted = held === undefined ? null : { ...held, value: textIn(held.value) }
        return new AcceptsOnlyAboveItsPromise(promised, accepted)
      },
    }
    const stuck = await explore(essentialModel({ ballots: 2, classes }), { fold: true })
    expect(stuck).toMatchObject({ complete: true, violation: null, neverChosen: ['x', 'y'] })
    const right = await explore(small, { fold: true })
    expect(right.neverChosen).toEqual([])
  })
})

/** What is ignored in the first state and the second, and not in the third. */
const ignored = () =>
  new Ignored({ claimsToIgnore: (inside) => inside < 2, isChangedBy: () => false })

describe('the claim that a message is ignored for ever', () => {
  const delivery = { from: 'a', message: { type: 'promise' } }
  it('falls when it is made of a state from which another was reached that heeds it', () => {
    const claims = ignored()
    claims.follow(0, 1)
    claims.follow(1, 2)
    expect(() => claims.has(0, delivery)).toThrow(FoldError)
  })

  it('falls when such a state is reached after it was made', () => {
    const claims = ignored()
    claims.follow(0, 1)
    expect(claims.has(0, delivery)).toBe(true)
    expect(() => claims.follow(1, 2)).toThrow(FoldError)
  })

  it('stands while every state that follows bears it out', () => {
    const claims = ignored()
    claims.follow(0, 1)
    claims.follow(1, 0)
    expect(claims.has(0, delivery)).toBe(true)
    expect(claims.has(2, delivery)).toBe(false)
  })
})
