import { describe, expect, it, vi } from 'vitest'
import { InvalidArgumentError, MAX_VALUE_BYTES } from '@paxos/core'
import type { Change, Durability } from '@paxos/core'
import { encodeEntry } from '@paxos/core/multi'
import type { SessionId } from '@paxos/core/multi'
import { encode } from '@paxos/core/wire'
import { memory as memoryDurability } from '@paxos/durability-memory'
import {
  AlreadyAnsweredError,
  ClosedError,
  OverloadedError,
  Replica,
  SessionExpiredError,
  StoppedError,
  ValueTooLargeError,
} from '@paxos/replica'
import type { Attributes, ReplicaEvent } from '@paxos/replica'
import { memory as memoryTransport } from '@paxos/transport-memory'
import { closeAll, leaderOf, replicaCluster, within } from './replica-cluster.ts'
import type { SumsReplica } from './replica-cluster.ts'
import { FREE_ENTRIES } from '../src/limits.ts'
import { settled } from './virtual-clock.ts'

const one = { name: 'x', add: 1 }

/** The first event of that type that a listener gets. */
async function eventOf(replica: SumsReplica, type: ReplicaEvent['type']): Promise<ReplicaEvent> {
  for await (const event of replica.events()) if (event.type === type) return event
  throw new Error(`It ended without '${type}'.`)
}

describe('a command', () => {
  it('that is proposed on any node is applied on all, in one order, and answered', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const answers = [...nodes.values()].map((node) => node.propose(one))
    const results = await within(cluster, Promise.all(answers))
    expect(new Set(results)).toEqual(new Set([1, 2, 3]))
    await cluster.clock.advance(1000)
    for (const machine of cluster.machines.values()) expect(machine.content).toEqual({ x: 3 })
    await closeAll(nodes)
  })

  it('of many that are proposed at once travels with the others, and none waits for a timer', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [, leader] = leaderOf(nodes)
    await within(cluster, leader.propose(one))
    const before = cluster.clock.nowMs()
    const results = Array.from({ length: 200 }, () => leader.propose(one))
    // No time passes: only what is due at once happens.
    await cluster.clock.advance(0)
    expect(await Promise.all(results)).toEqual(Array.from({ length: 200 }, (_, index) => index + 2))
    expect(cluster.clock.nowMs()).toBe(before)
    await closeAll(nodes)
  })

  it('P14: of a single member is not answered before it is durable', async () => {
    const cluster = replicaCluster('a')
    const nodes = await cluster.openAll()
    const [, node] = leaderOf(nodes)
    await within(cluster, node.propose(one))
    const disk = cluster.disks.get('a')
    disk?.hold()
    let answered = false
    const second = node.propose(one).then(() => (answered = true))
    await cluster.clock.advance(10_000)
    expect([answered, cluster.machines.get('a')?.content]).toEqual([false, { x: 1 }])
    disk?.release()
    await within(cluster, second)
    await closeAll(nodes)
  })

  it('that was answered is there after the leader has died, and the others go on', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [id, leader] = leaderOf(nodes)
    await within(cluster, leader.propose({ name: 'kept', add: 7 }))
    await cluster.crash(id, leader)
    nodes.delete(id)
    const [survivor] = nodes.values()
    expect(
      await within(cluster, survivor?.propose({ name: 'kept', add: 1 }) ?? leader.propose(one)),
    ).toBe(8)
    nodes.set(id, await cluster.open(id))
    await cluster.clock.advance(5000)
    expect(cluster.machines.get(id)?.content).toEqual({ kept: 8 })
    await closeAll(nodes)
  })

  it('that was answered is there after all nodes have lost power at once', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    let nodes = await cluster.openAll({ snapshotEveryEntries: 10 })
    for (let count = 1; count <= 50; count += 1) {
      const [, leader] = leaderOf(nodes)
      expect(await within(cluster, leader.propose(one))).toBe(count)
      if (count % 10 !== 0) continue
      for (const [id, node] of nodes) await cluster.crash(id, node)
      nodes = await cluster.openAll({ snapshotEveryEntries: 10 })
    }
    await closeAll(nodes)
  })

  it('waits while there is no majority, and is applied when there is one again', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [id, leader] = leaderOf(nodes)
    cluster.hub.partition(
      [id],
      [...nodes.keys()].filter((other) => other !== id),
    )
    const pending = leader.propose(one)
    await cluster.clock.advance(10_000)
    expect(cluster.machines.get(id)?.content).toEqual({})
    cluster.hub.heal()
    expect(await within(cluster, pending)).toBe(1)
    await closeAll(nodes)
  })

  it('survives a network that loses, repeats and reorders, and is applied once', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    cluster.hub.setFaults({
      loss: 0.2,
      duplication: 0.2,
      delayMs: { min: 0, max: 50 },
      reordering: 0.2,
    })
    const nodes = await cluster.openAll()
    const all = [...nodes.values()]
    const answers = Array.from({ length: 20 }, () => all.map((node) => node.propose(one))).flat()
    const results = await within(cluster, Promise.all(answers))
    expect(results.toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 60 }, (_, index) => index + 1),
    )
    await closeAll(nodes)
  })
})

