#!/usr/bin/env node
/**
 * The tests are tested: applies wrong edits to a copy of this repository, one at a time, and says
 * which check sees each of them. Must never touch the original, nor leave a copy behind.
 */
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { SingleBar } from 'cli-progress'
import { Command, InvalidArgumentError } from 'commander'
import pc from 'picocolors'
import { choose } from './mutants/choose.ts'
import { MUTANTS } from './mutants/list.ts'
import { describeTool } from './mutants/mutant.ts'
import type { Mutant } from './mutants/mutant.ts'
import { runMutants, UselessToolError } from './mutants/run.ts'
import type { Progress } from './mutants/run.ts'
import { formatFaults, formatSummary, formatTable } from './mutants/table.ts'

/** What a process that was interrupted ends with. */
const INTERRUPTED = 130

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

interface Options {
  readonly only?: string
  readonly kit?: true
  readonly list?: true
  readonly sample?: number
  readonly workers: number
}

const program = new Command('mutants')
  .description('Makes mistakes in a copy of this repository, and says which check sees each.')
  .option('--only <pattern>', 'only mutants in whose name or file this occurs')
  .option('--kit', 'only mistakes in the kit, each through every adapter that stands on it')
  .option('--list', 'say which there are, and run nothing')
  .option(
    '--sample <count>',
    'only so many quick ones, spread over all; the same every time',
    count,
  )
  .option('--workers <count>', 'how many at once', count, availableParallelism())
  .showHelpAfterError('Type --help to see what there is.')
  .exitOverride()
  .action(main)

try {
  await program.parseAsync()
} catch (error) {
  const isUsage = error instanceof Error && 'exitCode' in error
  if (!isUsage) console.error(error instanceof UselessToolError ? error.message : error)
  process.exitCode = isUsage ? (error.exitCode === 0 ? 0 : 2) : 1
}

async function main({ only, kit, list, sample, workers }: Options): Promise<void> {
  const mutants = choose(MUTANTS, { only, kit, sample })
  if (mutants.length === 0) {
    console.error(`No mutant has ${JSON.stringify(only)} in its name or file. Try --list.`)
    process.exitCode = 2
  } else if (list === true) console.log(mutants.map(describeMutant).join('\n'))
  else await run(mutants, workers)
}

async function run(mutants: readonly Mutant[], workers: number): Promise<void> {
  const stop = new AbortController()
  const interrupt = (): void => stop.abort(new Error('Interrupted.'))
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  const beganAtMs = performance.now()
  const progress = showProgress()
  try {
    const results = await runMutants(mutants, {
      root: ROOT,
      workers,
      signal: stop.signal,
      onProgress: progress.update,
    })
    progress.end()
    const { text, isGood } = formatSummary(results, (performance.now() - beganAtMs) / 1000)
    const tables = [formatTable(results), formatFaults(results), text]
    console.log(tables.filter((table) => table !== '').join('\n\n'))
    process.exitCode = isGood ? 0 : 1
  } catch (error) {
    progress.end()
    if (!stop.signal.aborted) throw error
    console.error('Interrupted: the copies are gone, and nothing was changed here.')
    process.exitCode = INTERRUPTED
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}

/** A bar on a terminal; elsewhere a line for each mutant. */
function showProgress(): { update: (progress: Progress) => void; end: () => void } {
  if (!process.stderr.isTTY) return { update: printLine, end: () => undefined }
  const bar = new SingleBar({
    format: '{bar} {value}/{total} {what}',
    clearOnComplete: true,
    hideCursor: true,
    fps: 5,
    linewrap: false,
  })
  let isStarted = false
  return {
    update({ done, total, result }) {
      if (!isStarted) bar.start(total, 0, { what: '' })
      isStarted = true
      bar.update(done, { what: result?.mutant.name ?? 'a check passes on the code as it is' })
    },
    end: () => bar.stop(),
  }
}

function printLine({ done, total, result }: Progress): void {
  if (result === null) return
  const { mutant, outcome, by, finding, seconds } = result
  const isGood = outcome === 'caught' || outcome === 'hung'
  const what = isGood ? `${outcome} by ${by}` : pc.red(outcome.toUpperCase())
  const said = outcome === 'caught' ? `: ${finding}` : ''
  console.error(`${done}/${total} ${seconds.toFixed(1)} s  ${mutant.name}\n    ${what}${said}`)
}

function describeMutant({ name, file, caughtBy }: Mutant): string {
  const tools = caughtBy.map((tool) => describeTool(tool, file)).join(', then ')
  return `${name}\n    ${file}; to be caught by ${tools}`
}

function count(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('Give a whole number above 0.')
}
