/** Slow is not dead: nodes that stand still, and disks that stall. */
import { DurabilityError } from '@paxos/core'
import type { Transport } from '@paxos/core'
import { describe, expect, it } from 'vitest'
import { CloseTimeoutError, Replica, Synod } from '@paxos/replica'
import type { ReplicaEvent, ReplicaOptions } from '@paxos/replica'
import { memory as memoryDurability, memoryDisk } from '@paxos/durability-memory'
import { memory as memoryTransport, memoryHub } from '@paxos/transport-memory'
import { Attention } from '../src/attention.ts'
import { noLogger, noMetrics } from '../src/telemetry.ts'
import { Watch } from '../src/watch.ts'
import { PausableClock } from './pausable-clock.ts'
import { closeAll, leaderOf, replicaCluster, Sums, within } from './replica-cluster.ts'
import type { Add, ReplicaCluster, SumsReplica } from './replica-cluster.ts'
import { settled, VirtualClock } from './virtual-clock.ts'

const one = { name: 'x', add: 1 }
const ABC = ['a', 'b', 'c']

/** Nodes that can be made to stand still, and everything that they tell. */
async function pausable(options: Partial<ReplicaOptions<Add, number, string, number>> = {}) {
  const cluster = replicaCluster(...ABC)
  const clocks = new Map(ABC.map((id) => [id, new PausableClock(cluster.clock)]))
  const nodes = new Map<string, SumsReplica>()
  const events: { readonly id: string; readonly event: ReplicaEvent }[] = []
  const standStill = (id: string, ms: number): void => {
    cluster.hub.freeze(id)
    clocks.get(id)?.pause()
    cluster.clock.schedule(ms, () => {
      clocks.get(id)?.resume()
      cluster.hub.thaw(id)
    })
  }
  const slow = { ms: 0 }
  for (const id of ABC) {
    const stateMachine = new (class extends Sums {
      override snapshot(): Uint8Array {
        if (slow.ms > 0) standStill(id, slow.ms)
        return super.snapshot()
      }
    })()
    const clock = clocks.get(id) ?? cluster.clock
    const node = await cluster.open(id, { clock, stateMachine, ...options })
    nodes.set(id, node)
    void (async () => {
      for await (const event of node.events()) events.push({ id, event })
    })()
  }
  await cluster.clock.advance(5000)
  events.length = 0
  const told = (type: ReplicaEvent['type']) => events.filter(({ event }) => event.type === type)
  return { cluster, nodes, standStill, slow, told }
}

describe('a node that looks at the clock', () => {
  it.each([
    { looks: [0, 250, 500, 750], away: [0, 0, 0, 0] },
    { looks: [0, 499], away: [0, 0] },
    { looks: [0, 500, 1001], away: [0, 0, 251] },
    { looks: [0, 2000, 2100], away: [0, 1750, 0] },
  ])('with a window of 1000 ms, at $looks, was away for $away', ({ looks, away }) => {
    const attention = new Attention(1000)
    expect(looks.map((nowMs) => attention.look(nowMs))).toEqual(away)
  })

  it.each([
    { what: 'runs with the other', wall: [7000, 7100, 7201], away: [0, 0, 0] },
    { what: 'is set back', wall: [7000, 2100, 2200], away: [0, 0, 0] },
    { what: 'is slewed', wall: [7000, 7104, 7208], away: [0, 0, 1] },
    {
      what: 'ran on while the machine was suspended',
      wall: [7000, 7106, 3_600_000],
      away: [0, 1, 1],
    },
  ])('beside a clock on the wall that $what: $away', ({ wall, away }) => {
    const attention = new Attention(1000)
    expect([0, 100, 200].map((nowMs, at) => attention.look(nowMs, wall[at]))).toEqual(away)
  })

  it('looks four times in a window while something is waited for, and need not when nothing is', () => {
    const attention = new Attention(1000)
    attention.look(100)
    expect([attention.nextLookAtMs(5000), attention.nextLookAtMs(200)]).toEqual([350, 200])
    expect(attention.nextLookAtMs(null)).toBeNull()
    expect(attention.look(90_000)).toBe(0)
  })
})

