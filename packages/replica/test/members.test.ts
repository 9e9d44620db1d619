/** Members that change while a cluster runs, on virtual time. */
import { describe, expect, it } from 'vitest'
import type { Envelope, Transport } from '@paxos/core'
import { decode, encode } from '@paxos/core/wire'
import { memory as memoryDurability, memoryDisk } from '@paxos/durability-memory'
import { LostDiskError, MembersConflictError, MembersRefusedError } from '@paxos/replica'
import { MembersTimeoutError, NotPromotedError, RemovedError } from '@paxos/replica'
import type { ReplicaEvent, ReplicaMembers } from '@paxos/replica'
import { memory as memoryTransport } from '@paxos/transport-memory'
import { closeAll, leaderOf, replicaCluster, within } from './replica-cluster.ts'
import type { ReplicaCluster, SumsReplica } from './replica-cluster.ts'

const one = { name: 'x', add: 1 }

const at = (id: string): string => `memory://node-${id}`

/** Where a node that joins listens, and one that it asks. */
const joining = (id: string, known: string) => ({ members: { [id]: at(id), [known]: at(known) } })

const inWords = ({ members }: ReplicaMembers): string =>
  members.map(({ id, role }) => (role === 'learner' ? `${id}?` : id)).join(' ')

function eventsOf(node: SumsReplica): ReplicaEvent[] {
  const events: ReplicaEvent[] = []
  void (async () => {
    for await (const event of node.events()) events.push(event)
  })()
  return events
}

/** A cluster of 'abc' on which all are named, with room for others. */
async function running(others = 'de') {
  const cluster = replicaCluster('a', 'b', 'c')
  for (const id of others) cluster.disks.set(id, memoryDisk())
  const nodes = await cluster.openAll()
  const [leader, first] = leaderOf(nodes)
  const [follower = '', other = ''] = [...nodes.keys()].filter((id) => id !== leader)
  return { cluster, nodes, leader, first, follower, other, node: (id: string) => nodeOf(nodes, id) }
}

function nodeOf(nodes: ReadonlyMap<string, SumsReplica>, id: string): SumsReplica {
  const node = nodes.get(id)
  if (node === undefined) throw new Error(`Node ${id} is not open.`)
  return node
}

/** Opens a node that joins, and knows one that is there. */
async function join(
  { cluster, nodes, leader }: Awaited<ReturnType<typeof running>>,
  id: string,
): Promise<SumsReplica> {
  const node = await cluster.open(id, joining(id, leader))
  nodes.set(id, node)
  return node
}

/** A leader lets another one lead first, which takes time. */
async function close(
  cluster: ReplicaCluster,
  nodes: Map<string, SumsReplica>,
  id: string,
): Promise<void> {
  await within(cluster, nodeOf(nodes, id).close(), 10)
  nodes.delete(id)
}

/** What is on its way. */
interface Passing {
  readonly from: string
  readonly to: string
  readonly message: Envelope['message']
}

/** A cluster of 'abc' that is led, in which the test says what gets through. */
async function filtered(by: (passing: Passing) => boolean = () => true) {
  const cluster = replicaCluster('a', 'b', 'c')
  const nodes = new Map<string, SumsReplica>()
  const passing = { by }
  const open = async (id: string): Promise<void> => {
    const inner = memoryTransport({ hub: cluster.hub })
    const passes = (to: string, frame: Uint8Array) =>
      passing.by({ from: id, to, message: decode(frame).message })
    const transport = sending(inner, (to, frame) => passes(to, frame) && inner.send(to, frame))
    nodes.set(id, await cluster.open(id, { transport }))
  }
  for (const id of 'abc') await open(id)
  await cluster.clock.advance(5000)
  return { cluster, nodes, passing, open }
}

/** A transport that sends in another way. */
function sending(inner: Transport, send: (to: string, frame: Uint8Array) => unknown): Transport {
  return {
    open: (options) => inner.open(options),
    get address() {
      return inner.address
    },
    setPeers: (peers) => inner.setPeers(peers),
    send: (to, frame) => void send(to, frame),
    close: () => inner.close(),
  }
}

