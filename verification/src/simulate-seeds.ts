/**
 * Runs seeds of the simulator, on threads.
 */
import type { ProfileName } from '@paxos/testkit/simulation'
import { runSeed } from './simulate-seed.ts'
import type { SeedOfProfile, SeedOutcome } from './simulate-seed.ts'
import { spread } from './spread.ts'

export interface Job {
  readonly seeds: readonly number[]
  readonly profile: ProfileName
  /** How many threads, at least 1. */
  readonly workers: number
}

/** Resolves when all seeds are done, or soon after `signal` says that it is enough. */
export async function runSeeds(
  { seeds, profile, workers }: Job,
  signal: AbortSignal,
  onOutcome: (outcome: SeedOutcome) => void,
): Promise<void> {
  const pieces = seeds.map((seed): SeedOfProfile => ({ seed, profile }))
  const thread = new URL('./simulate-thread.js', import.meta.url)
  await spread({ pieces, workers, run: runSeed, thread }, signal, onOutcome)
}
