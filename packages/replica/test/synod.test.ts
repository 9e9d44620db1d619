import { getEventListeners } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { CorruptionError, EMPTY_SAVED, InvalidArgumentError, MAX_VALUE_BYTES } from '@paxos/core'
import type { Durability } from '@paxos/core'
import { encode } from '@paxos/core/wire'
import { memory as memoryDurability } from '@paxos/durability-memory'
import { memory as memoryTransport } from '@paxos/transport-memory'
import { ClosedError, StoppedError, Synod, TimeoutError, ValueTooLargeError } from '@paxos/replica'
import type { Codec } from '@paxos/replica'
import { cluster } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import { settled } from './virtual-clock.ts'

/** What became of a promise, without waiting for it. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  const pending = Symbol('pending')
  const result = await Promise.race([
    promise.catch((error: unknown) => error),
    settled().then(() => pending),
  ])
  return result === pending ? 'pending' : result
}

/** A node that is closed when the test is over. */
async function openOne<V>(world: Cluster, id: string): Promise<Synod<V>> {
  const synod = await world.open<V>(id)
  onTestFinished(() => synod.close())
  return synod
}

/** A node that is closed when the test is over, and how a frame comes to it from anybody. */
async function openTapped<V>(
  world: Cluster,
  id: string,
): Promise<{ synod: Synod<V>; deliver: (from: string, frame: Uint8Array) => void }> {
  let receive: ((from: string, frame: Uint8Array) => void) | null = null
  const inner = memoryTransport({ hub: world.hub })
  const transport: typeof inner = {
    open: (options) => {
      receive = options.receive
      return inner.open(options)
    },
    get address() {
      return inner.address
    },
    setPeers: (peers) => inner.setPeers(peers),
    send: (to, sent) => inner.send(to, sent),
    close: () => inner.close(),
  }
  const synod = await world.open<V>(id, { transport })
  onTestFinished(() => synod.close())
  return { synod, deliver: receive ?? expect.fail('not open') }
}

async function openAll<V>(world: Cluster, ids: readonly string[]): Promise<Synod<V>[]> {
  return await Promise.all(ids.map((id) => openOne<V>(world, id)))
}

describe('Synod: a few nodes agree on one value, once', () => {
  it('three nodes with conflicting proposals all resolve with one of them', async () => {
    const world = cluster('a', 'b', 'c')
    const synods = await openAll<string>(world, ['a', 'b', 'c'])
    const proposals = synods.map((synod, index) => synod.propose(`value ${index}`))
    await world.clock.advance(5000)
    const values = await Promise.all(proposals)
    expect(new Set(values).size).toBe(1)
    expect(['value 0', 'value 1', 'value 2']).toContain(values[0])
    expect(await Promise.all(synods.map((synod) => synod.chosen))).toEqual(values)
  })

  it('a value that only a follower proposes is handed to the leader and chosen', async () => {
    const world = cluster('a', 'b', 'c')
    const synods = await openAll<string>(world, ['a', 'b', 'c'])
    await world.clock.advance(3000)
    const leader = synods[0]?.status().leader
    const follower = synods.find((synod) => synod.status().id !== leader)
    const proposal = follower?.propose('from a follower')
    await world.clock.advance(1000)
    expect(await proposal).toBe('from a follower')
  })

  it.each([[null], [0], [''], [false], [[]], [{}]])(
    'P3: %j is a value like any other: chosen, and told',
    async (value) => {
      const world = cluster('', 'b', 'c')
      const first = await openOne<unknown>(world, '')
      const [second] = await openAll<unknown>(world, ['b', 'c'])
      const proposal = first.propose(value)
      await world.clock.advance(5000)
      expect(await proposal).toEqual(value)
      expect(await second?.chosen).toEqual(value)
    },
  )

  it('a second, different proposal on a node waits for the same choice and changes nothing', async () => {
    const world = cluster('a')
    const synod = await openOne<string>(world, 'a')
    const both = [synod.propose('first'), synod.propose('second')]
    await world.clock.advance(3000)
    expect(await Promise.all(both)).toEqual(['first', 'first'])
  })

  it('P14: with a single member, nothing is told as chosen before the sync', async () => {
    const world = cluster('a')
    const synod = await openOne<string>(world, 'a')
    world.disks.get('a')?.hold()
    const proposal = synod.propose('alone')
    await world.clock.advance(10_000)
    expect(await outcome(proposal)).toBe('pending')
    world.disks.get('a')?.release()
    await world.clock.advance(1)
    expect(await proposal).toBe('alone')
  })

  it('status says who leads, what is known and what was dropped', async () => {
    const world = cluster('a', 'b', 'c')
    const synods = await openAll<string>(world, ['a', 'b', 'c'])
    void synods[0]?.propose('x')
    await world.clock.advance(5000)
    const statuses = synods.map((synod) => synod.status())
    const leader = statuses.find(({ phase }) => phase === 'leading')
    expect(statuses.map((status) => status.leader)).toEqual([leader?.id, leader?.id, leader?.id])
    expect(leader?.isChosen).toBe(true)
    expect(leader?.holders.toSorted()).toEqual(['a', 'b', 'c'])
    expect(leader?.dropped).toEqual({
      malformed: 0,
      foreign: 0,
      stranger: 0,
      unbelievable: 0,
      members: 0,
      overload: 0,
    })
  })
})