/** Everybody has applied the same. */
function expectSame(cluster: ReplicaCluster, ids: Iterable<string>): void {
  const contents = [...ids].map((id) => cluster.machines.get(id)?.content)
  for (const content of contents) expect(content).toEqual(contents[0])
}

describe('a first start of three', () => {
  it('with one missing says whom it waits for, and goes on as soon as that one comes', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = new Map([['a', await cluster.open('a')]])
    nodes.set('b', await cluster.open('b'))
    const events = [...nodes.values()].map(eventsOf)
    const proposal = nodeOf(nodes, 'a').propose(one)
    await cluster.clock.advance(20_000)
    for (const node of nodes.values()) {
      expect(node.status()).toMatchObject({
        standing: 'waiting',
        waitsFor: ['c'],
        chosenThrough: 0,
      })
    }
    for (const told of events) {
      expect(told).toContainEqual({ type: 'waiting-for-members', members: ['c'] })
    }
    nodes.set('c', await cluster.open('c'))
    expect(await within(cluster, proposal)).toBe(1)
    for (const told of events) expect(told).toContainEqual({ type: 'admitted' })
    await closeAll(nodes)
  })

  it('with one missing goes on by the option that says that no disk was lost', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = new Map([['a', await cluster.open('a', { trustEmptyDisk: true })]])
    nodes.set('b', await cluster.open('b', { trustEmptyDisk: true }))
    expect(await within(cluster, nodeOf(nodes, 'a').propose(one))).toBe(1)
    await closeAll(nodes)
  })

  it('names the disks of all voters, once all of them are heard', async () => {
    const { nodes } = await running()
    for (const node of nodes.values()) {
      const { version, members, isComplete } = node.members()
      expect([version > 0, isComplete]).toEqual([true, true])
      expect(new Set(members.map(({ incarnation }) => incarnation)).size).toBe(3)
      expect(members.every(({ incarnation }) => incarnation !== null)).toBe(true)
      expect(node.status().standing).toBe('voter')
    }
    await closeAll(nodes)
  })
})

describe('addMember', () => {
  it.each(['leader', 'follower'] as const)(
    'P28: on the %s: a voter learns, then it votes, and the call resolves when that is complete',
    async (where) => {
      const world = await running()
      const { cluster, nodes, node } = world
      expect(await within(cluster, node(world.leader).propose(one))).toBe(1)
      await join(world, 'd')
      const events = eventsOf(node(world.leader))
      const added = await within(cluster, node(world[where]).addMember('d', at('d')))
      expect(inWords(added)).toBe('a b c d')
      expect(added.isComplete).toBe(true)
      expect(added.members[3]?.incarnation).toMatch(/^[\da-f]{32}$/)
      expect(await within(cluster, node('d').propose(one))).toBe(2)
      expect(node('d').status().standing).toBe('voter')
      await cluster.clock.advance(2000)
      const changes = events.flatMap((event) =>
        event.type === 'members-changed' ? inWords(event.members) : [],
      )
      expect(changes).toEqual(['a b c d?', 'a b c d'])
      expectSame(cluster, nodes.keys())
      await closeAll(nodes)
    },
  )

  it('P36: of a learner: it follows, answers, and hands over what is proposed to it, and counts for nothing', async () => {
    const world = await running()
    const { cluster, nodes, node, leader, follower, other } = world
    const learner = await join(world, 'd')
    await within(cluster, node(follower).addMember('d', at('d'), { role: 'learner' }))
    expect(await within(cluster, learner.propose(one))).toBe(1)
    expect(await within(cluster, learner.query('x'))).toBe(1)
    expect(learner.status()).toMatchObject({ standing: 'learner', role: 'follower' })
    // Two of three voters are gone: the learner makes up for neither.
    await close(cluster, nodes, follower)
    await close(cluster, nodes, other)
    const stuck = node(leader).propose(one, { timeoutMs: 10_000 })
    await expect(within(cluster, stuck)).rejects.toMatchObject({ code: 'ERR_PAXOS_TIMEOUT' })
    await closeAll(nodes)
  })

  it('P28: that reaches nobody leaves a learner, says so, and the cluster goes on', async () => {
    const world = await running()
    const { cluster, nodes, node, follower } = world
    const added = node(follower).addMember('d', at('d'))
    const error = await within(
      cluster,
      added.catch((reason: unknown) => reason),
    )
    expect(error).toBeInstanceOf(NotPromotedError)
    expect(error).toMatchObject({ learners: ['d'] })
    expect(String(error)).toContain('"d" was not heard')
    expect(inWords(node(follower).members())).toBe('a b c d?')
    expect(await within(cluster, node(follower).propose(one))).toBe(1)
    // It comes after all, and somebody promotes it.
    await join(world, 'd')
    const promoted = await within(cluster, node(follower).changeMembers({ promote: ['d'] }))
    expect(inWords(promoted)).toBe('a b c d')
    await closeAll(nodes)
  })

  it('says in time how far it has come, when that is not far enough', async () => {
    const { cluster, nodes, node, follower } = await running()
    const added = node(follower).addMember('d', at('d'), { timeoutMs: 5000 })
    const error = await within(
      cluster,
      added.catch((reason: unknown) => reason),
    )
    expect(error).toBeInstanceOf(MembersTimeoutError)
    expect(error).toMatchObject({ progress: 'learning', version: node(follower).members().version })
    // What was given to the leader may have a copy on its way.
    expect(String(error)).toMatch(/It is a learner\. .* may be made yet/)
    await closeAll(nodes)
  })
})

