/**
 * Callers that each ask for one command after another, and what they see: how many are answered a
 * second, and how long each takes. The same for every pipeline, so that the figures compare.
 */

/** What the callers saw. */
export interface Measured {
  readonly commandsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly syncsPerCommand: number
}

/** Before anything is counted: connections, compiled code, warm caches. */
const WARM_UP_MS = 1_000

/** Runs `callers` at once for `durationMs`. `syncs` tells how many syncs there have been so far. */
export async function measure(
  callers: number,
  durationMs: number,
  commit: () => Promise<unknown>,
  syncs: () => number,
): Promise<Measured> {
  await runCallers(callers, WARM_UP_MS, commit)
  const syncsBefore = syncs()
  const startedAtMs = performance.now()
  const latenciesMs = await runCallers(callers, durationMs, commit)
  const seconds = (performance.now() - startedAtMs) / 1000
  const sorted = Float64Array.from(latenciesMs).toSorted()
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? NaN
  return {
    commandsPerSecond: sorted.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    syncsPerCommand: (syncs() - syncsBefore) / sorted.length,
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
