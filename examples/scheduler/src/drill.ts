#!/usr/bin/env node
/**
 * Rounds of kill, freeze and cut, mixed by a seed, against the process that runs the job: under
 * @paxos/coordination with a fenced table, and under redlock on one and on three Redis. Counts what must not
 * be. Exits with 1 when ours has any.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { runCommand } from './fail.ts'
import { endure } from './fault.ts'
import type { Fault } from './fault.ts'
import { FencedTable, lateWrites } from './fenced-table.ts'
import { interrupted } from './interrupted.ts'
import { redisOnPath, startRedis } from './redis-servers.ts'
import { Service } from './service.ts'

const TTL_MS = 1000

const FAULTS: readonly Fault[] = ['kill', 'freeze', 'cut']

/** Of the columns, in characters. */
const WIDTHS = [27, 6, 4, 6, 3, 17, 12]

interface Tally {
  readonly rounds: number
  readonly faults: Readonly<Record<Fault, number>>
  /** The table took a write of an earlier holder after one of a later. */
  readonly lateWrites: number
  /** After it had lost the lock, the job acted and its signal had not aborted. */
  readonly untold: number
}

const CONTENDERS = ['paxos', 'redlock-1', 'redlock-3'] as const

type Contender = (typeof CONTENDERS)[number]

interface Options {
  readonly rounds: number
  readonly seed: number
  readonly only?: Contender
}

const command = new Command('drill')
  .description('Counts late writes under faults: of this library, and of redlock on 1 and 3 Redis.')
  .option('--rounds <count>', 'how many for each', parseCount, 100)
  .option('--seed <number>', 'which faults, in which order', parseCount, 1)
  .addOption(new Option('--only <contender>', 'one of them').choices(CONTENDERS))
  .addHelpText('after', '\nOn Ctrl-C it tells what it has counted until then.\n')
  .showHelpAfterError('Type --help to see what there is.')
  .exitOverride()

await runCommand(async () => {
  await command.parseAsync()
  const { rounds, seed, only } = command.opts<Options>()
  const contenders = only === undefined ? CONTENDERS : [only]
  const signal = interrupted()
  say(['', 'rounds', 'kill', 'freeze', 'cut', 'late writes taken', 'acted untold'])
  let ourFaults = 0
  for (const contender of contenders) {
    if (signal.aborted) break
    if (contender === 'paxos') {
      const tally = await drill(rounds, seed, undefined, signal)
      tell('@paxos/coordination, fenced', tally)
      ourFaults = tally.lateWrites + tally.untold
    } else {
      await drillRedlock(contender === 'redlock-1' ? 1 : 3, rounds, seed, signal)
    }
  }
  return ourFaults === 0 ? 0 : 1
})

async function drillRedlock(
  count: number,
  rounds: number,
  seed: number,
  signal: AbortSignal,
): Promise<void> {
  const program = redisOnPath()
  if (program === null) {
    process.stderr.write('No redis-server is on the PATH: redlock is left out. Install it first.\n')
    return
  }
  await using servers = await startRedis(program, count)
  tell(`redlock on ${count} Redis`, await drill(rounds, seed, servers.ports, signal))
}

async function drill(
  rounds: number,
  seed: number,
  redisPorts: readonly number[] | undefined,
  signal: AbortSignal,
): Promise<Tally> {
  const directory = await mkdtemp(join(tmpdir(), 'paxos-scheduler-drill-'))
  try {
    const options = { directory, ttlMs: TTL_MS, checksToken: true, redisPorts, signal }
    await using service = await Service.start(options)
    const random = generator(seed)
    const faults = { kill: 0, freeze: 0, cut: 0 }
    let [untold, from] = [0, 0]
    let round = 0
    for (; round < rounds && !signal.aborted; round += 1) {
      const fault = FAULTS[Math.floor(random() * FAULTS.length)] ?? 'kill'
      const aftermath = await endure(service, fault, from).catch((error: unknown) => {
        if (signal.aborted) return null
        throw error
      })
      if (aftermath === null) break
      const { written, late } = aftermath
      from = service.after(written)
      faults[fault] += 1
      if (late !== null && !late.wasAborted) untold += 1
    }
    const table = new FencedTable(service.table)
    const taken = lateWrites(table.history()).length
    table.close()
    return { rounds: round, faults, lateWrites: taken, untold }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function tell(name: string, { rounds, faults, lateWrites: taken, untold }: Tally): void {
  say([name, ...[rounds, faults.kill, faults.freeze, faults.cut, taken, untold].map(String)])
}

function say(cells: readonly string[]): void {
  process.stdout.write(`${cells.map((cell, at) => cell.padEnd(WIDTHS[at] ?? 0)).join('  ')}\n`)
}

/** Numbers in [0, 1) that follow from the seed: mulberry32. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function parseCount(text: string): number {
  const count = Number(text)
  if (text.trim() !== '' && Number.isInteger(count) && count > 0) return count
  throw new InvalidArgumentError('Give a whole number from 1.')
}
