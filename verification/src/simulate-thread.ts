/**
 * A thread that runs the seeds which it is given, one after the other.
 */
import { parentPort } from 'node:worker_threads'
import { simulate } from '@paxos/testkit/simulation'
import type { SimulationOptions } from '@paxos/testkit/simulation'

parentPort?.on('message', (options: SimulationOptions) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
  void simulate(options).then((outcome) => parentPort?.postMessage(outcome))
})