describe('a node that stood still', () => {
  it('as a follower, for however long, reads what came before it looks for another leader', async () => {
    const { cluster, nodes, standStill, told } = await pausable()
    const [id] = leaderOf(nodes)
    for (const follower of ABC.filter((each) => each !== id)) {
      for (const ms of [600, 1100, 1600, 10_000]) {
        standStill(follower, ms)
        await cluster.clock.advance(ms + 2000)
      }
    }
    expect(told('leader-changed')).toEqual([])
    expect(told('majority-unheard')).toEqual([])
    await closeAll(nodes)
  })

  it('as a leader, with all the others, goes on leading when all go on', async () => {
    const { cluster, nodes, standStill, told } = await pausable()
    for (const ms of [600, 1100, 1600, 10_000]) {
      for (const id of ABC) standStill(id, ms)
      await cluster.clock.advance(ms + 2000)
    }
    expect(told('leadership-lost')).toEqual([])
    expect(told('majority-unheard')).toEqual([])
    await closeAll(nodes)
  })

  it('as a leader, alone, is followed by another, and takes that one for its leader', async () => {
    const { cluster, nodes, standStill } = await pausable()
    const [before] = leaderOf(nodes)
    standStill(before, 5000)
    await cluster.clock.advance(8000)
    const [after, leader] = leaderOf(nodes)
    expect(after).not.toBe(before)
    expect(nodes.get(before)?.status().leader).toBe(after)
    expect(await within(cluster, leader.propose(one))).toBe(1)
    await closeAll(nodes)
  })

  it('still misses a leader that is gone, within two windows', async () => {
    const { cluster, nodes, standStill } = await pausable()
    const [gone, leader] = leaderOf(nodes)
    const rest = ABC.filter((id) => id !== gone)
    await cluster.crash(gone, leader)
    nodes.delete(gone)
    for (const id of rest) standStill(id, 5000)
    await cluster.clock.advance(8000)
    expect(rest).toContain(leaderOf(nodes)[0])
    await closeAll(nodes)
  })

  it('ends no session for the time in which nobody could use one', async () => {
    const { cluster, nodes, standStill } = await pausable({ sessionTimeoutMs: 60_000 })
    const [, leader] = leaderOf(nodes)
    const session = await within(cluster, leader.openSession())
    for (const id of ABC) standStill(id, 600_000)
    await cluster.clock.advance(620_000)
    const [, now] = leaderOf(nodes)
    const answer = now.propose(one, { session: { id: session, sequence: 1 } })
    expect(await within(cluster, answer)).toBe(1)
    await closeAll(nodes)
  })
})

describe('what watches a node that knows no leader', () => {
  it.each([1000, 1600, 60_000])(
    'misses nobody when it goes on after it stood still for %d ms and more, before it reads what came',
    async (ms) => {
      const { told, hear, standStill } = watch()
      for (let count = 0; count < 3; count += 1) {
        await hear(2000)
        await standStill(ms + 1000)
      }
      await hear(2000)
      expect(told).toEqual([])
    },
  )

  it('misses them soon after that when nothing has come', async () => {
    const { time, told, hear, standStill } = watch()
    await hear(2000)
    await standStill(60_000)
    expect(told).toEqual([])
    await time.advance(500)
    expect(told).toEqual(['majority-unheard'])
    await hear(1000)
    expect(told).toEqual(['majority-unheard', 'majority-heard'])
  })
})

