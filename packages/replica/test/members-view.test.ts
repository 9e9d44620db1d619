/** Who a node believes to be in the cluster, and whom it speaks with. */
import { describe, expect, it } from 'vitest'
import { encodeConfiguration } from '@paxos/core/multi'
import type { Configuration, MembersEntry } from '@paxos/core/multi'
import { firstConfiguration, MembersView } from '../src/members-view.ts'

const at = (ids: string): ReadonlyMap<string, string> =>
  new Map(Array.from(ids, (id) => [id, `memory://${id}`]))

const first = firstConfiguration(at('abc'))

const entry = (replaces: number, ids: string, more: Partial<MembersEntry> = {}): MembersEntry => ({
  ...firstConfiguration(at(ids)),
  type: 'members',
  replaces,
  ...more,
})

const snapshotOf = (configuration: Configuration | null) => ({
  through: 100,
  members: [],
  bytes: new Uint8Array(),
  ...(configuration && { configuration: encodeConfiguration(configuration) }),
})

describe('the members that a node knows', () => {
  it('P33: are of the first entry that replaces a version, and a later copy of it says nothing', () => {
    const view = new MembersView(first)
    expect(view.applied(5, entry(0, 'abcd'))).toBe(true)
    expect(view.applied(6, entry(0, 'abcd'))).toBe(false)
    expect(view.applied(7, entry(0, 'ab'))).toBe(false)
    expect(view.report).toMatchObject({ version: 5, isComplete: false })
    expect(view.report.members.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd'])
  })

  it('P30: are those of a snapshot from then on, where it says any', () => {
    const view = new MembersView(first)
    expect(view.installed(snapshotOf({ ...firstConfiguration(at('xyz')), version: 40 }))).toBe(true)
    expect(view.report.version).toBe(40)
    expect(view.installed(snapshotOf(null))).toBe(false)
    expect(view.report.version).toBe(40)
  })

  it('are complete when the cluster says so of their version, or of a later one', () => {
    const view = new MembersView(first)
    view.applied(5, entry(0, 'ab'))
    expect([view.completed(4), view.report.isComplete]).toEqual([true, false])
    expect([view.completed(9), view.report.isComplete]).toEqual([true, true])
    expect(view.completed(9)).toBe(false)
  })
})

describe('where a node looks for the others', () => {
  const former = [{ id: 'c', address: 'memory://c' }]

  it('P23: the members, who left, and whom it was told of when it was started', () => {
    const view = new MembersView(first)
    view.applied(5, entry(0, 'abd', { former }))
    const places = view.placesOf('a', at('ax'))
    expect([...places.keys()].toSorted()).toEqual(['b', 'c', 'd', 'x'])
  })

  it('P32: members before all others, so that theirs is the address that two have', () => {
    const view = new MembersView(first)
    view.applied(5, entry(0, 'abd', { former }))
    expect([...view.placesOf('a', at('abcdx')).keys()]).toEqual(['b', 'd', 'c', 'x'])
  })

  it('P23: at the address that the members say before all others, and then where it was told', () => {
    const view = new MembersView(first)
    const moved = firstConfiguration(new Map([...at('ac'), ['b', 'memory://new']]))
    view.applied(5, { ...moved, type: 'members', replaces: 0 })
    const given = new Map([['b', 'memory://given']])
    expect(view.placesOf('a', given).get('b')).toEqual([
      'memory://new',
      'memory://b',
      'memory://given',
    ])
    view.completed(5)
    expect(view.placesOf('a', given).get('b')).toEqual(['memory://new', 'memory://given'])
  })

  it('at one address once, however it is written', () => {
    const view = new MembersView(first)
    const places = view.placesOf('a', new Map([['b', 'MEMORY://b/']]))
    expect(places.get('b')).toEqual(['memory://b'])
  })

  it('everybody who left, however many, until the change is complete', () => {
    const many = new Map(Array.from({ length: 40 }, (_, n) => [`n${n}`, `memory://n${n}`]))
    const view = new MembersView(firstConfiguration(many))
    view.applied(5, entry(0, 'a', { former }))
    expect(view.placesOf('a', new Map()).size).toBe(41)
    view.completed(5)
    expect([...view.placesOf('a', new Map()).keys()]).toEqual(['c'])
  })
})
