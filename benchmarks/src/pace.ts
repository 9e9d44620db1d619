/**
 * How often something is done in a second that needs nobody but this process.
 */

export interface Pace {
  readonly perSecond: number
  /** All threads of this process, those that collect garbage and compile included. */
  readonly cpuMicroseconds: number
}

/**
 * Before anything is counted: V8 compiles what has run for long enough, and that is time of the
 * processor, however long this process had to wait for it.
 */
const WARM_UP_CPU_MS = 1_000

/** Does `run` again and again; it says how many it has done. */
export function paceOf(seconds: number, run: () => number): Pace {
  warmUp(Math.min(WARM_UP_CPU_MS, seconds * 1000), run)
  const before = process.cpuUsage()
  const startedAtMs = performance.now()
  const count = repeat(seconds * 1000, run)
  const tookMs = performance.now() - startedAtMs
  const { user, system } = process.cpuUsage(before)
  return { perSecond: (count / tookMs) * 1000, cpuMicroseconds: (user + system) / count }
}

function warmUp(cpuMs: number, run: () => number): void {
  const before = process.cpuUsage()
  for (let usedMs = 0; usedMs < cpuMs;) {
    for (let count = 0; count < 64; count += 1) run()
    const { user, system } = process.cpuUsage(before)
    usedMs = (user + system) / 1000
  }
}

function repeat(durationMs: number, run: () => number): number {
  const endMs = performance.now() + durationMs
  let count = 0
  while (performance.now() < endMs) count += run()
  return count
}