describe('what leaves a node is durable', () => {
  it('P1: while its save runs, an acceptor answers neither a Prepare nor its duplicates', async () => {
    const world = cluster('a', 'b', 'c')
    world.disks.get('b')?.hold()
    world.disks.get('c')?.hold()
    const synods = await openAll<string>(world, ['a', 'b', 'c'])
    synods[0]?.propose('x').catch(() => undefined)
    await world.clock.advance(10_000)
    const answers = world.observed.filter(
      ({ id, observation }) =>
        id !== 'a' &&
        observation.type === 'sent' &&
        ['promise', 'accepted', 'prepare'].includes(observation.message.type),
    )
    expect(answers).toEqual([])
    expect(world.observed.some(({ observation }) => observation.type === 'received')).toBe(true)
    for (const disk of world.disks.values()) disk.release()
  })

  it('a node whose save fails stops for good, says why, and sends nothing any more', async () => {
    const world = cluster('a', 'b', 'c')
    const cause = new Error('the disk is on fire')
    const broken: Durability = {
      ...memoryDurability(),
      open: async () => ({ ...EMPTY_SAVED, identity: null, isNew: true }),
      save: () => Promise.reject(cause),
      close: () => Promise.resolve(),
    }
    const synod = await world.open<string>('a', { durability: broken })
    const proposal = outcome(synod.chosen)
    const refused = synod.propose('x').catch((error: unknown) => error)
    expect(await proposal).toBe('pending')
    await world.clock.advance(5000)
    const error = await refused
    expect(error).toBeInstanceOf(StoppedError)
    expect(error).toMatchObject({ code: 'ERR_PAXOS_STOPPED', cause, outcome: 'unknown' })
    expect(String(error)).toContain('the disk is on fire')
    expect(world.observed.filter(({ observation }) => observation.type === 'sent')).toEqual([])
    expect(await outcome(synod.propose('again'))).toBe(error)
    await synod.close()
    expect(world.clock.pending).toBe(0)
  })

  it('a restarted node knows the chosen value from its own disk, with nobody else running', async () => {
    const world = cluster('a', 'b', 'c')
    const synods = await Promise.all(['a', 'b', 'c'].map((id) => world.open<string>(id)))
    void synods[0]?.propose('for ever').catch(() => undefined)
    await world.clock.advance(5000)
    await Promise.all(synods.map((synod) => synod.close()))

    const again = await openOne<string>(world, 'b')
    expect(await again.chosen).toBe('for ever')
    expect(await again.propose('something else')).toBe('for ever')
  })

  it('a node that was away learns what was chosen from the leader', async () => {
    const world = cluster('a', 'b', 'c')
    const first = await openOne<string>(world, 'a')
    await openOne(world, 'b')
    const proposal = first.propose('decided by two')
    await world.clock.advance(5000)
    expect(await proposal).toBe('decided by two')

    const late = await openOne<string>(world, 'c')
    await world.clock.advance(2000)
    expect(await late.chosen).toBe('decided by two')
  })
})

