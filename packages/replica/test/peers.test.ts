/** What a node knows of the others, and what it says when something is wrong with them. */
import { describe, expect, it } from 'vitest'
import type { NodeId, Transport, TransportFigures, TransportOpen } from '@paxos/core'
import { encode } from '@paxos/core/wire'
import { StoppedError } from '@paxos/replica'
import type { Logger, Notice, ReplicaEvent } from '@paxos/replica'
import { memory as memoryDurability } from '@paxos/durability-memory'
import { memory as memoryTransport } from '@paxos/transport-memory'
import { MAX_WARNING_INTERVAL_MS, MEMBERS_DIFFER_FOR_MS } from '../src/limits.ts'
import { membersDigest } from '../src/members-digest.ts'
import { cluster as synodCluster } from './cluster.ts'
import { leaderOf, replicaCluster, within } from './replica-cluster.ts'
import type { ReplicaCluster, SumsReplica } from './replica-cluster.ts'

const one = { name: 'x', add: 1 }

const membersOf = (ids: string): Record<string, string> =>
  Object.fromEntries(Array.from(ids, (id) => [id, `memory://node-${id}`]))

/** Words that were logged, each with its level. */
function listener(): { readonly logger: Logger; readonly said: string[] } {
  const said: string[] = []
  const at = (level: string) => (words: string) => void said.push(`${level}: ${words}`)
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  return { logger, said }
}

/** Every event of a node, as it comes. */
function eventsOf(node: SumsReplica): ReplicaEvent[] {
  const events: ReplicaEvent[] = []
  void (async () => {
    for await (const event of node.events()) events.push(event)
  })()
  return events
}

describe('the digest of members', () => {
  it.each([
    [['a'], 6_978_433_421_203_036],
    [['a', 'b', 'c'], 4_983_993_755_258_057],
    [['', 'é', '\u{ffff}', '😀'], 1_381_460_076_928_874],
  ])('of %j is the same in every release', (ids, digest) => {
    expect(membersDigest(ids)).toBe(digest)
    expect(membersDigest(ids.toReversed())).toBe(digest)
  })

  it.each([
    ['one more', ['a', 'b'], ['a', 'b', 'c']],
    ['another', ['a', 'b'], ['a', 'c']],
    ['letters that moved', ['a', 'bc'], ['ab', 'c']],
    ['capitals', ['a'], ['A']],
    ['an empty id', ['a'], ['a', '']],
  ])('tells %s', (_, some, others) => {
    expect(membersDigest(some)).not.toBe(membersDigest(others))
  })
})

