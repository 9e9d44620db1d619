/**
 * What many seeds amount to, in a few lines.
 */
import { FAULT_KINDS } from '@paxos/testkit/simulation'
import type { SimulationOutcome } from '@paxos/testkit/simulation'

export function summaryOf(outcomes: readonly SimulationOutcome[], seconds: number): string {
  const total = (of: (outcome: SimulationOutcome) => number): number =>
    outcomes.reduce((sum, outcome) => sum + of(outcome), 0)
  const failed = outcomes.filter(({ violation }) => violation !== null).length
  const recovered = outcomes.map(({ recoveredAfterMs }) => recoveredAfterMs).filter(Number.isFinite)
  const slowestMs = recovered.reduce((slowest, ms) => Math.max(slowest, ms), 0)
  const faults = FAULT_KINDS.map(
    (kind) => [kind, total(({ injected }) => injected[kind] ?? 0)] as const,
  )
  return [
    `${outcomes.length} seeds in ${seconds.toFixed(1)} s (${(outcomes.length / seconds).toFixed(1)} a second), ${failed} with a broken promise`,
    `${(total(({ virtualMs }) => virtualMs) / 3_600_000).toFixed(2)} hours of cluster time, ` +
      `${total(({ requests }) => requests)} requests, ${total(({ answered }) => answered)} answered`,
    `without faults a command took at most ${slowestMs.toFixed(0)} ms`,
    `faults: ${faults.map(([kind, count]) => `${kind} ${count}`).join(', ')}`,
  ].join('\n')
}