describe('every wait can be given up', () => {
  it('P24: a timeout says that the outcome is unknown, and the value may be chosen later', async () => {
    const world = cluster('a', 'b', 'c')
    const alone = await openOne<string>(world, 'a')
    const proposal = alone.propose('x', { timeoutMs: 700 }).catch((error: unknown) => error)
    await world.clock.advance(699)
    expect(await outcome(proposal)).toBe('pending')
    await world.clock.advance(1)
    expect(await proposal).toBeInstanceOf(TimeoutError)
    expect(await proposal).toMatchObject({ code: 'ERR_PAXOS_TIMEOUT', outcome: 'unknown' })

    await openOne<string>(world, 'b')
    await world.clock.advance(10_000)
    expect(await alone.chosen).toBe('x')
  })

  it('an aborted wait rejects with the reason of its signal, and leaves no timer and no listener', async () => {
    const world = cluster('a', 'b', 'c')
    const alone = await openOne<string>(world, 'a')
    // What it greets the others with has arrived, or got lost.
    await world.clock.advance(10)
    const timers = world.clock.pending
    const controller = new AbortController()
    const wait = alone.learn({ signal: controller.signal, timeoutMs: 60_000 })
    expect(world.clock.pending).toBe(timers + 1)
    const timedOut = alone.learn({ signal: controller.signal, timeoutMs: 1 })
    const refusal = expect(timedOut).rejects.toBeInstanceOf(TimeoutError)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1)
    await world.clock.advance(1)
    await refusal
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1)
    const reason = new Error('changed my mind')
    controller.abort(reason)
    expect(await outcome(wait)).toBe(reason)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    expect(world.clock.pending).toBe(timers)
  })

  it('a proposal whose signal has aborted before is never made', async () => {
    const world = cluster('a')
    const synod = await openOne<string>(world, 'a')
    const reason = new Error('too late')
    await expect(synod.propose('x', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const other = synod.propose('y')
    await world.clock.advance(3000)
    expect(await other).toBe('y')
  })

  it.each([0, -1, Number.NaN, Infinity, 2 ** 31])('a timeout of %d ms is refused', async (ms) => {
    const world = cluster('a')
    const synod = await openOne<string>(world, 'a')
    await expect(synod.learn({ timeoutMs: ms })).rejects.toBeInstanceOf(InvalidArgumentError)
  })
})

describe('closing', () => {
  it('tells everybody who waits, and a promise that nobody listens to disturbs nobody', async () => {
    const world = cluster('a', 'b', 'c')
    const synod = await world.open<string>('a')
    const wait = outcome(synod.learn().catch((error: unknown) => error))
    await synod.close()
    expect(await wait).toBeInstanceOf(ClosedError)
    expect(await outcome(synod.chosen)).toMatchObject({ code: 'ERR_PAXOS_CLOSED' })
    expect(await outcome(synod.propose('x'))).toBeInstanceOf(ClosedError)
  })

  it('leaves no timer, no address and no lock behind, and may be called again', async () => {
    const world = cluster('a', 'b', 'c')
    const synod = await world.open<string>('a')
    await world.clock.advance(2000)
    await Promise.all([synod.close(), synod.close()])
    await synod.close()
    expect(world.clock.pending).toBe(0)
    const again = await openOne<string>(world, 'a')
    expect(again.status().id).toBe('a')
  })

  it('keeps a value that was known before', async () => {
    const world = cluster('a')
    const synod = await world.open<string>('a')
    void synod.propose('x')
    await world.clock.advance(3000)
    await synod.close()
    expect(await synod.chosen).toBe('x')
    expect(await synod.learn()).toBe('x')
  })
})