describe('members that differ between nodes at their first start', () => {
  /** Two nodes believe in three members, three in five: each list has a majority of its own. */
  const LISTS = { a: 'abc', b: 'abc', c: 'abcde', d: 'abcde', e: 'abcde' }

  it('are found when they first speak, told on both sides, and nothing is chosen by anybody', async () => {
    const cluster = replicaCluster('a', 'b', 'c', 'd', 'e')
    const { nodes, said, events } = await openWith(cluster, LISTS)
    const proposals = [...nodes.values()].map((node) => node.propose(one, { timeoutMs: 20_000 }))
    const outcomes = Promise.allSettled(proposals)
    await cluster.clock.advance(20_000)
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ reason: { code: 'ERR_PAXOS_TIMEOUT' } })
    }
    for (const node of nodes.values()) expect(node.status().chosenThrough).toBe(0)
    for (const [id, others] of [
      ['a', ['c']],
      ['b', ['c']],
      ['c', ['a', 'b']],
    ] as const) {
      const told = events.get(id)?.filter(({ type }) => type === 'members-differ-from-peer')
      expect(told).toEqual(others.map((peer) => ({ type: 'members-differ-from-peer', peer })))
      const warned = said.get(id)?.filter((words) => words.includes('started with other members'))
      expect(warned?.length).toBeGreaterThanOrEqual(others.length)
      for (const peer of others) {
        expect(nodes.get(id)?.status().peers[peer]).toMatchObject({
          received: 0,
          problem: { reason: 'members' },
        })
      }
      expect(nodes.get(id)?.status().dropped.members).toBeGreaterThan(0)
    }
    await closeAll(nodes)
  })

  it('are found long before anybody looks for a leader', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const { nodes, events } = await openWith(cluster, { a: 'ab', b: 'abc' })
    await cluster.clock.advance(100)
    for (const [id, peer] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      expect(events.get(id)).toEqual([{ type: 'members-differ-from-peer', peer }])
    }
    await closeAll(nodes)
  })

  it('and are corrected on the node that was wrong: all of them go on', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const { nodes } = await openWith(cluster, { a: 'abc', b: 'abc', c: 'abcd' })
    await cluster.clock.advance(10_000)
    expect([...nodes.values()].map((node) => node.status().chosenThrough)).toEqual([0, 0, 0])
    await nodes.get('c')?.close()
    // As the message says: from an empty durability, for nothing is chosen.
    nodes.set('c', await cluster.open('c', { durability: memoryDurability() }))
    const proposals = [...nodes.values()].map((node) => node.propose(one))
    await cluster.clock.advance(5000)
    expect(new Set(await Promise.all(proposals))).toEqual(new Set([1, 2, 3]))
    for (const node of nodes.values()) {
      for (const { problem } of Object.values(node.status().peers)) expect(problem).toBeNull()
    }
    await closeAll(nodes)
  })

  it('hold nobody up who has chosen before: only the stranger’s frames are refused', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const { nodes } = await openWith(cluster, { a: 'abc', b: 'abc' }, true)
    const first = nodes.get('a')?.propose(one)
    await cluster.clock.advance(5000)
    expect(await first).toBe(1)
    nodes.set('c', await cluster.open('c', { members: membersOf('abcd') }))
    await cluster.clock.advance(3000)
    const second = nodes.get('a')?.propose(one)
    await cluster.clock.advance(3000)
    expect(await second).toBe(2)
    expect(nodes.get('c')?.status().appliedThrough).toBe(0)
    await closeAll(nodes)
  })

  it('hold nobody up for good: when the one that is wrong has left, the others go on', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const { nodes } = await openWith(cluster, { a: 'abc', b: 'abc', c: 'abcd' }, true)
    await cluster.clock.advance(5000)
    await nodes.get('c')?.close()
    nodes.delete('c')
    const proposal = nodes.get('a')?.propose(one)
    await cluster.clock.advance(MEMBERS_DIFFER_FOR_MS + 5000)
    expect(await proposal).toBe(1)
    await closeAll(nodes)
  })

  it('are not found where a release does not say which: it is taken at its word', async () => {
    const cluster = replicaCluster('a', 'b')
    const node = await cluster.open('a')
    const other = await stranger(cluster, 'b')
    const message = { type: 'fetchEntries', from: 1 } as const
    other.send('a', encode({ cluster: 'paxos', from: 'b', message }))
    await cluster.clock.advance(10)
    expect(node.status().peers['b']).toMatchObject({ received: 1, dropped: 0, problem: null })
    await node.close({ transfer: false })
    await other.close()
  })

  it('are answered once in a while, however often they are heard', async () => {
    const cluster = replicaCluster('a', 'b')
    const node = await cluster.open('a')
    await cluster.clock.advance(100)
    let answers = 0
    const other = await stranger(cluster, 'b', () => (answers += 1))
    const frame = encode({
      cluster: 'paxos',
      from: 'b',
      membersDigest: 7,
      message: { type: 'hello' },
    })
    for (let count = 0; count < 100; count += 1) other.send('a', frame)
    await cluster.clock.advance(99)
    expect(node.status().dropped.members).toBe(100)
    expect(answers).toBe(1)
    await node.close({ transfer: false })
    await other.close()
  })

  it('are found by the nodes of a single decree too, and no value is chosen', async () => {
    const cluster = synodCluster('a', 'b', 'c', 'd', 'e')
    const told: string[] = []
    const nodes = await Promise.all(
      Object.entries(LISTS).map(([id, ids]) =>
        cluster.open<string>(id, {
          members: membersOf(ids),
          observe: (observation) => {
            if (observation.type === 'notice') told.push(`${id}: ${wordsOf(observation.notice)}`)
          },
        }),
      ),
    )
    for (const node of nodes) void node.propose('x').catch(() => undefined)
    await cluster.clock.advance(20_000)
    expect(nodes.map((node) => node.status().isChosen)).toEqual(nodes.map(() => false))
    for (const pair of ['a: c', 'b: c', 'c: a', 'c: b']) {
      const [id = '', peer = ''] = pair.split(': ')
      expect(told).toContain(`${id}: members-differ-from-peer ${peer}`)
    }
    for (const node of nodes) await node.close()
  })
})

