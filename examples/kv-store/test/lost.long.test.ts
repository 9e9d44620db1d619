import { describe, expect, it, onTestFinished } from 'vitest'
import { connect } from '../src/client.ts'
import { Cluster } from '../src/cluster.ts'
import { verify } from '../src/verify.ts'
import { emptyDirectory } from './processes.ts'

/** How often all three nodes are killed at once; 20 take about a minute. */
const KILLS = Number(process.env['KILLS'] ?? 3)

/** No node is there while all three are killed and started again. */
const PATIENCE = { timeoutMs: 60_000, unreachableTimeoutMs: 60_000 }

describe('nothing that was acknowledged is lost', { timeout: 600_000 + KILLS * 60_000 }, () => {
  it(`every acknowledged write is there after killing all three at once, ${KILLS} times`, async () => {
    const directory = await emptyDirectory()
    const failures: Error[] = []
    const onFailure = (error: Error): void => void failures.push(error)
    const options = { transport: 'udp', durability: 'file', directory, onFailure } as const
    const cluster = await Cluster.prepare(options)
    onTestFinished(() => cluster.leave())
    await cluster.start()
    const over = new AbortController()
    const acknowledged = new Map<string, string>()
    let newest = 0
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      const client = connect({ nodes: cluster.urls, ...PATIENCE })
      for (let count = 0; !over.signal.aborted; count += 1) {
        const [key, value] = [`${writer}/${count % 50}`, `${writer}:${count}`]
        const revision = await client.put(key, value)
        acknowledged.set(key, value)
        newest = Math.max(newest, revision)
      }
    })
    const stopped = Promise.all(writers)
    const reached = async (revision: number): Promise<void> => {
      const client = connect({ nodes: cluster.urls, ...PATIENCE })
      const watch = await client.watch({ after: newest })
      for await (const change of watch) if (change.revision >= revision) return
    }
    for (let kill = 0; kill < KILLS; kill += 1) {
      await Promise.race([reached(newest + 50), stopped])
      await cluster.kill(...cluster.ids)
      await cluster.start()
    }
    await reached(newest + 1)
    over.abort()
    await stopped
    const { urls } = cluster
    const { signal } = new AbortController()
    await verify({ urls, throughRevision: newest, acknowledged, signal })
    expect(acknowledged.size).toBeGreaterThan(0)
    expect(failures).toEqual([])
  })
})
