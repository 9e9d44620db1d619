/**
 * Coordination on three replicas with a virtual clock, beside another state machine, for tests. Must never
 * look at the real time.
 */
import { Coordination, coordinationMachine } from '@paxos/coordination'
import { memory as memoryDurability, memoryDisk } from '@paxos/durability-memory'
import { compose, Replica } from '@paxos/replica'
import { memory as memoryTransport, memoryHub } from '@paxos/transport-memory'
import { VirtualClock } from './virtual-clock.ts'
import { isSettled } from './world.ts'

const ids = ['a', 'b', 'c']

export function cluster() {
  const clock = new VirtualClock()
  const hub = memoryHub({
    scheduler: {
      setTimeout: (callback, delayMs) => clock.schedule(delayMs, callback),
      clearTimeout: (cancel) => {
        if (typeof cancel === 'function') cancel()
      },
    },
  })
  const members = Object.fromEntries(ids.map((id) => [id, `memory://${id}`]))
  const disks = new Map(ids.map((id) => [id, memoryDisk()]))
  let seed = 0
  const open = async (id: string) => {
    const disk = disks.get(id)
    const orders: string[] = []
    const replica = await Replica.open({
      id,
      members,
      transport: memoryTransport({ hub }),
      durability: memoryDurability(disk === undefined ? {} : { disk }),
      stateMachine: compose({
        coordination: coordinationMachine(),
        orders: {
          apply: (order: string) => orders.push(order),
          snapshot: () => new TextEncoder().encode(JSON.stringify(orders)),
          restore(bytes: Uint8Array) {
            const read: string[] = JSON.parse(new TextDecoder().decode(bytes))
            orders.splice(0, orders.length, ...read)
          },
        },
      }),
      clock,
      random: () => (seed = (seed + 0.377) % 1),
      snapshotEveryEntries: 20,
    })
    return { id, replica, coordination: new Coordination(replica.coordination, { clock }) }
  }
  const within = async <T>(promise: Promise<T>): Promise<T> => {
    promise.catch(() => undefined)
    for (let ms = 0; ms < 600_000 && !(await isSettled(promise)); ms += 50) await clock.advance(50)
    return await promise
  }
  return { clock, hub, disks, open, within, openAll: () => Promise.all(ids.map((id) => open(id))) }
}

export type Node = Awaited<ReturnType<ReturnType<typeof cluster>['open']>>

export function leaderOf(nodes: readonly Node[]): Node {
  const leader = nodes.find(({ replica }) => replica.status().role === 'leader')
  if (leader === undefined) throw new Error('Nobody leads.')
  return leader
}
