/**
 * Spreads seeds over threads. What comes of a seed does not depend on the thread, nor on how many
 * there are. Must end every thread that it started.
 */
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { ProfileName } from '@paxos/testkit/simulation'
import { runSeed } from './simulate-seed.ts'
import type { SeedOutcome } from './simulate-seed.ts'

export interface Job {
  readonly seeds: readonly number[]
  readonly profile: ProfileName
  /** How many threads, at least 1. A single one is this thread itself, as are all on sources. */
  readonly workers: number
}

/** Resolves when all seeds are done, or soon after `signal` says that it is enough. */
export async function runSeeds(
  { seeds, profile, workers }: Job,
  signal: AbortSignal,
  onOutcome: (outcome: SeedOutcome) => void,
): Promise<void> {
  let next = 0
  const take = (): number | null => (signal.aborted ? null : (seeds[next++] ?? null))
  // Node 20 does not load TypeScript in a thread, whoever does it in the main one.
  if (workers > 1 && !import.meta.url.endsWith('.ts')) {
    const threads = Array.from({ length: Math.min(workers, seeds.length) }, () =>
      runThread(profile, take, onOutcome),
    )
    await Promise.all(threads)
    return
  }
  for (let seed = take(); seed !== null; seed = take()) {
    onOutcome(await runSeed({ seed, profile }))
    // A simulation leaves no room for anything else: Ctrl-C is heard here.
    await setImmediate()
  }
}

function runThread(
  profile: ProfileName,
  take: () => number | null,
  onOutcome: (outcome: SeedOutcome) => void,
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
    worker.on('message', (outcome: SeedOutcome) => {
      onOutcome(outcome)
      give()
    })
    give()
  })
}
