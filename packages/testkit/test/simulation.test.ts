/** The simulator: it repeats itself to the byte, does what its profiles say, and notices. */
import { EMPTY_SAVED, InvariantError } from '@paxos/core'
import type { AcceptedEntry, Durability, Transport } from '@paxos/core'
import { decode, encode } from '@paxos/core/wire'
import { memoryDisk } from '@paxos/durability-memory'
import type { MemoryDisk } from '@paxos/durability-memory'
import { TimeoutError } from '@paxos/replica'
import { drawPlan, PROFILES } from '@paxos/testkit/simulation'
import { RECOVERY_BOUND_MS, recoveryBoundMs, recoveryBoundOf } from '@paxos/testkit/simulation'
import { sequenceDiagram, shrink, Simulation } from '@paxos/testkit/simulation'
import type { Action, ClientCall, Invariant, Parts, Plan } from '@paxos/testkit/simulation'
import type { ProfileName, RunResult } from '@paxos/testkit/simulation'
import { describe, expect, it } from 'vitest'
import { extent, isInThisRun } from '../src/fuzz.ts'
import { SEEDS } from './simulation-seeds.ts'

function run(seed: number, profile: ProfileName = 'swarm', parts: Parts = {}): Promise<RunResult> {
  return Simulation.ofSeed(seed, PROFILES[profile], { parts }).run()
}

/** The first failure with `parts`. */
async function firstFailure(parts: Parts, profile: ProfileName = 'swarm'): Promise<RunResult> {
  for (let seed = 1; seed <= 40; seed += 1) {
    const result = await run(seed, profile, parts)
    if (result.violation !== null) return result
  }
  throw new Error('40 seeds, and nothing was noticed.')
}

async function traceOf(seed: number): Promise<string> {
  const { trace } = await Simulation.ofSeed(seed, PROFILES.swarm, { trace: true }).run()
  return trace.join('\n')
}

describe('a run', () => {
  it('is the same to the byte when it is repeated, and another with another seed', async () => {
    const [once, again, other] = [await traceOf(7), await traceOf(7), await traceOf(8)]
    expect(once.length).toBeGreaterThan(10_000)
    expect(again === once).toBe(true)
    expect(other === once).toBe(false)
  })

  it('without faults answers all but what is asked before somebody leads', async () => {
    const { violation, injected, operations } = await run(3, 'calm')
    expect(violation).toBeNull()
    expect(injected).toEqual({})
    expect(operations.asked).toBeGreaterThan(80)
    expect(operations.answered / operations.asked).toBeGreaterThan(0.95)
  })

  it('keeps every promise through some seeds, and in enough of them every kind of fault strikes', async () => {
    const injected = new Map<string, number>()
    const enough = 24
    const seeds = extent(4, enough)
    for (let seed = 1; seed <= seeds; seed += 1) {
      const result = await run(seed)
      expect(result.violation, `pnpm simulate --seed ${seed}`).toBeNull()
      for (const [kind, count] of Object.entries(result.injected)) {
        injected.set(kind, (injected.get(kind) ?? 0) + count)
      }
    }
    const ofCrashes = ['lost-save', 'torn-save', 'unacknowledged-save']
    const all = [...Object.keys(PROFILES.swarm.perMinute), ...ofCrashes]
    if (seeds >= enough) expect([...injected.keys()].toSorted()).toEqual(all.toSorted())
    else expect(all).toEqual(expect.arrayContaining([...injected.keys()]))
  })

  it.each(['network', 'disk', 'crash', 'leaders', 'congested'] as const)(
    'of the profile %s has no faults but those that it names, and has all of them',
    (name) => {
      const drawn = new Set<string>()
      for (let seed = 1; seed <= 40; seed += 1) {
        for (const { type } of drawPlan(seed, PROFILES[name]).actions) drawn.add(type)
      }
      drawn.delete('call')
      expect([...drawn].toSorted()).toEqual(Object.keys(PROFILES[name].perMinute).toSorted())
    },
  )

  it('has clusters of every size from one to five', () => {
    const sizes = new Set<number>()
    for (let seed = 1; seed <= 200; seed += 1) sizes.add(drawPlan(seed, PROFILES.calm).nodes.length)
    expect(sizes).toEqual(new Set([1, 2, 3, 4, 5]))
  })

  it('lets one partition follow another at once, and none begin when the faults are over', () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const { nodes, faultsEndMs, actions } = drawPlan(seed, PROFILES.leaders)
      const partitions = actions.filter((action) => action.type === 'partition')
      const ends = new Set(partitions.map(({ untilMs }) => untilMs))
      const following = partitions.filter(({ atMs }) => ends.has(atMs))
      if (nodes.length > 1) expect(following.length).toBeGreaterThan(2)
      for (const { atMs, untilMs } of partitions) {
        expect(atMs).toBeLessThan(faultsEndMs)
        expect(untilMs).toBeLessThanOrEqual(faultsEndMs)
      }
    }
  })

  it('never damages so many disks that no quorum is left', () => {
    for (let seed = 1; seed <= 500; seed += 1) {
      const { nodes, actions } = drawPlan(seed, PROFILES.disk)
      const damaged = new Set(actions.flatMap((one) => (one.type === 'bit-flip' ? one.node : [])))
      expect(damaged.size).toBeLessThan(nodes.length / 2)
    }
  })
})