describe('giving up', () => {
  it('P24: a timeout says that the outcome is unknown, and a retry through the session applies the command once', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [id, leader] = leaderOf(nodes)
    const others = [...nodes.keys()].filter((other) => other !== id)
    const session = { id: await within(cluster, leader.openSession()), sequence: 1 }
    // The leader can still tell the others, and hears nothing of them.
    for (const other of others) cluster.hub.cut(other, id)
    const attempt = leader.propose(one, { session, timeoutMs: 500 })
    await expect(within(cluster, attempt)).rejects.toMatchObject({
      code: 'ERR_PAXOS_TIMEOUT',
      outcome: 'unknown',
    })
    cluster.hub.heal()
    const [other] = others
    const node = nodes.get(other ?? '') ?? leader
    expect(await within(cluster, node.propose(one, { session }))).toBe(1)
    expect(await within(cluster, leader.propose(one, { session }))).toBe(1)
    expect(await within(cluster, node.query('x'))).toBe(1)
    await closeAll(nodes)
  })

  it('by a signal rejects with its reason, at once', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const lonely = await cluster.open('a')
    const reason = new Error('no longer wanted')
    const controller = new AbortController()
    const waits = [
      lonely.propose(one, { signal: controller.signal }),
      lonely.query('x', { signal: controller.signal }),
      lonely.openSession({ signal: controller.signal }),
    ]
    const all = Promise.allSettled(waits)
    controller.abort(reason)
    for (const wait of await all) expect(wait).toEqual({ status: 'rejected', reason })
    await expect(lonely.propose(one, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await lonely.close()
  })

  it('leaves no timer behind', async () => {
    const cluster = replicaCluster('a')
    const nodes = await cluster.openAll()
    const [, node] = leaderOf(nodes)
    await within(cluster, node.propose(one, { timeoutMs: 60_000 }))
    await within(cluster, node.query('x', { timeoutMs: 60_000 }))
    await node.close()
    expect(cluster.clock.pending).toBe(0)
  })
})

