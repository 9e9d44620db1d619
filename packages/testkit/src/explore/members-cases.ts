/**
 * The smallest cases in which a change of members could go wrong, each as a model that is visited to
 * its last state. Where what comes before is of no interest, they begin in the middle of it: a slot
 * is filled on the disks, and what is there is what real nodes would have saved.
 */
import type { MembersOptions } from './members.ts'
import type { Plain, Stored } from './model.ts'

/** What a case is about. */
export type MembersCase =
  'racing' | 'barrier' | 'recovered' | 'wiped' | 'replaced' | 'older' | 'disjoint'

/** On the disk of who has accepted `text` in slot 1 at ballot 1.a. */
function holding(text: string, chosenThrough: 0 | 1): Stored {
  const ballot = { round: 1, node: 'a' }
  const value: Plain = { bytes: text }
  return {
    promised: ballot,
    accepted: [{ slot: 1, ballot, value }],
    chosenThrough,
    admitted: true,
  }
}

export const MEMBERS_CASES: Readonly<Record<MembersCase, MembersOptions>> = {
  racing: {
    title: 'two changes that race: of a and b each removes the other',
    initial: ['a0', 'b0'],
    changes: [{ voters: ['a0'] }, { voters: ['b0'] }],
    nodes: { a: { leads: 1, changes: [0, 1] }, b: { leads: 1, changes: [1] } },
    slots: 3,
  },
  barrier: {
    title: 'a leader that died inside the barrier leads again; b, who is to vote, leads meanwhile',
    initial: ['a0'],
    changes: [{ voters: ['a0', 'b0'], quorums: { type: 'flexible', phase1: 2, phase2: 1 } }],
    nodes: {
      a: { leads: 1, proposes: 1, begins: holding('a0 b0 by flexible 2 1 for 0', 0) },
      b: { leads: 1, begins: holding('a0 b0 by flexible 2 1 for 0', 1) },
    },
    slots: 2,
  },
  recovered: {
    title: 'a change that only its dead leader has accepted, found by the next; b loses its disk',
    initial: ['a0', 'b0'],
    changes: [{ voters: ['a0', 'b1'] }],
    nodes: {
      a: { leads: 1, proposes: 1, begins: holding('a0 b1 for 0', 0) },
      b: { wipes: 1 },
    },
    slots: 2,
    unchosen: ['\u0000'],
  },
  wiped: {
    title: 'a voter of three whose disk is lost, where nobody is named; a value is on two disks',
    initial: ['a', 'b', 'c'],
    changes: [],
    nodes: {
      a: { begins: holding('x', 0) },
      b: { begins: holding('x', 0), wipes: 1 },
      c: { leads: 1 },
    },
    slots: 1,
  },
  replaced: {
    title:
      'a voter whose disk is lost after it was named, and that votes all the same; its replacement',
    initial: ['a', 'b'],
    changes: [{ voters: ['a0', 'b0'] }, { voters: ['a0', 'b1'], replaces: 1 }],
    nodes: {
      a: { leads: 1, changes: [1], begins: holding('a0 b0 for 0', 1) },
      b: { wipes: 1, begins: holding('a0 b0 for 0', 1) },
    },
    slots: 3,
    // What replaces a voter that is gone takes its vote, of two: only that of the new one is there.
    unchosen: ['a0 b1 for 1'],
    trustEmptyState: true,
  },
  older: {
    title: 'a candidate that knows an older configuration than b, who votes in the newer one',
    initial: ['a0'],
    changes: [{ voters: ['a0', 'b0'] }],
    nodes: {
      a: { leads: 1, proposes: 1, begins: holding('a0 b0 for 0', 0) },
      b: { leads: 1, begins: holding('a0 b0 for 0', 1) },
    },
    slots: 2,
  },
  disjoint: {
    title: 'a gives way to b: no voter stays',
    initial: ['a0'],
    changes: [{ voters: ['b0'] }],
    nodes: { a: { leads: 1, changes: [0], proposes: 1 }, b: { leads: 1, proposes: 1 } },
    slots: 3,
    unchosen: ['x1 of b'],
  },
}
