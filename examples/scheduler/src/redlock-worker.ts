#!/usr/bin/env node
/**
 * The same job under a lock of redlock, for the drill to compare with: extended by redlock itself while the
 * job runs. Its table is not fenced, for such a lock has no token.
 */
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Command } from 'commander'
import { Redis } from 'ioredis'
import Redlock from 'redlock'
import { leaving, onOrder, reporter, untilOrdered } from './channel.ts'
import { runCommand } from './fail.ts'
import { FencedTable } from './fenced-table.ts'
import type { Report } from './report.ts'
import { Turns } from './turns.ts'

interface Options {
  readonly id: string
  readonly table: string
  readonly ttl: string
  readonly redis: readonly string[]
}

const RETRY_MS = 100

const command = new Command('redlock-worker')
  .requiredOption('--id <id>')
  .requiredOption('--table <path>')
  .requiredOption('--ttl <ms>')
  .requiredOption('--redis <ports...>')
  .exitOverride()

await runCommand(async () => {
  await command.parseAsync()
  const leave = leaving()
  try {
    await runJobs(command.opts<Options>(), leave)
    return 0
  } finally {
    if (process.connected) process.disconnect()
  }
})

async function runJobs(options: Options, leave: AbortSignal): Promise<void> {
  const report = reporter(options.id)
  const ttlMs = Number(options.ttl)
  const clients = options.redis.map((port) => connect(Number(port)))
  onOrder(({ type }) => {
    if (type === 'cut') for (const client of clients) client.disconnect()
    if (type === 'heal') for (const client of clients) client.connect().catch(() => undefined)
  })
  const redlock = new Redlock(clients, {
    retryCount: 0,
    retryDelay: RETRY_MS,
    // Extended as often as a hold of @paxos/coordination is renewed.
    automaticExtensionThreshold: Math.floor((ttlMs * 2) / 3),
  })
  redlock.on('error', () => undefined)
  const table = new FencedTable(options.table, { checksToken: false })
  const turns = new Turns(join(dirname(options.table), 'turns.db'))
  const work = untilOrdered(leave)
  report({ type: 'ready' })
  while (!leave.aborted) {
    try {
      await redlock.using(['report'], ttlMs, async (signal) => {
        const run = { dueMs: Math.floor(Date.now() / 1000) * 1000, token: turns.next() }
        await runJob(run, signal, () => work(run), table, options.id, report)
      })
    } catch {
      // Somebody else has it, or it was lost before it was released.
    }
    await delay(RETRY_MS)
  }
  for (const client of clients) client.disconnect()
  table.close()
  turns.close()
}

function connect(port: number): Redis {
  const client = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: 0 })
  client.on('error', () => undefined)
  return client
}

/** As the job of run-worker.ts, line by line. */
async function runJob(
  run: { readonly dueMs: number; readonly token: number },
  signal: AbortSignal,
  work: () => Promise<void>,
  table: FencedTable,
  author: string,
  report: (report: Report) => void,
): Promise<void> {
  const abort = (): void => report({ type: 'aborted', ...run })
  signal.addEventListener('abort', abort, { once: true })
  report({ type: 'begun', ...run, isAgain: false })
  await work()
  await delay(1)
  const wasAborted = signal.aborted
  signal.removeEventListener('abort', abort)
  report({ ...table.write({ ...run, author }), ...run, wasAborted })
}
