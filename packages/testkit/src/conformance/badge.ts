/**
 * The line in an adapter's README that says what its suites have found. It stands between two comments
 * that nobody sees on the page; must leave everything else in the file as it is.
 */
import { InvalidArgumentError } from '@paxos/core'
import { KINDS, missing } from './report.ts'
import type { ConformanceReport } from './report.ts'

const BEGIN = '<!-- paxos-conformance -->'
const END = '<!-- /paxos-conformance -->'

/** What a suite found, and of which of the adapter's ways. */
export interface NamedReport {
  readonly name: string
  readonly report: ConformanceReport
}

/** What all of them found, as lines of Markdown: what is kept, and what does not apply and why. */
export function badgeOf(reports: readonly NamedReport[]): string {
  return reports.map(({ name, report }) => lineOf(name, report)).join('\n')
}

function lineOf(name: string, { contract, promises, kept }: ConformanceReport): string {
  const title = name === '' ? 'Conformance' : `Conformance, ${name}`
  const reasons = missing(promises).map(
    ({ capability, reason, promises: asking }) => `${asking} without ${capability} (${reason})`,
  )
  const rest = reasons.length === 0 ? '' : `; not applicable: ${reasons.join(', ')}`
  return `> **${title}:** ${kept} of ${promises.length} promises of ${KINDS[contract]} kept${rest}.`
}

/** `readme` with `badge` between the comments. Throws InvalidArgumentError where they are not. */
export function withBadge(readme: string, badge: string): string {
  const parts = readme.split(BEGIN)
  const [before = '', rest = ''] = parts
  const end = rest.indexOf(END)
  if (parts.length !== 2 || end < 0) {
    throw new InvalidArgumentError(
      `It has no place for the summary. Write these two lines once, where it is to stand:\n${BEGIN}\n${END}`,
    )
  }
  return `${before}${BEGIN}\n\n${badge}\n\n${rest.slice(end)}`
}
