/**
 * A store that runs for as long as it is measured, and is asked by a client in another process, as the
 * services are that use one. Must never leave a process or a file behind.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { closedOnInterrupt } from './interrupt.ts'
import type { Measured } from './measure.ts'
import type { ClientOrder, ClientReport } from './others-client.ts'
import type { StartServers } from './servers.ts'

/** What is asked, for how long. */
export interface Question extends Omit<ClientOrder, 'target' | 'durationMs' | 'warmUpMs'> {
  readonly seconds: number
}

/** A store that runs. */
export interface RunningStore {
  readonly ask: (question: Question) => Promise<Measured>
}

const WARM_UP_MS = 1_000
const SCRIPT = fileURLToPath(new URL('./others-client.js', import.meta.url))

/** Starts the store in a new directory in `parent`, and ends it when `use` has. */
export async function askedFromOutside<T>(
  begin: StartServers,
  parent: string,
  use: (store: RunningStore) => Promise<T>,
): Promise<T> {
  // In one turn with the promise to remove it.
  const directory = mkdtempSync(join(parent, 'paxos-bench-'))
  const clear = closedOnInterrupt(() =>
    rm(directory, { recursive: true, force: true, maxRetries: 3 }),
  )
  const { target, close: stop } = await begin(directory)
  const close = closedOnInterrupt(stop)
  try {
    return await use({
      ask({ seconds, ...question }) {
        const durationMs = seconds * 1000
        const warmUpMs = Math.min(WARM_UP_MS, durationMs)
        return ask({ ...question, target, durationMs, warmUpMs })
      },
    })
  } finally {
    await close()
    await clear()
  }
}

async function ask(order: ClientOrder): Promise<Measured> {
  const child = fork(SCRIPT)
  const kill = closedOnInterrupt(async () => {
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) {
      await once(child, 'exit')
    }
  })
  try {
    const said = new Promise<ClientReport>((resolve, reject) => {
      child.once('message', (report: ClientReport) => resolve(report))
      child.once('exit', (code) =>
        reject(new Error(`The process of the callers ended with ${code}.`)),
      )
    })
    child.send(order)
    const report = await said
    if ('failed' in report) {
      throw new Error(`The ${order.target.type} could not be measured: ${report.failed}`)
    }
    return report.measured
  } finally {
    await kill()
  }
}