describe('a snapshot that a state machine is slow to write', () => {
  it('costs no leadership, however long it takes: all nodes take it at once, and at the same slots', async () => {
    const { cluster, nodes, slow, told } = await pausable({ snapshotEveryEntries: 10 })
    const [, leader] = leaderOf(nodes)
    cluster.hub.setFaults({ delayMs: { min: 15, max: 15 } })
    slow.ms = 1700
    const proposals: Promise<number>[] = []
    const burst = async (count: number, ms: number): Promise<void> => {
      for (let each = 0; each < count; each += 1) proposals.push(leader.propose(one))
      await cluster.clock.advance(ms)
    }
    for (let round = 0; round < 10; round += 1) {
      // One after the other, so that something is on its way when a snapshot is due.
      for (let count = 0; count < 13; count += 1) await burst(1, 2)
      await burst(12, 5)
      await burst(3, 2500)
    }
    await within(cluster, Promise.all(proposals))
    expect(told('leadership-lost')).toEqual([])
    const multiples = ABC.map((each) =>
      told('snapshot-taken').flatMap(({ id, event }) =>
        id === each && event.type === 'snapshot-taken' ? Math.floor(event.through / 10) : [],
      ),
    )
    expect(multiples[0]?.length).toBeGreaterThan(6)
    expect(multiples).toEqual(ABC.map(() => multiples[0]))
    await closeAll(nodes)
  })
})

describe('a snapshot', () => {
  it('is taken past multiples of snapshotEveryEntries, whatever the node began from', async () => {
    const cluster = replicaCluster('a')
    const first = leaderOf(await cluster.openAll({ snapshotEveryEntries: 13 }))[1]
    for (let count = 0; count < 15; count += 1) await within(cluster, first.propose(one))
    const { snapshotThrough } = first.status()
    expect(snapshotThrough).toBeGreaterThan(12)
    await first.close()
    const next = leaderOf(await cluster.openAll({ snapshotEveryEntries: 20 }))[1]
    while (next.status().appliedThrough < 24) await within(cluster, next.propose(one))
    // 20 later than the last one would be 33 at the earliest.
    expect(next.status().snapshotThrough).toBeGreaterThanOrEqual(20)
    await next.close()
  })
})

/** A cluster of one, on a disk that can stall. */
async function alone(
  options: Partial<ReplicaOptions<Add, number, string, number>> = {},
): Promise<{ cluster: ReplicaCluster; node: SumsReplica; events: ReplicaEvent[] }> {
  const cluster = replicaCluster('a')
  const nodes = await cluster.openAll(options)
  const [, node] = leaderOf(nodes)
  const events: ReplicaEvent[] = []
  void (async () => {
    for await (const event of node.events()) events.push(event)
  })()
  return { cluster, node, events }
}

describe('a disk that stalls', () => {
  it('is seen in status() and told as an event, then that it has caught up, and nothing has stopped', async () => {
    const { cluster, node, events } = await alone()
    expect(await within(cluster, node.propose(one))).toBe(1)
    expect(node.status().saving).toEqual({ saves: 0, bytes: 0, forMs: 0 })
    cluster.disks.get('a')?.hold()
    const answer = node.propose(one)
    await cluster.clock.advance(900)
    expect(node.status().saving).toMatchObject({ saves: 1, forMs: 900 })
    expect(node.status().saving.bytes).toBeGreaterThan(0)
    expect(events).toEqual([])
    await cluster.clock.advance(60_000)
    // Said again after longer and longer.
    expect(events.map(({ type }) => type)).toEqual(Array.from({ length: 4 }, () => 'disk-behind'))
    expect(events[0]).toMatchObject({ saving: { saves: 1 } })
    cluster.disks.get('a')?.release()
    expect(await within(cluster, answer)).toBe(2)
    await cluster.clock.advance(1000)
    expect(events.at(-1)).toEqual({ type: 'disk-caught-up' })
    await node.close()
  })
})

