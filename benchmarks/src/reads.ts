/**
 * How many reads a second each consistency answers, asked at the node that leads alone, or at all three
 * at once; each caller asks for one after another. The callers of Replica are in the processes of its
 * nodes; those of the stores beside it, etcd if it is installed, are in a process of their own.
 */
import type { Consistency } from '@paxos/replica'
import type { Measured } from './measure.ts'
import { measureIn } from './measuring.ts'
import { IDS, members } from './members.ts'
import type { Id, Members } from './members.ts'
import { askedFromOutside } from './outside.ts'
import { etcd, programOnPath, store } from './servers.ts'
import type { StartServers } from './servers.ts'
import { printTable } from './table.ts'

export interface ReadsOptions {
  readonly transport: readonly string[]
  readonly callers: readonly number[]
  readonly seconds: number
  readonly directory: string
}

const VALUE_BYTES = 256

const CONSISTENCIES: readonly Consistency[] = ['linearizable', 'lease', 'bounded', 'local']

export async function reads({
  transport,
  callers,
  seconds,
  directory,
}: ReadsOptions): Promise<void> {
  const rows = [['what', 'asked', 'callers each', 'consistency', 'reads/s', 'p50 ms', 'p99 ms']]
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
  for (const beside of stores())
    rows.push(...(await readsOf(beside, { callers, seconds, directory })))
  printTable(rows)
}

/** A store that is asked from outside. */
interface Beside {
  readonly name: string
  readonly begin: StartServers
  readonly consistencies: readonly string[]
  /** The client of the store here chooses the node itself. */
  readonly nodes: readonly ('soonest' | 'all')[]
}

function stores(): Beside[] {
  const program = programOnPath('etcd')
  const own: Beside = {
    name: 'kv-store, one stream, from outside',
    begin: store(true),
    consistencies: ['linearizable', 'local'],
    nodes: ['soonest'],
  }
  if (program === null) return [own]
  const consistencies = ['linearizable', 'serializable']
  const name = 'etcd, gRPC, from outside'
  return [own, { name, begin: etcd(program), consistencies, nodes: ['soonest', 'all'] }]
}

async function readsOf(
  { name, begin, consistencies, nodes }: Beside,
  { callers, seconds, directory }: Omit<ReadsOptions, 'transport'>,
): Promise<string[][]> {
  const rows: string[][] = []
  await askedFromOutside(begin, directory, async ({ ask }) => {
    for (const asked of nodes) {
      for (const count of callers) {
        for (const consistency of consistencies) {
          const total = asked === 'all' ? IDS.length * count : count
          const found = await ask({
            callers: total,
            bytes: VALUE_BYTES,
            seconds,
            what: { reads: consistency },
            nodes: asked,
          })
          rows.push([
            name,
            asked === 'all' ? 'all three' : 'one node',
            String(count),
            consistency,
            Math.round(found.commandsPerSecond).toLocaleString('en'),
            found.p50Ms.toFixed(2),
            found.p99Ms.toFixed(2),
          ])
        }
      }
    }
  })
  return rows
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