describe('exactly once', () => {
  it('the same session and sequence is the same command: on any node, now and later', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll({ snapshotEveryEntries: 5 })
    const all = [...nodes.values()]
    const id = await within(cluster, all[0]?.openSession() ?? Promise.reject(new Error('none')))
    const session = { id, sequence: 1 }
    const same = all.map((node) => node.propose(one, { session }))
    expect(await within(cluster, Promise.all(same))).toEqual([1, 1, 1])
    // Snapshots remember it too.
    const [, leader] = leaderOf(nodes)
    for (let count = 0; count < 20; count += 1)
      await within(cluster, leader.propose({ name: 'y', add: 1 }))
    for (const [name, node] of nodes) await cluster.crash(name, node)
    const again = await cluster.openAll({ snapshotEveryEntries: 5 })
    const [, next] = leaderOf(again)
    expect(await within(cluster, next.propose(one, { session }))).toBe(1)
    expect(await within(cluster, next.propose(one, { session: { id, sequence: 2 } }))).toBe(2)
    await closeAll(again)
  })

  it('what was acknowledged is not answered again, and not applied', async () => {
    const cluster = replicaCluster('a')
    const nodes = await cluster.openAll()
    const [, node] = leaderOf(nodes)
    const id = await within(cluster, node.openSession())
    await within(cluster, node.propose(one, { session: { id, sequence: 1 } }))
    await within(cluster, node.propose(one, { session: { id, sequence: 2 } }))
    const late = node.propose(one, { session: { id, sequence: 1 } })
    await expect(within(cluster, late)).rejects.toThrow(AlreadyAnsweredError)
    expect(await within(cluster, node.query('x'))).toBe(2)
    await closeAll(nodes)
  })

  it('a session that is idle ends on all nodes alike, and its commands are refused', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll({ sessionTimeoutMs: 60_000 })
    const [, leader] = leaderOf(nodes)
    const [idle, busy] = await within(
      cluster,
      Promise.all([leader.openSession(), leader.openSession()]),
    )
    for (let sequence = 1; sequence <= 5; sequence += 1) {
      await within(cluster, leader.propose(one, { session: { id: busy, sequence } }))
      await cluster.clock.advance(20_000)
    }
    const late = leader.propose(one, { session: { id: idle, sequence: 1 } })
    await expect(within(cluster, late)).rejects.toThrow(SessionExpiredError)
    expect(await within(cluster, leader.propose(one, { session: { id: busy, sequence: 6 } }))).toBe(
      6,
    )
    await cluster.clock.advance(1000)
    expect(new Set([...nodes.values()].map((node) => node.status().sessions)).size).toBe(1)
    await closeAll(nodes)
  })

  it('a node that was idle for long opens a new session by itself', async () => {
    const cluster = replicaCluster('a')
    const nodes = await cluster.openAll({ sessionTimeoutMs: 60_000 })
    const [, node] = leaderOf(nodes)
    expect(await within(cluster, node.propose(one))).toBe(1)
    await cluster.clock.advance(200_000)
    expect(node.status().sessions).toBe(0)
    expect(await within(cluster, node.propose(one))).toBe(2)
    await closeAll(nodes)
  })

  it.each([
    ['', 1],
    ['0', 1],
    ['-1', 1],
    ['1e3', 1],
    ['x', 1],
    ['1', 0],
    ['1', 1.5],
    ['1', -1],
    ['9'.repeat(20), 1],
  ])('there is no command of session %j and sequence %d', async (id, sequence) => {
    const cluster = replicaCluster('a')
    const node = await cluster.open('a')
    await expect(node.propose(one, { session: { id, sequence } })).rejects.toThrow(
      InvalidArgumentError,
    )
    await node.close()
  })
})

describe('what another node hands over', () => {
  it.each<[string, (session: SessionId) => Uint8Array]>([
    ['no entry at all', () => Uint8Array.of(9, 9)],
    ['nothing', () => new Uint8Array()],
    ['a command that the codec cannot read', (session) => command(session, '{')],
    ['a command of a session that its slot names', () => command(2, '"x"')],
    [
      'an opening as an earlier release wrote it',
      () => encodeEntry({ type: 'open-session', nonce: Uint8Array.of(1) }),
    ],
    [
      'the end of a session, which the leader decides',
      (session) => encodeEntry({ type: 'expire-unused', sessions: [{ session, usedAt: 2 }] }),
    ],
    ['more than fits', (session) => command(session, `"${'x'.repeat(MAX_VALUE_BYTES)}"`)],
  ])('%s does not come into the log, where it would stop every node', async (_, valueFor) => {
    const cluster = replicaCluster('a', 'b')
    let refused = 0
    const metrics = {
      // What is no entry is not believed; what no node could apply is refused.
      counter: (name: string, by: number, attributes?: Attributes) => {
        const isDisbelief = attributes?.['reason'] === 'unbelievable'
        if (name === 'paxos.values.refused' || isDisbelief) refused += by
      },
      histogram: () => undefined,
    }
    const nodes = await cluster.openAll({ metrics })
    const [id, leader] = leaderOf(nodes)
    const value = valueFor(`caller:${await within(cluster, leader.openSession())}`)
    const [other = ''] = [...nodes.keys()].filter((each) => each !== id)
    await nodes.get(other)?.close()
    const rogue = memoryTransport({ hub: cluster.hub })
    const peers = new Map(Object.entries(cluster.members).filter(([peer]) => peer === id))
    const listen = cluster.members[other] ?? ''
    await rogue.open({ id: other, cluster: 'paxos', listen, peers, receive: () => undefined })
    const before = leader.status().chosenThrough
    const message = { type: 'forward', values: [value] } as const
    rogue.send(id, encode({ cluster: 'paxos', from: other, message }))
    await cluster.clock.advance(100)
    await rogue.close()
    nodes.set(other, await cluster.open(other))
    expect(await within(cluster, leader.propose(one))).toBe(1)
    // Its own: the opening of its session, the command, and perhaps the no-op of a new leadership.
    expect(leader.status().chosenThrough - before).toBeLessThanOrEqual(3)
    expect(refused).toBe(1)
    await closeAll(nodes)
  })
})