describe('close()', () => {
  it('with a disk that hangs ends in time, says what is held, and can be waited for again', async () => {
    const { cluster, node } = await alone({ closeTimeoutMs: 3000 })
    cluster.disks.get('a')?.hold()
    const lost = expect(node.propose(one)).rejects.toMatchObject({ code: 'ERR_PAXOS_CLOSED' })
    await settled()
    for (const count of [1, 2]) {
      const told = { error: null as unknown }
      const closing = node.close().catch((error: unknown) => (told.error = error))
      await cluster.clock.advance(2999)
      expect([count, told.error]).toEqual([count, null])
      await cluster.clock.advance(1)
      await closing
      expect(told.error).toBeInstanceOf(CloseTimeoutError)
      expect(told.error).toMatchObject({
        code: 'ERR_PAXOS_CLOSE_TIMEOUT',
        remaining: ['durability'],
      })
    }
    await lost
    expect(node.status().role).toBe('closed')
    // Nobody else gets the disk while a save may still reach it.
    await expect(cluster.open('a')).rejects.toMatchObject({ code: 'ERR_PAXOS_LOCKED' })
    const closing = node.close()
    cluster.disks.get('a')?.release()
    await closing
    const again = await cluster.open('a')
    await again.close()
    expect(cluster.clock.pending).toBe(0)
  })

  it('with a transport that hangs releases the disk all the same', async () => {
    const cluster = replicaCluster('a')
    const inner = memoryTransport({ hub: cluster.hub })
    const transport: Transport = {
      open: (options) => inner.open(options),
      get address() {
        return inner.address
      },
      setPeers: (peers) => inner.setPeers(peers),
      send: (to, frame) => inner.send(to, frame),
      close: () => new Promise(() => undefined),
    }
    const node = await cluster.open('a', { transport })
    const closing = node.close().catch((error: unknown) => error)
    await cluster.clock.advance(10_000)
    expect(await closing).toMatchObject({ remaining: ['transport'] })
    const disk = cluster.disks.get('a')?.durability()
    await disk?.open()
    await disk?.close()
  })

  it('tells what the disk says when it cannot be closed, and both are released', async () => {
    const cluster = replicaCluster('a')
    const durability = memoryDurability({ disk: memoryDisk() })
    const failure = new DurabilityError('ERR_PAXOS_DURABILITY_FAILED', 'The disk is gone.')
    const node = await cluster.open('a', {
      durability: {
        open: (owner) => durability.open(owner),
        save: (change) => durability.save(change),
        close: () => Promise.reject(failure),
      },
    })
    await expect(node.close()).rejects.toBe(failure)
    const other = memoryTransport({ hub: cluster.hub })
    const listen = 'memory://node-a'
    await other.open({ id: 'z', listen, peers: new Map(), receive: () => undefined })
    await other.close()
  })

  it('of a single decree is bounded as well, and refuses a bound that is none', async () => {
    const [clock, hub] = [new VirtualClock(), memoryHub()]
    const disk = memoryDisk()
    const options = {
      id: 'a',
      members: { a: 'memory://a' },
      clock,
      durability: memoryDurability({ disk }),
    }
    const synod = await Synod.open({ ...options, transport: memoryTransport({ hub }) })
    disk.hold()
    await clock.advance(2000)
    const closing = synod.close().catch((error: unknown) => error)
    expect(synod.status().saving.saves).toBe(1)
    await clock.advance(10_000)
    expect(await closing).toBeInstanceOf(CloseTimeoutError)
    disk.release()
    await synod.close()
    const wrong = { ...options, transport: memoryTransport({ hub }), stateMachine: new Sums() }
    await expect(Replica.open({ ...wrong, closeTimeoutMs: 0 })).rejects.toThrow('closeTimeoutMs')
  })
})

/** What is told of a node without a leader, which hears the others every 100 ms while hear() runs. */
function watch() {
  const time = new VirtualClock()
  const clock = new PausableClock(time)
  const heard: { atMs: number | null } = { atMs: 0 }
  const told: string[] = []
  const saving = { saves: 0, bytes: 0, forMs: 0 }
  const watched = new Watch({
    watched: { peers: {}, saving, heardAtMs: () => heard.atMs },
    id: 'a',
    voters: () => ['a', 'b', 'c'],
    isLeaderless: () => true,
    livenessWindowMs: 1000,
    clock,
    logger: noLogger,
    metrics: noMetrics,
    tell: ({ type }) => told.push(type),
  })
  watched.start()
  const hear = async (ms: number): Promise<void> => {
    for (let passedMs = 0; passedMs < ms; passedMs += 100) {
      await time.advance(100)
      heard.atMs = time.nowMs()
    }
  }
  const standStill = async (ms: number): Promise<void> => {
    clock.pause()
    await time.advance(ms)
    clock.resume()
  }
  return { time, told, hear, standStill }
}
