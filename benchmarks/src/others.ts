/**
 * Writes a second of other stores beside those of this library, in turn on the same machine. All but
 * the embedded one are asked by a client in another process. They promise different things: each row
 * says what it is.
 */
import { ratios } from './figures.ts'
import { isInterrupted } from './interrupt.ts'
import type { Measured } from './measure.ts'
import { measureIn } from './measuring.ts'
import { IDS, members } from './members.ts'
import { output } from './output.ts'
import { askedFromOutside } from './outside.ts'
import type { OutputOptions } from './output.ts'
import type { Column, Row } from './report.ts'
import { antietcd, etcd, programOnPath, redis, store } from './servers.ts'
import type { StartServers } from './servers.ts'

export interface OthersOptions extends OutputOptions {
  readonly callers: readonly number[]
  readonly bytes: number
  readonly rounds: number
  readonly seconds: number
  readonly directory: string
}

type Load = Pick<OthersOptions, 'bytes' | 'seconds' | 'directory'> & { readonly callers: number }

interface Contender {
  readonly name: string
  /** `null` where it is not installed. */
  readonly measure: ((load: Load) => Promise<Measured>) | null
}

const COLUMNS: readonly Column[] = [
  { key: 'perSecond', title: 'writes/s', digits: 0 },
  { key: 'ratio', title: 'of etcd', digits: 2 },
  { key: 'p50Ms', title: 'p50 ms', digits: 2 },
  { key: 'p99Ms', title: 'p99 ms', digits: 2 },
]

/** The first is what the others are compared with. */
function contenders(): Contender[] {
  const installed = (name: string, begin: (program: string) => StartServers) => {
    const program = programOnPath(name)
    return program === null ? null : fromOutside(begin(program))
  }
  return [
    { name: 'etcd, 3 nodes, gRPC', measure: installed('etcd', etcd) },
    {
      name: 'antietcd, 3 nodes, HTTP, answers before it is durable',
      measure: installed('antietcd', antietcd),
    },
    { name: 'Redis, 1 node, appendfsync always', measure: installed('redis-server', redis) },
    { name: 'kv-store, 3 nodes, HTTP', measure: fromOutside(store(false)) },
    { name: 'kv-store, 3 nodes, one stream', measure: fromOutside(store(true)) },
    { name: 'Replica, 3 nodes, embedded', measure: embedded },
  ]
}

export async function others(options: OthersOptions): Promise<void> {
  const rows: Row[] = []
  const all = contenders()
  for (const callers of options.callers) {
    const found = all.map((): (Measured | null)[] => [])
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const [index, contender] of all.entries()) {
        process.stderr.write(`${callers} callers, round ${round}: ${contender.name}: `)
        found[index]?.push(await measured(contender, { ...options, callers }))
      }
    }
    const rates = found.map((each) => each.map((one) => one?.commandsPerSecond ?? null))
    for (const [index, { name, measure }] of all.entries()) {
      const [each = [], rate = [], reference = []] = [found[index], rates[index], rates[0]]
      const isWhole = each.every((one) => one !== null)
      const note = measure === null ? 'not installed' : isWhole ? null : 'failed in a round'
      rows.push({
        labels: { callers: String(callers), bytes: String(options.bytes), store: name },
        figures: {
          perSecond: rate,
          ratio: ratios(rate, reference),
          p50Ms: each.map((one) => one?.p50Ms ?? null),
          p99Ms: each.map((one) => one?.p99Ms ?? null),
        },
        ...(note !== null && { note }),
      })
    }
  }
  const title = 'Writes a second, beside other stores'
  await output({ title, columns: COLUMNS, rows }, options, { figure: 'perSecond', series: 'store' })
}

/** One that fails, as while it elects a leader, does not end what the others are measured for. */
async function measured({ measure }: Contender, load: Load): Promise<Measured | null> {
  if (measure === null) {
    process.stderr.write('not installed\n')
    return null
  }
  try {
    const found = await measure(load)
    process.stderr.write(`${Math.round(found.commandsPerSecond).toLocaleString('en')} writes/s\n`)
    return found
  } catch (error) {
    if (isInterrupted()) throw error
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return null
  }
}

/** The callers are in the process that leads. */
async function embedded({ callers, bytes, seconds, directory }: Load): Promise<Measured> {
  const all = await members({ kind: 'paxos', transport: 'ws', directory, commandBytes: bytes })
  try {
    const leads = all.next('leads')
    await Promise.all(IDS.map((id) => all.start(id)))
    const { id } = await leads
    return await measureIn(all, id, { callers, durationMs: seconds * 1000, what: 'commands' })
  } finally {
    await all.close()
  }
}

function fromOutside(begin: StartServers): (load: Load) => Promise<Measured> {
  return ({ callers, bytes, seconds, directory }) =>
    askedFromOutside(begin, directory, ({ ask }) =>
      ask({ callers, bytes, seconds, what: 'writes', nodes: 'soonest' }),
    )
}
