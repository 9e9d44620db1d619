/**
 * How commands get to the leader: each as seldom as it can be, and by whatever way there is.
 */
import { describe, expect, it } from 'vitest'
import type { Durability, Transport } from '@paxos/core'
import { decodeEntry } from '@paxos/core/multi'
import type { Entry } from '@paxos/core/multi'
import { decode } from '@paxos/core/wire'
import { memory as memoryDurability } from '@paxos/durability-memory'
import { SessionExpiredError } from '@paxos/replica'
import { memory as memoryTransport } from '@paxos/transport-memory'
import { closeAll, leaderOf, replicaCluster, within } from './replica-cluster.ts'
import type { ReplicaCluster, SumsReplica } from './replica-cluster.ts'
import type { VirtualClock } from './virtual-clock.ts'

const one = { name: 'x', add: 1 }

describe('a command is in the log once', () => {
  it('though two followers with slow disks propose, and hear of it late', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const slow = new Set<string>()
    const nodes = await openOnDisks(cluster, (id) => (slow.has(id) ? 300 : 0))
    const [leader] = leaderOf(nodes)
    for (const id of nodes.keys()) if (id !== leader) slow.add(id)
    const followers = [...nodes].flatMap(([id, node]) => (id === leader ? [] : node))
    // Large enough that the first few fill the window, and the others wait behind them.
    const name = 'x'.repeat(32 << 10)
    const proposed = followers.flatMap((node) =>
      Array.from({ length: 25 }, () => node.propose({ name, add: 1 })),
    )
    const sums = await within(cluster, Promise.all(proposed))
    expect(Math.max(...sums)).toBe(50)
    await cluster.clock.advance(5000)
    expect(copies(cluster)).toEqual(new Map([[1, 52]]))
    await closeAll(nodes)
  })

  it('though its leader changes before it is chosen: what the next one recovers it does not add again', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [leader] = leaderOf(nodes)
    const others = [...nodes].filter(([id]) => id !== leader)
    // Each has a session of its own, so that what follows are commands.
    for (const [, node] of nodes) await within(cluster, propose(node))
    const proposed = [...nodes.values()].flatMap((node) =>
      Array.from({ length: 20 }, () => node.propose(one)),
    )
    // The leader proposes all of them; the others hold them, and it does not hear of it.
    for (const [id] of others) cluster.disks.get(id)?.hold()
    await cluster.clock.advance(100)
    const rest = others.map(([id]) => id)
    cluster.hub.partition([leader], rest)
    for (const [id] of others) cluster.disks.get(id)?.release()
    await within(cluster, Promise.all(others.map(async ([, node]) => await propose(node))))
    cluster.hub.heal()
    await within(cluster, Promise.all(proposed))
    await cluster.clock.advance(5000)
    expect(leaderOf(nodes)[0]).not.toBe(leader)
    expect(copies(cluster)).toEqual(new Map([[1, 3 + 3 + 60 + 2]]))
    await closeAll(nodes)
  })
})

it('a command that was applied comes into the log again when nobody knows of it any more', async () => {
  const cluster = replicaCluster('a', 'b', 'c')
  const nodes = await cluster.openAll({ sessionTimeoutMs: 2000 })
  const [leader, leading] = leaderOf(nodes)
  const [, follower] = [...nodes].find(([id]) => id !== leader) ?? []
  const id = await within(cluster, leading.openSession())
  const session = { id, sequence: 1 }
  expect(await within(cluster, leading.propose(one, { session }))).toBe(1)
  // Nobody has to ask the log for what is applied.
  const before = leading.status().chosenThrough
  for (const node of nodes.values()) {
    expect(await within(cluster, node.propose(one, { session }))).toBe(1)
  }
  expect(leading.status().chosenThrough).toBe(before)
  await cluster.clock.advance(5000)
  expect(leading.status().sessions).toBe(0)
  for (const node of [follower, leading]) {
    const again = async (): Promise<unknown> => await node?.propose(one, { session })
    await expect(within(cluster, again())).rejects.toThrow(SessionExpiredError)
  }
  await closeAll(nodes)
})

