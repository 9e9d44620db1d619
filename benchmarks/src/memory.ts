/**
 * How much memory a node takes that commits for a long time.
 */
import { IDS, members } from './members.ts'
import type { Id } from './members.ts'

export interface MemoryOptions {
  readonly commands: number
  readonly directory: string
}

export async function memory({ commands, directory }: MemoryOptions): Promise<void> {
  const all = await members({ kind: 'paxos', transport: 'udp', directory })
  try {
    const leads = all.next('leads')
    await Promise.all(IDS.map((id) => all.start(id)))
    const { id: leader } = await leads
    const rss = new Map<Id, { last: number; peak: number }>()
    const watch = async (): Promise<void> => {
      for (;;) {
        const { id, rssBytes } = await all.next('memory')
        rss.set(id, { last: rssBytes, peak: Math.max(rssBytes, rss.get(id)?.peak ?? 0) })
      }
    }
    // When a process fails, whoever waits for its answer is told.
    watch().catch(() => undefined)
    const startedAtMs = performance.now()
    let committed = all.next('committed', leader)
    all.order(leader, { type: 'commit', callers: 256, commands })
    for (let done = 0; done < commands;) {
      done = (await committed).commands
      committed = all.next('committed', leader)
      if (done % 100_000 !== 0) continue
      process.stderr.write(`${done.toLocaleString('en')} committed: ${inMegabytes(rss, leader)}\n`)
    }
    const seconds = (performance.now() - startedAtMs) / 1000
    process.stdout.write(
      `${commands.toLocaleString('en')} commands of 256 bytes in ${seconds.toFixed(0)} s: ` +
        `${inMegabytes(rss, leader)}\n`,
    )
  } finally {
    await all.close()
  }
}

function inMegabytes(rss: ReadonlyMap<Id, { last: number; peak: number }>, leader: Id): string {
  const each = [...rss].map(([id, { last, peak }]) => {
    const role = id === leader ? `${id}, which leads` : id
    return `${role}: RSS ${(last / 1e6).toFixed(0)} MB, at most ${(peak / 1e6).toFixed(0)} MB`
  })
  return each.toSorted().join('; ')
}
