/**
 * A thread that runs the seeds which it is given, one after the other.
 */
import { parentPort } from 'node:worker_threads'
import type { SeedOfProfile } from './simulate-seed.ts'
import { runSeed } from './simulate-seed.ts'

parentPort?.on('message', (seed: SeedOfProfile) => {
  void runSeed(seed).then((outcome) => parentPort?.postMessage(outcome))
})
