/** What a worker tells, and what it can be told. Only types, and how a report is printed. */

/** One run of the job, as a worker names it. */
export interface Run {
  readonly dueMs: number
  readonly token: number
}

/** In the order in which it happened in that process. */
export type Report =
  | { readonly type: 'ready' }
  /** The job was begun here; again, where another process had begun it and was cut. */
  | ({ readonly type: 'begun'; readonly isAgain: boolean } & Run)
  /** The signal of the run aborted before the job had written. */
  | ({ readonly type: 'aborted' } & Run)
  | ({ readonly type: 'accepted'; readonly wasAborted: boolean } & Run)
  | ({
      readonly type: 'refused'
      readonly wasAborted: boolean
      readonly highestToken: number
    } & Run)
  /** A time that no run of was brought to its end. */
  | { readonly type: 'cut' | 'missed'; readonly dueMs: number }
  | { readonly type: 'failed'; readonly message: string }

/** What a parent can tell a worker that it has started with --wait. */
export type Order =
  /** The work of this run is done, so that it writes. */
  | { readonly type: 'write'; readonly token: number }
  | { readonly type: 'cut' }
  | { readonly type: 'heal' }

/** One line for people. */
export function lineOf(id: string, report: Report): string {
  return `${id}  ${sentenceOf(report)}`
}

function sentenceOf(report: Report): string {
  switch (report.type) {
    case 'ready':
      return 'is ready'
    case 'begun':
      return `begins ${nameOf(report)}${report.isAgain ? ', once more' : ''}`
    case 'aborted':
      return `is told that ${nameOf(report)} is not its own any more`
    case 'accepted':
      return `writes ${nameOf(report)}${report.wasAborted ? ', though it was told' : ''}`
    case 'refused':
      return `is refused ${nameOf(report)}: the table has seen token ${report.highestToken}`
    case 'cut':
      return `finds the run of ${timeOf(report.dueMs)} cut`
    case 'missed':
      return `finds that nobody ran at ${timeOf(report.dueMs)}`
    case 'failed':
      return report.message
  }
}

function nameOf({ dueMs, token }: Run): string {
  return `the run of ${timeOf(dueMs)} with token ${token}`
}

function timeOf(dueMs: number): string {
  return new Date(dueMs).toISOString().slice(11, 19)
}
