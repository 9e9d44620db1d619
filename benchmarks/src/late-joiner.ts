/**
 * A member that starts when the log no longer has what it lacks: it gets a large snapshot, in pieces,
 * while the others go on.
 */
import type { Measured } from './measure.ts'
import { measureIn, PATIENCE_MS, within } from './measuring.ts'
import { IDS, members } from './members.ts'
import { printTable } from './table.ts'
import type { Id, Members } from './members.ts'
import type { Usage } from './usage.ts'

export interface LateJoinerOptions {
  readonly transport: readonly string[]
  readonly megabytes: number
  readonly directory: string
  /** Whether the state comes in pieces. Default: whole. */
  readonly pieces?: boolean
}

/** What one late joiner took, and what its coming cost the others. */
export interface Joined {
  readonly bytes: number
  readonly seconds: number
  readonly peakBytes: number
  readonly meanwhile: Measured
  /** Of the leader, from before the other one started. */
  readonly leader: Usage
  /** Of the late one; its event loop since it was open. */
  readonly late: Usage
}

/** Several times what stays in memory behind a snapshot, and what leads to one. */
const COMMANDS_BEFORE = 40_000
const SNAPSHOT_EVERY_BYTES = 2_500_000

/** More than it takes to write, send or restore a megabyte, beside whatever else a machine does. */
const MEGABYTE_MS = 1_000

const [FIRST, SECOND, LATE] = IDS

export async function lateJoiner(options: LateJoinerOptions): Promise<void> {
  const rows = [
    [
      'transport',
      'snapshot MB',
      'seconds',
      'MB/s',
      'peak RSS MB of it',
      'of the leader',
      'loop p99 ms of it',
      'of the leader',
      'writes/s meanwhile',
      'p99 ms',
    ],
  ]
  for (const transport of options.transport) {
    const { bytes, seconds, peakBytes, meanwhile, leader, late } = await joinLate(
      transport,
      options,
    )
    const size = bytes / 1e6
    rows.push([
      transport,
      size.toFixed(0),
      seconds.toFixed(1),
      (size / seconds).toFixed(1),
      (peakBytes / 1e6).toFixed(0),
      (leader.peakBytes / 1e6).toFixed(0),
      late.loopDelayP99Ms.toFixed(1),
      leader.loopDelayP99Ms.toFixed(1),
      meanwhile.commandsPerSecond.toFixed(0),
      meanwhile.p99Ms.toFixed(1),
    ])
  }
  printTable(rows)
}

export async function joinLate(
  transport: string,
  { megabytes, directory, pieces = false }: Omit<LateJoinerOptions, 'transport'>,
): Promise<Joined> {
  const all = await members({
    kind: 'paxos',
    transport,
    directory,
    stateBytes: megabytes * 1_000_000,
    inPieces: pieces,
    snapshotEveryBytes: SNAPSHOT_EVERY_BYTES,
    // The third has not come yet.
    trustEmptyDisk: true,
  })
  const patienceMs = PATIENCE_MS + megabytes * MEGABYTE_MS
  try {
    const leads = all.next('leads')
    await Promise.all([all.start(FIRST), all.start(SECOND)])
    const { id: leader } = await leads
    let committed = all.next('committed', leader)
    all.order(leader, { type: 'commit', callers: 64, commands: COMMANDS_BEFORE })
    while ((await within(patienceMs, committed)).commands < COMMANDS_BEFORE)
      committed = all.next('committed', leader)

    const measured = measureIn(all, leader, {
      callers: 8,
      durationMs: 10_000,
      what: 'commands',
    })
    measured.catch(() => undefined)
    let peakBytes = 0
    const watched = { isOver: false }
    const watch = async (): Promise<void> => {
      while (!watched.isOver)
        peakBytes = Math.max(peakBytes, (await all.next('memory', LATE)).rssBytes)
    }
    // When a process fails, whoever waits for its answer is told.
    watch().catch(() => undefined)
    await usageOf(all, leader)
    const startedAtMs = performance.now()
    const installed = all.next('installed', LATE)
    await all.start(LATE)
    // Its start is not what is measured: what it takes to compile, and to make its first state.
    await usageOf(all, LATE)
    const { bytes } = await within(patienceMs, installed)
    const seconds = (performance.now() - startedAtMs) / 1000
    const used = await Promise.all([usageOf(all, leader), usageOf(all, LATE)])
    const meanwhile = await measured
    watched.isOver = true
    return { bytes, seconds, peakBytes, meanwhile, leader: used[0], late: used[1] }
  } finally {
    await all.close()
  }
}

/** What it has used, and how late its event loop was since it was asked last. */
async function usageOf(all: Members, id: Id): Promise<Usage> {
  const told = all.next('usage', id)
  all.order(id, { type: 'tell-usage' })
  return (await told).usage
}
