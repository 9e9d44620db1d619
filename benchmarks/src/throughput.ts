/**
 * Committed commands a second, beside a bare pipeline: each row is measured once in every round, and
 * the rows that are compared follow one another, so that their ratio inside a round says more about
 * this code than about this machine.
 */
import { join } from 'node:path'
import { ratios, spreadOf } from './figures.ts'
import { measureOnce, usedDuring, warmUp } from './measuring.ts'
import { IDS, members } from './members.ts'
import type { MembersOptions } from './members.ts'
import { output } from './output.ts'
import type { OutputOptions } from './output.ts'
import type { Column, Row } from './report.ts'

export interface ThroughputOptions extends OutputOptions {
  readonly transport: readonly string[]
  readonly durability: readonly string[]
  readonly callers: readonly number[]
  readonly bytes: readonly number[]
  readonly rounds: number
  readonly seconds: number
  readonly directory: string
  /** Other checkouts, built, to be measured side by side with this one. */
  readonly beside?: readonly string[]
}

/** Who is compared with whom, under the same load. */
interface Contender {
  readonly name: string
  readonly options: Pick<MembersOptions, 'kind' | 'durability' | 'script'>
}

/** What all contenders are asked to do. */
interface Load {
  readonly transport: string
  readonly callers: number
  readonly bytes: number
}

const COLUMNS = [
  { key: 'commandsPerSecond', title: 'commands/s', digits: 0 },
  { key: 'ratio', title: 'of bare', digits: 2 },
  { key: 'p50Ms', title: 'p50 ms', digits: 2 },
  { key: 'p99Ms', title: 'p99 ms', digits: 2 },
  { key: 'cpuMicroseconds', title: 'CPU µs', digits: 1 },
  { key: 'leaderCpuMicroseconds', title: 'of the leader', digits: 1 },
  { key: 'wireBytes', title: 'wire B', digits: 0 },
  { key: 'diskBytes', title: 'disk B', digits: 0 },
  { key: 'syncs', title: 'syncs', digits: 3 },
  { key: 'peakMegabytes', title: 'peak MB', digits: 0 },
  { key: 'loopDelayP99Ms', title: 'loop p99 ms', digits: 1 },
] as const satisfies readonly Column[]

/** One value of each figure: what one round found. */
type Found = Readonly<Record<Exclude<(typeof COLUMNS)[number]['key'], 'ratio'>, number | null>>

export async function throughput(options: ThroughputOptions): Promise<void> {
  const contenders = contendersOf(options)
  const rows: Row[] = []
  for (const load of loadsOf(options)) {
    const found = contenders.map((): Found[] => [])
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const [index, contender] of contenders.entries()) {
        const figures = await run(contender, load, options)
        found[index]?.push(figures)
        process.stderr.write(
          `${spoken(load)}, round ${round}: ${contender.name} ${said(figures)}\n`,
        )
      }
    }
    rows.push(...contenders.map(({ name }, index) => rowOf(name, load, found[index], found[0])))
  }
  const title = 'Committed commands a second, beside a pipeline without consensus'
  await output({ title, columns: COLUMNS, rows }, options, {
    figure: 'commandsPerSecond',
    series: 'pipeline',
    remark(row) {
      const ratio = spreadOf(row.figures['ratio'] ?? [])
      return ratio === null || row.labels['pipeline'] === 'bare'
        ? ''
        : `(${ratio.median.toFixed(2)} of bare)`
    },
  })
}

/** The first is what the others are compared with. */
function contendersOf({ durability, beside = [] }: ThroughputOptions): Contender[] {
  const paxos = durability.flatMap((adapter) => [
    { name: `paxos, ${adapter}`, options: { kind: 'paxos' as const, durability: adapter } },
    ...beside.map((checkout) => ({
      name: `paxos, ${adapter}, ${checkout}`,
      options: {
        kind: 'paxos' as const,
        durability: adapter,
        script: join(checkout, 'benchmarks/dist/member.js'),
      },
    })),
  ])
  return [{ name: 'bare', options: { kind: 'bare' } }, ...paxos]
}

function loadsOf({ transport, callers, bytes }: ThroughputOptions): Load[] {
  return transport.flatMap((scheme) =>
    bytes.flatMap((size) =>
      callers.map((count) => ({ transport: scheme, callers: count, bytes: size })),
    ),
  )
}

async function run(
  { options }: Contender,
  { transport, callers, bytes }: Load,
  { seconds, directory }: ThroughputOptions,
): Promise<Found> {
  const all = await members({ ...options, transport, directory, commandBytes: bytes })
  try {
    const leads = all.next('leads')
    await Promise.all(IDS.map((id) => all.start(id)))
    const { id } = await leads
    const order = { callers, durationMs: seconds * 1000, what: 'commands' } as const
    await warmUp(all, id, order)
    const { result, used } = await usedDuring(all, () => measureOnce(all, id, order))
    const { commands, commandsPerSecond, p50Ms, p99Ms } = result
    const each = IDS.map((member) => used[member])
    const leader = used[id]
    const total = (of: 'cpuMicroseconds' | 'sentBytes'): number =>
      each.reduce((sum, usage) => sum + usage[of], 0)
    return {
      commandsPerSecond,
      p50Ms,
      p99Ms,
      cpuMicroseconds: total('cpuMicroseconds') / commands,
      leaderCpuMicroseconds: leader.cpuMicroseconds / commands,
      wireBytes: total('sentBytes') / commands,
      diskBytes: leader.diskBytes === null ? null : leader.diskBytes / commands,
      syncs: leader.syncs === null ? null : leader.syncs / commands,
      peakMegabytes: Math.max(...each.map(({ peakBytes }) => peakBytes)) / 1e6,
      loopDelayP99Ms: leader.loopDelayP99Ms,
    }
  } finally {
    await all.close()
  }
}

function rowOf(
  pipeline: string,
  { transport, callers, bytes }: Load,
  rounds: readonly Found[] = [],
  bare: readonly Found[] = [],
): Row {
  const of = (key: keyof Found, found: readonly Found[]): (number | null)[] =>
    found.map((figures) => figures[key])
  const figures = COLUMNS.map(({ key }) => {
    if (key !== 'ratio') return [key, of(key, rounds)] as const
    return [key, ratios(of('commandsPerSecond', rounds), of('commandsPerSecond', bare))] as const
  })
  return {
    labels: { transport, callers: String(callers), bytes: String(bytes), pipeline },
    figures: Object.fromEntries(figures),
  }
}

function spoken({ transport, callers, bytes }: Load): string {
  return `${transport}, ${callers} callers, ${bytes} bytes`
}

function said({ commandsPerSecond }: Found): string {
  return `${Math.round(commandsPerSecond ?? NaN).toLocaleString('en')} commands/s`
}
