import { majority, type Proposal } from '@paxos/core'
import { Acceptor, Learner, Proposer } from '@paxos/core/essential'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { accept, accepted, at, prepare, promise } from './messages.ts'

const ABC = majority(['a', 'b', 'c'])

describe('phase 1a: a proposer takes a ballot that nobody has used', () => {
  it('the first is round 1, and each attempt goes one higher', () => {
    const proposer = new Proposer<string>('a', ABC)
    expect(proposer.prepare('x')).toEqual(prepare(at(1)))
    expect(proposer.prepare('x')).toEqual(prepare(at(2)))
  })

  it('goes above what it was shown of others, and never down again', () => {
    const proposer = new Proposer<string>('a', ABC)
    proposer.observe(at(7, 'b'))
    proposer.observe(at(3, 'c'))
    expect(proposer.prepare('x').ballot).toEqual(at(8))
  })

  it('restarted with what it had seen, it uses no ballot again', () => {
    const before = new Proposer<string>('a', ABC)
    const used = before.prepare('x').ballot
    const after = new Proposer<string>('a', ABC, used)
    expect(after.prepare('y').ballot).toEqual(at(2))
  })
})

describe('phase 1b: an acceptor promises, and tells what it has accepted', () => {
  it('promises any ballot at first, with nothing accepted', () => {
    const acceptor = new Acceptor<string>()
    expect(acceptor.promised).toBeNull()
    expect(acceptor.receivePrepare(prepare(at(1)))).toEqual(promise(at(1)))
    expect(acceptor.promised).toEqual(at(1))
    expect(acceptor.accepted).toBeNull()
  })

  it('is silent to a ballot below its promise, and stays as it was', () => {
    const acceptor = new Acceptor<string>(at(5, 'b'))
    expect(acceptor.receivePrepare(prepare(at(5, 'a')))).toBeNull()
    expect(acceptor.promised).toEqual(at(5, 'b'))
  })

  it('answers a Prepare that comes again as it did before', () => {
    const acceptor = new Acceptor<string>()
    const first = acceptor.receivePrepare(prepare(at(1)))
    expect(acceptor.receivePrepare(prepare(at(1)))).toEqual(first)
  })

  it('reports what it accepted last, also after a restart', () => {
    const acceptor = new Acceptor<string>()
    acceptor.receiveAccept(accept(at(1), 'x'))
    acceptor.receiveAccept(accept(at(2, 'b'), 'y'))
    const restarted = new Acceptor(acceptor.promised, acceptor.accepted)
    const answer = restarted.receivePrepare(prepare(at(3)))
    expect(answer).toEqual(promise(at(3), { ballot: at(2, 'b'), value: 'y' }))
  })
})

const prepared = (own = 'own') => {
  const proposer = new Proposer<string>('a', ABC, at(9, 'c'))
  const { ballot } = proposer.prepare(own)
  return { proposer, ballot }
}

