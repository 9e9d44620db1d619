/**
 * One of the three processes. It runs a pipeline, measures it when it is told to, and says what
 * happens to it.
 */
import { bare } from './bare.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'
import type { Pipeline, PipelineOptions } from './pipeline.ts'
import { replicated } from './replicated.ts'
import { countSyncs } from './syncs.ts'

/** To a member. */
export type Order =
  | { readonly type: 'open'; readonly kind: 'paxos' | 'bare'; readonly options: PipelineOptions }
  | { readonly type: 'measure'; readonly callers: number; readonly durationMs: number }
  /** Commits that many commands, and says how it is getting on. */
  | { readonly type: 'commit'; readonly callers: number; readonly commands: number }

/** From a member. */
export type Report =
  | { readonly type: 'opened' }
  /** It leads: the callers may be started in it. */
  | { readonly type: 'leads'; readonly atMs: number }
  | { readonly type: 'measured'; readonly measured: Measured }
  | { readonly type: 'committed'; readonly commands: number }
  | { readonly type: 'memory'; readonly rssBytes: number }
  /** It has taken another one's snapshot. */
  | { readonly type: 'installed'; readonly bytes: number }

const MEMORY_EVERY_MS = 250

const syncs = await countSyncs()
let pipeline: Pipeline | null = null

process.on('message', (order: Order) => void obey(order))
process.on('disconnect', () => process.exit())
setInterval(() => report({ type: 'memory', rssBytes: process.memoryUsage.rss() }), MEMORY_EVERY_MS)

async function obey(order: Order): Promise<void> {
  if (order.type === 'open') {
    pipeline = await (order.kind === 'bare' ? bare : replicated)(order.options, {
      leads: () => report({ type: 'leads', atMs: performance.timeOrigin + performance.now() }),
      installed: (bytes) => report({ type: 'installed', bytes }),
    })
    report({ type: 'opened' })
  } else if (pipeline !== null && order.type === 'measure') {
    const measured = await measure(order.callers, order.durationMs, pipeline.commit, syncs)
    report({ type: 'measured', measured })
  } else if (pipeline !== null && order.type === 'commit') {
    await commit(order.callers, order.commands, pipeline.commit)
  }
}

async function commit(
  callers: number,
  commands: number,
  commitOne: () => Promise<unknown>,
): Promise<void> {
  let started = 0
  let committed = 0
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (started < commands) {
        started += 1
        await commitOne()
        committed += 1
        if (committed % 10_000 === 0 || committed === commands) {
          report({ type: 'committed', commands: committed })
        }
      }
    }),
  )
}

function report(said: Report): void {
  process.send?.(said)
}