describe('a node that reaches nobody', () => {
  it('says so after a window: whom it never heard, and what the transport knows', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const { logger, said } = listener()
    const problem = { reason: 'no-answer', message: 'Nobody answers at udp://b.' } as const
    const transport = withFigures(memoryTransport({ hub: cluster.hub }), {
      peers: new Map([
        ['b', { isConnected: false, incarnation: null, sent: 1, received: 0, dropped: 3, problem }],
      ]),
      refused: {},
    })
    const node = await cluster.open('a', { logger, transport })
    const events = eventsOf(node)
    await cluster.clock.advance(1500)
    const [words = ''] = said.filter((each) => each.startsWith('warn: no majority is heard'))
    expect(words).toContain('b: never heard, no-answer (Nobody answers at udp://b.)')
    expect(words).toContain('c: never heard')
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'majority-unheard',
        peers: expect.objectContaining({ b: expect.objectContaining({ problem }) }),
      }),
    )
    expect(node.status().peers).toMatchObject({
      b: { heardAgoMs: null, received: 0, connected: false, problem },
      c: { heardAgoMs: null, received: 0, connected: null, problem: null },
    })
    await node.close({ transfer: false })
    expect(cluster.clock.pending).toBe(0)
  })

  it('says what is at an address: another cluster, which both sides refuse at the door', async () => {
    const cluster = replicaCluster('a', 'b')
    const { logger, said } = listener()
    const node = await cluster.open('a', { logger })
    const other = await cluster.open('b', { cluster: 'other' })
    await cluster.clock.advance(2000)
    expect(said.join('\n')).toMatch(
      /b: never heard, identity \(Node "(?:b" is of cluster "other", and "a" of "paxos|a" is of cluster "paxos", and "b" of "other)"/,
    )
    for (const [side, peer] of [
      [node, 'b'],
      [other, 'a'],
    ] as const) {
      const { peers, dropped } = side.status()
      expect(peers[peer]).toMatchObject({ received: 0, problem: { reason: 'identity' } })
      expect(dropped.foreign).toBe(0)
    }
    await node.close({ transfer: false })
    await other.close({ transfer: false })
  })

  it('says what is at an address: a node that passed the door and speaks for another cluster', async () => {
    const cluster = replicaCluster('a', 'b')
    const { logger, said } = listener()
    const node = await cluster.open('a', { logger })
    const other = await stranger(cluster, 'b')
    other.send('a', encode({ cluster: 'other', from: 'b', message: { type: 'hello' } }))
    await cluster.clock.advance(2000)
    expect(said.join('\n')).toMatch(/b: never heard, cluster \(.*another cluster/)
    expect(node.status().dropped).toMatchObject({ foreign: 1 })
    await node.close({ transfer: false })
    await other.close()
  })

  it('says that the disk of a peer is another one, where its incarnation is expected', async () => {
    const cluster = replicaCluster('a', 'b')
    const transport = memoryTransport({ hub: cluster.hub })
    const node = await cluster.open('a', { transport })
    const before = await cluster.open('b')
    await cluster.clock.advance(5000)
    await before.close({ transfer: false })
    const { incarnation = null } = transport.figures?.().peers.get('b') ?? {}
    expect(incarnation).toMatch(/^[\da-f]{32}$/)
    transport.setPeers(new Map([['b', { address: cluster.members['b'] ?? '', incarnation }]]))

    const swapped = await cluster.open('b', { durability: memoryDurability() })
    await cluster.clock.advance(5000)
    const { received } = node.status().peers['b'] ?? {}
    const { problem } = node.status().peers['b'] ?? {}
    expect(problem).toMatchObject({ reason: 'identity' })
    expect(problem?.message).toMatch(/"a" expects "[\da-f]{32}"\. Has its disk been lost/)
    await cluster.clock.advance(5000)
    expect(node.status().peers['b']?.received).toBe(received)
    expect(swapped.status().peers['a']).toMatchObject({ received: 0, problem })
    await swapped.close({ transfer: false })

    const again = await cluster.open('b')
    await cluster.clock.advance(5000)
    expect(await within(cluster, node.propose(one))).toBe(1)
    expect(node.status().peers['b']?.problem).toBeNull()
    await node.close({ transfer: false })
    await again.close({ transfer: false })
  })

  it.each([
    ['leads', true],
    ['follows', false],
  ])(
    'although it was heard before, when it %s and is cut off, and says when it is back',
    async (_, leads) => {
      const cluster = replicaCluster('a', 'b', 'c')
      const heard = new Map(['a', 'b', 'c'].map((id) => [id, listener()]))
      const nodes = new Map<string, SumsReplica>()
      for (const [id, { logger }] of heard) nodes.set(id, await cluster.open(id, { logger }))
      await cluster.clock.advance(5000)
      const [leader] = leaderOf(nodes)
      const away = [...nodes.keys()].find((id) => (id === leader) === leads) ?? ''
      const others = [...nodes.keys()].filter((id) => id !== away)
      const said = heard.get(away)?.said ?? []
      const events = eventsOf(nodes.get(away) ?? never())
      expect(said.filter((words) => words.startsWith('warn'))).toEqual([])
      cluster.hub.partition([away], others)
      await cluster.clock.advance(4000)
      const warnings = said.filter((words) => words.startsWith('warn: no majority is heard'))
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).toMatch(new RegExp(`${others[0]}: heard [1-9]\\d{3} ms ago`))
      cluster.hub.heal()
      await cluster.clock.advance(4000)
      expect(said).toContain('info: a majority is heard again')
      expect(events.map(({ type }) => type)).toEqual(
        expect.arrayContaining(['majority-unheard', 'majority-heard']),
      )
      // Those that stayed together had nothing to say.
      for (const id of others) {
        expect(heard.get(id)?.said.filter((words) => words.startsWith('warn'))).toEqual([])
      }
      await closeAll(nodes)
    },
  )

  it('says it again after longer and longer, but never falls silent', async () => {
    const cluster = replicaCluster('a', 'b')
    const atMs: number[] = []
    const { logger } = listener()
    const warn = (words: string) => {
      if (words.startsWith('no majority')) atMs.push(cluster.clock.nowMs())
    }
    const node = await cluster.open('a', {
      logger: { ...logger, warn },
      heartbeatPeriodMs: 20_000,
      livenessWindowMs: 100_000,
      retransmitIntervalMs: 50_000,
    })
    await cluster.clock.advance(2_000_000)
    const gaps = atMs.slice(1).map((time, index) => time - (atMs[index] ?? 0))
    expect(atMs[0]).toBe(100_000)
    expect(gaps[0]).toBe(400_000)
    expect(new Set(gaps.slice(1))).toEqual(new Set([MAX_WARNING_INTERVAL_MS]))
    expect(gaps.length).toBeGreaterThan(3)
    await node.close({ transfer: false })
  })

  it('of a single decree says so too, until the value is known', async () => {
    const cluster = synodCluster('a', 'b', 'c')
    const { logger, said } = listener()
    const node = await cluster.open<string>('a', { logger })
    void node.propose('x').catch(() => undefined)
    await cluster.clock.advance(2000)
    expect(said.join('\n')).toMatch(
      /^warn: no majority is heard; b: never heard, no-answer .*; c: never heard, no-answer/,
    )
    const other = await cluster.open<string>('b')
    await cluster.clock.advance(5000)
    expect(await node.chosen).toBe('x')
    expect(said).toContain('info: a majority is heard again')
    expect(node.status().peers).toMatchObject({ b: { problem: null }, c: { heardAgoMs: null } })
    await other.close()
    said.length = 0
    await cluster.clock.advance(20_000)
    expect(said).toEqual([])
    await node.close()
  })

  it('is not one that is alone in its cluster', async () => {
    const cluster = replicaCluster('a')
    const { logger, said } = listener()
    const node = await cluster.open('a', { logger })
    await cluster.clock.advance(20_000)
    expect(said.filter((words) => words.startsWith('warn'))).toEqual([])
    expect(node.status().peers).toEqual({})
    await node.close({ transfer: false })
  })
})

