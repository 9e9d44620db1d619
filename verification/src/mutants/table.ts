/** What is printed at the end: a row for each mutant, and loudly those that live. */
import pc from 'picocolors'
import type { Result } from './run.ts'

const COLUMNS = ['mutant', 'file', 'caught by', 'seconds'] as const

/** How much of what a tool printed is shown for an edit that is no mutant. */
const SHOWN_LINES = 20

/** The results as a table. */
export function formatTable(results: readonly Result[]): string {
  const rows = results.map(({ mutant, outcome, by, seconds }) => [
    mutant.name,
    mutant.file.replace(/^packages\//, '').replace('/src/', '/'),
    outcome === 'caught' ? by : outcome === 'hung' ? `${by} (hung)` : outcome.toUpperCase(),
    seconds.toFixed(1),
  ])
  const widths = COLUMNS.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return column === COLUMNS.length - 1 ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
  return [pc.bold(line(COLUMNS)), ...rows.map((row) => line(row))].join('\n')
}

/** What is to be said of the results in the end, and whether all is well. */
export function formatSummary(
  results: readonly Result[],
  seconds: number,
): { readonly text: string; readonly isGood: boolean } {
  const living = results.filter(({ outcome }) => outcome === 'survived')
  const useless = results.filter(({ outcome }) => outcome === 'useless')
  const dead = results.length - living.length - useless.length
  const lines = [
    ...living.map(({ mutant, by }) =>
      pc.red(`SURVIVED: ${mutant.name}\n  in ${mutant.file}; not seen by ${by}`),
    ),
    ...useless.map(({ mutant, by, finding }) =>
      pc.red(
        `NO MUTANT: ${mutant.name}\n  in ${mutant.file}: ${by} ended without naming what is ` +
          `broken.\n${lastLines(finding)}`,
      ),
    ),
    `${dead} of ${results.length} mutants died in ${seconds.toFixed(0)} s.`,
  ]
  return { text: lines.join('\n'), isGood: dead === results.length }
}

function lastLines(text: string): string {
  const lines = text.trimEnd().split('\n').slice(-SHOWN_LINES)
  return lines.map((each) => `  | ${each}`).join('\n')
}