describe('a read', () => {
  it('on any node shows every command that was answered anywhere before', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const all = [...nodes.values()]
    for (let count = 1; count <= 9; count += 1) {
      await within(cluster, all[count % 3]?.propose(one) ?? Promise.reject(new Error('none')))
      const reader = all[(count + 1) % 3]
      expect(await within(cluster, reader?.query('x') ?? Promise.reject(new Error('none')))).toBe(
        count,
      )
    }
    await closeAll(nodes)
  })

  it('of a leader that was cut off does not answer from its old state, and a local one does', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [id, old] = leaderOf(nodes)
    await within(cluster, old.propose(one))
    cluster.hub.partition(
      [id],
      [...nodes.keys()].filter((other) => other !== id),
    )
    const asked = old.query('x')
    let answer: number | null = null
    const answered = asked.then((value) => (answer = value))
    await cluster.clock.advance(5000)
    const [, next] = leaderOf(new Map([...nodes].filter(([other]) => other !== id)))
    expect(await within(cluster, next.propose(one))).toBe(2)
    expect(await old.query('x', { consistency: 'local' })).toBe(1)
    expect(answer).toBeNull()
    cluster.hub.heal()
    await within(cluster, answered)
    expect(answer).toBe(2)
    await closeAll(nodes)
  })

  it('is refused when too many wait, and taken again when they are answered', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const lonely = await cluster.open('a', { trustEmptyDisk: true })
    const waiting = Array.from({ length: 10_000 }, () => lonely.query('x', { timeoutMs: 1000 }))
    const all = Promise.allSettled(waiting)
    await expect(lonely.query('x')).rejects.toThrow(OverloadedError)
    await cluster.clock.advance(1000)
    expect((await all).every(({ status }) => status === 'rejected')).toBe(true)
    const other = await cluster.open('b', { trustEmptyDisk: true })
    const nodes = new Map([['a', lonely], ['b', other] as const])
    expect(await within(cluster, lonely.query('x'))).toBe(0)
    await closeAll(nodes)
  })

  it('writes nothing', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [, leader] = leaderOf(nodes)
    await within(cluster, leader.propose(one))
    await cluster.clock.advance(1000)
    const before = leader.status().chosenThrough
    await within(cluster, Promise.all(Array.from({ length: 100 }, () => leader.query('x'))))
    expect(leader.status().chosenThrough).toBe(before)
    await closeAll(nodes)
  })
})