describe('what a transport says', () => {
  it('is logged, told and counted; a stranger at the door is not logged a thousand times', async () => {
    const cluster = replicaCluster('a', 'b')
    const { logger, said } = listener()
    const counted: string[] = []
    let warn: TransportOpen['warn']
    const inner = memoryTransport({ hub: cluster.hub })
    const transport = withFigures(inner, null, (options) => {
      warn = options.warn
    })
    const metrics = {
      counter: (name: string, _: number, attributes: object = {}) =>
        counted.push(`${name} ${JSON.stringify(attributes)}`),
      histogram: () => undefined,
    }
    const node = await cluster.open('a', { logger, transport, metrics })
    const events = eventsOf(node)
    for (let count = 0; count < 1000; count += 1) {
      warn?.({ peer: null, reason: 'credentials', message: `Somebody ${count}.` })
      warn?.({ peer: `invented ${count}`, reason: 'credentials', message: 'He says.' })
    }
    warn?.({ peer: 'b', reason: 'credentials', message: 'Its certificate has expired.' })
    await cluster.clock.advance(0)
    expect(said.filter((words) => words === 'warn: transport')).toHaveLength(2)
    expect(events.filter(({ type }) => type === 'transport-warning')).toEqual([
      {
        type: 'transport-warning',
        peer: null,
        reason: 'credentials',
        message: 'Somebody 0.',
        times: 1,
      },
      {
        type: 'transport-warning',
        peer: 'b',
        reason: 'credentials',
        message: 'Its certificate has expired.',
        times: 1,
      },
    ])
    const warnings = counted.filter((each) => each.startsWith('paxos.transport.warnings'))
    expect(warnings).toHaveLength(2001)
    expect(new Set(warnings)).toEqual(
      new Set(['paxos.transport.warnings {"reason":"credentials"}']),
    )
    await cluster.clock.advance(60_000)
    warn?.({ peer: null, reason: 'credentials', message: 'Again.' })
    await cluster.clock.advance(0)
    expect(events.at(-1)).toMatchObject({ message: 'Again.', times: 2000 })
    await node.close({ transfer: false })
    warn?.({ peer: null, reason: 'credentials', message: 'Late.' })
  })

  it('may be nothing, or an error: a node shows what it knows itself', async () => {
    const cluster = replicaCluster('a', 'b')
    const inner = memoryTransport({ hub: cluster.hub })
    const transport = withFigures(inner, null)
    const node = await cluster.open('a', { transport })
    const other = await cluster.open('b')
    await cluster.clock.advance(3000)
    const { b } = node.status().peers
    expect(b).toMatchObject({ dropped: 0, connected: null, problem: null })
    expect(b?.heardAgoMs).toBeLessThan(1000)
    expect(b?.received).toBeGreaterThan(0)
    expect(b?.sent).toBeGreaterThan(0)
    await node.close({ transfer: false })
    await other.close({ transfer: false })
  })
})

