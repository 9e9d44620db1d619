/**
 * A cluster of replicas in one process for tests: the memory network and disks, a clock that stands
 * still until a test moves it, and a state machine that adds up. Must never look at the real time.
 */
import { memory as memoryDurability, memoryDisk } from '@paxos/durability-memory'
import type { MemoryDisk } from '@paxos/durability-memory'
import { Replica } from '@paxos/replica'
import type { ReplicaOptions, StateMachine } from '@paxos/replica'
import { memory as memoryTransport, memoryHub } from '@paxos/transport-memory'
import type { MemoryHub } from '@paxos/transport-memory'
import { VirtualClock } from './virtual-clock.ts'

/** Adds to a named sum, and tells what it is then. */
export interface Add {
  readonly name: string
  readonly add: number
}

/** Sums by name, and everything that was applied, in order. */
export class Sums implements StateMachine<Add, number, string, number> {
  readonly applied: Add[] = []
  #sums = new Map<string, number>()

  apply(command: Add): number {
    this.applied.push(command)
    if (command.name === 'poison') throw new Error('This command cannot be applied')
    const sum = (this.#sums.get(command.name) ?? 0) + command.add
    this.#sums.set(command.name, sum)
    return sum
  }

  query(name: string): number {
    return this.#sums.get(name) ?? 0
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(JSON.stringify([...this.#sums]))
  }

  restore(bytes: Uint8Array): void {
    const parsed: [string, number][] = JSON.parse(new TextDecoder().decode(bytes))
    this.#sums = new Map(parsed)
  }

  /** As if commands had deleted everything. */
  forgetAll(): void {
    this.#sums.clear()
  }

  /** All sums, for comparing nodes. */
  get content(): Record<string, number> {
    return Object.fromEntries([...this.#sums].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }
}

export type SumsReplica = Replica<Add, number, string, number>

export interface ReplicaCluster {
  readonly clock: VirtualClock
  readonly hub: MemoryHub
  readonly members: Readonly<Record<string, string>>
  readonly disks: Map<string, MemoryDisk>
  /** The state machine of each node that was opened last. */
  readonly machines: ReadonlyMap<string, Sums>
  open(
    id: string,
    options?: Partial<ReplicaOptions<Add, number, string, number>>,
  ): Promise<SumsReplica>
  /** Opens all, and lets time pass until one leads. */
  openAll(
    options?: Partial<ReplicaOptions<Add, number, string, number>>,
  ): Promise<Map<string, SumsReplica>>
  /** Loses power: the node says nothing more, and what it had not synced is gone. */
  crash(id: string, replica: SumsReplica): Promise<void>
}

/** A network, a disk for each node, and a way to open nodes on them. */
export function replicaCluster(...ids: readonly string[]): ReplicaCluster {
  const clock = new VirtualClock()
  const hub = memoryHub({
    scheduler: {
      setTimeout: (callback, delayMs) => clock.schedule(delayMs, callback),
      clearTimeout: (cancel) => {
        if (typeof cancel === 'function') cancel()
      },
    },
  })
  const members = Object.fromEntries(ids.map((id) => [id, `memory://node-${id}`]))
  const disks = new Map(ids.map((id) => [id, memoryDisk()]))
  const machines = new Map<string, Sums>()
  let seed = 0
  let drawn = 0
  const made: ReplicaCluster = {
    clock,
    hub,
    members,
    disks,
    machines,
    open(id, options = {}) {
      const disk = disks.get(id)
      const stateMachine = new Sums()
      machines.set(id, stateMachine)
      return Replica.open({
        id,
        members,
        transport: memoryTransport({ hub }),
        durability: memoryDurability(disk === undefined ? {} : { disk }),
        stateMachine,
        clock,
        random: () => (seed = (seed + 0.377) % 1),
        randomBytes: (length) =>
          Uint8Array.from({ length }, (_, at) => (at > 0 ? drawn : (drawn += 1))),
        ...options,
      })
    },
    async openAll(options) {
      const nodes = new Map<string, SumsReplica>()
      for (const id of ids) nodes.set(id, await made.open(id, options))
      await clock.advance(5000)
      return nodes
    },
    async crash(id, replica) {
      hub.freeze(id)
      disks.get(id)?.crash()
      await replica.close({ transfer: false }).catch(() => undefined)
      hub.thaw(id)
    },
  }
  return made
}

/** The node that leads, as itself says. Fails when there is none, or two. */
export function leaderOf(nodes: ReadonlyMap<string, SumsReplica>): readonly [string, SumsReplica] {
  const leaders = [...nodes].filter(([, node]) => node.status().role === 'leader')
  const [leader] = leaders
  if (leader === undefined || leaders.length > 1) throw new Error(`${leaders.length} nodes lead.`)
  return leader
}

/** Lets time pass until `promise` is settled, at most a minute of it, `stepMs` at a time. */
export async function within<T>(
  { clock }: ReplicaCluster,
  promise: Promise<T>,
  stepMs = 100,
): Promise<T> {
  const watch = { isSettled: false }
  const watched = promise.finally(() => (watch.isSettled = true))
  watched.catch(() => undefined)
  for (let ms = 0; ms < 60_000 && !watch.isSettled; ms += stepMs) await clock.advance(stepMs)
  if (!watch.isSettled) throw new Error('It did not happen within a minute.')
  return await watched
}

export async function closeAll(nodes: ReadonlyMap<string, SumsReplica>): Promise<void> {
  for (const node of nodes.values()) await node.close({ transfer: false })
}
