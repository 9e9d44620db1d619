/**
 * Makes a failing plan small: leaves out actions as long as the same promise is still broken (delta
 * debugging, Zeller and Hildebrandt, 2002). Must never return a plan that does not fail.
 */
import type { Action, Plan } from './plan.ts'
import { Simulation } from './simulation.ts'
import type { RunOptions, RunResult } from './simulation.ts'

/** How far to go. */
export interface ShrinkOptions extends RunOptions {
  /** So many runs at most, > 0. Default: 300, some ten seconds. */
  readonly maxRuns?: number | undefined
}

/** The smallest failure that was found, starting from `failed`, which is one. */
export async function shrink(
  failed: RunResult,
  { maxRuns = 300, ...options }: ShrinkOptions = {},
): Promise<RunResult> {
  let best = failed
  let runs = 0

  async function fails(actions: readonly Action[]): Promise<boolean> {
    if (runs >= maxRuns) return false
    runs += 1
    const plan: Plan = { ...best.plan, actions }
    const result = await new Simulation(plan, options).run()
    if (result.violation?.invariant !== failed.violation?.invariant) return false
    best = result
    return true
  }

  // What comes after the failure has nothing to do with it.
  const { violation } = failed
  if (violation === null) return failed
  await fails(best.plan.actions.filter(({ atMs }) => atMs <= violation.atMs))
  for (let size = Math.ceil(best.plan.actions.length / 2); size >= 1 && runs < maxRuns;) {
    let isSmaller = false
    for (let start = 0; start < best.plan.actions.length && runs < maxRuns;) {
      const { actions } = best.plan
      const rest = [...actions.slice(0, start), ...actions.slice(start + size)]
      if (await fails(rest)) isSmaller = true
      else start += size
    }
    if (!isSmaller && size === 1) break
    size = size === 1 ? 1 : Math.floor(size / 2)
  }
  return best
}
