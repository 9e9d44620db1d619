/** Leadership that is let go on purpose, by call and by close(), as whoever calls sees it. */
import { InvalidArgumentError } from '@paxos/core'
import { NotLeaderError, TransferFailedError } from '@paxos/replica'
import { describe, expect, it } from 'vitest'
import { closeAll, leaderOf, replicaCluster, within } from './replica-cluster.ts'
import type { SumsReplica } from './replica-cluster.ts'

const add = { name: 'x', add: 1 }

function others(nodes: ReadonlyMap<string, SumsReplica>, leader: string): string[] {
  return [...nodes.keys()].filter((id) => id !== leader)
}

describe('transferLeadership', () => {
  it('resolves when the other leads, and what waits here is applied by it', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [leader, node] = leaderOf(nodes)
    const [next = ''] = others(nodes, leader)
    const proposed = Array.from({ length: 20 }, () => node.propose(add))
    const moved = node.transferLeadership(next)
    proposed.push(...Array.from({ length: 20 }, () => node.propose(add)))
    expect(await within(cluster, moved)).toBe(next)
    expect(node.status().leader).toBe(next)
    expect(await within(cluster, Promise.all(proposed))).toHaveLength(40)
    expect(await within(cluster, node.query('x'))).toBe(40)
    await closeAll(nodes)
  })

  it('to nobody in particular goes to the highest priority', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [leader, node] = leaderOf(nodes)
    const [, last = ''] = others(nodes, leader)
    await within(cluster, node.changeMembers({ prioritize: { [leader]: 9, [last]: 5 } }))
    expect(await within(cluster, node.transferLeadership())).toBe(last)
    await closeAll(nodes)
  })

  it('on a node that does not lead says who does, and to who leads already is done', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [leader, node] = leaderOf(nodes)
    const [follower = ''] = others(nodes, leader)
    const asked = nodes.get(follower)?.transferLeadership(follower)
    await expect(asked).rejects.toThrow(NotLeaderError)
    await expect(asked).rejects.toMatchObject({ leader, code: 'ERR_PAXOS_NOT_LEADER' })
    expect(await nodes.get(follower)?.transferLeadership(leader)).toBe(leader)
    expect(await node.transferLeadership(leader)).toBe(leader)
    await closeAll(nodes)
  })

  it.each(['z', ''])('to %j is refused, and this node goes on', async (to) => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [, node] = leaderOf(nodes)
    await expect(node.transferLeadership(to)).rejects.toThrow(InvalidArgumentError)
    expect(await within(cluster, node.propose(add))).toBe(1)
    await closeAll(nodes)
  })

  it.each([
    { underWay: 'nothing', reason: 'not-taken' },
    { underWay: 'a write', reason: 'not-caught-up' },
  ])(
    'to a node that does not answer, with $underWay under way, fails in time: $reason',
    async (given) => {
      const cluster = replicaCluster('a', 'b', 'c')
      const { clock, hub } = cluster
      const nodes = await cluster.openAll()
      const [leader, node] = leaderOf(nodes)
      const [silent = ''] = others(nodes, leader)
      hub.freeze(silent)
      const proposed = given.underWay === 'nothing' ? [] : [node.propose(add)]
      if (proposed.length > 0) await clock.advance(0)
      const moved = node.transferLeadership(silent, { timeoutMs: 300 })
      moved.catch(() => undefined)
      await clock.advance(300)
      await expect(moved).rejects.toThrow(TransferFailedError)
      await expect(moved).rejects.toMatchObject({ reason: given.reason })
      const answers = await within(cluster, Promise.all([...proposed, node.propose(add)]))
      expect(answers.at(-1)).toBe(answers.length)
      expect(node.status().leader).toBe(leader)
      hub.thaw(silent)
      await closeAll(nodes)
    },
  )

  it('stops writes for a liveness window at most, however much patience there is', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const { clock, hub } = cluster
    const nodes = await cluster.openAll()
    const [leader, node] = leaderOf(nodes)
    const [silent = ''] = others(nodes, leader)
    hub.freeze(silent)
    const moved = node.transferLeadership(silent, { timeoutMs: 60_000 })
    const ended: unknown[] = []
    moved.catch((error: unknown) => ended.push(error))
    const written = node.propose(add)
    await clock.advance(1000)
    expect(ended).toMatchObject([{ reason: 'not-taken' }])
    expect(await within(cluster, written)).toBe(1)
    hub.thaw(silent)
    await closeAll(nodes)
  })

  it('ends for who gives up, and for a node that is closed meanwhile', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const { hub } = cluster
    const nodes = await cluster.openAll()
    const [leader, node] = leaderOf(nodes)
    for (const id of others(nodes, leader)) hub.freeze(id)
    void node.propose(add).catch(() => undefined)
    const reason = new Error('given up')
    const abandoned = node.transferLeadership(undefined, { signal: AbortSignal.abort(reason) })
    await expect(abandoned).rejects.toBe(reason)
    const waits = node.transferLeadership()
    waits.catch(() => undefined)
    await node.close({ transfer: false })
    await expect(waits).rejects.toMatchObject({ code: 'ERR_PAXOS_CLOSED' })
    for (const id of others(nodes, leader)) hub.thaw(id)
    await closeAll(nodes)
  })
})

describe('close', () => {
  it('of a leader lets another lead before it is gone', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [leader, node] = leaderOf(nodes)
    const [b = '', c = ''] = others(nodes, leader)
    await within(cluster, node.close())
    const follows = nodes.get(b)
    expect([b, c]).toContain(follows?.status().leader)
    expect(await within(cluster, follows?.propose(add) ?? Promise.reject())).toBe(1)
    await closeAll(nodes)
  })

  it('of a leader that nobody can follow takes no longer than half a liveness window', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const { clock, hub } = cluster
    const nodes = await cluster.openAll()
    const [leader, node] = leaderOf(nodes)
    for (const id of others(nodes, leader)) hub.freeze(id)
    void node.propose(add).catch(() => undefined)
    const closed = node.close()
    await clock.advance(500)
    await closed
    expect(node.status().role).toBe('closed')
    for (const id of others(nodes, leader)) hub.thaw(id)
    await closeAll(nodes)
  })

  it('without a transfer is over at once', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    await closeAll(nodes)
    for (const node of nodes.values()) expect(node.status().role).toBe('closed')
  })
})