describe('what is chosen', () => {
  it('is said by the command that follows; of the last one others hear in the same turn', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    let heartbeats = 0
    const nodes = new Map<string, SumsReplica>()
    for (const id of ['a', 'b', 'c']) {
      const transport = listening(memoryTransport({ hub: cluster.hub }), (frame) => {
        if (decode(frame).message.type === 'logHeartbeat') heartbeats += 1
      })
      // None is due while this lasts.
      const timing = { heartbeatPeriodMs: 20_000, livenessWindowMs: 60_000 }
      nodes.set(id, await cluster.open(id, { transport, ...timing }))
    }
    await cluster.clock.advance(120_000)
    const [, leader] = leaderOf(nodes)
    await within(cluster, leader.propose(one))
    await cluster.clock.advance(20_001)
    heartbeats = 0
    const work = async (): Promise<void> => {
      for (let count = 0; count < 20; count += 1) await leader.propose(one)
    }
    await within(cluster, work())
    await cluster.clock.advance(1)
    for (const machine of cluster.machines.values()) expect(machine.content['x']).toBe(21)
    // For the last command, to each of the two others.
    expect(heartbeats).toBe(2)
    await closeAll(nodes)
  })
})

describe('a command gets to the leader', () => {
  it('from a node that hears one other alone, which does not lead: 300 of 300, and reads', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [leader] = leaderOf(nodes)
    const [hub = '', spoke = ''] = [...nodes.keys()].filter((id) => id !== leader)
    cluster.hub.partition([leader, hub], [hub, spoke])
    await cluster.clock.advance(3000)
    const node = nodes.get(spoke)
    await within(cluster, proposeAtOnce(node, 300))
    expect(await within(cluster, ask(node))).toBe(300)
    expect(nodes.get(leader)?.status().role).toBe('leader')
    // One after another: each by the way that is known by now.
    const fromMs = cluster.clock.nowMs()
    for (let count = 0; count < 10; count += 1) await within(cluster, propose(node))
    expect(cluster.clock.nowMs() - fromMs).toBeLessThan(10 * 1500)
    expect(copies(cluster).get(1)).toBe(311)
    await closeAll(nodes)
  })

  it('from a node that hears the leader, and is not heard by it', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [leader] = leaderOf(nodes)
    const [deaf = ''] = [...nodes.keys()].filter((id) => id !== leader)
    cluster.hub.cut(deaf, leader)
    const node = nodes.get(deaf)
    await within(cluster, proposeAtOnce(node, 300))
    expect(await within(cluster, ask(node))).toBe(300)
    expect(nodes.get(leader)?.status().role).toBe('leader')
    await closeAll(nodes)
  })

  it('for a read too, when nothing else waits', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [leader] = leaderOf(nodes)
    const [hub = '', spoke = ''] = [...nodes.keys()].filter((id) => id !== leader)
    cluster.hub.partition([leader, hub], [hub, spoke])
    await cluster.clock.advance(3000)
    expect(await within(cluster, ask(nodes.get(spoke)))).toBe(0)
    cluster.hub.heal()
    cluster.hub.cut(hub, leader)
    await cluster.clock.advance(3000)
    expect(await within(cluster, ask(nodes.get(hub)))).toBe(0)
    await closeAll(nodes)
  })

  it.each([500, 600, 700, 800, 900])(
    'at once when the leader is heard again, after a silence of %i ms',
    async (silentMs) => {
      const cluster = replicaCluster('a', 'b', 'c')
      const nodes = await cluster.openAll()
      const [leader] = leaderOf(nodes)
      const [other = '', rest = ''] = [...nodes.keys()].filter((id) => id !== leader)
      await within(cluster, propose(nodes.get(other)))
      cluster.hub.partition([leader, rest], [other])
      const proposed = propose(nodes.get(other))
      await cluster.clock.advance(silentMs)
      cluster.hub.heal()
      const healedAtMs = cluster.clock.nowMs()
      await within(cluster, proposed, 10)
      // With the next heartbeat.
      expect(cluster.clock.nowMs() - healedAtMs).toBeLessThanOrEqual(210)
      await closeAll(nodes)
    },
  )

  it.each([
    [400, 'there'],
    [800, 'both ways'],
    [1600, 'there'],
    [3200, 'both ways'],
    [6400, 'there'],
  ])(
    'over a link that is down for half of every %i ms, %s, three seconds later than over another at most',
    async (periodMs, ways) => {
      const cluster = replicaCluster('a', 'b', 'c')
      const nodes = await cluster.openAll()
      const [leader] = leaderOf(nodes)
      const [other = '', relay = ''] = [...nodes.keys()].filter((id) => id !== leader)
      // The leader goes on, and there is no other way to it.
      let isUp = true
      const flap = (): void => {
        isUp = !isUp
        cluster.hub.heal()
        cluster.hub.cut(other, relay)
        if (!isUp) cluster.hub.cut(other, leader)
        if (!isUp && ways === 'both ways') cluster.hub.cut(leader, other)
        cluster.clock.schedule(periodMs / 2, flap)
      }
      flap()
      const node = nodes.get(other)
      let [lastMs, longestMs] = [cluster.clock.nowMs(), 0]
      for (let count = 0; count < 30; count += 1) {
        await within(cluster, propose(node), 20)
        longestMs = Math.max(longestMs, cluster.clock.nowMs() - lastMs)
        lastMs = cluster.clock.nowMs()
      }
      expect(longestMs).toBeLessThanOrEqual(periodMs / 2 + 3000)
      await closeAll(nodes)
    },
  )
})

