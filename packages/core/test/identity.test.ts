/** Who may open a state: the one rule that every durability adapter goes by. */
import {
  admittedBefore,
  claim,
  EMPTY_SAVED,
  IdentityError,
  InvalidArgumentError,
  MAX_ID_BYTES,
} from '@paxos/core'
import type { Belongings, Owner } from '@paxos/core'
import { describe, expect, it } from 'vitest'

const OWNER: Owner = { cluster: 'x', id: 'a', kind: 'log', drawIncarnation: () => 'drawn' }
const NOTHING: Belongings = { ...EMPTY_SAVED, identity: null }
const MINE = { cluster: 'x', id: 'a', kind: 'log', incarnation: 'first' } as const

const noDraw = () => expect.fail('An incarnation was drawn.')

const ballot = { round: 1, node: 'a' }
const members = (...ids: readonly string[]) => ({
  snapshot: { members: ids.map((id) => ({ id, address: `m:${id}` })) },
})

describe('what is new', () => {
  it('is given the owner’s identity, with an incarnation that is drawn once', () => {
    let drawn = 0
    const owner = { ...OWNER, drawIncarnation: () => `${(drawn += 1)}` }
    expect(claim('here', NOTHING, owner)).toEqual({
      identity: { ...MINE, incarnation: '1' },
      isNew: true,
    })
    expect(drawn).toBe(1)
  })

  it('is not what holds an admission alone', () => {
    const found = { ...NOTHING, admitted: true }
    expect(claim('here', found, undefined)).toEqual({ identity: null, isNew: false })
  })

  it.each([
    ['nothing', NOTHING, false],
    ['a beginning', { ...NOTHING, ...members('a'), chosenThrough: 7 }, false],
    ['a promise', { ...NOTHING, promised: ballot }, true],
    ['an acceptance', { ...NOTHING, accepted: [{ slot: 1 }] }, true],
  ])('was admitted, before that was saved, if it had voted: %s', (_, found, isAdmitted) => {
    expect(admittedBefore(found)).toBe(isAdmitted)
  })

  it('without an owner stays nobody’s, and is new', () => {
    expect(claim('here', NOTHING, undefined)).toEqual({ identity: null, isNew: true })
  })

  it.each<readonly [string, Partial<Owner>]>([
    ['a cluster that is too long', { cluster: 'é'.repeat(MAX_ID_BYTES / 2 + 1) }],
    ['an id that is too long', { id: 'x'.repeat(MAX_ID_BYTES + 1) }],
    ['an id that is half of a surrogate pair', { id: '\ud800' }],
    ['an incarnation that is empty', { drawIncarnation: () => '' }],
    ['an incarnation that is too long', { drawIncarnation: () => 'x'.repeat(MAX_ID_BYTES + 1) }],
    ['a kind that is none', JSON.parse('{"kind":"replica"}')],
  ])('is not given an identity with %s', (_, wrong) => {
    expect(() => claim('here', NOTHING, { ...OWNER, ...wrong })).toThrow(InvalidArgumentError)
  })
})

describe('what has an identity', () => {
  it('is opened by its owner, who draws nothing', () => {
    const found = { ...NOTHING, identity: MINE }
    expect(claim('here', found, { ...OWNER, drawIncarnation: noDraw })).toEqual({
      identity: MINE,
      isNew: false,
    })
  })

  it('is whosever it is without an owner', () => {
    const identity = { ...MINE, id: 'b' }
    expect(claim('here', { ...NOTHING, identity }, undefined)).toEqual({ identity, isNew: false })
  })

  it.each<readonly [string, Partial<Owner>]>([
    ['of another cluster', { cluster: 'y' }],
    ['with another id', { id: 'b' }],
    ['of another kind', { kind: 'decree' }],
  ])('is refused to an owner %s, in words that name both', (_, other) => {
    const owner = { ...OWNER, ...other }
    const refusal = new IdentityError(
      'here belongs to node "a" of cluster "x", for a log, and was to be opened for node ' +
        `"${owner.id}" of cluster "${owner.cluster}", for ` +
        `${owner.kind === 'log' ? 'a log' : 'a single decree'}. Nothing was written. ` +
        'Give this node the place that is its own, and leave this one to the node that it belongs to.',
    )
    expect(() => claim('here', { ...NOTHING, identity: MINE }, owner)).toThrow(refusal)
    expect(refusal.code).toBe('ERR_PAXOS_IDENTITY')
  })
})

describe('what an earlier release wrote, without an identity', () => {
  it.each<readonly [string, Partial<Belongings>, Partial<Owner>]>([
    ['a log of which it is a member', { ...members('b', 'a'), chosenThrough: 7 }, {}],
    ['a promise of a single decree', { promised: ballot }, { kind: 'decree' }],
    [
      'a chosen value of a single decree',
      { accepted: [{ slot: 1 }], chosenThrough: 1 },
      { kind: 'decree' },
    ],
  ])('becomes the owner’s, and is not new: %s', (_, held, other) => {
    const owner = { ...OWNER, ...other }
    expect(claim('here', { ...NOTHING, ...held }, owner)).toEqual({
      identity: { cluster: 'x', id: 'a', kind: owner.kind, incarnation: 'drawn' },
      isNew: false,
    })
  })

  it.each<readonly [string, Partial<Belongings>, Partial<Owner>, RegExp]>([
    ['a log of others', members('b', 'c'), {}, /holds the log of .* members are "b", "c",/],
    ['a log of nobody', members(), {}, /members are none,/],
    ['a promise without members', { promised: ballot }, {}, /holds a single decree, or/],
    ['an entry without members', { accepted: [{ slot: 2 }] }, {}, /holds a single decree, or/],
    ['a log', members('a'), { kind: 'decree' }, /holds a log,/],
    ['a second slot', { accepted: [{ slot: 2 }] }, { kind: 'decree' }, /holds a log,/],
    ['a second slot that is chosen', { chosenThrough: 2 }, { kind: 'decree' }, /holds a log,/],
  ])('is refused where it contradicts: %s', (_, held, other, words) => {
    const claiming = () => claim('here', { ...NOTHING, ...held }, { ...OWNER, ...other })
    expect(claiming).toThrow(IdentityError)
    expect(claiming).toThrow(words)
  })
})
