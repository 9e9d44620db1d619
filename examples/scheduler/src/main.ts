#!/usr/bin/env node
/**
 * The demonstration: three processes, one of which runs the job. It is frozen in the middle of a run,
 * another takes over, and the first is thawed and writes too late. Exits with 0 when the table has refused
 * that, and with 1 when it has taken it or something fails.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { runCommand } from './fail.ts'
import { endure, finish } from './fault.ts'
import { FencedTable, lateWrites } from './fenced-table.ts'
import { interrupted } from './interrupted.ts'
import { lineOf } from './report.ts'
import { Service } from './service.ts'

const TTL_MS = 1000

const command = new Command('scheduler')
  .description(
    'Starts three processes, one of which runs a job every second. It is frozen in the middle of a ' +
      'run, another takes over, and the first is thawed and writes too late.',
  )
  .option('--no-fence', 'have the table take any token, to see why it should not')
  .showHelpAfterError('Type --help to see what there is.')
  .exitOverride()

await runCommand(async () => {
  await command.parseAsync()
  const { fence: checksToken } = command.opts<{ readonly fence: boolean }>()
  const directory = await mkdtemp(join(tmpdir(), 'paxos-scheduler-'))
  try {
    return await demonstrate(directory, checksToken)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

async function demonstrate(directory: string, checksToken: boolean): Promise<number> {
  const table = await freezeOne(directory, checksToken)
  const late = lateWrites(table.history())
  table.close()
  if (late.length === 0) {
    say('-- The table took nothing with a lower token after a higher one.')
    return 0
  }
  say(
    `-- The table took ${late.length} with a lower token after a higher one: a report was overwritten.`,
  )
  return 1
}

/** Resolves with what was written, when all is over. */
async function freezeOne(directory: string, checksToken: boolean): Promise<FencedTable> {
  await using service = await Service.start({
    directory,
    ttlMs: TTL_MS,
    checksToken,
    signal: interrupted(),
    onReport: (heard) => say(lineOf(heard.by, heard)),
  })
  const written = await finish(service, await service.heard('begun'))
  say('-- The one that begins next is frozen in the middle of its run.')
  await endure(service, 'freeze', service.after(written))
  return new FencedTable(service.table)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