describe('the status of a node that has ended', () => {
  it('says that it is closed, leads nobody, follows nobody and has nothing to do', async () => {
    const cluster = replicaCluster('a', 'b')
    const nodes = await cluster.openAll()
    const [id, leader] = leaderOf(nodes)
    const first = leader.propose(one)
    await cluster.clock.advance(1000)
    await first
    const { chosenThrough } = leader.status()
    const waits = Promise.allSettled([leader.propose(one), leader.query('x')])
    const closing = leader.close({ transfer: false })
    for (const when of ['at once', 'later']) {
      expect(leader.status(), when).toMatchObject({
        id,
        role: 'closed',
        ballot: null,
        leader: null,
        lag: {},
        inFlight: 0,
        pending: 0,
        waiting: 0,
        queued: 0,
        reads: 0,
      })
      await closing
    }
    await waits
    expect(leader.status().chosenThrough).toBeGreaterThanOrEqual(chosenThrough)
    for (const node of nodes.values()) await node.close({ transfer: false })
  })

  it('says that it has stopped, also after close()', async () => {
    const cluster = replicaCluster('a')
    let isBroken = false
    const inner = memoryDurability()
    const durability = {
      open: inner.open.bind(inner),
      close: inner.close.bind(inner),
      save: (change: Parameters<typeof inner.save>[0]) =>
        isBroken ? Promise.reject(new Error('the disk is full')) : inner.save(change),
    }
    const node = await cluster.open('a', { durability })
    await cluster.clock.advance(3000)
    expect(node.status().role).toBe('leader')
    isBroken = true
    await expect(node.propose(one)).rejects.toThrow(StoppedError)
    expect(node.status()).toMatchObject({ role: 'stopped', leader: null, ballot: null, pending: 0 })
    await node.close({ transfer: false })
    expect(node.status().role).toBe('stopped')
  })

  it('of a single decree says so too, and still knows the value', async () => {
    const cluster = synodCluster('a')
    const node = await cluster.open<string>('a')
    void node.propose('x')
    await cluster.clock.advance(3000)
    expect(node.status()).toMatchObject({ phase: 'leading', leader: 'a', isChosen: true })
    await node.close()
    expect(node.status()).toMatchObject({ phase: 'closed', leader: null, isChosen: true })
  })
})

