/** Whose promises an attempt to lead counts, and what it begins with. */
import { expect, it } from 'vitest'
import { Electorate } from '../../src/multi/electorate.ts'
import { Phase1 } from '../../src/multi/phase1.ts'
import { at } from '../messages.ts'
import { member } from './members-world.ts'
import { promise } from './one-node.ts'

const electorate = (version: number, incarnation: string | null): Electorate =>
  new Electorate({
    version,
    members: [member('a', null), member('b', incarnation), member('c', null)],
    quorums: { type: 'majority' },
    former: [],
  })

const [UNNAMED, NAMED] = [electorate(0, null), electorate(5, 'b#2')]

function prepared(): Phase1 {
  const phase1 = new Phase1(at(1), 1, 100)
  phase1.countOwnPromise('a', 'a#1', [])
  return phase1
}

it('a promise that was asked for by name counts where that name counts, and nowhere else', () => {
  const phase1 = prepared()
  phase1.invite('b', NAMED, 1)
  phase1.ask('b', 0)
  expect(phase1.receivePromise('b', promise(at(1), 1, { incarnation: 'b#2' }))).toBe('complete')
  expect(phase1.isComplete(NAMED)).toBe(true)
  expect(phase1.isComplete(UNNAMED)).toBe(false)
})

it('a promise that was asked for without a name counts where it is named, and where nobody is', () => {
  const phase1 = prepared()
  phase1.ask('b', 0)
  phase1.receivePromise('b', promise(at(1), 1, { incarnation: 'b#2' }))
  expect(phase1.isComplete(NAMED)).toBe(true)
  expect(phase1.isComplete(UNNAMED)).toBe(true)
})

it('P31: pages of two states of one id are never put together to a promise', () => {
  const phase1 = prepared()
  const entries = [{ slot: 1, ballot: at(0), value: Uint8Array.of(1) }]
  phase1.ask('b', 0)
  const first = promise(at(1), 1, { entries, next: 2, chosenThrough: 1, incarnation: 'b#1' })
  expect(phase1.receivePromise('b', first)).toBe('more')
  phase1.ask('b', 0)
  expect(phase1.receivePromise('b', promise(at(1), 2, { incarnation: 'b#2' }))).toBe('ignored')
  expect(phase1.isComplete(UNNAMED)).toBe(false)
})

it('who is invited anew has promised nothing yet', () => {
  const phase1 = prepared()
  phase1.ask('b', 0)
  phase1.receivePromise('b', promise(at(1), 1, { incarnation: 'b#1' }))
  phase1.invite('b', NAMED, 4)
  expect(phase1.ask('b', 0)?.from).toBe(4)
  expect(phase1.isComplete(UNNAMED)).toBe(false)
})
