/**
 * Committed commands a second, beside a bare pipeline that is measured in the same run: their ratio
 * says more about this code than about this machine.
 */
import type { Measured } from './measure.ts'
import { IDS, members } from './members.ts'
import { printTable } from './table.ts'

export interface ThroughputOptions {
  readonly transport: readonly string[]
  readonly callers: readonly number[]
  readonly seconds: number
  readonly directory: string
}

const HEADER = [
  'transport',
  'callers',
  'pipeline',
  'commands/s',
  'p50 ms',
  'p99 ms',
  'syncs/command',
]

export async function throughput(options: ThroughputOptions): Promise<void> {
  const rows: string[][] = [[...HEADER, 'ratio']]
  for (const transport of options.transport) {
    for (const callers of options.callers) {
      const bare = await run('bare', transport, callers, options)
      const paxos = await run('paxos', transport, callers, options)
      const ratio = paxos.commandsPerSecond / bare.commandsPerSecond
      rows.push(row(transport, callers, 'bare', bare, ''))
      rows.push(row(transport, callers, 'paxos', paxos, ratio.toFixed(2)))
      process.stderr.write(`${transport}, ${callers} callers: ${ratio.toFixed(2)} of bare\n`)
    }
  }
  printTable(rows)
}

async function run(
  kind: 'paxos' | 'bare',
  transport: string,
  callers: number,
  { seconds, directory }: ThroughputOptions,
): Promise<Measured> {
  const all = await members({ kind, transport, directory })
  try {
    const leads = all.next('leads')
    await Promise.all(IDS.map((id) => all.start(id)))
    const { id } = await leads
    const measured = all.next('measured', id)
    all.order(id, { type: 'measure', callers, durationMs: seconds * 1000, what: 'commands' })
    return (await measured).measured
  } finally {
    await all.close()
  }
}

function row(
  transport: string,
  callers: number,
  kind: string,
  { commandsPerSecond, p50Ms, p99Ms, syncsPerCommand }: Measured,
  ratio: string,
): string[] {
  return [
    transport,
    String(callers),
    kind,
    Math.round(commandsPerSecond).toLocaleString('en'),
    p50Ms.toFixed(2),
    p99Ms.toFixed(2),
    syncsPerCommand.toFixed(3),
    ratio,
  ]
}
