import {
  EMPTY_SAVED,
  majority,
  type Ballot,
  type Effects,
  type Event,
  type Message,
  type NodeId,
  type Saved,
} from '@paxos/core'
import { Node } from '@paxos/core/practical'
import { describe, expect, it } from 'vitest'
import { Cluster } from './cluster.ts'
import { accept, accepted, at, chosen, heartbeat, prepare, promise, proposal } from './messages.ts'
import { Safety } from './safety.ts'

/**
 * The checks are what every other test of the engines rests on, so each is shown to fail when it
 * should: a story that is right up to its last step.
 */
const holding = (promised: Ballot | null, value?: string, ballot = promised): Saved<string> => ({
  ...EMPTY_SAVED,
  promised,
  accepted: value === undefined || ballot === null ? [] : [{ slot: 1, ballot, value }],
})

/** a, b and c; 'x' and 'y' are proposed, a leads with 1.a by the promises of a and b. */
function watched(): Safety<string> {
  const safety = new Safety<string>(majority(['a', 'b', 'c']))
  for (const id of ['a', 'b', 'c']) safety.started(id, EMPTY_SAVED)
  safety.proposed('x')
  safety.proposed('y')
  for (const id of ['a', 'b']) safety.saved(id, EMPTY_SAVED, holding(at(1)))
  safety.released('a', { to: 'b', message: prepare(at(1)) }, holding(at(1)))
  safety.released('b', { to: 'a', message: promise(at(1)) }, holding(at(1)))
  safety.stepped('a', tells({ type: 'leadership-acquired', ballot: at(1) }), holding(at(1)))
  return safety
}

/** As above; a and b have accepted 'x' at 1.a: it is chosen. */
function chosenX(): Safety<string> {
  const safety = watched()
  for (const id of ['a', 'b']) safety.saved(id, holding(at(1)), holding(at(1), 'x'))
  return safety
}

const tells = (...events: Event<string>[]): Effects<string> => ({ send: [], events })
const says = (message: Message<string>, to: NodeId = 'c'): Effects<string> => ({
  send: [{ to, message }],
  events: [],
})

const told = { type: 'chosen', ballot: at(1), value: 'x' } as const

describe('the checks let pass what is right', () => {
  it('a value is chosen by a quorum of disks, and told', () => {
    const safety = chosenX()
    expect(safety.chosen).toBe('"x"')
    safety.stepped('a', says(accept(at(1), 'x')), holding(at(1), 'x'))
    safety.released('b', { to: 'all', message: accepted(at(1), 'x') }, holding(at(1), 'x'))
    safety.stepped('c', tells(told), EMPTY_SAVED)
    safety.knows('c', proposal(at(1), 'x'))
  })
})