describe('a snapshot', () => {
  it('is taken every so many entries, and a node that missed them gets it', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const options = { snapshotEveryEntries: 10 }
    const nodes = await cluster.openAll(options)
    const [absent] = [...nodes.keys()].filter((id) => id !== leaderOf(nodes)[0])
    await nodes.get(absent ?? '')?.close()
    const [, leader] = leaderOf(nodes)
    const large = 'n'.repeat(100_000)
    for (let count = 0; count < 100; count += 1) {
      await within(cluster, leader.propose({ name: large, add: 1 }))
    }
    expect(leader.status().snapshotThrough).toBeGreaterThan(90)
    const late = await cluster.open(absent ?? '', options)
    const installed = eventOf(late, 'snapshot-installed')
    await cluster.clock.advance(10_000)
    expect(await installed).toMatchObject({
      through: expect.toSatisfy((slot: number) => slot > 90),
    })
    expect(cluster.machines.get(absent ?? '')?.content).toEqual({ [large]: 100 })
    await late.close()
    await closeAll(nodes)
  })

  it('is not taken again before the last one is on the disk: a slow disk does not fill the memory', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll({ snapshotEveryEntries: 10 })
    const [id, leader] = leaderOf(nodes)
    await within(cluster, leader.propose(one))
    const through = leader.status().snapshotThrough
    // The others are quorum enough.
    cluster.disks.get(id)?.hold()
    for (let count = 0; count < 100; count += 1) await within(cluster, leader.propose(one))
    expect(leader.status().snapshotThrough).toBeLessThanOrEqual(through + 20)
    cluster.disks.get(id)?.release()
    await within(cluster, leader.propose(one))
    await within(cluster, leader.propose(one))
    expect(leader.status().snapshotThrough).toBeGreaterThan(100)
    await closeAll(nodes)
  })

  it('P24: a command that was applied behind it, in a session that is gone, is not applied again', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const options = { snapshotEveryEntries: 10, sessionTimeoutMs: 20_000 }
    const nodes = await cluster.openAll(options)
    const [id, leader] = leaderOf(nodes)
    const [cutOff = '', other = ''] = [...nodes.keys()].filter((each) => each !== id)
    const away = nodes.get(cutOff) ?? leader
    await within(cluster, away.propose(one))
    // It can still hand its command over, and hears nothing any more.
    cluster.hub.cut(id, cutOff)
    cluster.hub.cut(other, cutOff)
    const pending = away.propose(one)
    const told = expect(pending).rejects.toThrow(SessionExpiredError)
    await cluster.clock.advance(500)
    cluster.hub.cut(cutOff, id)
    cluster.hub.cut(cutOff, other)
    const large = 'n'.repeat(100_000)
    for (let count = 0; count < 60; count += 1) {
      await within(cluster, leader.propose({ name: large, add: 1 }))
      await cluster.clock.advance(1000)
    }
    expect(await within(cluster, leader.query('x'))).toBe(2)
    cluster.hub.heal()
    await cluster.clock.advance(10_000)
    await told
    expect(await within(cluster, leader.query('x'))).toBe(2)
    await closeAll(nodes)
  })

  it('keeps what is on the disk bounded', async () => {
    const cluster = replicaCluster('a')
    const nodes = await cluster.openAll({ snapshotEveryEntries: 10 })
    const [, node] = leaderOf(nodes)
    for (let count = 0; count < 200; count += 1) await within(cluster, node.propose(one))
    expect(cluster.disks.get('a')?.saved.accepted.length).toBeLessThanOrEqual(20)
    await closeAll(nodes)
  })

  it('of bytes of another form stops the start, and leaves nothing open', async () => {
    const cluster = replicaCluster('a')
    const disk = cluster.disks.get('a')
    const durability = disk?.durability()
    await durability?.open()
    await durability?.save({
      snapshot: {
        through: 1,
        members: [{ id: 'a', address: 'memory:a' }],
        bytes: Uint8Array.of(9, 9),
      },
    })
    await durability?.close()
    await expect(cluster.open('a')).rejects.toThrow(/none of a replica of this version/)
    await disk?.durability().open()
  })
})

