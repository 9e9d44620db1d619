import { EMPTY_SAVED, InvariantError, type Saved } from '@paxos/core'
import { Acceptor } from '@paxos/core/practical'
import { describe, expect, it } from 'vitest'
import { accept, accepted, at, nack, prepare, promise, proposal } from '../messages.ts'

const holding = (saved: Partial<Saved<string>>): Acceptor<string> =>
  new Acceptor<string>({ ...EMPTY_SAVED, ...saved })
const entry = (ballot = at(1), value = 'x') => ({ slot: 1, ballot, value })

describe('what must be durable before an answer leaves', () => {
  it('a promise rests on the promised ballot', () => {
    const answer = holding({}).receivePrepare(prepare(at(1)))
    expect(answer).toEqual({ message: promise(at(1)), change: { promised: at(1) } })
  })

  it('an acceptance rests on the proposal and on the promise that it implies', () => {
    const answer = holding({}).receiveAccept(accept(at(1), 'x'))
    expect(answer).toEqual({
      message: accepted(at(1), 'x'),
      change: { promised: at(1), accepted: [entry()] },
    })
  })

  it('a promise reports what was accepted, though its save may still be running', () => {
    const acceptor = holding({})
    acceptor.receiveAccept(accept(at(1), 'x'))
    const answer = acceptor.receivePrepare(prepare(at(2)))
    // Saves are carried out in order, so the promise cannot leave before the acceptance is durable.
    expect(answer).toEqual({
      message: promise(at(2), proposal(at(1), 'x')),
      change: { promised: at(2) },
    })
  })
})

describe('a ballot below the promise is refused aloud, naming the promise', () => {
  it.each([
    ['a Prepare', prepare(at(3))],
    ['an Accept', accept(at(3), 'y')],
  ])('%s', (_, message) => {
    const acceptor = holding({ promised: at(3, 'b'), accepted: [entry()] })
    const answer =
      message.type === 'prepare'
        ? acceptor.receivePrepare(message)
        : acceptor.receiveAccept(message)
    expect(answer).toEqual({ message: nack(at(3), at(3, 'b')), change: null })
    expect(acceptor.promised).toEqual(at(3, 'b'))
    expect(acceptor.accepted).toEqual(proposal(at(1), 'x'))
  })
})

it('an acceptance is a promise too: nothing below it is promised or accepted any more', () => {
  const acceptor = holding({})
  acceptor.receiveAccept(accept(at(3), 'x'))
  expect(acceptor.promised).toEqual(at(3))
  const refusal = { message: nack(at(2), at(3)), change: null }
  expect(acceptor.receivePrepare(prepare(at(2)))).toEqual(refusal)
  expect(acceptor.receiveAccept(accept(at(2), 'y'))).toEqual(refusal)
  expect(acceptor.accepted).toEqual(proposal(at(3), 'x'))
})

describe('duplicates', () => {
  it('P1: a Prepare that comes again while its save is running is not answered', () => {
    const acceptor = holding({})
    acceptor.receivePrepare(prepare(at(1)))
    expect(acceptor.settled).toBe(false)
    expect(acceptor.receivePrepare(prepare(at(1)))).toBeNull()
  })

  it('P1: an Accept that comes again while its save is running is not answered', () => {
    const acceptor = holding({})
    acceptor.receiveAccept(accept(at(1), 'x'))
    expect(acceptor.receiveAccept(accept(at(1), 'x'))).toBeNull()
  })

  it('P1: nor while any of several saves is running', () => {
    const acceptor = holding({})
    acceptor.receivePrepare(prepare(at(1)))
    acceptor.receiveAccept(accept(at(1), 'x'))
    acceptor.saved()
    expect(acceptor.receiveAccept(accept(at(1), 'x'))).toBeNull()
    acceptor.saved()
    expect(acceptor.settled).toBe(true)
    expect(acceptor.receiveAccept(accept(at(1), 'x'))).not.toBeNull()
  })

  it('afterwards both are answered as before, without another save', () => {
    const acceptor = holding({})
    const promised = acceptor.receivePrepare(prepare(at(1)))
    acceptor.saved()
    expect(acceptor.receivePrepare(prepare(at(1)))).toEqual({ ...promised, change: null })
    const answer = acceptor.receiveAccept(accept(at(1), 'x'))
    acceptor.saved()
    expect(acceptor.receiveAccept(accept(at(1), 'x'))).toEqual({ ...answer, change: null })
  })

  it('a Prepare that comes again after the Accept of its ballot reports the acceptance', () => {
    const acceptor = holding({ promised: at(1), accepted: [entry()] })
    expect(acceptor.receivePrepare(prepare(at(1)))).toEqual({
      message: promise(at(1), proposal(at(1), 'x')),
      change: null,
    })
  })
})

