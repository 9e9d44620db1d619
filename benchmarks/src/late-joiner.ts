/**
 * A member that starts when the log no longer has what it lacks: it gets a large snapshot, in pieces,
 * while the others go on.
 */
import { measureIn } from './measuring.ts'
import { IDS, members } from './members.ts'
import { printTable } from './table.ts'

export interface LateJoinerOptions {
  readonly transport: readonly string[]
  readonly megabytes: number
  readonly directory: string
}

/** Far more than are between two snapshots, and than stay in memory behind one. */
const COMMANDS_BEFORE = 40_000

const [FIRST, SECOND, LATE] = IDS

export async function lateJoiner(options: LateJoinerOptions): Promise<void> {
  const rows = [
    [
      'transport',
      'snapshot MB',
      'seconds',
      'MB/s',
      'peak RSS MB of it',
      'writes/s meanwhile',
      'p99 ms',
    ],
  ]
  for (const transport of options.transport) rows.push(await run(transport, options))
  printTable(rows)
}

async function run(
  transport: string,
  { megabytes, directory }: LateJoinerOptions,
): Promise<string[]> {
  const stateBytes = megabytes * 1_000_000
  const all = await members({ kind: 'paxos', transport, directory, stateBytes })
  try {
    const leads = all.next('leads')
    await Promise.all([all.start(FIRST), all.start(SECOND)])
    const { id: leader } = await leads
    let committed = all.next('committed', leader)
    all.order(leader, { type: 'commit', callers: 64, commands: COMMANDS_BEFORE })
    while ((await committed).commands < COMMANDS_BEFORE) committed = all.next('committed', leader)

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
    void watch()
    const startedAtMs = performance.now()
    const installed = all.next('installed', LATE)
    await all.start(LATE)
    const { bytes } = await installed
    const seconds = (performance.now() - startedAtMs) / 1000
    const { commandsPerSecond, p99Ms } = await measured
    watched.isOver = true
    const size = bytes / 1e6
    return [
      transport,
      size.toFixed(0),
      seconds.toFixed(1),
      (size / seconds).toFixed(1),
      (peakBytes / 1e6).toFixed(0),
      commandsPerSecond.toFixed(0),
      p99Ms.toFixed(1),
    ]
  } finally {
    await all.close()
  }
}
