/**
 * The explorer visits every state of the essential classes, and finds what is wrong in classes that
 * differ from them by one believable mistake, with a trace that is as short as can be.
 */
import { compareBallots, majority } from '@paxos/core'
import type { AcceptMessage, AcceptedMessage, PromiseMessage, QuorumSystem } from '@paxos/core'
import { Acceptor, Learner, Proposer } from '@paxos/core/essential'
import { describe, expect, it } from 'vitest'
import { essentialModel, explore, replay } from '../src/explore/index.ts'
import { textIn } from '../src/explore/model.ts'
import type { EssentialOptions, Stored } from '../src/explore/index.ts'

class AcceptsBelowItsPromise extends Acceptor<string> {
  override receiveAccept({ ballot, value }: AcceptMessage<string>): AcceptedMessage<string> | null {
    return (
      super.receiveAccept({ type: 'accept', ballot, value }) ?? { type: 'accepted', ballot, value }
    )
  }
}

/** Once a promise has told of an acceptance, it hears of no higher one. */
class TakesTheLowest extends Proposer<string> {
  #lowest: PromiseMessage<string>['accepted'] = null

  override receivePromise(
    from: string,
    promise: PromiseMessage<string>,
  ): AcceptMessage<string> | null {
    const { accepted } = promise
    const isLower = compareBallots(accepted?.ballot ?? null, this.#lowest?.ballot ?? null) < 0
    if (accepted !== null && (this.#lowest === null || isLower)) this.#lowest = accepted
    const accept = super.receivePromise(from, promise)
    return accept === null || this.#lowest === null
      ? accept
      : { ...accept, value: this.#lowest.value }
  }
}

/** Counts how often it hears of a ballot, from whomever. */
class CountsTwice extends Learner<string> {
  #isOdd = false

  override receiveAccepted(_from: string, accepted: AcceptedMessage<string>) {
    this.#isOdd = !this.#isOdd
    return super.receiveAccepted(this.#isOdd ? 'a' : 'b', accepted)
  }
}

/** Takes back what an acceptor has accepted, when it hears that it has accepted something higher. */
class KeepsTheNewest extends Learner<string> {
  readonly #newest = new Map<string, AcceptedMessage<string>>()
  readonly #quorums: QuorumSystem

  constructor(quorums: QuorumSystem) {
    super(quorums)
    this.#quorums = quorums
  }

  override receiveAccepted(from: string, accepted: AcceptedMessage<string>) {
    const before = this.#newest.get(from)?.ballot ?? null
    if (compareBallots(accepted.ballot, before) >= 0) this.#newest.set(from, accepted)
    const latest = new Learner<string>(this.#quorums)
    for (const [id, newest] of this.#newest) latest.receiveAccepted(id, newest)
    return latest.chosen
  }
}

/** What the real one is made with. */
const restored = ({ promised, accepted: [entry] }: Stored) => {
  const accepted = entry === undefined ? null : { ballot: entry.ballot, value: textIn(entry.value) }
  return [promised, accepted] as const
}

interface Mistake {
  readonly title: string
  readonly options: EssentialOptions
  readonly broken: RegExp
  readonly steps: number
}

const MISTAKES: readonly Mistake[] = [
  {
    title: 'an acceptor that accepts below its promise',
    options: {
      ballots: 1,
      classes: { acceptor: (stored) => new AcceptsBelowItsPromise(...restored(stored)) },
    },
    broken: /promise/,
    steps: 8,
  },
  {
    title: 'a restarted acceptor that forgot its promise',
    options: {
      ballots: 1,
      classes: {
        acceptor: (stored) => new Acceptor(null, restored(stored)[1]),
      },
    },
    broken: /promise/,
    steps: 4,
  },
  {
    title: 'a quorum of two of four',
    options: {
      ballots: 1,
      acceptors: 4,
      quorums: (acceptors) => {
        const isQuorum = (nodes: ReadonlySet<string>) =>
          acceptors.filter((id) => nodes.has(id)).length * 2 >= acceptors.length
        return { ...majority(acceptors), isPhase1Quorum: isQuorum, isPhase2Quorum: isQuorum }
      },
    },
    broken: /agreement: "x" and "y" are both chosen|agreement: "y" and "x" are both chosen/,
    steps: 14,
  },
  {
    title: 'a learner that counts one acceptor twice',
    options: { ballots: 1, classes: { learner: (quorums) => new CountsTwice(quorums) } },
    broken: /says that "." is chosen in slot 1, and nothing is/,
    steps: 8,
  },
  {
    title: 'a learner that keeps only the newest acceptance of each acceptor',
    options: { ballots: 1, classes: { learner: (quorums) => new KeepsTheNewest(quorums) } },
    broken:
      /learner: a learner learns: it has heard of a quorum at ballot 1\.[pq], and does not say/,
    steps: 16,
  },
  {
    title: 'a proposer that reuses its ballot after a restart',
    options: {
      proposers: 1,
      proposerRestarts: 1,
      freshValues: true,
      classes: { proposer: (id, quorums) => new Proposer(id, quorums, null) },
    },
    broken: /durable promise|one value/,
    steps: 9,
  },
  {
    title: 'a proposer that takes the lowest accepted value',
    options: {
      ballots: [2, 1],
      classes: { proposer: (id, quorums, seen) => new TakesTheLowest(id, quorums, seen) },
    },
    broken: /agreement/,
    steps: 20,
  },
]

describe('the essential classes', () => {
  it('keep every promise in every state that two proposers and three acceptors can reach', async () => {
    const { complete, violation, states } = await explore(essentialModel({ ballots: 1 }))
    expect({ complete, violation, states }).toEqual({
      complete: true,
      violation: null,
      states: 19_865,
    })
  })

  it.each(MISTAKES)('are not $title: that is found', async ({ options, broken, steps }) => {
    const model = essentialModel(options)
    const { violation } = await explore(model)
    if (violation === null) throw new Error('nothing was found')
    expect(violation.broken).toMatch(broken)
    expect(replay(model, violation)).toMatchObject({
      broken: { promise: violation.broken, afterSteps: violation.steps.length },
    })
    expect(violation.steps).toHaveLength(steps)
  })
})
