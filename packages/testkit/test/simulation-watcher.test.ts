/** What the simulation's watcher calls broken, one promise at a time. */
import type { AcceptedEntry, Ballot, Saved } from '@paxos/core'
import { encodeEntry } from '@paxos/core/multi'
import type { Invariant } from '@paxos/testkit/simulation'
import { describe, expect, it } from 'vitest'
import { Watcher } from '../src/simulation/watcher.ts'

const one: Ballot = { round: 1, node: 'a' }
const two: Ballot = { round: 2, node: 'b' }
const x = commandWith(1)
const y = commandWith(2)
const entry = (slot: number, ballot: Ballot, value: Uint8Array): AcceptedEntry => ({
  slot,
  ballot,
  value,
})
const empty: Saved = { promised: null, accepted: [], snapshot: null, chosenThrough: 0 }

/** What a slot may hold: a command. */
function commandWith(sequence: number): Uint8Array {
  return encodeEntry({
    type: 'command',
    session: `node:${'0'.repeat(32)}`,
    sequence,
    acknowledged: 1,
    bytes: new Uint8Array(),
  })
}

/** What `play` breaks, in order. */
function brokenBy(play: (watcher: Watcher) => void): Invariant[] {
  const broken: Invariant[] = []
  play(new Watcher(['a', 'b', 'c'], (invariant) => broken.push(invariant)))
  return broken
}

/** a and b hold x in slot 1 at ballot 1.a. */
function choose(watcher: Watcher): void {
  for (const id of ['a', 'b']) watcher.saved(id, { promised: one, accepted: [entry(1, one, x)] })
}

const promise = {
  type: 'logPromise',
  ballot: two,
  from: 1,
  entries: [],
  next: 0,
  chosenThrough: 0,
  compactedThrough: 0,
} as const

const accept = {
  type: 'logAccept',
  ballot: two,
  base: 1,
  first: 1,
  values: [y],
  chosenThrough: 0,
} as const

const put = { type: 'put', id: 1, key: 'k', value: 'v' } as const
const result = { changed: true, value: 'v' }

/** With d there are four, of whom three are a quorum. */
const widened = encodeEntry({
  type: 'members',
  replaces: 0,
  members: Array.from('abcd', (id) => ({
    id,
    address: `memory://${id}`,
    role: 'voter',
    incarnation: null,
  })),
  quorums: { type: 'majority' },
  former: [],
})

/** a leads with b's promise, and proposes that d votes too. */
function widen(watcher: Watcher): void {
  for (const id of ['a', 'b']) watcher.saved(id, { promised: one })
  watcher.sent('b', 1, { ...promise, ballot: one })
  watcher.sent('a', 1, { ...accept, ballot: one, values: [widened] })
}

const behind = { ...accept, ballot: one, first: 2 } as const

const complete = {
  type: 'logHeartbeat',
  ballot: one,
  base: 1,
  chosenThrough: 1,
  readId: 0,
  complete: 1,
} as const

