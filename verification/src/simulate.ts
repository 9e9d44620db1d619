/**
 * `pnpm simulate`: runs seeds of the simulator, says what it did to the clusters, and of a seed that
 * breaks a promise the few faults that it takes, the last messages, and how to see it again.
 */
import { availableParallelism } from 'node:os'
import { writeFileSync } from 'node:fs'
import { PROFILES, sequenceDiagram, shrink, Simulation } from '@paxos/testkit/simulation'
import type { ProfileName } from '@paxos/testkit/simulation'
import { Command, InvalidArgumentError, Option } from 'commander'
import { progressLine } from './progress.ts'
import { outcomeOf } from './simulate-seed.ts'
import type { SeedOutcome } from './simulate-seed.ts'
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
  .option('--workers <count>', 'threads to spread over', positive, availableParallelism())
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
  const outcomes: SeedOutcome[] = []
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
    console.log(`seed ${seed}: ${violation?.invariant}: ${violation?.problem}`)
  }
  const [first] = failed
  if (first !== undefined && !stop.signal.aborted) await explain(first.seed, profile)
  if (stop.signal.aborted) return 130
  return failed.length === 0 ? 0 : 1
}

async function one({ profile, trace }: Options, seed: number): Promise<number> {
  const beganMs = performance.now()
  const simulation = Simulation.ofSeed(seed, PROFILES[profile], { trace: trace !== undefined })
  const result = await simulation.run()
  if (trace !== undefined) writeFileSync(trace, `${result.trace.join('\n')}\n`)
  console.log(summaryOf([outcomeOf(result)], (performance.now() - beganMs) / 1000))
  if (result.violation === null) return 0
  console.log(`seed ${seed}: ${result.violation.invariant}: ${result.violation.problem}`)
  await explain(seed, profile)
  return 1
}

/** The least that it takes to fail in the same way. */
async function explain(seed: number, profile: ProfileName): Promise<void> {
  const failed = await Simulation.ofSeed(seed, PROFILES[profile]).run()
  const { plan, violation, last } = await shrink(failed)
  const { actions, ...setup } = plan
  console.log(
    `\nOf ${failed.plan.actions.length} faults and calls of seed ${seed} these ${actions.length} are enough:`,
  )
  for (const action of actions) console.log(`  ${JSON.stringify(action)}`)
  console.log(`in a cluster of ${JSON.stringify(setup)}`)
  console.log(`${violation?.invariant}, at ${violation?.atMs.toFixed(3)} ms: ${violation?.problem}`)
  console.log(
    `\nThe last that happened, in that smaller run:\n${sequenceDiagram([...plan.nodes, ...(plan.spares ?? [])], last)}`,
  )
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
