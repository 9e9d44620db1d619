/**
 * One process of the service: a replica of its own, and the job that all of them would run. Which one does
 * is decided by the log; what the job writes is fenced by the token of its run.
 */
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Coordination, coordinationMachine } from '@paxos/coordination'
import { Schedule } from '@paxos/coordination/schedule'
import type { ScheduledRun, ScheduleReport } from '@paxos/coordination/schedule'
import { file } from '@paxos/durability-file'
import { Replica } from '@paxos/replica'
import { webSocket } from '@paxos/transport-websocket'
import type { OnOrder } from './channel.ts'
import { cuttable } from './cuttable.ts'
import { FencedTable } from './fenced-table.ts'
import type { Report } from './report.ts'

export interface WorkerOptions {
  readonly id: string
  /** Where each listens: ws://host:port. */
  readonly members: Readonly<Record<string, string>>
  /** Where this one keeps what it has promised. */
  readonly directory: string
  /** The database that all write to. */
  readonly table: string
  /** When the job is due. */
  readonly pattern: string
  /** What others wait for after the process of a run has died, in milliseconds. */
  readonly ttlMs: number
  readonly checksToken: boolean
}

/** What the work of a run is: resolves when it is done. */
export type Work = (run: ScheduledRun) => Promise<void>

/** Runs until `signal` aborts, and gives back what it holds then. */
export async function runWorker(
  options: WorkerOptions,
  work: Work,
  report: (report: Report) => void,
  onOrder: OnOrder,
  signal: AbortSignal,
): Promise<void> {
  const { id, members, pattern, ttlMs, checksToken } = options
  const table = new FencedTable(options.table, { checksToken })
  const transport = cuttable(webSocket())
  onOrder((order) => {
    if (order.type === 'cut') transport.cut()
    if (order.type === 'heal') transport.heal()
  })
  try {
    await using replica = await Replica.open({
      id,
      members,
      transport,
      durability: file(options.directory),
      stateMachine: coordinationMachine(),
    })
    await using coordination = new Coordination(replica)
    const schedule = new Schedule(coordination, 'report', {
      ttlMs,
      // Begun again by another process: the table has one row for each due time, however often.
      cut: 'run',
      report: (what) => tell(what, report),
    })
    const job = schedule.every(pattern, (run) => runJob(run, work, table, id, report))
    report({ type: 'ready' })
    if (!signal.aborted) await once(signal, 'abort')
    await job.stop()
  } finally {
    table.close()
  }
}

/** The job. */
async function runJob(
  run: ScheduledRun,
  work: Work,
  table: FencedTable,
  author: string,
  report: (report: Report) => void,
): Promise<void> {
  const { token, signal, isAgain } = run
  const dueMs = run.scheduledAt.getTime()
  const abort = (): void => report({ type: 'aborted', dueMs, token })
  signal.addEventListener('abort', abort, { once: true })
  report({ type: 'begun', dueMs, token, isAgain })
  await work(run)
  // After a process was frozen, a signal aborts with its first timers: this lets them come first. It makes
  // the log tell; what makes it safe is the token.
  await delay(1)
  const wasAborted = signal.aborted
  signal.removeEventListener('abort', abort)
  // A real job would stop here if it was aborted. This one goes on, as one would that was frozen between
  // this line and the next.
  const outcome = table.write({ dueMs, token, author })
  report({ ...outcome, dueMs, token, wasAborted })
}

function tell(what: ScheduleReport, report: (report: Report) => void): void {
  switch (what.type) {
    case 'cut':
    case 'missed':
      report({ type: what.type, dueMs: what.scheduledAt.getTime() })
      break
    case 'failed':
    case 'error':
      report({ type: 'failed', message: String(what.error) })
      break
    case 'done':
      break
  }
}
