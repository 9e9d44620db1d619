/**
 * Where a report goes: a table on standard output, and the files that were asked for.
 */
import { writeFile } from 'node:fs/promises'
import { chartOf } from './chart.ts'
import type { ChartOptions } from './chart.ts'
import { thisMachine } from './machine.ts'
import { jsonOf, markdownOf, tableOf } from './report.ts'
import type { Report } from './report.ts'
import { printTable } from './table.ts'

export interface OutputOptions {
  /** The file for JSON. */
  readonly json?: string
  /** The file for the table, as Markdown. */
  readonly markdown?: string
  /** The file for the picture. */
  readonly svg?: string
}

export async function output(
  found: Omit<Report, 'takenAt' | 'machine'>,
  { json, markdown, svg }: OutputOptions,
  chart: ChartOptions,
): Promise<void> {
  const report = { ...found, takenAt: new Date().toISOString(), machine: thisMachine() }
  printTable(tableOf(report))
  if (json !== undefined) await writeFile(json, jsonOf(report))
  if (markdown !== undefined) await writeFile(markdown, markdownOf(report))
  if (svg !== undefined) await writeFile(svg, chartOf(report, chart))
}
