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

describe('whom a node speaks with', () => {
  const former = [{ id: 'c', address: 'memory://c' }]

  it('P23: the members, who left, and whom it was told of when it was started', () => {
    const view = new MembersView(first)
    view.applied(5, entry(0, 'abd', { former }))
    const peers = view.peersOf('a', at('ax'))
    expect([...peers.keys()].toSorted()).toEqual(['b', 'c', 'd', 'x'])
  })

  it('P32: nobody at the address of a member, whatever it was before', () => {
    const view = new MembersView(first)
    const moved = entry(0, 'ab', { former: [{ id: 'c', address: 'MEMORY://b/' }] })
    view.applied(5, moved)
    view.completed(5)
    const peers = view.peersOf('a', new Map([['old', 'memory://b']]))
    expect([...peers]).toEqual([['b', 'memory://b']])
  })

  it('at the address that the members say, and not at one that it was started with', () => {
    const view = new MembersView(first)
    const peers = view.peersOf('a', new Map([['b', 'memory://elsewhere']]))
    expect(peers.get('b')).toBe('memory://b')
  })

  it('P23: where it was told, when what it knows is out of date, but not where another member is', () => {
    const view = new MembersView(first)
    const given = new Map([
      ['b', 'memory://elsewhere'],
      ['c', 'memory://b'],
    ])
    const peers = view.peersOf('a', given, true)
    expect(peers.get('b')).toBe('memory://elsewhere')
    expect(peers.get('c')).toBe('memory://c')
  })

  it('everybody who left, however many, until the change is complete', () => {
    const many = new Map(Array.from({ length: 40 }, (_, n) => [`n${n}`, `memory://n${n}`]))
    const view = new MembersView(firstConfiguration(many))
    view.applied(5, entry(0, 'a', { former }))
    expect(view.peersOf('a', new Map()).size).toBe(41)
    view.completed(5)
    expect([...view.peersOf('a', new Map()).keys()]).toEqual(['c'])
  })
})
