/**
 * How long nobody leads after the leader was killed with SIGKILL.
 */
import { nowMs } from './clock.ts'
import { IDS, members } from './members.ts'

export interface FailoverOptions {
  readonly transport: readonly string[]
  readonly kills: number
  readonly directory: string
}

export async function failover({ transport, kills, directory }: FailoverOptions): Promise<void> {
  for (const scheme of transport) {
    const all = await members({ kind: 'paxos', transport: scheme, directory })
    try {
      let leads = all.next('leads')
      await Promise.all(IDS.map((id) => all.start(id)))
      const pausesMs: number[] = []
      for (let count = 0; count < kills; count += 1) {
        const { id } = await leads
        leads = all.next('leads')
        const killedAtMs = nowMs()
        await all.kill(id)
        pausesMs.push((await leads).atMs - killedAtMs)
        await all.start(id)
      }
      pausesMs.sort((a, b) => a - b)
      const at = (share: number): string =>
        (pausesMs[Math.round(share * (pausesMs.length - 1))] ?? NaN).toFixed(0)
      process.stdout.write(
        `${scheme}: without a leader after ${kills} kills: min ${at(0)}, median ${at(0.5)}, ` +
          `p90 ${at(0.9)}, max ${at(1)} ms\n`,
      )
    } finally {
      await all.close()
    }
  }
}