describe('phase 2a: a value is proposed at a ballot only if it is safe there (P2c)', () => {
  it('needs the promises of a majority', () => {
    const { proposer, ballot } = prepared()
    expect(proposer.receivePromise('a', promise(ballot))).toBeNull()
    expect(proposer.receivePromise('b', promise(ballot))).toEqual(accept(ballot, 'own'))
  })

  const table: readonly {
    title: string
    reports: readonly (Proposal<string> | null)[]
    value: string
  }[] = [
    { title: 'nobody accepted anything: its own', reports: [null, null], value: 'own' },
    {
      title: 'one has accepted: that one',
      reports: [null, { ballot: at(1), value: 'x' }],
      value: 'x',
    },
    {
      title: 'the first has accepted: that one',
      reports: [{ ballot: at(1), value: 'x' }, null],
      value: 'x',
    },
    {
      title: 'the highest comes last',
      reports: [
        { ballot: at(1), value: 'x' },
        { ballot: at(2), value: 'y' },
      ],
      value: 'y',
    },
    {
      title: 'the highest comes first',
      reports: [
        { ballot: at(2), value: 'y' },
        { ballot: at(1), value: 'x' },
      ],
      value: 'y',
    },
    {
      title: 'the node breaks a tie of rounds',
      reports: [
        { ballot: at(2, 'b'), value: 'y' },
        { ballot: at(2, 'c'), value: 'z' },
      ],
      value: 'z',
    },
    {
      title: '10 is above 9',
      reports: [
        { ballot: at(9, 'a'), value: 'nine' },
        { ballot: at(10, 'a'), value: 'ten' },
      ],
      value: 'ten',
    },
  ]
  it.each(table)('the highest-numbered accepted value wins: $title', ({ reports, value }) => {
    const proposer = new Proposer<string>('a', ABC, at(20, 'c'))
    const { ballot } = proposer.prepare('own')
    const [first = null, second = null] = reports
    expect(proposer.receivePromise('b', promise(ballot, first))).toBeNull()
    expect(proposer.receivePromise('c', promise(ballot, second))).toEqual(accept(ballot, value))
  })

  it('counts acceptors, not messages: the same promise twice is one', () => {
    const { proposer, ballot } = prepared()
    expect(proposer.receivePromise('b', promise(ballot))).toBeNull()
    expect(proposer.receivePromise('b', promise(ballot))).toBeNull()
  })

  it('asks once: promises after the majority change nothing', () => {
    const { proposer, ballot } = prepared()
    proposer.receivePromise('a', promise(ballot))
    proposer.receivePromise('b', promise(ballot))
    const late = promise(ballot, { ballot: at(8), value: 'late' })
    expect(proposer.receivePromise('c', late)).toBeNull()
  })

  it('P9: another value needs another ballot, with promises of its own', () => {
    const { proposer, ballot } = prepared('x')
    proposer.receivePromise('a', promise(ballot))
    proposer.receivePromise('b', promise(ballot))
    const again = proposer.prepare('y')
    expect(again.ballot).toEqual(at(11))
    expect(proposer.receivePromise('a', promise(ballot))).toBeNull()
    expect(proposer.receivePromise('c', promise(ballot))).toBeNull()
    expect(proposer.receivePromise('a', promise(again.ballot))).toBeNull()
    const seen: Proposal<string> = { ballot, value: 'x' }
    expect(proposer.receivePromise('b', promise(again.ballot, seen))).toEqual(
      accept(again.ballot, 'x'),
    )
  })

  it('a late promise for an older ballot does not count', () => {
    const proposer = new Proposer<string>('a', ABC)
    const old = proposer.prepare('x').ballot
    const now = proposer.prepare('x').ballot
    expect(proposer.receivePromise('b', promise(old))).toBeNull()
    expect(proposer.receivePromise('c', promise(old))).toBeNull()
    expect(proposer.receivePromise('c', promise(now))).toBeNull()
    expect(proposer.receivePromise('b', promise(now))).toEqual(accept(now, 'x'))
  })

  it('a promise before any Prepare is nobody’s', () => {
    const proposer = new Proposer<string>('a', ABC)
    expect(proposer.receivePromise('b', promise(at(1)))).toBeNull()
  })

  it('never proposes at the ballot of another, whatever it has observed', () => {
    const proposer = new Proposer<string>('a', ABC)
    proposer.prepare('x')
    proposer.observe(at(2, 'b'))
    expect(proposer.receivePromise('b', promise(at(2, 'b')))).toBeNull()
    expect(proposer.receivePromise('c', promise(at(2, 'b')))).toBeNull()
  })
})

describe('phase 2b: an acceptor accepts unless it has promised a higher ballot (P1a)', () => {
  it.each([
    ['it has promised nothing', null, true],
    ['it has promised a lower ballot', at(2), true],
    ['it has promised this ballot', at(3), true],
    ['it has promised a higher ballot', at(3, 'b'), false],
  ])('%s', (_, promised, accepts) => {
    const acceptor = new Acceptor<string>(promised)
    const answer = acceptor.receiveAccept(accept(at(3), 'x'))
    expect(answer).toEqual(accepts ? accepted(at(3), 'x') : null)
    expect(acceptor.accepted).toEqual(accepts ? { ballot: at(3), value: 'x' } : null)
    expect(acceptor.promised).toEqual(accepts ? at(3) : promised)
  })

  it('an acceptance is a promise too: nothing below it is promised or accepted any more', () => {
    const acceptor = new Acceptor<string>()
    acceptor.receiveAccept(accept(at(3), 'x'))
    expect(acceptor.receivePrepare(prepare(at(2)))).toBeNull()
    expect(acceptor.receiveAccept(accept(at(2), 'y'))).toBeNull()
    expect(acceptor.accepted).toEqual({ ballot: at(3), value: 'x' })
  })
})

