/**
 * How long a node takes to be back, and in how much memory: from a log on its own disk that no snapshot
 * has cut short, and from the snapshot of another node.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { closedOnInterrupt } from './interrupt.ts'
import { joinLate } from './late-joiner.ts'
import { output } from './output.ts'
import type { OutputOptions } from './output.ts'
import type { RecoveryStep, RecoveryTook } from './recovery-step.ts'
import type { Column, Row } from './report.ts'

export interface RecoveryOptions extends OutputOptions {
  /** Of the log. */
  readonly megabytes: number
  readonly bytes: number
  /** Of the snapshot. */
  readonly snapshot: number
  readonly transport: readonly string[]
  readonly rounds: number
  readonly directory: string
}

const SCRIPT = fileURLToPath(new URL('./recovery-step.js', import.meta.url))

const COLUMNS: readonly Column[] = [
  { key: 'megabytes', title: 'MB', digits: 0 },
  { key: 'seconds', title: 'seconds', digits: 2 },
  { key: 'megabytesPerSecond', title: 'MB/s', digits: 0 },
  { key: 'peakMegabytes', title: 'peak MB', digits: 0 },
]

const STEPS = [
  ['writing the log', 'write'],
  ['its disk alone is opened', 'open-disk'],
  ['a node answers, on that disk', 'open-node'],
] as const

/** What one row took in one round. */
interface Took extends RecoveryTook {
  readonly bytes: number
}

export async function recovery(options: RecoveryOptions): Promise<void> {
  const found = new Map<string, Took[]>()
  const note = (what: string, took: Took): void => {
    found.set(what, [...(found.get(what) ?? []), took])
    process.stderr.write(`${what}: ${took.seconds.toFixed(2)} s\n`)
  }
  for (let round = 1; round <= options.rounds; round += 1) {
    await recoverOnce(options, note)
    for (const transport of options.transport) {
      const joined = await joinLate(transport, { ...options, megabytes: options.snapshot })
      note(`a node has the snapshot of another, ${transport}`, joined)
    }
  }
  const rows = [...found].map(([what, took]): Row => {
    return {
      labels: { what },
      figures: {
        megabytes: took.map(({ bytes }) => bytes / 1e6),
        seconds: took.map(({ seconds }) => seconds),
        megabytesPerSecond: took.map(({ bytes, seconds }) => bytes / 1e6 / seconds),
        peakMegabytes: took.map(({ peakBytes }) => peakBytes / 1e6),
      },
    }
  })
  const title = 'How fast a node is back'
  await output({ title, columns: COLUMNS, rows }, options, {
    figure: 'megabytesPerSecond',
    series: 'what',
  })
}

async function recoverOnce(
  { megabytes, bytes, directory: parent }: RecoveryOptions,
  note: (what: string, took: Took) => void,
): Promise<void> {
  // In one turn with the promise to remove it.
  const directory = mkdtempSync(join(parent, 'paxos-bench-'))
  const close = closedOnInterrupt(() => rm(directory, { recursive: true, force: true }))
  try {
    const logBytes = megabytes * 1e6
    const log = join(directory, 'a')
    for (const [what, step] of STEPS) {
      const took = await run({ step, directory: log, logBytes, commandBytes: bytes })
      note(what, { ...took, bytes: logBytes })
    }
  } finally {
    await close()
  }
}

/** In a process of its own. */
async function run(step: RecoveryStep): Promise<RecoveryTook> {
  const child = fork(SCRIPT)
  const kill = closedOnInterrupt(async () => {
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) {
      await once(child, 'exit')
    }
  })
  try {
    const said = new Promise<RecoveryTook>((resolve, reject) => {
      child.once('message', (took: RecoveryTook) => resolve(took))
      child.once('error', reject)
      child.once('exit', (code) => {
        reject(
          new Error(`The process for '${step.step}' ended with ${code}. See what it said above.`),
        )
      })
    })
    child.send(step)
    return await said
  } finally {
    await kill()
  }
}
