/** The simulator: it repeats itself to the byte, does what its profiles say, and notices. */
import { EMPTY_SAVED, InvariantError } from '@paxos/core'
import type { Durability, Transport } from '@paxos/core'
import { decode, encode } from '@paxos/core/wire'
import { memoryDisk } from '@paxos/durability-memory'
import type { MemoryDisk } from '@paxos/durability-memory'
import { TimeoutError } from '@paxos/replica'
import { drawPlan, FAULT_KINDS, PROFILES } from '@paxos/testkit/simulation'
import { sequenceDiagram, shrink, Simulation } from '@paxos/testkit/simulation'
import type { Invariant, Parts, ProfileName, RunResult } from '@paxos/testkit/simulation'
import { describe, expect, it } from 'vitest'
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

  it('keeps every promise through 30 seeds, and every kind of fault strikes in some', async () => {
    const injected = new Map<string, number>()
    for (let seed = 1; seed <= 30; seed += 1) {
      const result = await run(seed)
      expect(result.violation, `pnpm simulate --seed ${seed}`).toBeNull()
      for (const [kind, count] of Object.entries(result.injected)) {
        injected.set(kind, (injected.get(kind) ?? 0) + count)
      }
    }
    const ofCrashes = ['lost-save', 'torn-save', 'unacknowledged-save']
    expect([...injected.keys()].toSorted()).toEqual([...FAULT_KINDS, ...ofCrashes].toSorted())
  })

  it.each(['network', 'disk', 'crash', 'leaders'] as const)(
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
  return (disk, id) => {
    const copy = copies.get(id) ?? memoryDisk()
    copies.set(id, copy)
    copy.crash()
    const adapter = copy.durability()
    return {
      async open(owner) {
        const copied = await adapter.open(owner)
        return await disk.open(owner).catch(() => copied)
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
  for (const { seed, profile, found } of SEEDS) {
    const { violation } = await run(seed, profile)
    expect(violation, `seed ${seed} of ${profile}, which found: ${found}`).toBeNull()
  }
})
