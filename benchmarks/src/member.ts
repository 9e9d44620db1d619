/**
 * One of the three processes. It runs a pipeline, measures it when it is told to, and says what
 * happens to it. On SIGTERM it closes the pipeline, and then waits for nothing but what that has left
 * behind.
 */
import { openTransport } from '@paxos/replica/url'
import type { Consistency } from '@paxos/replica'
import type { Stage } from './attribution.ts'
import { bare } from './bare.ts'
import { nowMs } from './clock.ts'
import { lifetime } from './lifetime.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'
import type { Pipeline, PipelineOptions } from './pipeline.ts'
import { profile } from './profile.ts'
import { replicated } from './replicated.ts'
import { watchUsage } from './usage.ts'
import type { Usage } from './usage.ts'
import { countedTransport } from './wire.ts'
import { Writer } from './writer.ts'

/** To a member. */
export type Order =
  | { readonly type: 'open'; readonly kind: 'paxos' | 'bare'; readonly options: PipelineOptions }
  | {
      readonly type: 'measure'
      readonly callers: number
      readonly durationMs: number
      /** What the callers ask for: commands, or reads of that consistency. */
      readonly what: 'commands' | Consistency
    }
  /** Commits that many commands, and says how it is getting on. */
  | { readonly type: 'commit'; readonly callers: number; readonly commands: number }
  /** Writes one command after another until it ends. */
  | { readonly type: 'write' }
  /** Says when these were answered. */
  | { readonly type: 'tell' }
  /** Says what the process has used so far. */
  | { readonly type: 'tell-usage' }
  /** Begins a profile of the processor. */
  | { readonly type: 'profile' }
  /** Ends it, and says what it shows. */
  | { readonly type: 'tell-profile' }

/** From a member. */
export type Report =
  | { readonly type: 'opened'; readonly atMs: number }
  /** It leads: the callers may be started in it. */
  | { readonly type: 'leads'; readonly atMs: number }
  | { readonly type: 'measured'; readonly measured: Measured }
  | { readonly type: 'committed'; readonly commands: number }
  /** Its writer has had that many answers: at the first, and then now and again. */
  | { readonly type: 'wrote'; readonly count: number; readonly atMs: number }
  | { readonly type: 'answers'; readonly atMs: readonly number[] }
  | { readonly type: 'usage'; readonly usage: Usage }
  | { readonly type: 'profiling' }
  | { readonly type: 'profiled'; readonly shares: Readonly<Record<Stage, number>> }
  | { readonly type: 'memory'; readonly rssBytes: number }
  /** It has taken another one's snapshot. */
  | { readonly type: 'installed'; readonly bytes: number }

const MEMORY_EVERY_MS = 250
const WROTE_EVERY = 50

const carried = { sentBytes: 0, receivedBytes: 0 }
let writesNatively = false
const usage = await watchUsage(carried, () => writesNatively)
let profiling: Awaited<ReturnType<typeof profile>> | null = null
const life = lifetime<Pipeline>()
let pipeline: Pipeline | null = null
let writer: Writer | null = null

process.on('message', (order: Order) => void obey(order))
process.on('disconnect', orphaned)
process.once('SIGTERM', () => void leave())
const memoryTimer = setInterval(
  () => report({ type: 'memory', rssBytes: process.memoryUsage.rss() }),
  MEMORY_EVERY_MS,
)

async function obey(order: Order): Promise<void> {
  if (order.type === 'open') {
    const { kind, options } = order
    writesNatively = kind === 'paxos' && options.durability === 'sqlite'
    const open = kind === 'bare' ? bare : replicated
    const listener = {
      leads: () => report({ type: 'leads', atMs: nowMs() }),
      installed: (bytes: number) => report({ type: 'installed', bytes }),
    }
    pipeline = await life.open(async () => {
      const transport = await openTransport(options.members[options.id] ?? '')
      return await open(options, listener, countedTransport(transport, carried))
    })
    if (pipeline !== null) report({ type: 'opened', atMs: nowMs() })
  } else if (pipeline !== null && order.type === 'write') {
    writer = new Writer(pipeline.commit, (count) => {
      if (count === 1 || count % WROTE_EVERY === 0) report({ type: 'wrote', count, atMs: nowMs() })
    })
    await writer.run()
  } else if (order.type === 'tell') {
    report({ type: 'answers', atMs: writer?.answeredAtMs ?? [] })
  } else if (order.type === 'profile') {
    profiling = await profile()
    report({ type: 'profiling' })
  } else if (order.type === 'tell-profile') {
    const shares = await profiling?.()
    if (shares !== undefined) report({ type: 'profiled', shares })
  } else if (order.type === 'tell-usage') {
    report({ type: 'usage', usage: usage() })
  } else if (pipeline !== null && order.type === 'measure') {
    const { commit: commitOne, read } = pipeline
    const { callers, durationMs, what } = order
    const ask = what === 'commands' ? commitOne : () => read(what)
    const measured = await measure(callers, durationMs, ask)
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

async function leave(): Promise<void> {
  process.off('disconnect', orphaned)
  clearInterval(memoryTimer)
  writer?.stop()
  await life.end()
  if (process.connected) process.disconnect()
}

function orphaned(): void {
  process.exit()
}

function report(said: Report): void {
  if (process.connected) process.send?.(said)
}
