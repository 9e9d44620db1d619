/** State machines that give and take their state in pieces. */
import { InvalidArgumentError } from '@paxos/core'
import type { Durability } from '@paxos/core'
import { memory as memoryDurability } from '@paxos/durability-memory'
import { CommandFailedError, MAX_STATE_BYTES } from '@paxos/replica'
import type { ReplicaEvent, StreamedStateMachine } from '@paxos/replica'
import { describe, expect, it } from 'vitest'
import { leaderOf, replicaCluster, within } from './replica-cluster.ts'
import type { Add, ReplicaCluster, SumsReplica } from './replica-cluster.ts'
import { settled } from './virtual-clock.ts'

/** What a test may hold up, or break, of a machine's snapshots. */
interface Script {
  /** Before each piece that is given. */
  giving?: () => Promise<void>
  /** Before each piece that is taken. */
  taking?: () => Promise<void>
}

/** Sums by name, each of which is a piece of its own. 'poison' and 'bane' leave half of what they do. */
class StreamedSums implements StreamedStateMachine<Add, number, string, number> {
  readonly script: Script
  /** How many snapshots are being read. */
  reading = 0
  restored = 0
  #sums = new Map<string, number>()

  constructor(script: Script = {}) {
    this.script = script
  }

  apply({ name, add }: Add): number {
    const sum = (this.#sums.get(name) ?? 0) + add
    this.#sums.set(name, sum)
    if (name === 'poison' || name === 'bane') throw new Error(`${name} cannot be applied`)
    return sum
  }

  query(name: string): number {
    return this.#sums.get(name) ?? 0
  }

  async *snapshot(): AsyncGenerator<Uint8Array> {
    const sums = [...this.#sums]
    this.reading += 1
    try {
      for (const sum of sums) {
        await this.script.giving?.()
        yield new TextEncoder().encode(`${JSON.stringify(sum)}\n`)
      }
    } finally {
      this.reading -= 1
    }
  }

  async restorePieces(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    if (this.reading > 0) throw new Error('A snapshot is being read')
    this.#sums.clear()
    let text = ''
    for await (const piece of pieces) {
      await this.script.taking?.()
      text += new TextDecoder().decode(piece)
    }
    const lines = text.split('\n').slice(0, -1)
    this.#sums = new Map(lines.map((line): [string, number] => JSON.parse(line)))
    this.restored += 1
  }

  get content(): Record<string, number> {
    return Object.fromEntries([...this.#sums].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }
}

/** What lets nobody past until it is opened. */
class Gate {
  #open: (() => void) | null = null
  readonly opened = new Promise<void>((resolve) => (this.#open = resolve))

  open(): void {
    this.#open?.()
  }
}

interface Streamed {
  readonly cluster: ReplicaCluster
  readonly nodes: Map<string, SumsReplica>
  readonly machines: Map<string, StreamedSums>
  open(id: string, script?: Script): Promise<SumsReplica>
}

const EVERY = { snapshotEveryEntries: 10, snapshotEveryBytes: 1 << 20, trustEmptyDisk: true }

async function streamed(...ids: readonly string[]): Promise<Streamed> {
  return await streamedOn((durability) => durability, ...ids)
}

/** Without what an adapter need not have. */
const whole = (made: Durability): Durability => ({
  open: (owner) => made.open(owner),
  save: (change) => made.save(change),
  close: () => made.close(),
})

async function streamedOn(
  as: (durability: Durability) => Durability,
  ...ids: readonly string[]
): Promise<Streamed> {
  const cluster = replicaCluster(...ids)
  const [nodes, machines] = [new Map<string, SumsReplica>(), new Map<string, StreamedSums>()]
  const made: Streamed = {
    cluster,
    nodes,
    machines,
    async open(id, script) {
      const stateMachine = new StreamedSums(script)
      machines.set(id, stateMachine)
      const disk = cluster.disks.get(id) ?? expect.fail()
      const durability = as(memoryDurability({ disk }))
      const node = await cluster.open(id, { ...EVERY, stateMachine, durability })
      nodes.set(id, node)
      return node
    },
  }
  for (const id of ids) await made.open(id)
  await cluster.clock.advance(5000)
  return made
}

async function addAll({ cluster }: Streamed, node: SumsReplica, names: readonly string[]) {
  for (const name of names) await within(cluster, node.propose({ name, add: 1 }), 10)
}

const named = (count: number, prefix = 'n') =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`)

async function closeAll({ nodes }: Streamed): Promise<void> {
  for (const node of nodes.values()) await node.close({ transfer: false })
}

async function eventsOf(node: SumsReplica): Promise<ReplicaEvent[]> {
  const events: ReplicaEvent[] = []
  void (async () => {
    for await (const event of node.events()) if (event.type !== 'events-lost') events.push(event)
  })()
  await settled()
  return events
}

describe('a state in pieces', () => {
  it.each([
    ['in pieces', (durability: Durability) => durability],
    ['whole', whole],
  ])(
    'is written %s while commands are applied, as it was at its slot, and restored from there',
    async (_, as) => {
      const one = await streamedOn(as, 'a')
      const a = one.nodes.get('a')
      const machine = one.machines.get('a')
      if (a === undefined || machine === undefined) throw new Error('there is no node')
      const hold = new Gate()
      machine.script.giving = () => hold.opened
      await addAll(one, a, named(15))
      expect(machine.reading).toBe(1)
      // Applied and answered while the snapshot is being read; and no second one is begun.
      await addAll(one, a, named(15))
      expect([machine.reading, a.status().snapshotThrough]).toEqual([1, 0])
      hold.open()
      await one.cluster.clock.advance(1000)
      const { snapshotThrough } = a.status()
      expect(snapshotThrough).toBeGreaterThan(9)
      // What was applied while it was read is not in it, and is there when a command is undone.
      const { content } = machine
      const poison = a.propose({ name: 'poison', add: 1 })
      await expect(within(one.cluster, poison, 10)).rejects.toThrow(CommandFailedError)
      expect(machine.content).toEqual(content)
      await closeAll(one)
      const again = await one.open('a')
      const restored = one.machines.get('a')
      expect(again.status().snapshotThrough).toBeGreaterThanOrEqual(snapshotThrough)
      await one.cluster.clock.advance(5000)
      expect([restored?.restored, restored?.content]).toEqual([1, machine.content])
      await closeAll(one)
    },
  )

  it('comes to a node that was away, which answers nothing from half of it', async () => {
    const three = await streamed('a', 'b', 'c')
    const [former, before] = leaderOf(three.nodes)
    const late = former === 'c' ? 'b' : 'c'
    const away = three.nodes.get(late) ?? expect.fail()
    await away.close({ transfer: false })
    const [first = '', ...rest] = named(12)
    await addAll(three, before, [first, ...rest])
    // What is behind their snapshots is in no log any more.
    const others = [...three.nodes.keys()].filter((id) => id !== late)
    for (const id of others) await three.nodes.get(id)?.close({ transfer: false })
    for (const id of others) await three.open(id)
    await three.cluster.clock.advance(5000)
    const [leader, node] = leaderOf(three.nodes)
    const hold = new Gate()
    const back = await three.open(late, { taking: () => hold.opened })
    const events = await eventsOf(back)
    await three.cluster.clock.advance(5000)
    const local = back.query(first, { consistency: 'local' })
    let isAnswered = false
    void local.then(() => (isAnswered = true))
    await addAll(three, node, ['other'])
    expect([isAnswered, events.map(({ type }) => type).includes('snapshot-installed')]).toEqual([
      false,
      false,
    ])
    hold.open()
    await three.cluster.clock.advance(5000)
    expect(await local).toBe(1)
    expect(events.map(({ type }) => type)).toContain('snapshot-installed')
    expect(three.machines.get(late)?.content).toEqual(three.machines.get(leader)?.content)
    await closeAll(three)
  })

  it('is undone, from the newest snapshot, where commands fail half-way, though they stand in one entry', async () => {
    const three = await streamed('a', 'b', 'c')
    const [leader, node] = leaderOf(three.nodes)
    const machine = three.machines.get(leader) ?? expect.fail()
    await addAll(three, node, named(25))
    const hold = new Gate()
    machine.script.taking = () => hold.opened
    const names = ['x', 'poison', 'y', 'bane', 'z', ...named(40, 'more')]
    const all = names.map((name) => node.propose({ name, add: 1 }).catch((error: unknown) => error))
    await three.cluster.clock.advance(100)
    // Chosen while the state is that of the snapshot, or of nothing.
    const late = node.propose({ name: 'late', add: 1 })
    await three.cluster.clock.advance(1000)
    hold.open()
    expect(await within(three.cluster, late, 10)).toBe(1)
    const outcomes = await within(three.cluster, Promise.all(all), 10)
    expect(outcomes.slice(0, 5)).toMatchObject([
      1,
      { code: 'ERR_PAXOS_COMMAND_FAILED' },
      1,
      { code: 'ERR_PAXOS_COMMAND_FAILED' },
      1,
    ])
    expect(outcomes[1]).toBeInstanceOf(CommandFailedError)
    await three.cluster.clock.advance(5000)
    const contents = [...three.machines.values()].map(({ content }) => content)
    const applied = [...named(25), 'x', 'y', 'z', ...named(40, 'more'), 'late']
    const expected = applied.map((name) => [name, 1])
    for (const content of contents) expect(content).toEqual(Object.fromEntries(expected))
    await closeAll(three)
  })

  it('is undone where one of many sessions in a slot fails: those before it are applied once, and told so', async () => {
    const one = await streamed('a')
    const a = one.nodes.get('a') ?? expect.fail()
    const machine = one.machines.get('a') ?? expect.fail()
    await addAll(one, a, named(12))
    await one.cluster.clock.advance(1000)
    const opening = Array.from({ length: 6 }, () => a.openSession())
    const sessions = await within(one.cluster, Promise.all(opening), 10)
    const before = a.status().chosenThrough
    const names = ['s', 'poison', 's', 'bane', 's', 't']
    const all = names.map((name, index) => {
      const session = { id: sessions[index] ?? '', sequence: 1 }
      return a.propose({ name, add: 1 }, { session }).catch(({ code }: { code: string }) => code)
    })
    const failed = 'ERR_PAXOS_COMMAND_FAILED'
    const outcomes = await within(one.cluster, Promise.all(all), 10)
    expect(outcomes).toEqual([1, failed, 2, failed, 3, 1])
    expect(a.status().chosenThrough - before).toBeLessThan(names.length)
    expect(machine.content).toEqual({
      ...Object.fromEntries(named(12).map((name) => [name, 1])),
      s: 3,
      t: 1,
    })
    await closeAll(one)
  })

  it('before the first snapshot a command that fails is undone too', async () => {
    const one = await streamed('a')
    const a = one.nodes.get('a') ?? expect.fail()
    const poison = a.propose({ name: 'poison', add: 1 })
    await expect(within(one.cluster, poison, 10)).rejects.toThrow(CommandFailedError)
    await addAll(one, a, ['x'])
    expect(one.machines.get('a')?.content).toEqual({ x: 1 })
    await closeAll(one)
  })

  it('a snapshot that is being read is ended before the state is replaced, and none is kept of it', async () => {
    const one = await streamed('a')
    const a = one.nodes.get('a') ?? expect.fail()
    const machine = one.machines.get('a') ?? expect.fail()
    const holds = [new Gate(), new Gate()]
    machine.script.giving = () => holds.shift()?.opened ?? Promise.resolve()
    const [first, second] = holds
    await addAll(one, a, named(12))
    expect(machine.reading).toBe(1)
    first?.open()
    await settled()
    const failed = a.propose({ name: 'poison', add: 1 }).catch((error: unknown) => error)
    await one.cluster.clock.advance(10)
    second?.open()
    expect(await within(one.cluster, failed, 10)).toBeInstanceOf(CommandFailedError)
    expect(a.status().snapshotThrough).toBe(0)
    await addAll(one, a, named(12))
    await one.cluster.clock.advance(1000)
    expect(a.status().snapshotThrough).toBeGreaterThan(0)
    await closeAll(one)
    await one.open('a')
    await one.cluster.clock.advance(5000)
    expect(one.machines.get('a')?.content).toEqual(machine.content)
    await closeAll(one)
  })

  it.each([
    ['throws', () => Promise.reject(new Error('no piece'))],
    ['gives no bytes', undefined],
  ])('that %s half-way is told, and the log kept in its place', async (_, giving) => {
    const one = await streamed('a')
    const a = one.nodes.get('a') ?? expect.fail()
    const machine = one.machines.get('a') ?? expect.fail()
    const events = await eventsOf(a)
    if (giving !== undefined) machine.script.giving = giving
    else Object.assign(machine, { snapshot: () => ['text'] })
    await addAll(one, a, named(12))
    await one.cluster.clock.advance(100)
    expect(events.map(({ type }) => type)).toContain('snapshot-failed')
    expect(a.status()).toMatchObject({ role: 'leader', snapshotThrough: 0 })
    await closeAll(one)
    await one.open('a')
    await one.cluster.clock.advance(5000)
    expect(one.machines.get('a')?.content).toEqual(machine.content)
    await closeAll(one)
  })

  it('that cannot be restored stops the node, and the disk keeps the former one', async () => {
    const one = await streamed('a')
    const a = one.nodes.get('a') ?? expect.fail()
    await addAll(one, a, named(12))
    await closeAll(one)
    const broken = one.open('a', { taking: () => Promise.reject(new Error('no room')) })
    await expect(broken).rejects.toThrow('no room')
    await one.open('a')
    await one.cluster.clock.advance(5000)
    expect(Object.keys(one.machines.get('a')?.content ?? {})).toHaveLength(12)
    await closeAll(one)
  })

  it('may not be larger than an adapter takes that takes it whole', async () => {
    const cluster = replicaCluster('a')
    const options = { stateMachine: new StreamedSums(), durability: whole(memoryDurability()) }
    const opened = cluster.open('a', { ...options, maxStateBytes: MAX_STATE_BYTES + 1 })
    await expect(opened).rejects.toThrow(InvalidArgumentError)
  })
})
