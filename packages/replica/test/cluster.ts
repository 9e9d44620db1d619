/**
 * A cluster in one process for the tests of the replica: the memory network and disks, and a clock
 * that stands still until a test moves it. Must never look at the real time.
 */
import { memory as memoryDurability, memoryDisk } from '@paxos/durability-memory'
import type { MemoryDisk } from '@paxos/durability-memory'
import { Synod } from '@paxos/replica'
import type { Clock, Observation, SynodOptions } from '@paxos/replica'
import { memory as memoryTransport, memoryHub } from '@paxos/transport-memory'
import type { MemoryHub } from '@paxos/transport-memory'

/** A clock whose timers fire when `advance` says so. */
export class VirtualClock implements Clock {
  readonly #timers = new Map<number, { readonly atMs: number; readonly callback: () => void }>()
  #made = 0
  #nowMs = 0

  get pending(): number {
    return this.#timers.size
  }

  nowMs(): number {
    return this.#nowMs
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const number = (this.#made += 1)
    this.#timers.set(number, { atMs: this.#nowMs + delayMs, callback })
    return () => this.#timers.delete(number)
  }

  /** Lets `ms` milliseconds pass, and with them everything that follows from it. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await settled()
    for (;;) {
      const due = [...this.#timers].filter(([, { atMs }]) => atMs <= endMs)
      const next = due.toSorted(([a, x], [b, y]) => x.atMs - y.atMs || a - b)[0]
      if (next === undefined) break
      this.#timers.delete(next[0])
      this.#nowMs = Math.max(this.#nowMs, next[1].atMs)
      next[1].callback()
      await settled()
    }
    this.#nowMs = endMs
  }
}

/** All promises that can be settled without the passing of time are. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export interface Cluster {
  readonly clock: VirtualClock
  readonly hub: MemoryHub
  readonly members: Readonly<Record<string, string>>
  readonly disks: ReadonlyMap<string, MemoryDisk>
  /** What each node did, in order. */
  readonly observed: { readonly id: string; readonly observation: Observation }[]
  open<V>(id: string, options?: Partial<SynodOptions<V>>): Promise<Synod<V>>
}

/** A network, a disk for each node, and a way to open nodes on them. */
export function cluster(...ids: readonly string[]): Cluster {
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
  const observed: Cluster['observed'] = []
  let seed = 0
  return {
    clock,
    hub,
    members,
    disks,
    observed,
    open: (id, options = {}) => {
      const disk = disks.get(id)
      return Synod.open({
        id,
        members,
        transport: memoryTransport({ hub }),
        durability: memoryDurability(disk === undefined ? {} : { disk }),
        clock,
        random: () => (seed = (seed + 0.37) % 1),
        observe: (observation) => observed.push({ id, observation }),
        ...options,
      })
    },
  }
}