/** Three nodes, links of 1 MB a second, and nothing else but `actions`. */
function planWith(actions: readonly Action[], changes: Partial<Plan> = {}): Plan {
  return {
    seed: 1,
    nodes: ['a', 'b', 'c'],
    faultsEndMs: 14_000,
    delayMs: { min: 1, max: 1 },
    links: { bytesPerSecond: 1_000_000, queueBytes: 1 << 20, loss: 0 },
    syncMs: { min: 1, max: 1 },
    snapshotEveryEntries: 10_000,
    sessionTimeoutMs: 3_600_000,
    clientsWithSession: 1,
    actions,
    ...changes,
  }
}

/** A client that asks in the midst of `window`, retries, and gives up after so long. */
function put(patienceMs: number): ClientCall {
  return { type: 'call', id: 1, atMs: 5000, client: 0, node: 0, key: 'x', call: 'put', patienceMs }
}

const window = { atMs: 4000, untilMs: 8000 } as const
const answeredOf = async (plan: Plan): Promise<number> =>
  (await new Simulation(plan).run()).operations.answered

/** What the three nodes answer at the end: a command and four reads each. */
const ANSWERED_BY_PROBES = 15

/** How many frames a node is given before what was due in its pause of four seconds: a call. */
async function framesBeforeCall(timersFirst: boolean): Promise<number> {
  const pause: Action = { type: 'long-pause', node: 'a', timersFirst, ...window }
  const call: Action = { ...put(9000), call: 'get' }
  let [frames, before] = [0, 0]
  const parts: Parts = {
    transport: (honest, id) => ({
      get address() {
        return honest.address
      },
      open: (options) =>
        honest.open({
          ...options,
          receive(from, frame) {
            if (id === 'a') frames += 1
            options.receive(from, frame)
          },
        }),
      close: () => honest.close(),
      setPeers: (peers) => honest.setPeers(peers),
      send: (to, frame) => honest.send(to, frame),
    }),
    // The client has asked others meanwhile; its first call to a comes last.
    query(replica, key, timeoutMs) {
      before = frames
      return replica.query(key, { timeoutMs })
    },
  }
  await new Simulation(planWith([pause, call]), { parts }).run()
  return before
}

describe('a fault', () => {
  it('disk-stall holds what is saved until it ends, and nothing stops for it', async () => {
    const stalls = ['a', 'b', 'c'].map((node): Action => ({ type: 'disk-stall', node, ...window }))
    expect(await answeredOf(planWith([...stalls, put(2500)]))).toBe(ANSWERED_BY_PROBES)
    expect(await answeredOf(planWith([...stalls, put(9000)]))).toBe(ANSWERED_BY_PROBES + 1)
  })

  it('congestion lets little through, and what had to wait arrives when it ends', async () => {
    const congestion: Action = {
      type: 'congestion',
      bytesPerSecond: 10,
      queueBytes: 1 << 20,
      ...window,
    }
    expect(await answeredOf(planWith([congestion, put(2500)]))).toBe(ANSWERED_BY_PROBES)
    expect(await answeredOf(planWith([congestion, put(9000)]))).toBe(ANSWERED_BY_PROBES + 1)
  })

  it.each<Action>([
    { type: 'slow-link', from: 'b', to: 'a', bytesPerSecond: 10, ...window },
    { type: 'mtu', from: 'b', to: 'a', maxFrameBytes: 1, ...window },
  ])('of one direction, as %j, stops that one alone', async (fault) => {
    let [there, back] = [0, 0]
    // Two nodes, so that each has to speak to the other.
    const plan = planWith([fault], { nodes: ['a', 'b'] })
    const { trace } = await new Simulation(plan, { trace: true }).run()
    for (const line of trace) {
      const [, at, link, rest] = /^([\d.]+) ([ab]>[ab]) (.*)$/.exec(line) ?? []
      const isWithin = Number(at) > window.atMs + 10 && Number(at) < window.untilMs
      if (!isWithin) continue
      if (rest?.endsWith('(too-large)') === true) expect(link).toBe('b>a')
      else if (link === 'b>a') there += 1
      else back += 1
    }
    // 40 bytes in 4 s are less than a frame.
    expect(there).toBe(0)
    expect(back).toBeGreaterThan(0)
  })

  it('long-pause ends with what was due, or with what arrived: two ways to go on', async () => {
    expect(await framesBeforeCall(true)).toBeLessThan(await framesBeforeCall(false))
  })

  it('burst asks for all of it, on a node that runs', async () => {
    const burst: Action = {
      type: 'burst',
      node: 'b',
      count: 50,
      valueBytes: 1000,
      patienceMs: 5000,
      atMs: 4000,
    }
    let applied = 0
    const parts: Parts = {
      stateMachine: (honest) => ({
        ...honest,
        apply(command, slot) {
          if (command.key === 'burst' && command.type === 'compareAndSet') {
            expect(command.expected).toHaveLength(1000)
            applied += 1
          }
          return honest.apply(command, slot)
        },
      }),
    }
    const { violation, injected } = await new Simulation(planWith([burst]), { parts }).run()
    expect(violation).toBeNull()
    expect(injected).toEqual({ burst: 1 })
    expect(applied).toBe(3 * 50)
  })
})

