/**
 * `pnpm grid`: how soon a cluster comes back from more work than its links carried, over a grid of
 * backlogs, rates, round trips, losses and cluster sizes, in virtual time; and whether each cell
 * keeps the bound that docs/correctness.md promises.
 */
import { availableParallelism } from 'node:os'
import { Command } from 'commander'
import { holds, runCell } from './grid-cell.ts'
import type { CellOutcome, CellRun } from './grid-cell.ts'
import {
  cellsOf,
  lossesOf,
  megabitsOf,
  nodesOf,
  originsOf,
  kibibytesOf,
  positive,
  roundTripsOf,
  seedOf,
  wholePositive,
} from './grid-options.ts'
import type { GridOptions } from './grid-options.ts'
import { tableOf } from './grid-table.ts'
import { progressLine } from './progress.ts'
import { spread } from './spread.ts'

const program = new Command('grid')
  .description('how soon a cluster comes back from more work than its links carried')
  .option('--quick', 'a few cells: seconds', false)
  .option('--from <list>', 'congestion, restart, or both', originsOf)
  .option('--nodes <list>', '3, 5, or both', nodesOf)
  .option('--backlog <list>', 'what clients asked for in the bad period, in KiB', kibibytesOf)
  .option('--rate <list>', 'what a link carries afterwards, each way, in Mbit/s', megabitsOf)
  .option('--round-trip <list>', 'in whole milliseconds, even', roundTripsOf)
  .option('--loss <list>', 'how many frames are lost, in percent', lossesOf)
  .option('--limit <seconds>', 'how long to wait for what comes after its bound', positive, 60)
  .option('--seed <seed>', 'what the dice begin with', seedOf, 1)
  .option('--workers <count>', 'threads to spread over', wholePositive, availableParallelism())
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()

process.exitCode = await main(program.opts<GridOptions>())

async function main(options: GridOptions): Promise<number> {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const cells = cellsOf(options)
  const { seed, workers } = options
  const progress = progressLine('cells', cells.length)
  const outcomes: CellOutcome[] = []
  const pieces = cells.map((cell): CellRun => ({ cell, seed, limitMs: options.limit * 1000 }))
  const thread = new URL('./grid-thread.js', import.meta.url)
  await spread({ pieces, workers, run: runCell, thread }, stop.signal, (outcome) => {
    outcomes.push(outcome)
    progress.set(outcomes.length)
  })
  progress.end()
  const order = new Map(cells.map((cell, index) => [JSON.stringify(cell), index]))
  const placeOf = ({ cell }: CellOutcome): number => order.get(JSON.stringify(cell)) ?? 0
  console.log(tableOf(outcomes.toSorted((a, b) => placeOf(a) - placeOf(b))))
  if (stop.signal.aborted) return 130
  return outcomes.every(holds) ? 0 : 1
}
