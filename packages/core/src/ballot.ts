/**
 * Ballots: the totally ordered names of attempts to get a value chosen.
 *
 * Paxos Made Simple (§2.2) asks that "different proposals have different numbers" and that the
 * numbers be totally ordered. A pair (round, node) gives both without coordination: a node uses a
 * round at most once, and the id tells the nodes apart. Must never depend on how the language
 * compares null, mixed types or locales.
 */

import { invariant } from './invariant.ts'
import { MAX_ROUND } from './limits.ts'

/**
 * The name of a node. Any string up to MAX_ID_BYTES, the empty one too, except 'all', which
 * addresses every other node. Ids need not be numbers, nor contiguous.
 */
export type NodeId = string

/** One attempt of one node. Called proposal number, proposal id or `n` in the papers. */
export interface Ballot {
  /** A positive safe integer; grows with each attempt. */
  readonly round: number
  /** The only node that may issue this ballot. */
  readonly node: NodeId
}

/**
 * Negative, zero or positive as `a` is below, equal to or above `b`: by round, then by node id.
 * `null` is the ballot of somebody who has seen none, below every other.
 */
export function compareBallots(a: Ballot | null, b: Ballot | null): number {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1)
  if (a.round !== b.round) return a.round < b.round ? -1 : 1
  return compareIds(a.node, b.node)
}

/** Whether both name the same attempt (or both none). */
export function sameBallot(a: Ballot | null, b: Ballot | null): boolean {
  return compareBallots(a, b) === 0
}

/** The higher of the two; `null` only when both are. */
export function highestBallot(a: Ballot | null, b: Ballot | null): Ballot | null {
  return compareBallots(a, b) < 0 ? b : a
}

/** A ballot of `node` that is above `seen`: the next round. */
export function nextBallot(seen: Ballot | null, node: NodeId): Ballot {
  const round = (seen === null ? 0 : seen.round) + 1
  invariant(round <= MAX_ROUND, 'the rounds are used up')
  return { round, node }
}

/** `round.node`, for people: in logs, traces and errors. */
export function formatBallot(ballot: Ballot | null): string {
  return ballot === null ? 'none' : `${ballot.round}.${ballot.node}`
}

/**
 * By code point, which is also the order of the UTF-8 bytes on the wire: nodes that are written in
 * other languages must order ballots as we do, and UTF-16 order would differ from theirs.
 */
function compareIds(a: NodeId, b: NodeId): number {
  let index = 0
  while (index < a.length && a.charCodeAt(index) === b.charCodeAt(index)) index += 1
  return (a.codePointAt(index) ?? -1) - (b.codePointAt(index) ?? -1)
}