describe('removeMember', () => {
  it('P23, P37: of a follower: it is told, stops, and disturbs nobody when it is started again', async () => {
    const { cluster, nodes, node, leader, follower } = await running()
    const gone = node(follower)
    const events = eventsOf(gone)
    const waiting = gone.query('x', { timeoutMs: 60_000 })
    await within(cluster, waiting)
    const removed = await within(cluster, node(leader).removeMember(follower))
    expect(removed.members).toHaveLength(2)
    await cluster.clock.advance(10_000)
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['removed', 'stopped']))
    expect(gone.status().role).toBe('stopped')
    await expect(gone.propose(one)).rejects.toBeInstanceOf(RemovedError)
    nodes.delete(follower)

    const before = node(leader).status().ballot
    const again = await cluster.open(follower)
    await cluster.clock.advance(20_000)
    expect(again.status().role).toBe('stopped')
    await expect(again.propose(one)).rejects.toBeInstanceOf(RemovedError)
    expect(node(leader).status().ballot).toEqual(before)
    await closeAll(nodes)
  })

  it('P27: of the leader, by itself: the call resolves, another leads, and it stops', async () => {
    const { cluster, nodes, node, leader } = await running()
    const gone = node(leader)
    const removed = await within(cluster, gone.removeMember(leader))
    expect(removed.members.map(({ id }) => id)).not.toContain(leader)
    nodes.delete(leader)
    const [next] = nodes.values()
    expect(await within(cluster, next?.propose(one) ?? Promise.reject(new Error('nobody')))).toBe(1)
    await cluster.clock.advance(10_000)
    expect(gone.status().role).toBe('stopped')
    await closeAll(nodes)
  })

  it('P27: of a node by itself resolves there before it stops, also when nobody tells it that the change is complete', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = new Map<string, SumsReplica>()
    for (const id of 'abc') {
      const transport = untold(memoryTransport({ hub: cluster.hub }))
      nodes.set(id, await cluster.open(id, { transport }))
    }
    await cluster.clock.advance(5000)
    const [leader] = leaderOf(nodes)
    const [id = ''] = [...nodes.keys()].filter((each) => each !== leader)
    const gone = nodeOf(nodes, id)
    const removed = await within(cluster, gone.removeMember(id))
    expect(removed.members.map((member) => member.id)).not.toContain(id)
    expect(removed.isComplete).toBe(true)
    await cluster.clock.advance(5000)
    expect(gone.status().role).toBe('stopped')
    await closeAll(nodes)
  })

  it('P29: those that were removed do not elect a leader among themselves when they start again', async () => {
    const world = await running('def')
    const { cluster, nodes, node, leader } = world
    for (const id of 'def') await join(world, id)
    const add = Object.fromEntries(Array.from('def', (id) => [id, { address: at(id) }]))
    const changed = node(leader).changeMembers({ add, remove: ['a', 'b', 'c'] })
    expect(inWords(await within(cluster, changed))).toBe('d e f')
    await cluster.clock.advance(10_000)
    for (const id of 'abc') {
      expect(node(id).status().role).toBe('stopped')
      nodes.delete(id)
    }
    expect(await within(cluster, node('e').propose(one))).toBe(1)
    const [old] = [await cluster.open('a'), await cluster.open('b'), await cluster.open('c')]
    await cluster.clock.advance(20_000)
    expect(old.status()).toMatchObject({ role: 'stopped', chosenThrough: expect.any(Number) })
    await expect(old.propose(one)).rejects.toBeInstanceOf(RemovedError)
    expect(await within(cluster, node('e').propose(one))).toBe(2)
    await closeAll(nodes)
  })
})

