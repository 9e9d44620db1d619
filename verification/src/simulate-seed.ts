/**
 * One seed, and what of its outcome is counted: small enough to be kept of thousands of seeds.
 */
import { PROFILES, Simulation } from '@paxos/testkit/simulation'
import type { ProfileName, RunResult } from '@paxos/testkit/simulation'

export interface SeedOfProfile {
  readonly seed: number
  readonly profile: ProfileName
}

export type SeedOutcome = Pick<
  RunResult,
  'violation' | 'virtualMs' | 'operations' | 'injected' | 'changes' | 'recoveredAfterMs'
> & { readonly seed: number }

export async function runSeed({ seed, profile }: SeedOfProfile): Promise<SeedOutcome> {
  return outcomeOf(await Simulation.ofSeed(seed, PROFILES[profile]).run())
}

export function outcomeOf(result: RunResult): SeedOutcome {
  const { plan, violation, virtualMs, operations, injected, changes, recoveredAfterMs } = result
  const { seed } = plan
  return { seed, violation, virtualMs, operations, injected, changes, recoveredAfterMs }
}