it('a tail is on every disk at the start, of another ballot each, and the cluster begins with it', async () => {
  const found = new Map<string, readonly AcceptedEntry[]>()
  const parts: Parts = {
    durability: (disk, id) => ({
      async open(owner) {
        const opened = await disk.open(owner)
        found.set(id, opened.accepted)
        return opened
      },
      close: () => disk.close(),
      save: (change) => disk.save(change),
    }),
  }
  const tail = { entries: 20, valueBytes: 1000 }
  const plan = planWith([], { faultsEndMs: 0, tail })
  const { violation, firstAnswerAfterMs } = await new Simulation(plan, { parts }).run()
  expect(violation).toBeNull()
  expect(firstAnswerAfterMs).toBeGreaterThan(0)
  expect([...found.keys()].toSorted()).toEqual(['a', 'b', 'c'])
  for (const [id, accepted] of found) {
    expect(accepted).toHaveLength(20)
    expect(new Set(accepted.map(({ ballot }) => ballot.node))).toEqual(new Set([id]))
  }
})

describe('the bound of a recovery', () => {
  const burst: Action = {
    type: 'burst',
    node: 'b',
    count: 100,
    valueBytes: 10_000,
    patienceMs: 1,
    atMs: 0,
  }

  it('is fixed where links carry everything at once', () => {
    const { links: _, ...plan } = planWith([burst])
    expect(recoveryBoundOf(plan)).toBe(RECOVERY_BOUND_MS)
  })

  it('grows with the backlog, the slowness of links, the round trip and the loss', () => {
    const links = { queueBytes: 1e5, bytesPerSecond: 1e6, loss: 0 }
    const usual = { ...links, backlogBytes: 1e6, roundTripMs: 10 }
    const bound = recoveryBoundMs(usual)
    expect(bound).toBeGreaterThan(RECOVERY_BOUND_MS)
    const worse = [
      { ...usual, backlogBytes: 2e6 },
      { ...usual, queueBytes: 1e6 },
      { ...usual, bytesPerSecond: 5e5 },
      { ...usual, roundTripMs: 100 },
      { ...usual, loss: 0.1 },
    ]
    for (const one of worse) expect(recoveryBoundMs(one)).toBeGreaterThan(bound)
    const little = recoveryBoundOf(planWith([]))
    expect(recoveryBoundOf(planWith([burst]))).toBeGreaterThan(little)
    const tail = { entries: 100, valueBytes: 10_000 }
    expect(recoveryBoundOf(planWith([], { tail }))).toBeGreaterThan(little)
  })
})

/** A disk that says it has saved, and has not. */
function forgetful(disk: Durability): Durability {
  let isFirst = true
  return {
    open: (owner) => disk.open(owner),
    close: () => disk.close(),
    async save(change) {
      if (isFirst) await disk.save(change)
      isFirst = false
    },
  }
}

/** A disk that comes up empty when it cannot be read. */
function optimistic(disk: Durability): Durability {
  return {
    open: (owner) =>
      disk.open(owner).catch(() => ({ ...EMPTY_SAVED, identity: null, isNew: true })),
    close: () => disk.close(),
    save: (change) => disk.save(change),
  }
}

/** Disks that are read as if they were whole when they are not. */
function trusting(): NonNullable<Parts['durability']> {
  const copies = new Map<string, MemoryDisk>()
  const incarnations = new Map<string, string>()
  return (disk, id) => {
    const copy = copies.get(id) ?? memoryDisk()
    copies.set(id, copy)
    copy.crash()
    const adapter = copy.durability()
    return {
      async open(owner) {
        // Both are of the same node.
        const draw = () => incarnations.get(id) ?? owner?.drawIncarnation() ?? id
        incarnations.set(id, draw())
        const same = owner && { ...owner, drawIncarnation: draw }
        const copied = await adapter.open(same)
        return await disk.open(same).catch(() => copied)
      },
      close: () => disk.close(),
      async save(change) {
        await disk.save(change)
        await adapter.save(change)
      },
    }
  }
}