async function propose(node: SumsReplica | undefined): Promise<number | undefined> {
  return await node?.propose(one)
}

async function proposeAtOnce(node: SumsReplica | undefined, count: number): Promise<void> {
  const proposeOne = async () => await node?.propose(one, { timeoutMs: 30_000 })
  await Promise.all(Array.from({ length: count }, proposeOne))
}

async function ask(node: SumsReplica | undefined): Promise<number | undefined> {
  return await node?.query('x')
}

/** How many commands and openings are in the log how often. */
function copies(cluster: ReplicaCluster): Map<number, number> {
  const logs = [...cluster.disks.values()].map(({ saved }) => saved.accepted)
  const log = logs.toSorted((a, b) => b.length - a.length)[0] ?? []
  const counts = new Map<string, number>()
  for (const { value } of log) {
    for (const key of keysOf(decodeEntry(value))) counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  const found = new Map<number, number>()
  for (const count of counts.values()) found.set(count, (found.get(count) ?? 0) + 1)
  return found
}

function keysOf(entry: Entry): readonly string[] {
  if (entry.type === 'open-session') return [String(entry.nonce)]
  if (entry.type === 'bundle') return entry.entries.flatMap(keysOf)
  if (!('session' in entry)) return []
  const count = entry.type === 'commands' ? entry.commands.length : 1
  return Array.from({ length: count }, (_, index) => {
    return `${entry.session} ${entry.sequence} ${index}`
  })
}

/** Opens all on disks of which each save takes so long, one after another. */
async function openOnDisks(
  cluster: ReplicaCluster,
  saveMs: (id: string) => number,
): Promise<Map<string, SumsReplica>> {
  const nodes = new Map<string, SumsReplica>()
  for (const [id, disk] of cluster.disks) {
    const durability = slowed(memoryDurability({ disk }), cluster.clock, () => saveMs(id))
    nodes.set(id, await cluster.open(id, { durability }))
  }
  await cluster.clock.advance(5000)
  return nodes
}

function listening(inner: Transport, heard: (frame: Uint8Array) => void): Transport {
  return {
    open: (options) => inner.open(options),
    get address() {
      return inner.address
    },
    setPeers: (peers) => inner.setPeers(peers),
    send(to, frame) {
      heard(frame)
      inner.send(to, frame)
    },
    close: () => inner.close(),
  }
}

function slowed(disk: Durability, clock: VirtualClock, saveMs: () => number): Durability {
  let last: Promise<void> = Promise.resolve()
  return {
    open: (owner) => disk.open(owner),
    save: (change) => {
      const before = last
      last = (async () => {
        await before
        const ms = saveMs()
        if (ms > 0) await new Promise<void>((resolve) => clock.schedule(ms, resolve))
        await disk.save(change)
      })()
      return last
    },
    close: () => disk.close(),
  }
}