describe('learning a chosen value (§2.3)', () => {
  it('is a majority for one ballot, not for one value', () => {
    const learner = new Learner<string>(ABC)
    expect(learner.receiveAccepted('a', accepted(at(1), 'x'))).toBeNull()
    expect(learner.receiveAccepted('b', accepted(at(2, 'b'), 'x'))).toBeNull()
    expect(learner.receiveAccepted('c', accepted(at(2, 'b'), 'x'))).toEqual({
      ballot: at(2, 'b'),
      value: 'x',
    })
  })

  it('counts acceptors, not messages', () => {
    const learner = new Learner<string>(ABC)
    for (const from of ['a', 'a', 'a', 'a']) {
      expect(learner.receiveAccepted(from, accepted(at(1), 'x'))).toBeNull()
    }
  })

  it('does not count strangers', () => {
    const learner = new Learner<string>(ABC)
    for (const from of ['a', 'x', 'y', 'z']) {
      expect(learner.receiveAccepted(from, accepted(at(1), 'x'))).toBeNull()
    }
  })

  it('an older acceptance that comes late does not hide a newer one', () => {
    const learner = new Learner<string>(ABC)
    learner.receiveAccepted('a', accepted(at(2, 'b'), 'y'))
    expect(learner.receiveAccepted('a', accepted(at(1), 'x'))).toBeNull()
    expect(learner.receiveAccepted('c', accepted(at(2, 'b'), 'y'))?.value).toBe('y')
  })

  it('never changes its mind', () => {
    const learner = new Learner<string>(ABC)
    expect(learner.chosen).toBeNull()
    learner.receiveAccepted('a', accepted(at(1), 'x'))
    learner.receiveAccepted('b', accepted(at(1), 'x'))
    const chosen = { ballot: at(1), value: 'x' }
    expect(learner.receiveAccepted('c', accepted(at(9, 'c'), 'other'))).toEqual(chosen)
    expect(learner.chosen).toEqual(chosen)
  })
})

const cluster = () => ({
  acceptors: { a: new Acceptor<string>(), b: new Acceptor<string>(), c: new Acceptor<string>() },
  p: new Proposer<string>('p', ABC),
  q: new Proposer<string>('q', ABC),
})

describe('two proposers', () => {
  it('the later one, arriving after the choice, proposes what was chosen', () => {
    const { acceptors, p, q } = cluster()
    const first = p.prepare('x')
    const [pa, pb] = [acceptors.a.receivePrepare(first), acceptors.b.receivePrepare(first)]
    if (pa === null || pb === null) throw new Error('a fresh acceptor promises')
    p.receivePromise('a', pa)
    const proposal = p.receivePromise('b', pb)
    if (proposal === null) throw new Error('a majority has promised')
    acceptors.a.receiveAccept(proposal)
    acceptors.b.receiveAccept(proposal)

    const second = q.prepare('y')
    const [qb, qc] = [acceptors.b.receivePrepare(second), acceptors.c.receivePrepare(second)]
    if (qb === null || qc === null) throw new Error('1.q is above 1.p')
    q.receivePromise('b', qb)
    expect(q.receivePromise('c', qc)).toEqual(accept(at(1, 'q'), 'x'))
  })

  it('an earlier proposal that was overtaken between its phases is not accepted', () => {
    const { acceptors, p, q } = cluster()
    const first = p.prepare('x')
    const [pa, pb] = [acceptors.a.receivePrepare(first), acceptors.b.receivePrepare(first)]
    if (pa === null || pb === null) throw new Error('a fresh acceptor promises')
    const second = q.prepare('y')
    const [qb, qc] = [acceptors.b.receivePrepare(second), acceptors.c.receivePrepare(second)]
    if (qb === null || qc === null) throw new Error('1.q is above 1.p')

    p.receivePromise('a', pa)
    const x = p.receivePromise('b', pb)
    q.receivePromise('b', qb)
    const y = q.receivePromise('c', qc)
    if (x === null || y === null) throw new Error('both have a majority')
    expect(acceptors.a.receiveAccept(x)).toEqual(accepted(at(1, 'p'), 'x'))
    expect(acceptors.b.receiveAccept(x)).toBeNull()
    expect(acceptors.b.receiveAccept(y)).toEqual(accepted(at(1, 'q'), 'y'))
    expect(acceptors.c.receiveAccept(y)).toEqual(accepted(at(1, 'q'), 'y'))
  })

  it('can overtake each other for ever, and choose nothing (§2.4)', () => {
    const { acceptors, p, q } = cluster()
    for (let duel = 0; duel < 10; duel += 1) {
      for (const [proposer, rival] of [
        [p, q],
        [q, p],
      ] as const) {
        const duelling = proposer.prepare('x')
        rival.observe(duelling.ballot)
        for (const acceptor of Object.values(acceptors)) {
          expect(acceptor.receivePrepare(duelling)).toEqual(promise(duelling.ballot))
        }
      }
    }
    expect(acceptors.a.promised).toEqual(at(20, 'q'))
    expect(acceptors.a.accepted).toBeNull()
  })
})

