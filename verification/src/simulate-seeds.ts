/**
 * Spreads seeds over threads. What comes of a seed does not depend on the thread, nor on how many
 * there are. Must end every thread that it started.
 */
import { Worker } from 'node:worker_threads'
import { simulate } from '@paxos/testkit/simulation'
import type { ProfileName, SimulationOutcome } from '@paxos/testkit/simulation'

export interface Job {
  readonly seeds: readonly number[]
  readonly profile: ProfileName
  /** How many threads; none with 0. */
  readonly workers: number
}

/** Resolves when all seeds are done, or soon after `signal` says that it is enough. */
export async function runSeeds(
  { seeds, profile, workers }: Job,
  signal: AbortSignal,
  onOutcome: (outcome: SimulationOutcome) => void,
): Promise<void> {
  let next = 0
  const take = (): number | null => (signal.aborted ? null : (seeds[next++] ?? null))
  if (workers === 0) {
    for (let seed = take(); seed !== null; seed = take()) {
      onOutcome(await simulate({ seed, profile }))
    }
    return
  }
  const threads = Array.from({ length: Math.min(workers, seeds.length) }, () =>
    runThread(profile, take, onOutcome),
  )
  await Promise.all(threads)
}

function runThread(
  profile: ProfileName,
  take: () => number | null,
  onOutcome: (outcome: SimulationOutcome) => void,
): Promise<void> {
  const worker = new Worker(new URL('./simulate-thread.js', import.meta.url))
  return new Promise<void>((resolve, reject) => {
    const give = (): void => {
      const seed = take()
      if (seed === null) void worker.terminate().then(() => resolve())
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
      else worker.postMessage({ seed, profile })
    }
    worker.on('error', reject)
    worker.on('message', (outcome: SimulationOutcome) => {
      onOutcome(outcome)
      give()
    })
    give()
  })
}