describe('replaceMember', () => {
  it('with a new node: the old one, which is dead, leaves with the entry by which the new one votes', async () => {
    const world = await running()
    const { cluster, nodes, node, follower, other } = world
    await cluster.crash(other, node(other))
    nodes.delete(other)
    await join(world, 'd')
    const replaced = await within(cluster, node(follower).replaceMember(other, 'd', at('d')))
    expect(replaced.members.map(({ id }) => id).toSorted()).toEqual(
      ['a', 'b', 'c', 'd'].filter((id) => id !== other),
    )
    expect(await within(cluster, node('d').propose(one))).toBe(1)
    await closeAll(nodes)
  })

  it('P31: a disk that was lost is refused by name, and replaced under the same id', async () => {
    const { cluster, nodes, node, leader, follower } = await running()
    expect(await within(cluster, node(leader).propose(one))).toBe(1)
    await cluster.crash(follower, node(follower))
    const disk = memoryDisk()
    const { durability } = fresh(disk)
    const wiped = await cluster.open(follower, { durability })
    const events = eventsOf(wiped)
    const error = await within(
      cluster,
      wiped.propose(one).catch((reason: unknown) => reason),
    )
    expect(error).toBeInstanceOf(LostDiskError)
    expect(String(error)).toContain(
      `replaceMember("${follower}", "${follower}", "${at(follower)}")`,
    )
    expect(wiped.status().role).toBe('stopped')
    await cluster.clock.advance(1)
    expect(events).toContainEqual({ type: 'stopped', error })

    const call = node(leader).replaceMember(follower, follower, at(follower))
    await cluster.clock.advance(1000)
    const { durability: again } = fresh(disk)
    const back = await cluster.open(follower, { durability: again })
    nodes.set(follower, back)
    expect(
      inWords(await within(cluster, call))
        .split(' ')
        .toSorted(),
    ).toEqual(['a', 'b', 'c'])
    expect(await within(cluster, back.propose(one))).toBe(2)
    expect(back.status().standing).toBe('voter')
    await closeAll(nodes)
  })
})

