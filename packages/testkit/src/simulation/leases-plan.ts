/**
 * What a run draws where leaders have leases: with which one the cluster starts, which others operators
 * want, and how clients look. Must never draw anything for a profile without leases.
 */
import type { LeaseRule } from '@paxos/core/multi'
import type { Profile } from './profile.ts'
import { randomOf } from './random.ts'
import type { Random } from './random.ts'

/** The leases of one run. */
export interface LeasesPlan {
  /** With which one the cluster starts. */
  readonly first: LeaseRule | null
  /** What all of them allow for, in parts of a million. */
  readonly maxDriftPpm: number
  /** The slowest clock, 1 being as fast as time: by so much longer may 'bounded' reads be old. */
  readonly slowestClock: number
}

/** What a client wants to be shown: everything, by the leader's lease; or what may be so old. */
export type Look =
  | { readonly consistency: 'lease' }
  | { readonly consistency: 'bounded'; readonly maxStalenessMs: number }

/** What a Replica takes at a first start: above its heartbeats, and within its window. */
const FIRST_MS = [300, 500, 800, 1000] as const

/** What operators want: they may ask for more, and for less than is of any use. */
const LATER_MS = [100, 300, 800, 2500] as const

/** What leases there are, if there are any. */
export function drawLeases(
  seed: number,
  { leases, clockRates = [1] }: Profile,
): { readonly leases?: LeasesPlan } {
  if (leases === undefined) return {}
  const random = randomOf(seed, 'leases')
  const { maxDriftPpm } = leases
  const first = random.chance(0.2) ? null : { durationMs: random.pick(FIRST_MS), maxDriftPpm }
  return { leases: { first, maxDriftPpm, slowestClock: Math.min(1, ...clockRates) } }
}

/** What an operator wants of leases, none with `null`. `pick` is from 0 to below 1. */
export function otherLease(pick: number, maxDriftPpm: number): LeaseRule | null {
  const choices = [null, ...LATER_MS]
  const durationMs = choices[Math.floor(pick * choices.length)] ?? null
  return durationMs === null ? null : { durationMs, maxDriftPpm }
}

/** How one call looks, if it is a look. */
export function drawLook({ leases }: Profile, random: Random): { readonly look?: Look } {
  if (leases === undefined) return {}
  const dice = random.next()
  if (dice < 0.5) return { look: { consistency: 'lease' } }
  if (dice >= 0.8) return {}
  const maxStalenessMs = random.pick([0, 50, 500, 5000])
  return { look: { consistency: 'bounded', maxStalenessMs } }
}