describe('bad input is refused with one clear sentence, and nothing is left open', () => {
  it('an id that is not among the members', async () => {
    const world = cluster('a', 'b', 'c')
    const error = await outcome(world.open('d', { id: 'd' }))
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect(String(error)).toContain('"d" is not among the members "a", "b", "c"')
  })

  it('an id that is reserved or too long, before the first message would be due', async () => {
    for (const id of ['all', 'x'.repeat(256)]) {
      const options = { id, members: { [id]: 'memory://x' }, transport: cluster().hub.transport() }
      const open = Synod.open({ ...options, durability: memoryDurability() })
      await expect(open).rejects.toBeInstanceOf(InvalidArgumentError)
    }
  })

  it('an address that is taken: the disk is closed again', async () => {
    const world = cluster('a', 'b')
    await openOne(world, 'a')
    const members = { a: 'memory://elsewhere', b: world.members['a'] ?? '' }
    const error = await outcome(world.open('b', { members }))
    expect(error).toMatchObject({ code: 'ERR_PAXOS_ADDRESS_IN_USE' })
    await openOne(world, 'b')
  })

  it('an option out of range: the disk is closed again', async () => {
    const world = cluster('a')
    const bad = { heartbeatPeriodMs: 500, livenessWindowMs: 500 }
    expect(await outcome(world.open('a', bad))).toBeInstanceOf(InvalidArgumentError)
    expect(await outcome(world.open('a', { retransmitIntervalMs: 0 }))).toMatchObject({
      code: 'ERR_PAXOS_INVALID_ARGUMENT',
    })
    await openOne(world, 'a')
  })

  it('a corrupted disk: the error of the adapter comes through as it is', async () => {
    const corruption = new CorruptionError('Flipped. Restore it.')
    const durability = { ...memoryDurability(), open: () => Promise.reject(corruption) }
    expect(await outcome(cluster('a').open('a', { durability }))).toBe(corruption)
  })

  it('a value one byte too large for a frame; the largest one is chosen', async () => {
    const world = cluster('a', 'b', 'c')
    const synod = await openOne<string>(world, 'a')
    await openAll(world, ['b', 'c'])
    // JSON adds two quotes.
    const tooLarge = synod.propose('x'.repeat(MAX_VALUE_BYTES - 1))
    await expect(tooLarge).rejects.toBeInstanceOf(ValueTooLargeError)
    const largest = 'x'.repeat(MAX_VALUE_BYTES - 2)
    const proposal = synod.propose(largest)
    await world.clock.advance(5000)
    expect((await proposal) === largest).toBe(true)
  })

  it.each([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a bigint', 1n],
  ])('%s, for which JSON has no word', async (_, value) => {
    const world = cluster('a')
    const synod = await openOne<unknown>(world, 'a')
    await expect(synod.propose(value)).rejects.toBeInstanceOf(InvalidArgumentError)
  })

  it('a value that others chose, and that the codec of this node cannot read', async () => {
    const world = cluster('a', 'b', 'c')
    const binary: Codec<string> = {
      encode: () => new Uint8Array([0xff, 0xfe]),
      decode: () => 'binary',
    }
    const a = await world.open<string>('a', { codec: binary })
    const b = await openOne<string>(world, 'b')
    const c = await world.open<string>('c', { codec: binary })
    onTestFinished(async () => {
      await a.close()
      await c.close()
    })
    const proposal = a.propose('x')
    await world.clock.advance(5000)
    expect(await proposal).toBe('binary')
    expect(await outcome(b.chosen)).toMatchObject({ code: 'ERR_PAXOS_DECODE' })
  })
})

describe('a value that is none, from somebody who passes for a peer', () => {
  const ballot = { round: 2, node: 'b' }
  const value = Uint8Array.of(255)
  it.each([
    { type: 'propose', value },
    { type: 'accept', ballot, value },
    { type: 'promise', ballot: { round: 1, node: 'a' }, accepted: { ballot, value } },
    { type: 'chosen', ballot, value },
  ] as const)('in a $type is counted, and another is chosen', async (message) => {
    const world = cluster('a', 'b', 'c')
    const a = await openTapped<string>(world, 'a')
    const synods = [a.synod, ...(await openAll<string>(world, ['b', 'c']))]
    await world.clock.advance(3000)
    a.deliver('b', encode({ cluster: 'paxos', from: 'b', message }))
    await settled()
    expect(a.synod.status().dropped.unbelievable).toBe(1)
    const proposals = synods.map((synod) => synod.propose('good'))
    await world.clock.advance(5000)
    expect(await Promise.all(proposals)).toEqual(['good', 'good', 'good'])
  })
})

