/**
 * Callers that each ask for one command after another, and what they see: how many are answered a
 * second, and how long each takes. The same for every pipeline, so that the figures compare.
 */
import { quantile } from './figures.ts'

/** What the callers saw. */
export interface Measured {
  readonly commands: number
  readonly commandsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Runs `callers` at once for `durationMs`. */
export async function measure(
  callers: number,
  durationMs: number,
  commit: () => Promise<unknown>,
): Promise<Measured> {
  const startedAtMs = performance.now()
  const latenciesMs = await runCallers(callers, durationMs, commit)
  const seconds = (performance.now() - startedAtMs) / 1000
  const sorted = Float64Array.from(latenciesMs).toSorted()
  return {
    commands: sorted.length,
    commandsPerSecond: sorted.length / seconds,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
  }
}

async function runCallers(
  callers: number,
  durationMs: number,
  commit: () => Promise<unknown>,
): Promise<number[]> {
  const endMs = performance.now() + durationMs
  const latenciesMs: number[] = []
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let atMs = performance.now(); atMs < endMs;) {
        await commit()
        const nowMs = performance.now()
        latenciesMs.push(nowMs - atMs)
        atMs = nowMs
      }
    }),
  )
  return latenciesMs
}