describe('a restarted acceptor takes up what stable storage holds', () => {
  it('promises, acceptances, and that a value is chosen', () => {
    const acceptor = holding({ promised: at(5), accepted: [entry()], chosenThrough: 1 })
    expect(acceptor.promised).toEqual(at(5))
    expect(acceptor.accepted).toEqual(proposal(at(1), 'x'))
    expect(acceptor.chosen).toEqual(proposal(at(1), 'x'))
    expect(acceptor.settled).toBe(true)
  })

  it('an acceptance without its promise counts as one', () => {
    const acceptor = holding({ promised: at(1), accepted: [entry(at(4), 'x')] })
    expect(acceptor.promised).toEqual(at(4))
  })

  it('looks at its own slot only', () => {
    const acceptor = holding({ accepted: [{ slot: 2, ballot: at(9), value: 'of another slot' }] })
    expect(acceptor.accepted).toBeNull()
    expect(acceptor.promised).toBeNull()
  })

  it('stops when storage says that a value is chosen, but holds none', () => {
    expect(() => holding({ chosenThrough: 1 })).toThrow(InvariantError)
  })
})

describe('recording what was chosen', () => {
  it('needs no copy of a value that the acceptor has accepted', () => {
    const acceptor = holding({ promised: at(3), accepted: [entry(at(2))] })
    expect(acceptor.recordChosen(proposal(at(2), 'x'))).toEqual({ chosenThrough: 1 })
    expect(acceptor.chosen).toEqual(proposal(at(2), 'x'))
    expect(acceptor.promised).toEqual(at(3))
  })

  it('nor of one that it has accepted at a higher ballot since', () => {
    const acceptor = holding({ promised: at(3), accepted: [entry(at(3))] })
    expect(acceptor.recordChosen(proposal(at(2), 'x'))).toEqual({ chosenThrough: 1 })
    expect(acceptor.accepted).toEqual(proposal(at(3), 'x'))
  })

  it('takes a value that it missed as accepted, and its ballot as promised', () => {
    const acceptor = holding({ promised: at(1), accepted: [entry(at(1), 'overtaken')] })
    expect(acceptor.recordChosen(proposal(at(2), 'x'))).toEqual({
      promised: at(2),
      accepted: [entry(at(2), 'x')],
      chosenThrough: 1,
    })
    expect(acceptor.promised).toEqual(at(2))
    // Accepting below the chosen ballot would replace the chosen value by another.
    expect(acceptor.receiveAccept(accept(at(1, 'b'), 'overtaken'))?.message.type).toBe('nack')
    expect(acceptor.chosen).toEqual(proposal(at(2), 'x'))
  })

  it('never lowers a promise', () => {
    const acceptor = holding({ promised: at(9) })
    expect(acceptor.recordChosen(proposal(at(2), 'x'))?.promised).toEqual(at(9))
    expect(acceptor.promised).toEqual(at(9))
  })

  it('is done once', () => {
    const acceptor = holding({})
    acceptor.recordChosen(proposal(at(1), 'x'))
    expect(acceptor.recordChosen(proposal(at(1), 'x'))).toBeNull()
  })

  it('is a save like any other: until it is reported, duplicates are not answered', () => {
    const acceptor = holding({ promised: at(1), accepted: [entry()] })
    acceptor.recordChosen(proposal(at(1), 'x'))
    expect(acceptor.settled).toBe(false)
    expect(acceptor.receiveAccept(accept(at(1), 'x'))).toBeNull()
    acceptor.saved()
    expect(acceptor.receiveAccept(accept(at(1), 'x'))).not.toBeNull()
  })
})

it('stops when a save is reported that it never asked for', () => {
  expect(() => holding({}).saved()).toThrow(InvariantError)
})

it('P3: an acceptor remembers falsy values like others', () => {
  for (const value of ['', 0, false, null, undefined]) {
    const acceptor = new Acceptor<unknown>(EMPTY_SAVED)
    acceptor.receiveAccept({ type: 'accept', ballot: at(1, ''), value })
    expect(acceptor.accepted).toEqual({ ballot: at(1, ''), value })
    expect(acceptor.receivePrepare(prepare(at(2, '')))?.message).toEqual(
      promise(at(2, ''), { ballot: at(1, ''), value }),
    )
    acceptor.recordChosen({ ballot: at(1, ''), value })
    expect(acceptor.chosen).toEqual({ ballot: at(1, ''), value })
  }
})