const CASES: readonly (readonly [string, Invariant, (watcher: Watcher) => void])[] = [
  ['a promise that is not durable is sent', 'durable-before-sent', (w) => w.sent('c', 1, promise)],
  [
    'an acceptance that is not durable is sent',
    'durable-before-sent',
    (w) => w.sent('c', 1, { type: 'logAccepted', ballot: one, through: 1 }),
  ],
  [
    'a promise shows an acceptance that is not durable',
    'durable-before-sent',
    (w) => {
      w.saved('c', { promised: two })
      w.sent('c', 1, { ...promise, entries: [entry(1, one, x)] })
    },
  ],
  [
    'a promise hides what was accepted',
    'promise-kept',
    (w) => {
      w.saved('c', { promised: one, accepted: [entry(1, one, x)] })
      w.saved('c', { promised: two })
      w.sent('c', 1, promise)
    },
  ],
  [
    'a lower ballot is promised after a higher one',
    'promise-kept',
    (w) => {
      w.saved('c', { promised: two })
      w.saved('c', { promised: one })
    },
  ],
  [
    'something is accepted below the promise',
    'promise-kept',
    (w) => {
      w.saved('c', { promised: two })
      w.saved('c', { accepted: [entry(1, one, x)] })
    },
  ],
  [
    'an older ballot is served after a promise was sent',
    'promise-kept',
    (w) => {
      w.saved('c', { promised: one, accepted: [entry(1, one, x)] })
      w.saved('c', { promised: two })
      w.sent('c', 1, { ...promise, entries: [entry(1, one, x)] })
      w.sent('c', 1, { type: 'logAccepted', ballot: one, through: 1 })
    },
  ],
  [
    'a disk comes up without a promise',
    'disk-keeps',
    (w) => {
      w.saved('c', { promised: one })
      w.opened('c', empty)
    },
  ],
  [
    'a disk comes up without what was accepted',
    'disk-keeps',
    (w) => {
      choose(w)
      w.opened('a', { ...empty, promised: one })
    },
  ],
  [
    'two values are accepted at one ballot',
    'one-value-a-ballot',
    (w) => {
      w.saved('a', { promised: one, accepted: [entry(1, one, x)] })
      w.saved('b', { promised: one, accepted: [entry(1, one, y)] })
    },
  ],
  [
    'another value than the chosen one is proposed',
    'one-value-a-ballot',
    (w) => {
      choose(w)
      for (const id of ['b', 'c']) w.saved(id, { promised: two })
      w.sent('c', 1, promise)
      w.sent('b', 1, accept)
    },
  ],
  [
    'somebody leads without the promises of a quorum',
    'ballot-ownership',
    (w) => {
      w.saved('b', { promised: two })
      w.sent('b', 1, accept)
    },
  ],
  [
    'something is proposed behind a change of the members that is not chosen',
    'members-barrier',
    (w) => {
      widen(w)
      w.saved('a', { accepted: [entry(1, one, widened)] })
      w.sent('a', 1, behind)
    },
  ],
  [
    'a change is called complete of which too few of those hold it who vote by it',
    'members-complete',
    (w) => {
      widen(w)
      for (const id of ['a', 'b']) w.saved(id, { accepted: [entry(1, one, widened)] })
      w.sent('a', 1, complete)
    },
  ],
  [
    'a ballot is prepared again after a restart',
    'ballot-ownership',
    (w) => {
      w.saved('a', { promised: one })
      w.sent('a', 1, { type: 'logPrepare', ballot: one, from: 1 })
      w.sent('a', 2, { type: 'logPrepare', ballot: one, from: 1 })
    },
  ],
  [
    'a slot is taken for chosen that is not',
    'agreement',
    (w) => w.saved('c', { promised: one, accepted: [entry(1, one, x)], chosenThrough: 1 }),
  ],
  [
    'a slot that is not chosen is handed on as chosen',
    'agreement',
    (w) =>
      w.sent('c', 1, { type: 'fetched', from: 1, entries: [entry(1, one, x)], chosenThrough: 1 }),
  ],
  [
    'a command is applied that nobody asked for',
    'validity',
    (w) => {
      choose(w)
      w.applied('a', 'a 1', 1, put, result, '')
    },
  ],
  [
    'a command is applied twice',
    'applied-once',
    (w) => {
      choose(w)
      for (const id of ['a', 'b']) w.saved(id, { accepted: [entry(2, one, y)] })
      w.issued(put)
      w.applied('a', 'a 1', 1, put, result, '')
      w.applied('a', 'a 1', 2, put, result, '')
    },
  ],
  [
    'two nodes differ after the same command',
    'same-state',
    (w) => {
      choose(w)
      w.issued(put)
      w.applied('a', 'a 1', 1, put, result, 'this')
      w.applied('b', 'b 1', 1, put, result, 'that')
    },
  ],
  [
    'two snapshots of one slot differ',
    'same-state',
    (w) => {
      choose(w)
      w.saved('a', { snapshot: { through: 1, members: [], bytes: x }, chosenThrough: 1 })
      w.saved('b', { snapshot: { through: 1, members: [], bytes: y }, chosenThrough: 1 })
    },
  ],
  [
    'a client is told of what no quorum holds',
    'acknowledged-in-quorum',
    (w) => {
      w.issued(put)
      w.acknowledged(put.id)
    },
  ],
]

describe('the watcher', () => {
  it('does not miss entries in a promise that does not count, for what was asked for is gone', () => {
    const broken = brokenBy((w) => {
      choose(w)
      w.saved('a', { chosenThrough: 1 })
      w.saved('a', { snapshot: { through: 1, members: [], bytes: x } })
      w.saved('a', { accepted: [entry(2, one, y)] })
      w.saved('a', { promised: two })
      w.sent('a', 1, { ...promise, chosenThrough: 1, compactedThrough: 1 })
      for (const id of ['b', 'a']) w.saved(id, { promised: two })
      w.sent('b', 1, accept)
    })
    // b leads with its own promise alone.
    expect(broken[0]).toBe('ballot-ownership')
  })

  it.each(CASES)('notices when %s: %s', (_, invariant, play) => {
    expect(brokenBy(play)[0]).toBe(invariant)
  })

  it('has nothing to say of members that change, and of what comes behind when that is chosen', () => {
    const broken = brokenBy((w) => {
      widen(w)
      for (const id of ['a', 'b', 'd']) {
        w.saved(id, { promised: one, accepted: [entry(1, one, widened)] })
      }
      w.sent('d', 1, { ...promise, ballot: one, entries: [entry(1, one, widened)] })
      w.sent('a', 1, behind)
      w.sent('a', 1, complete)
    })
    expect(broken).toEqual([])
  })

  it('has nothing to say of a command that is accepted, chosen, applied and acknowledged', () => {
    const broken = brokenBy((w) => {
      for (const id of ['a', 'b', 'c']) w.opened(id, empty)
      w.saved('a', { promised: one })
      w.sent('a', 1, { type: 'logPrepare', ballot: one, from: 1 })
      w.saved('b', { promised: one })
      w.sent('b', 1, { ...promise, ballot: one })
      w.sent('a', 1, { ...accept, ballot: one, values: [x] })
      for (const id of ['a', 'b']) w.saved(id, { accepted: [entry(1, one, x)] })
      w.sent('b', 1, { type: 'logAccepted', ballot: one, through: 1 })
      w.issued(put)
      w.applied('a', 'a 1', 1, put, result, 's')
      w.acknowledged(put.id)
      w.saved('c', { promised: two })
      w.sent('c', 1, promise)
      w.saved('a', { chosenThrough: 1 })
      w.opened('a', {
        promised: one,
        accepted: [entry(1, one, x)],
        snapshot: null,
        chosenThrough: 1,
      })
    })
    expect(broken).toEqual([])
  })
})
