#!/usr/bin/env node
/**
 * The drills of an operator, with figures: what those who write notice while the members change. What
 * it prints depends on the machine and on what else it does; that no write is lost does not. Exits with
 * 1 and a sentence when one is.
 */
import { setMaxListeners } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Argument, Command, Option } from 'commander'
import { parseWhole } from './arguments.ts'
import { DURABILITIES, TRANSPORTS } from './cluster.ts'
import type { DurabilityScheme, TransportScheme } from './cluster.ts'
import { allDisks, firstStart, kills, otherMachines, rolling } from './drills.ts'
import type { Row } from './drills.ts'
import { runCommand, UserError } from './fail.ts'

const DRILLS = {
  'first-start': firstStart,
  machines: otherMachines,
  disks: allDisks,
  rolling,
  kills,
} as const

type DrillName = keyof typeof DRILLS

interface Options {
  readonly transport: readonly TransportScheme[]
  readonly durability: DurabilityScheme
  readonly livenessWindow: number
}

const NAMES: readonly string[] = Object.keys(DRILLS)

const command = new Command('drill')
  .description(
    'Changes, restarts or kills the members of a cluster of real processes while clients write, and ' +
      'prints how long no write was acknowledged in each step.',
  )
  .addArgument(
    new Argument('[drills...]', 'which').choices(NAMES).default(NAMES, `all: ${NAMES.join(', ')}`),
  )
  .addOption(
    new Option('--transport <schemes...>', 'how the nodes talk')
      .choices(TRANSPORTS)
      .default(TRANSPORTS),
  )
  .addOption(
    new Option('--durability <scheme>', 'how they keep what they have accepted')
      .choices(DURABILITIES)
      .default('file'),
  )
  .option(
    '--liveness-window <ms>',
    'how long a leader may be silent; five heartbeats fit in',
    parseWhole(50, 60_000),
    1000,
  )
  .addHelpText(
    'after',
    `
  first-start  three nodes of which one is missing: what the two say, and when they go on
  machines     3 nodes become 5 others, and those 3 others
  disks        all three disks are wiped, one after the other, and replaced
  rolling      every node is restarted in turn, ten times
  kills        the leader is killed, 40 times`,
  )
  .showHelpAfterError('Type --help to see what there is.')
  .exitOverride()
  .action(async (drills: readonly DrillName[], options: Options) => {
    for (const drill of drills) {
      for (const transport of options.transport) await run(drill, transport, options)
    }
  })

await runCommand(async () => {
  await command.parseAsync()
  return 0
})

async function run(
  name: DrillName,
  transport: TransportScheme,
  { durability, livenessWindow }: Options,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'paxos-drill-'))
  const over = new AbortController()
  // Each writer listens while it waits, and so do those who look.
  setMaxListeners(64, over.signal)
  const interrupt = (): void => over.abort(new UserError('Interrupted. The servers were stopped.'))
  for (const event of ['SIGINT', 'SIGTERM']) process.once(event, interrupt)
  const periods = {
    heartbeatPeriodMs: Math.ceil(livenessWindow / 5),
    livenessWindowMs: livenessWindow,
  }
  const onFailure = (error: UserError): void => over.abort(error)
  const rows: Row[] = []
  try {
    const at = { transport, durability, directory: join(directory, 'nodes'), periods, onFailure }
    await DRILLS[name](at, over.signal, rows)
  } catch (error) {
    // Whatever was being waited for, this is why it was in vain.
    over.signal.throwIfAborted()
    throw error
  } finally {
    for (const event of ['SIGINT', 'SIGTERM']) process.off(event, interrupt)
    process.stdout.write(`${name} over ${transport}, liveness window ${livenessWindow} ms\n`)
    print(rows)
    await rm(directory, { recursive: true, force: true })
  }
}

function print(rows: readonly Row[]): void {
  const cells = [
    ['', 'took ms', 'longest pause ms', 'writes', ''],
    ...rows.map(({ step, tookMs, pauseMs, writes, note = '' }) => [
      step,
      ...[tookMs, pauseMs, writes].map((value) => value?.toFixed(0) ?? ''),
      note,
    ]),
  ]
  const widths = [0, 1, 2, 3].map((at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)))
  for (const [step = '', ...rest] of cells) {
    const figures = rest.slice(0, 3).map((cell, index) => cell.padStart(widths[index + 1] ?? 0))
    const line = [step.padEnd(widths[0] ?? 0), ...figures, rest[3]].join('  ')
    process.stdout.write(`  ${line.trimEnd()}\n`)
  }
}