describe('moveMember', () => {
  it('P32: says where a member is from now on, which is started again there from its disk', async () => {
    const { cluster, nodes, node, leader, follower } = await running()
    const moved = await within(cluster, node(leader).moveMember(follower, 'memory://elsewhere'))
    expect(moved.members.find(({ id }) => id === follower)?.address).toBe('memory://elsewhere')
    await close(cluster, nodes, follower)
    const members = { ...cluster.members, [follower]: 'memory://elsewhere' }
    nodes.set(follower, await cluster.open(follower, { members }))
    expect(await within(cluster, node(follower).propose(one))).toBe(1)
    expect(node(follower).status().standing).toBe('voter')
    await closeAll(nodes)
  })

  it.each(['leader', 'follower'] as const)(
    'of the %s by itself resolves there, and disturbs nobody before it is started elsewhere',
    async (where) => {
      const world = await running()
      const { cluster, nodes, node } = world
      const mover = world[where]
      const events = eventsOf(node(world.other))
      const moved = await within(cluster, node(mover).moveMember(mover, 'memory://elsewhere'))
      expect(moved.isComplete).toBe(true)
      await cluster.clock.advance(10_000)
      expect(await within(cluster, node(mover).propose(one))).toBe(1)
      expect(events.map(({ type }) => type)).not.toContain('leader-changed')
      await close(cluster, nodes, mover)
      const members = { ...cluster.members, [mover]: 'memory://elsewhere' }
      nodes.set(mover, await cluster.open(mover, { members }))
      expect(await within(cluster, node(mover).propose(one))).toBe(2)
      await closeAll(nodes)
    },
  )

  it('P34: is refused where the rest would be no quorum until it is started again', async () => {
    const { cluster, nodes, node, leader, follower, other } = await running()
    await close(cluster, nodes, other)
    await cluster.clock.advance(5000)
    const moved = node(leader).moveMember(follower, 'memory://elsewhere')
    await expect(within(cluster, moved)).rejects.toMatchObject({
      reason: 'no-live-quorum',
      outcome: 'not-made',
    })
    expect(await within(cluster, node(follower).propose(one))).toBe(1)
    await closeAll(nodes)
  })
})

