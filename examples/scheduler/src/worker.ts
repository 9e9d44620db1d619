#!/usr/bin/env node
/**
 * One process of the service, until Ctrl-C. `main.ts` and the tests start several of these and listen to
 * their reports; by hand it runs in a terminal of its own and prints them.
 */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Command, InvalidArgumentError } from 'commander'
import { leaving, onOrder, reporter, untilOrdered } from './channel.ts'
import { runCommand } from './fail.ts'
import { runWorker } from './run-worker.ts'
import type { Work } from './run-worker.ts'

interface Options {
  readonly id: string
  readonly member: Readonly<Record<string, string>>
  readonly directory: string
  readonly table: string
  readonly pattern: string
  readonly ttl: number
  readonly work: number
  readonly wait: boolean
  readonly fence: boolean
}

const command = new Command('worker')
  .description('Runs one process of a service in which one at a time runs the job, until Ctrl-C.')
  .requiredOption('--id <id>', 'which of the members this one is')
  .requiredOption(
    '--member <id=address>',
    'a process and where it listens, as in a=ws://127.0.0.1:7000; repeat it for each, this one too',
    parseMember,
  )
  .requiredOption('--directory <path>', 'where this one keeps what it has promised')
  .requiredOption('--table <path>', 'the SQLite database that all write to')
  .option('--pattern <cron>', 'when the job is due', '*/5 * * * * *')
  .option('--ttl <ms>', 'what others wait for after the process of a run has died', parseMs, 10_000)
  .option('--work <ms>', 'how long the work of a run takes', parseMs, 1000)
  .option('--wait', 'work until the parent says that it is done', false)
  .option('--no-fence', 'have the table take any token')
  .showHelpAfterError('Type --help to see what there is.')
  .exitOverride()

await runCommand(async () => {
  await command.parseAsync()
  const { id, member, ttl, fence, work: workMs, wait, ...options } = command.opts<Options>()
  const leave = leaving()
  const work = wait ? untilOrdered(leave) : timed(workMs)
  try {
    await mkdir(dirname(options.table), { recursive: true })
    const running = { ...options, id, members: member, ttlMs: ttl, checksToken: fence }
    await runWorker(running, work, reporter(id), onOrder, leave)
    return 0
  } finally {
    // The channel to the parent would keep this process alive.
    if (process.connected) process.disconnect()
  }
})

function timed(workMs: number): Work {
  return () => delay(workMs)
}

/** Adds `id=address` to the members that were named before it. */
function parseMember(
  text: string,
  members: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 0) throw new InvalidArgumentError('Write id=address, as in a=ws://127.0.0.1:7000.')
  return { ...members, [text.slice(0, at)]: text.slice(at + 1) }
}

function parseMs(text: string): number {
  const ms = Number(text)
  if (text.trim() !== '' && Number.isInteger(ms) && ms >= 0) return ms
  throw new InvalidArgumentError('Give a whole number of milliseconds.')
}
