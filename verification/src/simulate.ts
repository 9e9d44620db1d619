/**
 * `pnpm simulate`: runs seeds of the simulator, says what it did to the clusters, and of a seed that
 * breaks a promise the few faults that it takes, the last messages, and how to see it again.
 */
import { availableParallelism } from 'node:os'
import { writeFileSync } from 'node:fs'
import { PROFILES, shrink, simulate } from '@paxos/testkit/simulation'
import type { ProfileName, SimulationOutcome } from '@paxos/testkit/simulation'
import { Command, InvalidArgumentError, Option } from 'commander'
import { progressLine } from './progress.ts'
import { runSeeds } from './simulate-seeds.ts'
import { summaryOf } from './simulate-summary.ts'

interface Options {
  readonly seeds: number
  readonly start: number
  readonly profile: ProfileName
  readonly seed?: number
  readonly workers: number
  readonly trace?: string
}

const HIGHEST_SEED = 2 ** 32 - 1

const program = new Command('simulate')
  .description('runs whole clusters on virtual time while everything goes wrong that a seed says')
  .option('--seeds <count>', 'how many seeds to run', positive, 1000)
  .option('--start <seed>', 'the first of them', seedOf, 1)
  .addOption(
    new Option('--profile <name>', 'which faults there are')
      .choices(Object.keys(PROFILES))
      .default('swarm'),
  )
  .option('--seed <seed>', 'run this one alone, and show its last messages', seedOf)
  .option('--workers <count>', 'threads to spread over; 0 for none', count, availableParallelism())
  .option('--trace <file>', 'with --seed: write everything that happened to this file')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()

const options = program.opts<Options>()
if (options.trace !== undefined && options.seed === undefined) {
  program.error('error: --trace writes down one run. Say which with --seed.')
}
process.exitCode =
  options.seed === undefined ? await many(options) : await one(options, options.seed)

async function many({ seeds, start, profile, workers }: Options): Promise<number> {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const progress = progressLine('seeds', seeds)
  const beganMs = performance.now()
  const outcomes: SimulationOutcome[] = []
  const job = {
    seeds: Array.from({ length: seeds }, (_, index) => start + index),
    profile,
    workers,
  }
  await runSeeds(job, stop.signal, (outcome) => {
    outcomes.push(outcome)
    progress.set(outcomes.length)
  })
  progress.end()
  console.log(summaryOf(outcomes, (performance.now() - beganMs) / 1000))
  const failed = outcomes
    .filter(({ violation }) => violation !== null)
    .toSorted((a, b) => a.seed - b.seed)
  for (const { seed, violation } of failed) {
    console.log(`seed ${seed}: ${violation?.invariant}: ${violation?.message}`)
  }
  const [first] = failed
  if (first !== undefined) await explain(first)
  if (stop.signal.aborted) return 130
  return failed.length === 0 ? 0 : 1
}

async function one({ profile, trace }: Options, seed: number): Promise<number> {
  const lines: string[] = []
  const onLine = trace === undefined ? undefined : (line: string) => void lines.push(line)
  const beganMs = performance.now()
  const outcome = await simulate({ seed, profile, onLine })
  if (trace !== undefined) writeFileSync(trace, `${lines.join('\n')}\n`)
  console.log(summaryOf([outcome], (performance.now() - beganMs) / 1000))
  if (outcome.violation === null) return 0
  console.log(`seed ${seed}: ${outcome.violation.invariant}: ${outcome.violation.message}`)
  await explain(outcome)
  return 1
}

/** The least that it takes to fail in the same way. */
async function explain(failed: SimulationOutcome): Promise<void> {
  const { seed, profile } = failed
  const { only, outcome } = await shrink({ seed, profile }, failed)
  const left = only.flatMap((place) => outcome.faults[place] ?? [])
  console.log(
    `\nOf ${failed.faults.length} faults of seed ${seed} these ${left.length} are enough:`,
  )
  for (const { kind, atMs, forMs, nodes, degree } of left) {
    console.log(
      `  at ${atMs} ms: ${kind}, for ${forMs} ms, nodes ${nodes.join(' ')}, degree ${degree.toFixed(2)}`,
    )
  }
  console.log(`  ${outcome.violation?.invariant}: ${outcome.violation?.message}`)
  console.log(`\nThe last messages (paste into any Mermaid viewer):\n${outcome.diagram}`)
  console.log(`\nTo see it again: pnpm simulate --seed ${seed} --profile ${profile}`)
}

function positive(text: string): number {
  const value = count(text)
  if (value === 0) throw new InvalidArgumentError('Give a whole number from 1 on.')
  return value
}

function count(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError('Give a whole number from 0 on.')
  }
  return value
}

function seedOf(text: string): number {
  const value = count(text)
  if (value > HIGHEST_SEED) throw new InvalidArgumentError(`Give at most ${HIGHEST_SEED}.`)
  return value
}
