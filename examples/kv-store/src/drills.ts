/**
 * What happens to those who write while the members change, or are restarted, or die, in real processes
 * over real sockets: drills, each of which ends with every node being held against what was acknowledged.
 * Must never be content with a figure of a cluster that has lost a write.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from './client.ts'
import { Cluster } from './cluster.ts'
import type { ClusterOptions } from './cluster.ts'
import { UserError } from './fail.ts'
import { loseDisk, operate } from './replacement.ts'
import { SteadyLoad } from './steady-load.ts'
import type { Stretch } from './steady-load.ts'
import { verify } from './verify.ts'

export type DrillOptions = Omit<ClusterOptions, 'first' | 'later'>

/** One line of the result. */
export interface Row extends Partial<Stretch> {
  readonly step: string
  /** What was said or found. */
  readonly note?: string
}

/** How often a node is asked, in milliseconds. */
const ASK_EVERY_MS = 50

/** Of restarts, in each of which every node is restarted. */
const ROUNDS = 10

const KILLS = 40

/** How long a node that was started may take until it can be asked, in milliseconds. */
const PATIENCE_MS = 60_000

/**
 * The first start of three nodes of which one is missing: what the two say, how soon they go on when
 * it comes, and with the option that does not wait for it.
 */
export async function firstStart(
  options: DrillOptions,
  signal: AbortSignal,
  rows: Row[],
): Promise<void> {
  const waiting = await Cluster.prepare({ ...options, log: 'warn' })
  try {
    await waiting.start('a', 'b')
    for (const id of ['a', 'b']) {
      await until(() => waiting.said(id).includes('empty disk'), signal)
      const { standing, waitsFor } = await connect({ nodes: [waiting.url(id)] }).status({ signal })
      const note = `${standing}, for ${waitsFor.join(' and ')}; in its log: ${wordsIn(waiting.said(id))}`
      rows.push({ step: `${id} without c`, note })
    }
    const startedAtMs = performance.now()
    await waiting.start('c')
    await connect({ nodes: waiting.urls, timeoutMs: 60_000 }).put('k', 'v', { signal })
    const tookMs = performance.now() - startedAtMs
    rows.push({ step: 'c comes', tookMs, note: 'until a write was acknowledged' })
  } finally {
    await waiting.leave()
  }
  const places = { ...options, directory: `${options.directory}-trusted` }
  const trusting = await Cluster.prepare(places)
  try {
    const startedAtMs = performance.now()
    await trusting.startTrusted('a', 'b')
    await connect({ nodes: trusting.urls, timeoutMs: 60_000 }).put('k', 'v', { signal })
    const tookMs = performance.now() - startedAtMs
    rows.push({ step: 'the option, without c', tookMs, note: 'until a write was acknowledged' })
  } finally {
    await trusting.leave()
  }
}

/** From three machines to five others, and from those to three others, while clients write. */
export async function otherMachines(
  options: DrillOptions,
  signal: AbortSignal,
  rows: Row[],
): Promise<void> {
  const steps: readonly Step[] = [
    { type: 'replace', old: 'a', id: 'd' },
    { type: 'replace', old: 'b', id: 'e' },
    { type: 'replace', old: 'c', id: 'f' },
    { type: 'add', id: 'g' },
    { type: 'add', id: 'h' },
    { type: 'replace', old: 'd', id: 'i' },
    { type: 'replace', old: 'e', id: 'j' },
    { type: 'replace', old: 'f', id: 'k' },
    { type: 'remove', id: 'g' },
    { type: 'remove', id: 'h' },
  ]
  const later = ['d', 'e', 'f', 'g', 'h', 'i', 'j', 'k']
  await underLoad({ ...options, later }, signal, rows, async (cluster, load) => {
    const members = new Set(cluster.ids)
    for (const step of steps) {
      const told = [...members]
      const stretch = await load.during(async () => {
        if (step.type !== 'remove') await cluster.join(step.id, told)
        await operate(wordsOf(step, cluster), cluster.urls, signal)
        if (step.type === 'replace') await cluster.gone(step.old)
        if (step.type === 'remove') await cluster.gone(step.id)
      })
      if (step.type !== 'add') members.delete(step.type === 'replace' ? step.old : step.id)
      if (step.type !== 'remove') members.add(step.id)
      rows.push({ step: nameOf(step), ...stretch, note: `${members.size} vote` })
    }
    return [...members]
  })
}

/** All three disks are wiped, each when the one before it was replaced, while clients write. */
export async function allDisks(
  options: DrillOptions,
  signal: AbortSignal,
  rows: Row[],
): Promise<void> {
  await underLoad(options, signal, rows, async (cluster, load) => {
    for (const id of cluster.ids) {
      const stretch = await load.during(async () => void (await loseDisk(cluster, id, signal)))
      rows.push({ step: `${id} loses its disk`, ...stretch, note: 'refused, replaced, votes' })
    }
    return cluster.ids
  })
}