describe('a frame from outside never crashes a node or changes its state', () => {
  const ballot = { round: 99, node: 'b' }
  const prepare = { type: 'prepare', ballot } as const
  it.each([
    ['malformed', 'b', new Uint8Array([1, 2, 3])],
    ['malformed', 'b', new Uint8Array()],
    ['foreign', 'b', encode({ cluster: 'other', from: 'b', message: prepare })],
    ['stranger', 'b', encode({ cluster: 'paxos', from: 'c', message: prepare })],
    ['stranger', 'x', encode({ cluster: 'paxos', from: 'x', message: prepare })],
    ['stranger', 'a', encode({ cluster: 'paxos', from: 'a', message: prepare })],
  ] as const)('%s, sent by %j: counted and dropped', async (reason, from, frame) => {
    const world = cluster('a', 'b', 'c')
    const { synod, deliver } = await openTapped(world, 'a')
    world.observed.length = 0
    deliver(from, frame)
    await settled()
    expect(synod.status().dropped[reason]).toBe(1)
    expect(world.observed.map(({ observation }) => observation)).toEqual([
      { type: 'dropped', reason },
    ])
    await synod.close()
    deliver(from, frame)
    expect(synod.status().dropped[reason]).toBe(1)
  })

  it('P22: frames are dropped while the disk is far behind, and taken again when it has caught up', async () => {
    const world = cluster('a', 'b', 'c')
    const a = await openOne<string>(world, 'a')
    const b = memoryTransport({ hub: world.hub })
    const listen = world.members['b'] ?? ''
    await b.open({
      id: 'b',
      cluster: 'paxos',
      listen,
      peers: new Map(Object.entries(world.members)),
      receive: () => {},
    })
    onTestFinished(() => b.close())
    const flood = (first: number, last: number): void => {
      for (let round = first; round <= last; round += 1) {
        const message = { type: 'prepare', ballot: { round, node: 'b' } } as const
        b.send('a', encode({ cluster: 'paxos', from: 'b', message }))
      }
    }
    world.disks.get('a')?.hold()
    for (let batch = 0; batch < 20; batch += 1) {
      flood(batch * 100 + 1, batch * 100 + 100)
      await world.clock.advance(1)
    }
    const dropped = a.status().dropped.overload ?? 0
    expect(dropped).toBe(2000 - 1024)
    world.disks.get('a')?.release()
    await world.clock.advance(1)
    flood(5000, 5000)
    await world.clock.advance(1)
    expect(a.status().dropped.overload).toBe(dropped)
    const promises = world.observed.filter(
      ({ observation }) => observation.type === 'sent' && observation.message.type === 'promise',
    )
    expect(promises).toHaveLength(1024 + 1)
  })
})

describe('the host keeps the order of its inputs', () => {
  it('a proposal made from inside observe waits for its turn', async () => {
    const world = cluster('a')
    const proposals: Promise<string>[] = []
    const synod: Synod<string> = await world.open<string>('a', {
      observe: ({ type }) => {
        if (type === 'event' && proposals.length === 0) proposals.push(synod.propose('from inside'))
      },
    })
    onTestFinished(() => synod.close())
    await world.clock.advance(3000)
    expect(await Promise.all(proposals)).toEqual(['from inside'])
  })

  it('an observer that throws stops the node, rather than leaving effects half carried out', async () => {
    const world = cluster('a')
    const synod = await world.open<string>('a', {
      observe: () => {
        throw new Error('careless')
      },
    })
    await world.clock.advance(3000)
    const error = await outcome(synod.chosen)
    expect(error).toBeInstanceOf(StoppedError)
    expect(String(error)).toContain('careless')
    await synod.close()
  })

  it('saves are reported in the order in which they were asked for, however they resolve', async () => {
    const world = cluster('a', 'b', 'c')
    const resolvers: (() => void)[] = []
    const durability: Durability = {
      open: async () => ({ ...EMPTY_SAVED, identity: null, isNew: true }),
      save: () => new Promise((resolve) => resolvers.push(resolve)),
      close: () => Promise.resolve(),
    }
    const a = await world.open<string>('a', { durability })
    onTestFinished(() => a.close())
    const b = memoryTransport({ hub: world.hub })
    const listen = world.members['b'] ?? ''
    await b.open({
      id: 'b',
      cluster: 'paxos',
      listen,
      peers: new Map(Object.entries(world.members)),
      receive: () => {},
    })
    onTestFinished(() => b.close())
    for (const round of [1, 2]) {
      const message = { type: 'prepare', ballot: { round, node: 'b' } } as const
      b.send('a', encode({ cluster: 'paxos', from: 'b', message }))
    }
    await world.clock.advance(1)
    expect(resolvers).toHaveLength(2)
    resolvers[1]?.()
    await world.clock.advance(1)
    const sent = (): unknown[] =>
      world.observed.flatMap(({ observation }) =>
        observation.type === 'sent' && observation.message.type === 'promise'
          ? [observation.message.ballot.round]
          : [],
      )
    expect(sent()).toEqual([])
    resolvers[0]?.()
    await world.clock.advance(1)
    expect(sent()).toEqual([1, 2])
  })
})
