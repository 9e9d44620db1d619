/**
 * What a benchmark has found: rows with the same figures, each measured once in every round. As a
 * table for people, as JSON for programs, and by `chart.ts` as a picture. Pure.
 */
import { spreadOf } from './figures.ts'
import type { Spread } from './figures.ts'
import type { Machine } from './machine.ts'

export interface Report {
  readonly title: string
  /** In ISO 8601. */
  readonly takenAt: string
  readonly machine: Machine
  readonly columns: readonly Column[]
  readonly rows: readonly Row[]
}

/** A figure of every row. */
export interface Column {
  readonly key: string
  readonly title: string
  /** Digits after the point. */
  readonly digits: number
}

export interface Row {
  /** What was measured, by what tells it from the others: the transport, say, and the callers. */
  readonly labels: Readonly<Record<string, string>>
  /** By the key of the column: a value for each round, and `null` where there is none. */
  readonly figures: Readonly<Record<string, readonly (number | null)[]>>
  /** What has to be known of it besides. */
  readonly note?: string
}

/** The median of each figure, and on the line below the lowest and the highest where they differ. */
export function tableOf({ columns, rows }: Report): string[][] {
  const labels = labelNames(rows)
  const hasNotes = rows.some(({ note }) => note !== undefined)
  const header = [...labels, ...columns.map(({ title }) => title), ...(hasNotes ? [''] : [])]
  const lines = rows.flatMap((row) => {
    const named = labels.map((label) => row.labels[label] ?? '')
    const spreads = columns.map(
      (column) => [column, spreadOf(row.figures[column.key] ?? [])] as const,
    )
    const medians = spreads.map(([column, spread]) => shown(spread?.median ?? null, column.digits))
    const ranges = spreads.map(([column, spread]) => rangeOf(spread, column.digits))
    const note = hasNotes ? [row.note ?? ''] : []
    const first = [...named, ...medians, ...note]
    if (ranges.every((range) => range === '')) return [first]
    return [first, [...labels.map(() => ''), ...ranges, ...note.map(() => '')]]
  })
  return [header, ...lines]
}

/** The same, for a document. */
export function markdownOf(report: Report): string {
  const [header = [], ...lines] = tableOf(report)
  const ruler = header.map((title) =>
    report.columns.some((c) => c.title === title) ? '---:' : '---',
  )
  return [header, ruler, ...lines].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

/** All that was measured, and of each figure the median and the spread. */
export function jsonOf(report: Report): string {
  const rows = report.rows.map((row) => ({
    ...row,
    spreads: Object.fromEntries(
      Object.entries(row.figures).map(([key, values]) => [key, spreadOf(values)]),
    ),
  }))
  return `${JSON.stringify({ ...report, rows }, null, 2)}\n`
}

/** A figure for people: '–' where there is none. */
export function shown(value: number | null, digits: number): string {
  if (value === null) return '–'
  return value.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
}

function rangeOf(spread: Spread | null, digits: number): string {
  if (spread === null || spread.min === spread.max) return ''
  return `${shown(spread.min, digits)}–${shown(spread.max, digits)}`
}

function labelNames(rows: readonly Row[]): string[] {
  return [...new Set(rows.flatMap(({ labels }) => Object.keys(labels)))]
}