describe('changes of members', () => {
  it('P34: that leave no quorum of those who are heard are refused, also on a follower, and nothing changes', async () => {
    const { cluster, nodes, node, leader, follower, other } = await running()
    await close(cluster, nodes, other)
    await cluster.clock.advance(5000)
    const { version } = node(leader).members()
    const removed = node(follower).removeMember(leader)
    const error = await within(
      cluster,
      removed.catch((reason: unknown) => reason),
    )
    expect(error).toBeInstanceOf(MembersRefusedError)
    expect(error).toMatchObject({ reason: 'no-live-quorum', outcome: 'unknown' })
    expect(node(leader).members().version).toBe(version)
    expect(await within(cluster, node(follower).propose(one))).toBe(1)
    await closeAll(nodes)
  })

  it('P34: count no voter that is heard and waits to be let in', async () => {
    // All are let in, and nobody leads yet.
    const world = await filtered(({ message }) => message.type !== 'campaign')
    const { cluster, nodes, passing, open } = world
    await closeAll(nodes)
    // The disk of c is lost before any is named, and nobody is told of the new one.
    cluster.disks.set('c', memoryDisk())
    passing.by = ({ from, message }) => from !== 'c' || !message.type.startsWith('introduction')
    for (const id of 'abc') await open(id)
    await cluster.clock.advance(5000)
    const [leader] = leaderOf(nodes)
    expect(await within(cluster, nodeOf(nodes, 'c').query('x'))).toBe(0)
    expect(nodeOf(nodes, leader).status().peers['c']?.heardAgoMs).toBeLessThan(1000)
    const quorums = { type: 'flexible', phase1: 1, phase2: 3 } as const
    const all = () => within(cluster, nodeOf(nodes, leader).changeMembers({ quorums }))
    await expect(all()).rejects.toMatchObject({ reason: 'no-live-quorum', outcome: 'not-made' })
    passing.by = () => true
    await cluster.clock.advance(5000)
    await all()
    expect(await within(cluster, nodeOf(nodes, leader).propose(one))).toBe(1)
    await closeAll(nodes)
  })

  it('P33: that a leader refuses may be made yet, by what a former leader had begun, and the refusal says so', async () => {
    const { cluster, nodes, passing } = await filtered()
    const [leader] = leaderOf(nodes)
    const [caller = '', other = ''] = [...nodes.keys()].filter((id) => id !== leader)
    // The leader accepts a command and, behind it, the removal of the caller, and nobody else does.
    passing.by = ({ from, message }) => from !== leader || message.type !== 'logAccept'
    const command = nodeOf(nodes, leader).propose(one)
    await cluster.clock.advance(10)
    const removed = nodeOf(nodes, caller).removeMember(caller)
    await cluster.clock.advance(500)
    // Another one leads, fills the first of both slots, and has never heard of the second.
    let isAsked = false
    passing.by = ({ from, to, message }) => {
      if (from === leader || to === leader) return false
      if (from === caller && message.type === 'forward') return isAsked
      return from !== caller || message.type !== 'campaign'
    }
    await cluster.clock.advance(5000)
    expect(nodeOf(nodes, other).status().role).toBe('leader')
    isAsked = true
    const error = await within(
      cluster,
      removed.catch((reason: unknown) => reason),
    )
    expect(error).toBeInstanceOf(MembersRefusedError)
    expect(error).toMatchObject({ reason: 'no-live-quorum', outcome: 'unknown' })
    expect(nodeOf(nodes, caller).members().members).toHaveLength(3)
    // That one is away, and the former leader is back.
    passing.by = ({ from, to }) => from !== other && to !== other
    await cluster.clock.advance(10_000)
    const ids = nodeOf(nodes, leader)
      .members()
      .members.map(({ id }) => id)
    expect(ids).not.toContain(caller)
    passing.by = () => true
    expect(await within(cluster, command)).toBe(1)
    await closeAll(nodes)
  })

  it('P33: are not refused while they are under way, whoever is missed meanwhile', async () => {
    const { cluster, nodes, passing } = await filtered()
    const [leader] = leaderOf(nodes)
    const [follower = '', other = ''] = [...nodes.keys()].filter((id) => id !== leader)
    passing.by = ({ from, message }) => from !== leader || message.type !== 'logAccept'
    const removed = nodeOf(nodes, leader).removeMember(other)
    await cluster.clock.advance(100)
    // Of those who would vote the leader hears itself alone; the other one lets it lead.
    passing.by = ({ from, to, message }) =>
      from !== follower && to !== follower && (from !== leader || message.type !== 'logAccept')
    await cluster.clock.advance(5000)
    expect(nodeOf(nodes, leader).status().role).toBe('leader')
    passing.by = () => true
    const { members } = await within(cluster, removed)
    expect(members.map(({ id }) => id)).not.toContain(other)
    await closeAll(nodes)
  })

  it('P26: that two nodes make at once are both made', async () => {
    const world = await running()
    const { cluster, nodes, node, follower, other } = world
    await join(world, 'd')
    await join(world, 'e')
    const both = Promise.all([
      node(follower).addMember('d', at('d')),
      node(other).addMember('e', at('e')),
    ])
    await within(cluster, both)
    await cluster.clock.advance(1000)
    for (const id of 'abcde') {
      expect(
        node(id)
          .members()
          .members.map((member) => member.id)
          .toSorted(),
      ).toEqual(Array.from('abcde'))
    }
    await closeAll(nodes)
  })

  it('P33: of an expected version are made by one of two nodes, and the other says which version there is', async () => {
    const { cluster, nodes, node, follower, other } = await running()
    const expected = node(follower).members().version
    const options = { expected, role: 'learner' } as const
    const outcomes = await within(
      cluster,
      Promise.allSettled([
        node(follower).addMember('d', at('d'), options),
        node(other).addMember('e', at('e'), options),
      ]),
    )
    const [refused] = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(refused?.reason).toBeInstanceOf(MembersConflictError)
    expect(refused?.reason).toMatchObject({ expected, actual: node(follower).members().version })
    expect(node(follower).members().members).toHaveLength(4)
    await closeAll(nodes)
  })

  it('reach the leader by way of another member, where they do not directly', async () => {
    const { cluster, nodes, node, leader, follower } = await running()
    cluster.hub.cut(follower, leader)
    const added = node(follower).addMember('d', at('d'), { role: 'learner' })
    expect(inWords(await within(cluster, added))).toBe('a b c d?')
    await closeAll(nodes)
  })

  it('P35: whose leader dies when it has just been given them are made once, by the next one', async () => {
    const world = await running()
    const { cluster, nodes, node, leader, follower } = world
    const changes = eventsOf(node(follower))
    const added = node(follower).addMember('d', at('d'), { role: 'learner' })
    await cluster.clock.advance(1)
    await cluster.crash(leader, node(leader))
    nodes.delete(leader)
    expect(inWords(await within(cluster, added))).toBe('a b c d?')
    await cluster.clock.advance(5000)
    expect(changes.filter(({ type }) => type === 'members-changed')).toHaveLength(1)
    await closeAll(nodes)
  })

  it('P23: are found by a node that was away while all others moved, where it is told that they are', async () => {
    const world = await running()
    const { cluster, nodes, node, leader, follower, other } = world
    for (const id of 'de') await join(world, id)
    const add = Object.fromEntries(Array.from('de', (id) => [id, { address: at(id) }]))
    await within(cluster, node(leader).changeMembers({ add }))
    await cluster.crash(follower, node(follower))
    nodes.delete(follower)
    const members = { ...cluster.members }
    for (const id of ['d', 'e', other, leader]) {
      const address = `memory://moved-${id}`
      // Who moves hears nothing any more where it is.
      const mover = id === leader ? other : leader
      await within(cluster, node(mover).moveMember(id, address))
      members[id] = address
      await close(cluster, nodes, id)
      nodes.set(id, await cluster.open(id, { members }))
      await cluster.clock.advance(5000)
    }
    nodes.set(follower, await cluster.open(follower, { members }))
    expect(await within(cluster, node(follower).propose(one))).toBe(1)
    expect(
      node(follower)
        .members()
        .members.map(({ address }) => address),
    ).toEqual(expect.arrayContaining([members[leader], members[other]]))
    await closeAll(nodes)
  })

  it('P23: are found by a learner that was away, although one answers that left long ago and knows nothing', async () => {
    const world = await running()
    const { cluster, nodes, node, leader, follower, other } = world
    await join(world, 'd')
    await within(cluster, node(leader).addMember('d', at('d'), { role: 'learner' }))
    await cluster.clock.advance(2000)
    for (const id of ['d', other]) {
      await cluster.crash(id, node(id))
      nodes.delete(id)
    }
    await join(world, 'e')
    await within(cluster, node(leader).replaceMember(other, 'e', at('e')))
    const members: Record<string, string> = { d: at('d') }
    for (const mover of [follower, 'e', leader]) {
      members[mover] = `memory://moved-${mover}`
      await within(cluster, node(mover).moveMember(mover, members[mover]))
      await close(cluster, nodes, mover)
      nodes.set(mover, await cluster.open(mover, { members }))
      await cluster.clock.advance(5000)
    }
    // It knows nobody who is where he was.
    nodes.set(other, await cluster.open(other))
    nodes.set('d', await cluster.open('d', { members }))
    expect(await within(cluster, node('d').propose(one))).toBe(1)
    expect(inWords(node('d').members())).toBe(inWords(node(leader).members()))
    await closeAll(nodes)
  })

  it('P23: are found where all nodes are told that they are, though all their addresses are others at once, and one change puts that right', async () => {
    const { cluster, nodes, node, leader } = await running()
    expect(await within(cluster, node(leader).propose(one))).toBe(1)
    for (const id of 'abc') await close(cluster, nodes, id)
    // Two have exchanged theirs.
    const members: Record<string, string> = { a: at('b'), b: at('a'), c: 'memory://elsewhere' }
    for (const id of 'abc') nodes.set(id, await cluster.open(id, { members }))
    const events = eventsOf(node('a'))
    expect(await within(cluster, node('a').propose(one))).toBe(2)
    await cluster.clock.advance(5000)
    const differ = events.flatMap((event) =>
      event.type === 'members-differ' ? [[event.stored, event.given]] : [],
    )
    expect(differ).toContainEqual([
      [{ id: 'b', address: at('b') }],
      [{ id: 'b', address: at('a') }],
    ])
    const moved = await within(cluster, node('a').changeMembers({ move: members }))
    expect(Object.fromEntries(moved.members.map(({ id, address }) => [id, address]))).toEqual(
      members,
    )
    expect(differ.filter(([stored]) => stored?.length === 1)).toHaveLength(2)
    for (const id of 'abc') {
      await close(cluster, nodes, id)
      // The log knows where the others are.
      nodes.set(id, await cluster.open(id, { members: { [id]: members[id] ?? '' } }))
      await cluster.clock.advance(5000)
    }
    expect(await within(cluster, node('b').propose(one))).toBe(3)
    await closeAll(nodes)
  })

  it('P23: are learnt by a new node while another new one speaks to it that was told of others', async () => {
    const world = await running()
    const { cluster, nodes, node, leader } = world
    const stray = await cluster.open('e', joining('e', 'd'))
    const { members } = joining('d', leader)
    nodes.set('d', await cluster.open('d', { members: { ...members, e: at('e') } }))
    await cluster.clock.advance(2000)
    expect(node('d').status().dropped.members).toBeGreaterThan(0)
    const { members: made } = await within(cluster, node(leader).addMember('d', at('d')))
    expect(made.find(({ id }) => id === 'd')?.role).toBe('voter')
    await stray.close()
    await closeAll(nodes)
  })

  it('P18: are learnt by a node that was away, although all that it knew have left, by one that it is told of', async () => {
    const world = await running('def')
    const { cluster, nodes, node, leader, follower } = world
    await cluster.crash(follower, node(follower))
    nodes.delete(follower)
    for (const id of 'def') await join(world, id)
    const others = Array.from('abc').filter((id) => id !== follower)
    const add = Object.fromEntries(Array.from('def', (id) => [id, { address: at(id) }]))
    await within(cluster, node(leader).changeMembers({ add, remove: others }))
    await cluster.clock.advance(10_000)
    for (const id of others) nodes.delete(id)
    expect(await within(cluster, node('f').propose(one))).toBe(1)
    // Nobody that it knew is there. It is told of one of those that are, and not of who leads.
    const [known = ''] = [...nodes].find(([, each]) => each.status().role === 'follower') ?? []
    const back = await cluster.open(follower, joining(follower, known))
    nodes.set(follower, back)
    expect(await within(cluster, back.propose(one))).toBe(2)
    expect(inWords(back.members()).split(' ')).toContain('e')
    await closeAll(nodes)
  })

  it('are told to nobody twice, and leave no timer behind', async () => {
    const { cluster, nodes, node, leader } = await running()
    const events = eventsOf(node(leader))
    await within(cluster, node(leader).addMember('d', at('d'), { role: 'learner' }))
    await cluster.clock.advance(5000)
    expect(events.filter(({ type }) => type === 'members-complete')).toHaveLength(1)
    await closeAll(nodes)
    expect(cluster.clock.pending).toBe(0)
  })
})

/** An adapter on a disk that was not there before. */
function fresh(disk: ReturnType<typeof memoryDisk>) {
  return { durability: memoryDurability({ disk }) }
}

/** A transport by which nobody is told that a change is complete. */
function untold(inner: Transport): Transport {
  return {
    open: (options) =>
      inner.open({
        ...options,
        receive: (from, frame) => {
          const envelope = decode(frame)
          const { message } = envelope
          const isTelling = message.type === 'logHeartbeat' || message.type === 'fetched'
          const untelling = isTelling ? { ...message, complete: undefined } : message
          options.receive(from, encode({ ...envelope, message: untelling }))
        },
      }),
    get address() {
      return inner.address
    },
    setPeers: (peers) => inner.setPeers(peers),
    send: (to, frame) => inner.send(to, frame),
    close: () => inner.close(),
  }
}
