/**
 * How many reads a second each consistency answers, asked at the node that leads alone, or at all three
 * at once; each caller asks for one after another.
 */
import type { Consistency } from '@paxos/replica'
import type { Measured } from './measure.ts'
import { measureIn } from './measuring.ts'
import { IDS, members } from './members.ts'
import type { Id, Members } from './members.ts'
import { printTable } from './table.ts'

export interface ReadsOptions {
  readonly transport: readonly string[]
  readonly callers: readonly number[]
  readonly seconds: number
  readonly directory: string
}

const CONSISTENCIES: readonly Consistency[] = ['linearizable', 'lease', 'bounded', 'local']

export async function reads({
  transport,
  callers,
  seconds,
  directory,
}: ReadsOptions): Promise<void> {
  const rows = [
    ['transport', 'asked', 'callers each', 'consistency', 'reads/s', 'p50 ms', 'p99 ms'],
  ]
  for (const scheme of transport) {
    const all = await members({ kind: 'paxos', transport: scheme, directory, hasLease: true })
    try {
      const leads = all.next('leads')
      await Promise.all(IDS.map((id) => all.start(id)))
      const { id: leader } = await leads
      for (const asked of [[leader], IDS]) {
        for (const count of callers) {
          for (const consistency of CONSISTENCIES) {
            const found = await measureAt(all, asked, count, consistency, seconds)
            const total = found.reduce((sum, each) => sum + each.commandsPerSecond, 0)
            rows.push([
              scheme,
              asked.length === 1 ? 'the leader' : 'all three',
              String(count),
              consistency,
              Math.round(total).toLocaleString('en'),
              worst(found.map(({ p50Ms }) => p50Ms)),
              worst(found.map(({ p99Ms }) => p99Ms)),
            ])
          }
        }
      }
    } finally {
      await all.close()
    }
  }
  printTable(rows)
}

async function measureAt(
  all: Members,
  asked: readonly Id[],
  callers: number,
  what: Consistency,
  seconds: number,
): Promise<readonly Measured[]> {
  return await Promise.all(
    asked.map((id) => measureIn(all, id, { callers, durationMs: seconds * 1000, what })),
  )
}

/** Of the nodes that were asked. */
function worst(valuesMs: readonly number[]): string {
  return Math.max(...valuesMs).toFixed(2)
}
