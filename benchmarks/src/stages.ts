/**
 * What a command costs, stage by stage, at the node that leads and at one that follows: three processes
 * under load, each with a profile of its main thread.
 */
import { STAGES } from './attribution.ts'
import type { Stage } from './attribution.ts'
import { measureOnce, usedDuring, warmUp } from './measuring.ts'
import { IDS, members } from './members.ts'
import type { Id, Members } from './members.ts'
import { output } from './output.ts'
import type { OutputOptions } from './output.ts'
import type { Column, Row } from './report.ts'
import type { Usage } from './usage.ts'

export interface StagesOptions extends OutputOptions {
  readonly transport: readonly string[]
  readonly durability: readonly string[]
  readonly callers: readonly number[]
  readonly bytes: readonly number[]
  readonly rounds: number
  readonly seconds: number
  readonly directory: string
}

type Load = Pick<StagesOptions, 'seconds' | 'directory'> & {
  readonly transport: string
  readonly durability: string
  readonly callers: number
  readonly bytes: number
}

const COLUMNS: readonly Column[] = [
  { key: 'leaderMicroseconds', title: 'leader µs', digits: 2 },
  { key: 'followerMicroseconds', title: 'follower µs', digits: 2 },
  { key: 'leaderBytes', title: 'leader B', digits: 0 },
  { key: 'followerBytes', title: 'follower B', digits: 0 },
]

/** Each for one command. */
interface Cost {
  readonly microseconds: number
  readonly bytes: number | null
}

/** What writes to disks, and compiles and collects garbage beside the main thread. */
const OTHER_THREADS = 'other threads'
const ALL = 'all'

type Line = Stage | typeof OTHER_THREADS | typeof ALL

export async function stages(options: StagesOptions): Promise<void> {
  const rows: Row[] = []
  for (const transport of options.transport) {
    for (const durability of options.durability) {
      for (const bytes of options.bytes) {
        for (const callers of options.callers) {
          const load = { ...options, transport, durability, bytes, callers }
          const found: Awaited<ReturnType<typeof run>>[] = []
          while (found.length < options.rounds) found.push(await run(load))
          rows.push(...rowsOf(load, found))
        }
      }
    }
  }
  const title = 'A command, stage by stage'
  await output({ title, columns: COLUMNS, rows }, options, {
    figure: 'leaderMicroseconds',
    series: 'stage',
  })
}

async function run({
  seconds,
  callers,
  bytes,
  ...options
}: Load): Promise<readonly [leader: ReadonlyMap<Line, Cost>, follower: ReadonlyMap<Line, Cost>]> {
  const all = await members({ kind: 'paxos', ...options, commandBytes: bytes })
  try {
    const leads = all.next('leads')
    await Promise.all(IDS.map((id) => all.start(id)))
    const { id: leader } = await leads
    const order = { callers, durationMs: seconds * 1000, what: 'commands' } as const
    await warmUp(all, leader, order)
    await Promise.all(IDS.map((id) => beginProfile(all, id)))
    const { result, used } = await usedDuring(all, () => measureOnce(all, leader, order))
    const [a, b, c] = await Promise.all(IDS.map((id) => profileOf(all, id)))
    if (a === undefined || b === undefined || c === undefined)
      throw new TypeError('There are three.')
    const shares = { a, b, c }
    const costs = (id: Id): ReadonlyMap<Line, Cost> =>
      costsOf(shares[id], used[id], result.commands)
    const [one, other] = IDS.filter((id) => id !== leader).map(costs)
    if (one === undefined || other === undefined) throw new TypeError('Two follow.')
    return [costs(leader), meanOf(one, other)]
  } finally {
    await all.close()
  }
}

async function beginProfile(all: Members, id: Id): Promise<void> {
  const profiling = all.next('profiling', id)
  all.order(id, { type: 'profile' })
  await profiling
}

async function profileOf(all: Members, id: Id): Promise<Readonly<Record<Stage, number>>> {
  const profiled = all.next('profiled', id)
  all.order(id, { type: 'tell-profile' })
  return (await profiled).shares
}

function costsOf(
  shares: Readonly<Record<Stage, number>>,
  { cpuMicroseconds, mainMicroseconds, sentBytes, receivedBytes, diskBytes }: Usage,
  commands: number,
): ReadonlyMap<Line, Cost> {
  const main = mainMicroseconds ?? cpuMicroseconds
  const bytes: Partial<Record<Line, number | null>> = {
    save: diskBytes,
    send: sentBytes,
    receive: receivedBytes,
  }
  const cost = (line: Line, microseconds: number): readonly [Line, Cost] => {
    const count = bytes[line] ?? null
    return [
      line,
      { microseconds: microseconds / commands, bytes: count === null ? null : count / commands },
    ]
  }
  return new Map([
    ...STAGES.map((stage) => cost(stage, shares[stage] * main)),
    cost(OTHER_THREADS, Math.max(0, cpuMicroseconds - main)),
    cost(ALL, cpuMicroseconds),
  ])
}

function meanOf(
  one: ReadonlyMap<Line, Cost>,
  other: ReadonlyMap<Line, Cost>,
): ReadonlyMap<Line, Cost> {
  const mean = (line: Line, cost: Cost): Cost => {
    const second = other.get(line) ?? cost
    return {
      microseconds: (cost.microseconds + second.microseconds) / 2,
      bytes: cost.bytes === null || second.bytes === null ? null : (cost.bytes + second.bytes) / 2,
    }
  }
  return new Map([...one].map(([line, cost]) => [line, mean(line, cost)]))
}

function rowsOf(
  { transport, durability, callers, bytes }: Load,
  found: readonly (readonly [ReadonlyMap<Line, Cost>, ReadonlyMap<Line, Cost>])[],
): Row[] {
  const lines: readonly Line[] = [...STAGES, OTHER_THREADS, ALL]
  return lines.map((line) => ({
    labels: {
      transport,
      durability,
      callers: String(callers),
      bytes: String(bytes),
      stage: line,
    },
    figures: {
      leaderMicroseconds: found.map(([leader]) => leader.get(line)?.microseconds ?? null),
      followerMicroseconds: found.map(([, follower]) => follower.get(line)?.microseconds ?? null),
      leaderBytes: found.map(([leader]) => leader.get(line)?.bytes ?? null),
      followerBytes: found.map(([, follower]) => follower.get(line)?.bytes ?? null),
    },
  }))
}