/** Opens nodes, each with a list of its own. */
async function openWith(
  cluster: ReplicaCluster,
  lists: Readonly<Record<NodeId, string>>,
  trustEmptyDisk = false,
) {
  const nodes = new Map<string, SumsReplica>()
  const said = new Map<string, string[]>()
  const events = new Map<string, ReplicaEvent[]>()
  for (const [id, ids] of Object.entries(lists)) {
    const words = listener()
    said.set(id, words.said)
    const members = membersOf(ids)
    const node = await cluster.open(id, { members, logger: words.logger, trustEmptyDisk })
    nodes.set(id, node)
    events.set(id, eventsOf(node))
  }
  return { nodes, said, events }
}

async function closeAll(nodes: ReadonlyMap<string, SumsReplica>): Promise<void> {
  for (const node of nodes.values()) await node.close({ transfer: false })
}

/** A bare transport at the address of a member. */
async function stranger(
  { hub, members }: ReplicaCluster,
  id: NodeId,
  receive: () => void = () => undefined,
): Promise<Transport> {
  const transport = memoryTransport({ hub })
  await transport.open({
    id,
    cluster: 'paxos',
    listen: members[id] ?? '',
    peers: new Map(Object.entries(members)),
    receive,
  })
  return transport
}

/** A transport that tells what it is given; with `null` it fails to. */
function withFigures(
  inner: Transport,
  figures: TransportFigures | null,
  opened: (options: TransportOpen) => void = () => undefined,
): Transport {
  return {
    open(options) {
      opened(options)
      return inner.open(options)
    },
    get address() {
      return inner.address
    },
    setPeers: (peers) => inner.setPeers(peers),
    send: (to, frame) => inner.send(to, frame),
    close: () => inner.close(),
    figures() {
      if (figures === null) throw new Error('This transport cannot tell.')
      return figures
    },
  }
}

function wordsOf(notice: Notice): string {
  return 'peer' in notice ? `${notice.type} ${notice.peer}` : notice.type
}

function never(): never {
  throw new Error('There is no such node.')
}