describe('the checks notice', () => {
  const offences: readonly [string, string, () => void][] = [
    [
      'a promise taken back',
      'takes back a promise',
      () => {
        watched().saved('a', holding(at(2)), holding(at(1)))
      },
    ],
    [
      'an acceptance taken back',
      'takes back an acceptance',
      () => {
        watched().saved('a', holding(at(2), 'y'), holding(at(2), 'x', at(1)))
      },
    ],
    [
      'an acceptance below a durable promise',
      'below its promise',
      () => {
        watched().saved('c', holding(at(2)), holding(at(2), 'x', at(1)))
      },
    ],
    [
      'a forgotten choice',
      'forgets that a value is chosen',
      () => {
        watched().saved('a', { ...holding(at(1), 'x'), chosenThrough: 1 }, holding(at(1), 'x'))
      },
    ],
    [
      'two values at one ballot, on disks',
      'two values are accepted',
      () => {
        const safety = watched()
        safety.saved('a', holding(at(1)), holding(at(1), 'x'))
        safety.saved('b', holding(at(1)), holding(at(1), 'y'))
      },
    ],
    [
      'a second chosen value',
      'is chosen after',
      () => {
        const safety = chosenX()
        safety.saved('b', holding(at(2)), holding(at(2), 'y'))
        safety.saved('c', holding(at(2)), holding(at(2), 'y'))
      },
    ],
    [
      'a chosen value that nobody proposed',
      'nobody has proposed it',
      () => {
        const safety = watched()
        safety.saved('a', holding(at(1)), holding(at(1), 'invented'))
        safety.saved('b', holding(at(1)), holding(at(1), 'invented'))
      },
    ],
    [
      'a Prepare before its save',
      'before its promise is durable',
      () => {
        watched().stepped('c', says(prepare(at(1, 'c')), 'a'), EMPTY_SAVED)
      },
    ],
    [
      'a Promise before its save',
      'before its promise is durable',
      () => {
        watched().stepped('c', says(promise(at(1)), 'a'), EMPTY_SAVED)
      },
    ],
    [
      'a Promise that hides an acceptance',
      'the disk holds another acceptance',
      () => {
        watched().stepped('b', says(promise(at(2, 'c'))), holding(at(2, 'c'), 'x', at(1)))
      },
    ],
    [
      'an Accepted before its save',
      'before its acceptance is durable',
      () => {
        watched().stepped('c', says(accepted(at(1), 'x'), 'all'), holding(at(1)))
      },
    ],
    [
      'a Promise after a higher one',
      'after a higher promise',
      () => {
        const safety = watched()
        safety.stepped('b', says(promise(at(2, 'c'))), holding(at(2, 'c')))
        safety.stepped('b', says(promise(at(1)), 'a'), holding(at(2, 'c')))
      },
    ],
    [
      'an Accepted below a promise that left',
      'after a higher promise',
      () => {
        const safety = watched()
        safety.stepped(
          'b',
          says(promise(at(2, 'c'), proposal(at(1), 'x'))),
          holding(at(2, 'c'), 'x', at(1)),
        )
        safety.stepped('b', says(accepted(at(1), 'x'), 'all'), holding(at(2, 'c'), 'x', at(1)))
      },
    ],
    [
      'a ballot used again after a restart',
      'used before a restart',
      () => {
        const safety = watched()
        safety.started('a', EMPTY_SAVED)
        safety.stepped('a', says(prepare(at(1))), holding(at(1)))
      },
    ],
    [
      'the ballot of another',
      "another's ballot",
      () => {
        watched().stepped('b', says(prepare(at(1))), holding(at(1)))
      },
    ],
    [
      'a second value at one ballot',
      'a second value at one ballot',
      () => {
        const safety = watched()
        safety.stepped('a', says(accept(at(1), 'x')), holding(at(1)))
        safety.stepped('a', says(accept(at(1), 'y')), holding(at(1)))
      },
    ],
    [
      'an Accept of who does not lead',
      'does not lead',
      () => {
        watched().stepped('b', says(accept(at(1), 'x')), holding(at(1)))
      },
    ],
    [
      'an Accept after the leadership was lost',
      'does not lead',
      () => {
        const safety = watched()
        safety.stepped('a', tells({ type: 'leadership-lost', ballot: at(1) }), holding(at(1)))
        safety.stepped('a', says(accept(at(1), 'x')), holding(at(1)))
      },
    ],
    [
      'a heartbeat of who does not lead',
      'does not lead',
      () => {
        watched().stepped('c', says(heartbeat(at(1, 'c')), 'all'), EMPTY_SAVED)
      },
    ],
    [
      'an Accept of another value than the chosen one (P2c)',
      'was chosen below it',
      () => {
        const safety = chosenX()
        for (const id of ['a', 'b']) {
          safety.stepped(
            id,
            says(promise(at(2, 'c'), proposal(at(1), 'x'))),
            holding(at(2, 'c'), 'x', at(1)),
          )
        }
        safety.stepped('c', tells({ type: 'leadership-acquired', ballot: at(2, 'c') }), EMPTY_SAVED)
        safety.stepped('c', says(accept(at(2, 'c'), 'y'), 'a'), EMPTY_SAVED)
      },
    ],
    [
      'leading without the promises of a quorum',
      'without the promises',
      () => {
        watched().stepped(
          'c',
          tells({ type: 'leadership-acquired', ballot: at(1, 'c') }),
          holding(at(1, 'c')),
        )
      },
    ],
    [
      'leading with the ballot of another',
      'with the ballot of another',
      () => {
        watched().stepped(
          'b',
          tells({ type: 'leadership-acquired', ballot: at(1) }),
          holding(at(1)),
        )
      },
    ],
    [
      'a leadership acquired twice',
      'a leadership that it has',
      () => {
        watched().stepped(
          'a',
          tells({ type: 'leadership-acquired', ballot: at(1) }),
          holding(at(1)),
        )
      },
    ],
    [
      'a leadership lost that was not there',
      'it did not have',
      () => {
        watched().stepped('b', tells({ type: 'leadership-lost', ballot: at(1) }), holding(at(1)))
      },
    ],
    [
      'a value told as chosen before a quorum of disks holds it',
      'before a quorum',
      () => {
        const safety = watched()
        safety.saved('a', holding(at(1)), holding(at(1), 'x'))
        safety.stepped('a', tells(told), holding(at(1), 'x'))
      },
    ],
    [
      'another value told as chosen',
      'but it is "x"',
      () => {
        chosenX().stepped('c', tells({ ...told, value: 'y' }), EMPTY_SAVED)
      },
    ],
    [
      'another value known as chosen',
      'but it is "x"',
      () => {
        chosenX().knows('c', proposal(at(1), 'y'))
      },
    ],
    [
      'another value answered as chosen',
      'but it is "x"',
      () => {
        chosenX().stepped('b', says(chosen(at(1), 'y')), EMPTY_SAVED)
      },
    ],
    [
      'a chosen value told twice',
      'twice',
      () => {
        const safety = chosenX()
        safety.stepped('a', tells(told), EMPTY_SAVED)
        safety.stepped('a', tells(told), EMPTY_SAVED)
      },
    ],
    [
      'a chosen value told again to who knew it from disk',
      'twice',
      () => {
        const safety = chosenX()
        safety.started('a', { ...holding(at(1), 'x'), chosenThrough: 1 })
        safety.stepped('a', tells(told), EMPTY_SAVED)
      },
    ],
    [
      'a message to oneself',
      'to itself',
      () => {
        watched().stepped('a', says(accept(at(1), 'x'), 'a'), holding(at(1)))
      },
    ],
  ]
  it.each(offences)('%s', (_, problem, offend) => {
    expect(offend).toThrow(problem)
  })
})

it('in a cluster: a node that forgets its disk is caught, and the story up to then is shown', () => {
  const quorums = majority(['a', 'b', 'c'])
  const cluster = new Cluster<string, Node<string>>({
    ids: ['a', 'b', 'c'],
    quorums,
    create: (id) => new Node<string>({ id, quorums }),
  })
  const lead = (): void => {
    cluster.input('a', 'prepares', (node) => node.prepare())
    cluster.completeSave('a')
  }
  lead()
  cluster.crash('a')
  cluster.restart('a')
  expect(lead).toThrow(
    /^Unsafe: a sends prepare 1\.a, which it used before a restart\.\na {6}prepares\n/,
  )
})
