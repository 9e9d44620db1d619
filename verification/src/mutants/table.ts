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
  return inColumns(COLUMNS, rows)
}

/**
 * The mistakes that are made once, in the kit: a table for each set of adapters that stand on the same
 * part of it, which says by which promise each adapter's suite has seen the mistake. Empty when there
 * are none among the results.
 */
export function formatFaults(results: readonly Result[]): string {
  const promises: string[] = []
  /** The rows, by the adapters that they are about. */
  const tables = new Map<string, string[][]>()
  for (const [fault, seen] of byFault(results)) {
    const adapters = seen.map(({ adapter }) => adapter.split('/').at(-1)).join(' ')
    const rows = tables.get(adapters) ?? []
    tables.set(adapters, rows)
    rows.push([fault, ...seen.map(({ result }) => cellOf(result, promises))])
  }
  if (tables.size === 0) return ''
  return [
    ...Array.from(tables, ([adapters, rows]) =>
      inColumns(['mistake in the kit', ...adapters.split(' ')], rows),
    ),
    promises.map((promise, index) => `${String(index + 1).padStart(4)}  ${promise}`).join('\n'),
  ].join('\n\n')
}

/** The results for one mistake, adapter by adapter. */
function byFault(
  results: readonly Result[],
): ReadonlyMap<string, readonly { readonly adapter: string; readonly result: Result }[]> {
  const found = new Map<string, { adapter: string; result: Result }[]>()
  for (const result of results) {
    const { through } = result.mutant
    if (through === undefined) continue
    const seen = found.get(through.fault) ?? []
    found.set(through.fault, seen)
    seen.push({ adapter: through.adapter, result })
  }
  return found
}

/** The number of the promise that was found broken, which is added to those if it is new. */
function cellOf({ outcome, finding }: Result, promises: string[]): string {
  if (outcome !== 'caught') return outcome.toUpperCase()
  if (!promises.includes(finding)) promises.push(finding)
  return String(promises.indexOf(finding) + 1)
}

/** The last column is of numbers, and ends where its title ends. */
function inColumns(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return column === titles.length - 1 ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
  return [pc.bold(line(titles)), ...rows.map((row) => line(row))].join('\n')
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
