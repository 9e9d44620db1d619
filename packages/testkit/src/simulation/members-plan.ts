/**
 * What operators ask for in a run whose members change, drawn from the seed as everything else. What
 * exactly a change names follows from the members that there are by then, so that any subset of a plan
 * is a plan. Must never draw anything for a profile that changes no members.
 */
import type { NodeId } from '@paxos/core'
import type { Profile } from './profile.ts'
import { randomOf } from './random.ts'

/** What an operator wants. */
export type Want =
  | 'add-voter'
  | 'add-learner'
  | 'remove'
  | 'replace'
  | 'move'
  | 'promote'
  | 'demote'
  /** Others suffice: by size, by weight, as a grid, or a majority again. */
  | 'quorums'
  /** A new node for each but one, at once. */
  | 'exchange'
  /** Another one should lead, or some other one. */
  | 'prioritize'
  /** Leaders have another lease, or none. */
  | 'lease'
  /** What nobody should ask for: an id twice, a node that is no member, the last voter. */
  | 'mistake'

/** An operator asks for a change. */
export interface ChangeCall {
  readonly type: 'change'
  readonly atMs: number
  readonly operator: number
  readonly want: Want
  /** Which of those that it may concern, from 0 to below 1. */
  readonly pick: number
  /** The first node to ask: an index, modulo the number of nodes. */
  readonly through: number
  /** How long it waits for one answer before it asks another node, and for how long in all. */
  readonly attemptMs: number
  readonly patienceMs: number
}

/** Two, so that they meet. */
export const OPERATORS = 2

const WANTS: readonly [Want, ...Want[]] = [
  'add-voter',
  'add-voter',
  'add-voter',
  'add-learner',
  'remove',
  'remove',
  'replace',
  'replace',
  'move',
  'promote',
  'promote',
  'demote',
  'exchange',
  'quorums',
  'quorums',
  'mistake',
]

/** Where leaders have leases, they are what changes most. */
const LEASE_WANTS: readonly [Want, ...Want[]] = [
  ...WANTS,
  'prioritize',
  'prioritize',
  'prioritize',
  'lease',
  'lease',
  'lease',
  'lease',
  'lease',
]

/** Enough that all of the start may leave, with some to spare. */
const SPARES: readonly NodeId[] = ['p', 'q', 'r', 's']

/** Who may join. */
export function sparesFor(
  { changesPerMinute }: Profile,
  nodes: readonly NodeId[],
): { readonly spares?: readonly NodeId[] } {
  if (changesPerMinute === undefined) return {}
  return { spares: SPARES.filter((id) => !nodes.includes(id)) }
}

/** The changes that are asked for under `profile`. */
export function drawChanges(
  seed: number,
  { changesPerMinute, faultsForMs, leases }: Profile,
): ChangeCall[] {
  if (changesPerMinute === undefined) return []
  const random = randomOf(seed, 'operators')
  const factor = random.pick([0.5, 1, 1, 2])
  const count = Math.round((changesPerMinute * factor * faultsForMs) / 60_000)
  return Array.from({ length: count }, () => ({
    type: 'change',
    atMs: random.integer(0, faultsForMs - 1),
    operator: random.integer(0, OPERATORS - 1),
    want: random.pick(leases === undefined ? WANTS : LEASE_WANTS),
    pick: random.next(),
    through: random.integer(0, 100),
    attemptMs: random.pick([500, 2000, 6000]),
    patienceMs: random.pick([1000, 6000, 12_000]),
  }))
}
