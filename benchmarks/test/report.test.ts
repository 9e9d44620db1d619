/** What is shown of a report: for people, for programs, and as a picture. */
import { describe, expect, it } from 'vitest'
import { chartOf } from '../src/chart.ts'
import { jsonOf, markdownOf, tableOf } from '../src/report.ts'
import type { Report } from '../src/report.ts'

const report: Report = {
  title: 'Fast & "slow" <pipelines>',
  takenAt: '2026-11-29T12:00:00.000Z',
  machine: { processor: 'x', cores: 2, memoryBytes: 8e9, platform: 'linux x64', node: 'v20.0.0' },
  columns: [
    { key: 'perSecond', title: 'commands/s', digits: 0 },
    { key: 'syncs', title: 'syncs', digits: 2 },
  ],
  rows: [
    { labels: { callers: '1', pipeline: 'bare' }, figures: { perSecond: [2000], syncs: [1] } },
    {
      labels: { callers: '1', pipeline: 'paxos' },
      figures: { perSecond: [1500, 500, 1000], syncs: [0.5, 0.5, 0.5] },
    },
    { labels: { callers: '64', pipeline: 'bare' }, figures: { perSecond: [9000] } },
    { labels: { callers: '64', pipeline: 'etcd' }, figures: {}, note: 'not installed' },
  ],
}

describe('the table', () => {
  it('has the median of each figure, and below it the lowest and highest where they differ', () => {
    expect(tableOf(report).slice(0, 4)).toEqual([
      ['callers', 'pipeline', 'commands/s', 'syncs', ''],
      ['1', 'bare', '2,000', '1.00', ''],
      ['1', 'paxos', '1,000', '0.50', ''],
      ['', '', '500–1,500', '', ''],
    ])
  })

  it('says why there is no figure', () => {
    expect(tableOf(report).at(-1)).toEqual(['64', 'etcd', '–', '–', 'not installed'])
  })
})

it('a document has the same table', () => {
  expect(markdownOf(report).split('\n').slice(0, 3)).toEqual([
    '| callers | pipeline | commands/s | syncs |  |',
    '| --- | --- | ---: | ---: | --- |',
    '| 1 | bare | 2,000 | 1.00 |  |',
  ])
})

it('the JSON holds each round, the medians, and the machine', () => {
  const { rows, machine }: { rows: unknown[]; machine: unknown } = JSON.parse(jsonOf(report))
  expect(machine).toEqual(report.machine)
  expect(rows[1]).toEqual({
    ...report.rows[1],
    spreads: {
      perSecond: { median: 1000, min: 500, max: 1500 },
      syncs: { median: 0.5, min: 0.5, max: 0.5 },
    },
  })
})

describe('the picture', () => {
  const svg = chartOf(report, { figure: 'perSecond', series: 'pipeline' })
  const widths = [...svg.matchAll(/<rect [^>]* width="([\d.]+)"/g)].map(([, width]) =>
    Number(width),
  )

  it('has a bar for each row that was measured, the longest of each group as long', () => {
    expect(widths).toEqual([400, 200, 400])
  })

  it('names the groups, and says why a bar is missing', () => {
    expect(svg).toContain('>1 caller</text>')
    expect(svg).toContain('>64 callers</text>')
    expect(svg).toContain('>not installed</text>')
  })

  it('is well formed, whatever the words are', () => {
    expect(svg).toContain('>Fast &amp; &quot;slow&quot; &lt;pipelines&gt;</text>')
    expect(svg.match(/<text/g)).toHaveLength(svg.match(/<\/text>/g)?.length ?? 0)
  })

  it('has words that can be read on a light and on a dark page', () => {
    expect(svg).toContain('fill: currentColor')
    expect(svg).toContain('prefers-color-scheme: dark')
  })

  it('is not drawn of a figure that nobody measured', () => {
    expect(() => chartOf(report, { figure: 'speed', series: 'pipeline' })).toThrow(
      'There is no figure speed in the report.',
    )
  })
})