/**
 * Every node is restarted in turn, as by an upgrade, ROUNDS times, while clients write. Whoever writes
 * waits on when a node is gone, and sees no error: one that did would end the drill.
 */
export async function rolling(
  options: DrillOptions,
  signal: AbortSignal,
  rows: Row[],
): Promise<void> {
  await underLoad(options, signal, rows, async (cluster, load) => {
    const restarts: (Stretch & { readonly led: boolean })[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const id of cluster.ids) {
        const led = (await cluster.leader(signal)) === id
        const stretch = await load.during(async () => {
          await cluster.end(id)
          await cluster.start(id)
          await connect({ nodes: [cluster.url(id)], timeoutMs: PATIENCE_MS }).ready({ signal })
        })
        restarts.push({ ...stretch, led })
      }
    }
    const leaders = restarts.filter(({ led }) => led)
    rows.push(summary(`${restarts.length} restarts`, restarts))
    rows.push(summary(`of the leader, ${leaders.length}`, leaders))
    return cluster.ids
  })
}

/** The leader dies, KILLS times, while clients write. */
export async function kills(
  options: DrillOptions,
  signal: AbortSignal,
  rows: Row[],
): Promise<void> {
  await underLoad(options, signal, rows, async (cluster, load) => {
    const deaths: Stretch[] = []
    while (deaths.length < KILLS) {
      const id = await cluster.leader(signal)
      deaths.push(await load.during(() => cluster.kill(id)))
      await cluster.start(id)
      await connect({ nodes: [cluster.url(id)], timeoutMs: PATIENCE_MS }).ready({ signal })
    }
    rows.push(summary(`${deaths.length} kills of the leader`, deaths))
    return cluster.ids
  })
}

/** The longest of their pauses, and how the rest is spread. */
function summary(step: string, stretches: readonly Stretch[]): Row {
  const pausesMs = stretches.map(({ pauseMs }) => pauseMs).toSorted((a, b) => a - b)
  const at = (share: number): string =>
    (pausesMs[Math.round(share * (pausesMs.length - 1))] ?? NaN).toFixed(0)
  const sum = (of: (stretch: Stretch) => number): number =>
    stretches.reduce((total, stretch) => total + of(stretch), 0)
  return {
    step,
    tookMs: sum(({ tookMs }) => tookMs),
    pauseMs: pausesMs.at(-1) ?? NaN,
    writes: sum(({ writes }) => writes),
    note: `pauses: least ${at(0)}, median ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)} ms`,
  }
}

type Step =
  | { readonly type: 'replace'; readonly old: string; readonly id: string }
  | { readonly type: 'add'; readonly id: string }
  | { readonly type: 'remove'; readonly id: string }

function nameOf(step: Step): string {
  return step.type === 'replace' ? `replace ${step.old} by ${step.id}` : `${step.type} ${step.id}`
}

/** What an operator types. */
function wordsOf(step: Step, cluster: Cluster): string[] {
  if (step.type === 'remove') return ['remove', step.id]
  const place = `${step.id}=${cluster.address(step.id)}`
  return step.type === 'add' ? ['add', place] : ['replace', step.old, place]
}

/** `run` returns who has to hold everything at the end. */
async function underLoad(
  options: ClusterOptions,
  signal: AbortSignal,
  rows: Row[],
  run: (cluster: Cluster, load: SteadyLoad) => Promise<readonly string[]>,
): Promise<void> {
  const cluster = await Cluster.prepare(options)
  try {
    await cluster.start()
    await cluster.leader(signal)
    const load = new SteadyLoad(cluster.urls, signal)
    let members: readonly string[]
    try {
      members = await run(cluster, load)
    } finally {
      await load.stop()
    }
    const { acknowledged, newestRevision: throughRevision } = load
    const urls = members.map((id) => cluster.url(id))
    const { count } = await verify({ urls, throughRevision, acknowledged, signal })
    const note = `all ${acknowledged.size} acknowledged writes are on ${members.join(', ')}: ${count} keys each`
    rows.push({ step: 'held', note })
  } finally {
    await cluster.leave()
  }
}

async function until(isSo: () => boolean, signal: AbortSignal): Promise<void> {
  while (!isSo()) await pause(ASK_EVERY_MS, undefined, { signal })
}

/** The message of the last line of a log that waits. */
function wordsIn(log: string): string {
  const line = log.split('\n').findLast((each) => each.includes('empty disk')) ?? ''
  const [, message] = /"message":"([^"]+)"/.exec(line) ?? []
  if (message === undefined) throw new UserError(`The log says: ${line}`)
  return `"${message}"`
}
