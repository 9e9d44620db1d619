/**
 * A cluster in one process for the tests of the replica: the memory network and disks, and a clock
 * that stands still until a test moves it. Must never look at the real time.
 */
import { memory as memoryDurability, memoryDisk } from '@paxos/durability-memory'
import type { MemoryDisk } from '@paxos/durability-memory'
import { Synod } from '@paxos/replica'
import type { SynodObservation, SynodOptions } from '@paxos/replica'
import { memory as memoryTransport, memoryHub } from '@paxos/transport-memory'
import type { MemoryHub } from '@paxos/transport-memory'
import { VirtualClock } from './virtual-clock.ts'

export interface Cluster {
  readonly clock: VirtualClock
  readonly hub: MemoryHub
  readonly members: Readonly<Record<string, string>>
  readonly disks: ReadonlyMap<string, MemoryDisk>
  /** What each node did, in order. */
  readonly observed: { readonly id: string; readonly observation: SynodObservation }[]
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