describe('a failure stops the node, cleanly, loudly and for good', () => {
  it('when a save fails: it answers nothing any more, and says why', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [id, old] = leaderOf(nodes)
    await old.close({ transfer: false })
    const disk = cluster.disks.get(id)
    disk?.crash()
    const broken = failing(disk?.durability() ?? memoryDurability())
    const node = await cluster.open(id, { durability: broken.durability })
    const stopped = eventOf(node, 'stopped')
    const pending = node.propose(one)
    broken.fail()
    await expect(within(cluster, pending)).rejects.toThrow(StoppedError)
    expect(await stopped).toMatchObject({
      error: {
        message: expect.stringMatching(/^Node .* has stopped: the disk is full\. Once that/),
      },
    })
    await expect(node.query('x', { consistency: 'local' })).rejects.toThrow(StoppedError)
    await expect(node.propose(one)).rejects.toThrow(StoppedError)
    nodes.delete(id)
    await closeAll(nodes)
  })

  it('but a state machine that returns nothing is none', async () => {
    const applied: string[] = []
    const cluster = replicaCluster('a')
    const node = await Replica.open({
      id: 'a',
      members: cluster.members,
      transport: memoryTransport({ hub: cluster.hub }),
      durability: memoryDurability(),
      clock: cluster.clock,
      stateMachine: {
        apply: (text: string) => void applied.push(text),
        snapshot: () => new Uint8Array(),
        restore: () => undefined,
      },
    })
    const id = await within(cluster, node.openSession())
    const session = { id, sequence: 1 }
    expect(await within(cluster, node.propose('said', { session }))).toBeUndefined()
    expect(await within(cluster, node.propose('said', { session }))).toBeUndefined()
    expect(applied).toEqual(['said'])
    await node.close({ transfer: false })
  })
})

describe('overload', () => {
  it('P22: ends when the disk comes back: everything that was waiting is answered', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [, leader] = leaderOf(nodes)
    await within(cluster, leader.propose(one))
    for (const disk of cluster.disks.values()) disk.hold()
    const many = Array.from({ length: 3000 }, () => leader.propose(one))
    await cluster.clock.advance(500)
    const { pending, waiting } = leader.status()
    expect(pending + waiting).toBe(3000)
    for (const disk of cluster.disks.values()) disk.release()
    const results = await within(cluster, Promise.all(many))
    expect(Math.max(...results)).toBe(3001)
    expect(leader.status()).toMatchObject({ pending: 0, waiting: 0, queued: 0 })
    expect(await within(cluster, leader.propose(one))).toBe(3002)
    await closeAll(nodes)
  })

  it('what waits its turn can be given up, and is then never proposed', async () => {
    const cluster = replicaCluster('a')
    const nodes = await cluster.openAll()
    const [, node] = leaderOf(nodes)
    await within(cluster, node.propose(one))
    cluster.disks.get('a')?.hold()
    const kept: Promise<number>[] = []
    // While so many are on their way, one alone has to wait.
    for (let entries = 0; entries < FREE_ENTRIES; entries += 1) {
      kept.push(node.propose(one))
      await settled()
    }
    const controller = new AbortController()
    const givenUp = node.propose({ name: 'given up', add: 1 }, { signal: controller.signal })
    await settled()
    expect(node.status().waiting).toBe(1)
    controller.abort()
    await expect(givenUp).rejects.toThrow(/abort/i)
    const last = node.propose({ name: 'last', add: 1 }, {})
    cluster.disks.get('a')?.release()
    await within(cluster, Promise.all([...kept, last]))
    expect(cluster.machines.get('a')?.content['given up']).toBeUndefined()
    await closeAll(nodes)
  })
})

