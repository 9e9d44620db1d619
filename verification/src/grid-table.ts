/**
 * The grid as a table. The same outcomes give the same lines, and what is broken says so.
 */
import { holds } from './grid-cell.ts'
import type { CellOutcome } from './grid-cell.ts'

const HEADS = [
  'from',
  'nodes',
  'backlog KiB',
  'Mbit/s',
  'round trip ms',
  'loss %',
  'on disks KiB',
  'first s',
  'all s',
  'bound s',
  'sent MB',
  'promises',
  'again',
  '',
] as const

/** One line for each cell, in their order, and what they amount to. */
export function tableOf(outcomes: readonly CellOutcome[]): string {
  const rows = [HEADS, ...outcomes.map(rowOf)]
  const widths = HEADS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lines = rows.map((row) =>
    row
      .map((text, column) => text.padStart(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  const kept = outcomes.filter(holds).length
  return [...lines, '', `${kept} of ${outcomes.length} cells keep the bound.`].join('\n')
}

function rowOf(outcome: CellOutcome): readonly string[] {
  const { cell, boundMs, waitedMs, firstAnswerAfterMs, recoveredAfterMs, violation } = outcome
  const late = `> ${seconds(waitedMs)}`
  return [
    cell.from,
    String(cell.nodes),
    kibibytes(cell.backlogBytes),
    String((cell.bytesPerSecond * 8) / 1_000_000),
    String(cell.roundTripMs),
    String(cell.loss * 100),
    kibibytes(outcome.acceptedBytes),
    firstAnswerAfterMs === null ? late : seconds(firstAnswerAfterMs),
    recoveredAfterMs === null ? late : seconds(recoveredAfterMs),
    seconds(boundMs),
    (outcome.sentBytes / 1_000_000).toFixed(1),
    String(outcome.promises),
    String(outcome.promisesAgain),
    violation === null ? (holds(outcome) ? 'holds' : 'BROKEN') : `BROKEN: ${violation}`,
  ]
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1)
const kibibytes = (bytes: number): string => String(Math.round(bytes / 1024))