/** A network that changes a letter in what one node is asked to accept. */
function flipping(transport: Transport): Transport {
  return {
    get address() {
      return transport.address
    },
    open: (options) => transport.open(options),
    close: () => transport.close(),
    setPeers: (peers) => transport.setPeers(peers),
    send(to, frame) {
      const { message, ...envelope } = decode(frame)
      if (message.type !== 'logAccept' || to !== 'b') return transport.send(to, frame)
      const values = message.values.map((value) => {
        const changed = Uint8Array.from(value)
        const place = changed.length - 4
        changed[place] = (changed[place] ?? 0) ^ 1
        return changed
      })
      transport.send(to, encode({ ...envelope, message: { ...message, values } }))
    },
  }
}

const BROKEN: readonly (readonly [string, Parts, Invariant, ProfileName?])[] = [
  ['a disk that forgets what it had acknowledged', { durability: forgetful }, 'disk-keeps'],
  ['a disk that hides that it is damaged', { durability: optimistic }, 'disk-keeps', 'disk'],
  ['a damaged disk that is opened', { durability: trusting() }, 'corruption-surfaces', 'disk'],
  ['a network that changes what it carries', { transport: flipping }, 'one-value-a-ballot'],
  [
    'a state machine that is not deterministic',
    {
      stateMachine: (honest, id) => ({
        ...honest,
        apply: (command, slot) =>
          honest.apply(id === 'b' && slot % 7 === 0 ? { ...command, key: 'z' } : command, slot),
      }),
    },
    'same-state',
  ],
  [
    'a snapshot that leaves something out',
    { stateMachine: (honest) => ({ ...honest, restore: () => undefined }) },
    'same-state',
    'crash',
  ],
  [
    'a state machine that finds what must never be',
    {
      stateMachine: (honest) => ({
        ...honest,
        apply(command, slot) {
          if (command.id === 20) throw new InvariantError('That cannot be. Stop this node.')
          return honest.apply(command, slot)
        },
      }),
    },
    'node-runs',
    'calm',
  ],
  [
    'a read that is answered from the state of one node',
    { query: (replica, key) => replica.query(key, { consistency: 'local' }) },
    'linearizable',
  ],
  [
    'a node that wakes itself for ever',
    {
      async query(replica, key) {
        for (;;) {
          try {
            return await replica.query(key, { timeoutMs: 1e-12 })
          } catch (error) {
            if (!(error instanceof TimeoutError)) throw error
          }
        }
      },
    },
    'time-passes',
    'network',
  ],
  [
    'a cluster in which nobody hears the leader',
    {
      transport: (honest) => ({
        get address() {
          return honest.address
        },
        open: (options) => honest.open(options),
        close: () => honest.close(),
        setPeers: (peers) => honest.setPeers(peers),
        send(to, frame) {
          if (decode(frame).message.type !== 'logAccept') honest.send(to, frame)
        },
      }),
    },
    'commits-again',
    'calm',
  ],
]

for (const [broken, parts, invariant, profile] of BROKEN) {
  it(`${broken} is noticed: ${invariant}`, async () => {
    const { violation } = await firstFailure(parts, profile)
    expect(violation).toMatchObject({ invariant })
  })
}

describe('a run that fails', () => {
  it('is cut down to few actions, which fail in the same way, and shows what came before', async () => {
    const parts = { durability: forgetful }
    const failed = await firstFailure(parts)
    const small = await shrink(failed, { parts, maxRuns: 120 })
    expect(small.violation?.invariant).toBe(failed.violation?.invariant)
    expect(small.plan.actions.length).toBeLessThan(8)
    const again = await new Simulation(small.plan, { parts }).run()
    expect(again.violation).toEqual(small.violation)
    const diagram = sequenceDiagram(small.plan.nodes, small.last)
    expect(diagram).toMatch(/^ +a +b +c/)
    expect(diagram).toMatch(/\d+\.\d {2}[| ]*-+>[| ]* {2}log/)
  })
})

it('no seed that once found something finds anything any more', async () => {
  const taken = SEEDS.filter((_, at) => isInThisRun(SEEDS.length - 1 - at, 3))
  for (const { seed, profile, found } of taken) {
    const { violation } = await run(seed, profile)
    expect(violation, `seed ${seed} of ${profile}, which found: ${found}`).toBeNull()
  }
})