describe('starting', () => {
  it('a restarted node trusts the members on its disk, and says so when they differ', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    await closeAll(nodes)
    const warnings: unknown[] = []
    const logger = {
      debug: vi.fn(),
      info: vi.fn(),
      error: vi.fn(),
      warn: (...args: unknown[]) => warnings.push(args),
    }
    const inner = memoryTransport({ hub: cluster.hub })
    const node = await cluster.open('a', {
      members: { a: 'memory://node-a', z: 'memory://z' },
      logger,
      transport: {
        get address() {
          return inner.address
        },
        // It takes some turns, in which nobody can listen yet.
        async open(options) {
          await inner.open(options)
          await cluster.clock.advance(0)
        },
        setPeers: (peers) => inner.setPeers(peers),
        send: (to, frame) => inner.send(to, frame),
        close: () => inner.close(),
      },
    })
    const differ = eventOf(node, 'members-differ')
    expect(await within(cluster, differ)).toMatchObject({
      stored: [{ id: 'a' }, { id: 'b' }, { id: 'c' }],
      given: [{ id: 'a' }, { id: 'z' }],
    })
    expect(warnings).toHaveLength(1)
    await node.close()
    // Nor does it leave anything behind when it is closed before it could say so.
    const brief = await cluster.open('a', { members: { a: 'memory://node-a' } })
    await brief.close()
    expect(cluster.clock.pending).toBe(0)
  })

  it('a node that stops while it starts leaves no timer behind', async () => {
    const cluster = replicaCluster('a')
    const { clock } = cluster
    const inner = memoryTransport({ hub: cluster.hub })
    let isBroken = false
    const node = await cluster.open('a', {
      clock: {
        nowMs() {
          if (isBroken) throw new Error('the clock has stopped')
          return clock.nowMs()
        },
        schedule: (delayMs, callback) => clock.schedule(delayMs, callback),
      },
      transport: {
        open: async (options) => {
          await inner.open(options)
          isBroken = true
        },
        get address() {
          return inner.address
        },
        setPeers: (peers) => inner.setPeers(peers),
        send: (to, frame) => inner.send(to, frame),
        close: () => inner.close(),
      },
    })
    await expect(node.propose(one)).rejects.toThrow(StoppedError)
    expect(clock.pending).toBe(0)
  })

  it.each([
    ['an id that is not among the members', { id: 'z' }, /not among the members/],
    ['a window below the period', { livenessWindowMs: 1, heartbeatPeriodMs: 5 }, /liveness window/],
    ['snapshots every 0 entries', { snapshotEveryEntries: 0 }, /snapshotEveryEntries is 0/],
    ['sessions that end at once', { sessionTimeoutMs: 0 }, /sessionTimeoutMs is 0/],
  ])('%s is refused, and nothing is left open', async (_, options, complaint) => {
    const cluster = replicaCluster('a', 'b')
    await expect(cluster.open('a', options)).rejects.toThrow(InvalidArgumentError)
    await expect(cluster.open('a', options)).rejects.toThrow(complaint)
    const node = await cluster.open('a')
    await node.close()
  })

  it('a value that would not fit is refused before anything is sent', async () => {
    const cluster = replicaCluster('a')
    const nodes = await cluster.openAll()
    const [, node] = leaderOf(nodes)
    const huge = { name: 'n'.repeat(1 << 20), add: 1 }
    await expect(node.propose(huge)).rejects.toThrow(ValueTooLargeError)
    const large = { name: 'n'.repeat(1_040_000), add: 1 }
    expect(await within(cluster, node.propose(large))).toBe(1)
    await closeAll(nodes)
  })
})

describe('closing', () => {
  it('tells everybody who waits, and hands leadership over without a pause', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [id, leader] = leaderOf(nodes)
    await within(cluster, leader.propose(one))
    const events = leader.events()
    const ended = (async () => {
      for await (const _ of events);
      return 'ended'
    })()
    await within(cluster, leader.close(), 10)
    expect(await ended).toBe('ended')
    await expect(leader.propose(one)).rejects.toThrow(ClosedError)
    nodes.delete(id)
    // Far less than a liveness window.
    await cluster.clock.advance(100)
    leaderOf(nodes)
    await closeAll(nodes)
    expect(cluster.clock.pending).toBe(0)
  })

  it('hands leadership to a node that is there, not to one that was as far and is gone', async () => {
    const cluster = replicaCluster('a', 'b', 'c', 'd', 'e')
    const nodes = await cluster.openAll()
    const [id, leader] = leaderOf(nodes)
    await within(cluster, leader.propose(one))
    await cluster.clock.advance(1000)
    const [gone = ''] = [...nodes.keys()].filter((each) => each !== id)
    await nodes.get(gone)?.close()
    nodes.delete(gone)
    await cluster.clock.advance(1000)
    await within(cluster, leader.close(), 10)
    nodes.delete(id)
    await cluster.clock.advance(100)
    leaderOf(nodes)
    await closeAll(nodes)
  })

  it('rejects what was pending as unknown', async () => {
    const cluster = replicaCluster('a', 'b')
    const node = await cluster.open('a')
    const waits = Promise.allSettled([node.propose(one), node.query('x'), node.openSession()])
    await settled()
    await node.close()
    for (const wait of await waits) {
      expect(wait).toMatchObject({
        status: 'rejected',
        reason: { code: 'ERR_PAXOS_CLOSED', outcome: 'unknown' },
      })
    }
  })
})

