/**
 * One figure of a report as a picture: a bar for each row, in groups that each have a scale of their
 * own, because what is compared is what was measured side by side. The words follow the colours of
 * the page, light or dark. Pure.
 */
import { spreadOf } from './figures.ts'
import { shown } from './report.ts'
import type { Column, Report, Row } from './report.ts'

export interface ChartOptions {
  /** The key of the figure. */
  readonly figure: string
  /** The label that tells the bars of one group apart. */
  readonly series: string
  /** What stands behind the number of a bar. */
  readonly remark?: (row: Row) => string
}

const LETTER_WIDTH = 7
const MIN_NAME_WIDTH = 100
/** For the number behind the longest bar, and what is said of it. */
const VALUE_WIDTH = 220
const BAR_WIDTH = 400
const BAR_HEIGHT = 16
const BAR_STEP = 22
const GROUP_GAP = 38
const TOP = 62

/** Blue, orange, green and red that are told apart on white and on black, and by the colour-blind. */
const COLOURS = ['#6e7f94', '#3987d8', '#d9822b', '#2f9e77', '#b8568f', '#8a7a3c']

const STYLE = `
  svg { color: #1f2328; font: 13px system-ui, sans-serif }
  text { fill: currentColor }
  .title { font-size: 15px; font-weight: 600 }
  .group { font-weight: 600 }
  .quiet { opacity: .7 }
  .spread { stroke: currentColor; stroke-width: 1.5 }
${COLOURS.map((colour, index) => `  .s${index} { fill: ${colour} }`).join('\n')}
  @media (prefers-color-scheme: dark) { svg { color: #e6edf3 } }
`

/** An SVG document. Throws TypeError for a figure that the report does not have. */
export function chartOf(
  report: Report,
  { figure, series, remark = () => '' }: ChartOptions,
): string {
  const column = report.columns.find(({ key }) => key === figure)
  if (column === undefined) throw new TypeError(`There is no figure ${figure} in the report.`)
  const groups = new Map<string, Row[]>()
  for (const row of report.rows) {
    const name = groupName(row.labels, series)
    groups.set(name, [...(groups.get(name) ?? []), row])
  }
  const names = [...new Set(report.rows.map(({ labels }) => labels[series] ?? ''))]
  const longest = Math.max(...names.map((name) => name.length))
  const nameWidth = Math.max(MIN_NAME_WIDTH, longest * LETTER_WIDTH)
  const width = nameWidth + BAR_WIDTH + VALUE_WIDTH
  const parts: string[] = []
  let y = TOP
  for (const [name, rows] of groups) {
    parts.push(text(0, y, name, 'group'))
    y += 8
    const highest = Math.max(...rows.map((row) => spreadOf(row.figures[figure] ?? [])?.max ?? 0))
    for (const row of rows) {
      const colour = names.indexOf(row.labels[series] ?? '') % COLOURS.length
      parts.push(...bar(row, { y, nameWidth, column, highest, colour, series, remark }))
      y += BAR_STEP
    }
    y += GROUP_GAP - 8
  }
  const height = y - GROUP_GAP + 24
  const { machine, takenAt } = report
  const from = `${takenAt.slice(0, 10)}, ${machine.cores} cores, Node ${machine.node.replace(/^v/, '')}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 0 ${width} ${height}" width="${width}" ` +
      `height="${height}" role="img" aria-label="${escaped(report.title)}">`,
    `<style>${STYLE}</style>`,
    text(0, 20, report.title, 'title'),
    text(0, 37, `${column.title}: median, lowest and highest. ${from}`, 'quiet'),
    ...parts,
    '</svg>\n',
  ].join('\n')
}

interface Bar {
  readonly y: number
  readonly nameWidth: number
  readonly column: Column
  readonly highest: number
  readonly colour: number
  readonly series: string
  readonly remark: (row: Row) => string
}

function bar(row: Row, { y, nameWidth, column, highest, colour, series, remark }: Bar): string[] {
  const spread = spreadOf(row.figures[column.key] ?? [])
  const middle = y + BAR_HEIGHT / 2
  const baseline = middle + 4.5
  const name = text(0, baseline, row.labels[series] ?? '', '')
  if (spread === null) return [name, text(nameWidth, baseline, row.note ?? 'not measured', 'quiet')]
  const at = (value: number): number =>
    highest === 0 ? nameWidth : round(nameWidth + (value / highest) * BAR_WIDTH)
  const width = Math.max(1, round(at(spread.median) - nameWidth))
  const words = [shown(spread.median, column.digits), remark(row)].filter((word) => word !== '')
  return [
    name,
    `<rect class="s${colour}" x="${nameWidth}" y="${y}" width="${width}" height="${BAR_HEIGHT}" rx="2"/>`,
    `<path class="spread" d="M${at(spread.min)} ${middle}H${at(spread.max)}"/>`,
    text(Math.max(at(spread.max), nameWidth + width) + 8, baseline, words.join('  '), ''),
  ]
}

function groupName(labels: Row['labels'], series: string): string {
  const others = Object.entries(labels).filter(([label]) => label !== series)
  return others
    .map(([label, value]) => (/^\d/.test(value) ? `${value} ${counted(label, value)}` : value))
    .join(', ')
}

function counted(label: string, value: string): string {
  return value === '1' ? label.replace(/s$/, '') : label
}

function text(x: number, y: number, words: string, style: string): string {
  const styled = style === '' ? '' : ` class="${style}"`
  return `<text${styled} x="${x}" y="${y}">${escaped(words)}</text>`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function escaped(words: string): string {
  return words
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
