/**
 * Finds the few faults of a schedule without which a run does not fail: Zeller's delta debugging
 * (ddmin, 2002), with a bound on its patience. Must never return faults with which it was not seen
 * to fail.
 */
import { simulate } from './simulation.ts'
import type { SimulationOptions, SimulationOutcome } from './simulation.ts'

export interface Shrunk {
  /** The places in the schedule of those that are left. */
  readonly only: readonly number[]
  readonly outcome: SimulationOutcome
}

/** `failed` is the outcome of `options`, with a violation. Tries at most `maxRuns` runs. */
export async function shrink(
  options: SimulationOptions,
  failed: SimulationOutcome,
  maxRuns = 60,
): Promise<Shrunk> {
  let best: Shrunk = { only: options.only ?? [...failed.faults.keys()], outcome: failed }
  let runs = 0
  for (let size = Math.ceil(best.only.length / 2); size >= 1 && runs < maxRuns;) {
    const smaller = await firstThatFails(chunksRemoved(best.only, size))
    if (smaller !== null) best = smaller
    else if (size === 1) break
    else size = Math.ceil(size / 2)
  }
  return best

  async function firstThatFails(candidates: Iterable<readonly number[]>): Promise<Shrunk | null> {
    for (const only of candidates) {
      if (runs >= maxRuns) return null
      runs += 1
      const outcome = await simulate({ ...options, only })
      if (outcome.violation?.invariant === failed.violation?.invariant) return { only, outcome }
    }
    return null
  }
}

function* chunksRemoved(items: readonly number[], size: number): Generator<readonly number[]> {
  for (let start = 0; start < items.length; start += size) {
    yield [...items.slice(0, start), ...items.slice(start + size)]
  }
}