describe('what it tells of itself', () => {
  it('status and metrics say who leads, what is applied and how long it took', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const sums = new Map<string, number>()
    const durations: string[] = []
    const metrics = {
      counter: (name: string, add: number) => sums.set(name, (sums.get(name) ?? 0) + add),
      histogram: (name: string) => durations.push(name),
    }
    const nodes = await cluster.openAll({ metrics })
    const [id, leader] = leaderOf(nodes)
    await within(cluster, leader.propose(one))
    await within(cluster, leader.query('x'))
    await cluster.clock.advance(1000)
    const status = leader.status()
    expect(status).toMatchObject({
      id,
      role: 'leader',
      leader: id,
      inFlight: 0,
      pending: 0,
      reads: 0,
    })
    expect(status.appliedThrough).toBe(status.chosenThrough)
    expect(Object.values(status.lag)).toEqual([0, 0])
    expect(sums.get('paxos.entries.applied')).toBe(3 * status.appliedThrough)
    expect(durations).toEqual(['paxos.command.duration', 'paxos.read.duration'])
    await closeAll(nodes)
  })

  it('status says how far a node is behind what it hears that others know, until it has caught up', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [id, leader] = leaderOf(nodes)
    const others = [...nodes].filter(([each]) => each !== id)
    const [[slow, behind] = ['', leader]] = others
    // Heartbeats fit, and entries do not.
    for (const each of nodes.keys()) cluster.hub.setLink(each, slow, { maxFrameBytes: 400 })
    const name = 'x'.repeat(1000)
    for (let count = 0; count < 5; count += 1) {
      await within(cluster, leader.propose({ name, add: 1 }))
    }
    await cluster.clock.advance(1000)
    const { appliedThrough, chosenThrough } = behind.status()
    expect(appliedThrough).toBe(chosenThrough)
    expect(behind.status().behindBy).toBe(leader.status().chosenThrough - appliedThrough)
    expect(behind.status().behindBy).toBeGreaterThanOrEqual(5)
    expect(leader.status().behindBy).toBe(0)
    cluster.hub.setLinks({ maxFrameBytes: Infinity })
    await cluster.clock.advance(10_000)
    expect([...nodes.values()].map((node) => node.status().behindBy)).toEqual([0, 0, 0])
    await closeAll(nodes)
  })

  it('a listener that does not read loses the oldest events, and is told how many', async () => {
    const cluster = replicaCluster('a')
    const nodes = await cluster.openAll({ snapshotEveryEntries: 1 })
    const [, node] = leaderOf(nodes)
    const events = node.events()
    const first = events.next()
    for (let count = 0; count < 1500; count += 1) await within(cluster, node.propose(one))
    expect((await first).value?.type).toBe('snapshot-taken')
    expect((await events.next()).value).toMatchObject({ type: 'events-lost' })
    await closeAll(nodes)
  })
})

function command(session: SessionId, text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text)
  return encodeEntry({ type: 'command', session, sequence: 1, acknowledged: 1, bytes })
}

/** A durability adapter that fails when it is told to. */
function failing(inner: Durability): { durability: Durability; fail: () => void } {
  let isBroken = false
  return {
    fail: () => {
      isBroken = true
    },
    durability: {
      open: (owner) => inner.open(owner),
      save: (change: Change) =>
        isBroken ? Promise.reject(new Error('the disk is full')) : inner.save(change),
      close: () => inner.close(),
    },
  }
}
