/**
 * What many seeds amount to, in a few lines. The same seeds give the same lines, but for the time
 * that they took.
 */
import type { SeedOutcome } from './simulate-seed.ts'

export function summaryOf(outcomes: readonly SeedOutcome[], seconds: number): string {
  const total = (of: (outcome: SeedOutcome) => number): number =>
    outcomes.reduce((sum, outcome) => sum + of(outcome), 0)
  const failed = outcomes.filter(({ violation }) => violation !== null).length
  const slowestMs = outcomes.reduce(
    (slowest, { recoveredAfterMs }) => Math.max(slowest, recoveredAfterMs ?? 0),
    0,
  )
  const kinds = [...new Set(outcomes.flatMap(({ injected }) => Object.keys(injected)))].toSorted()
  const faults = kinds.map((kind) => {
    const count = total(({ injected }) => new Map(Object.entries(injected)).get(kind) ?? 0)
    return `${kind} ${count}`
  })
  return [
    `${outcomes.length} seeds in ${seconds.toFixed(1)} s (${(outcomes.length / seconds).toFixed(1)} a second), ${failed} with a broken promise`,
    `${(total(({ virtualMs }) => virtualMs) / 3_600_000).toFixed(2)} hours of cluster time, ` +
      `${total(({ operations }) => operations.asked)} operations, ` +
      `${total(({ operations }) => operations.answered)} answered`,
    `after the faults, all nodes were at one slot again within ${slowestMs.toFixed(0)} ms`,
    ...changesOf(outcomes),
    `faults: ${faults.length === 0 ? 'none' : faults.join(', ')}`,
  ].join('\n')
}

/** What operators asked for, where they did. */
function changesOf(outcomes: readonly SeedOutcome[]): readonly string[] {
  const total = (of: keyof SeedOutcome['changes']): number =>
    outcomes.reduce((sum, { changes }) => sum + changes[of], 0)
  if (total('asked') === 0) return []
  return [
    `changes of members: ${total('asked')} asked for, ${total('completed')} completed, ` +
      `${total('refused')} refused, ${total('conflicts')} overtaken by another, ` +
      `${total('notPromoted')} without the promotion, ${total('timedOut')} timed out; ` +
      `${total('cut')} calls cut by a crash`,
    `in the logs: ${total('made')} configurations, ${total('joins')} joins, ${total('removals')} removals`,
  ]
}