it.each([[''], [0], [false], [null], [undefined]])(
  'P3: the value %j is a value: reported, proposed and chosen',
  (falsy) => {
    const acceptor = new Acceptor<unknown>()
    acceptor.receiveAccept(accept(at(1, 'z'), falsy))
    const proposer = new Proposer<unknown>('', majority(['', '0']))
    proposer.observe(at(1, 'z'))
    const { ballot } = proposer.prepare('own')
    const reported = acceptor.receivePrepare(prepare(ballot))
    if (reported === null) throw new Error('2. is above 1.z')
    expect(proposer.receivePromise('', reported)).toBeNull()
    expect(proposer.receivePromise('0', promise(ballot))).toEqual(accept(at(2, ''), falsy))

    const learner = new Learner<unknown>(majority(['', '0']))
    expect(learner.receiveAccepted('', accepted(at(2, ''), falsy))).toBeNull()
    expect(learner.receiveAccepted('0', accepted(at(2, ''), falsy))?.value).toBe(falsy)
  },
)

describe('agreement, on every schedule of a message soup', () => {
  // As in the TLA+ specification: messages are never removed, so each may arrive at any time, any
  // number of times, at anybody.
  type Message =
    | ReturnType<Proposer<string>['prepare']>
    | NonNullable<ReturnType<Acceptor<string>['receivePrepare']>>
    | NonNullable<ReturnType<Proposer<string>['receivePromise']>>
    | NonNullable<ReturnType<Acceptor<string>['receiveAccept']>>

  it.each([3, 4, 5])('%i acceptors', (size) => {
    const ids = ['a', 'b', 'c', 'd', 'e'].slice(0, size)
    let chosenRuns = 0
    const steps = fc.array(
      fc.record({ what: fc.nat(30), node: fc.nat(size - 1), message: fc.nat(10_000) }),
      { minLength: 50, maxLength: 400, size: 'max' },
    )
    fc.assert(
      fc.property(steps, (schedule) => {
        const quorums = majority(ids)
        const nodes = ids.map((id) => ({
          id,
          proposer: new Proposer<string>(id, quorums),
          acceptor: new Acceptor<string>(),
          learner: new Learner<string>(quorums),
        }))
        const soup: { from: string; message: Message }[] = []
        const values = new Map<string, string>()

        for (const { what, node: index, message: pick } of schedule) {
          const node = nodes[index]
          if (node === undefined) throw new Error('there is no such node')
          const { id, proposer, acceptor, learner } = node
          const say = (message: Message | null): void => {
            if (message !== null) soup.push({ from: id, message })
          }
          const letter = soup[pick % Math.max(soup.length, 1)]
          if (what === 0 || letter === undefined) say(proposer.prepare(`value of ${id}`))
          else if (letter.message.type === 'prepare') {
            proposer.observe(letter.message.ballot)
            say(acceptor.receivePrepare(letter.message))
          } else if (letter.message.type === 'promise') {
            const proposal = proposer.receivePromise(letter.from, letter.message)
            say(proposal)
            if (proposal !== null) {
              const name = JSON.stringify(proposal.ballot)
              expect(proposal.ballot.node).toBe(id)
              expect(values.get(name) ?? proposal.value).toBe(proposal.value)
              values.set(name, proposal.value)
            }
          } else if (letter.message.type === 'accept') say(acceptor.receiveAccept(letter.message))
          else learner.receiveAccepted(letter.from, letter.message)
        }

        const chosen = nodes.flatMap(({ learner }) => learner.chosen?.value ?? [])
        expect(new Set(chosen).size).toBeLessThanOrEqual(1)
        if (chosen.length > 0) chosenRuns += 1
      }),
      { numRuns: 300 },
    )
    expect(chosenRuns).toBeGreaterThan(10)
  })
})
