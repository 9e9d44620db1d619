/**
 * A cluster of replicas in this process, over the memory network, and servers of them on real sockets:
 * what users run, but for the network between the nodes.
 */
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { memory as memoryDurability } from '@paxos/durability-memory'
import { serve } from '@paxos/remote'
import type { RemoteServer, ServeOptions } from '@paxos/remote'
import { CommandRefusedError, Replica } from '@paxos/replica'
import type { ReplicaOptions, StateMachine } from '@paxos/replica'
import { memory as memoryTransport, memoryHub } from '@paxos/transport-memory'
import type { MemoryHub } from '@paxos/transport-memory'

/** Adds to a named sum. */
export interface Add {
  readonly name: string
  readonly add: number
}

/** Sums by name, and how often each command was applied. */
export class Sums implements StateMachine<Add, number, string, number> {
  #sums = new Map<string, number>()

  apply({ name, add }: Add): number {
    if (name === 'refused') throw new CommandRefusedError('Nobody adds to this one.')
    if (name === 'broken') throw new TypeError('This cannot be added.')
    const sum = (this.#sums.get(name) ?? 0) + add
    this.#sums.set(name, sum)
    return sum
  }

  query(name: string): number {
    if (name === 'broken') throw new RangeError('There is no such sum.')
    return this.#sums.get(name) ?? 0
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(JSON.stringify([...this.#sums]))
  }

  restore(bytes: Uint8Array): void {
    const parsed: [string, number][] = JSON.parse(new TextDecoder().decode(bytes))
    this.#sums = new Map(parsed)
  }
}

export type SumsReplica = Replica<Add, number, string, number>
export type SumsServeOptions = ServeOptions<Add, number, string, number>

/** A replica, and who serves it: an HTTP server of ours, so that it can be cut off as a kill does. */
export interface Node {
  readonly id: string
  readonly replica: SumsReplica
  readonly server: RemoteServer
  readonly address: string
  /** Ends each connection of clients, at once and without a word. */
  readonly cut: () => void
  /** The process is gone: its connections, its port, and what it would say to others. */
  readonly kill: () => Promise<void>
}

export interface Nodes {
  readonly hub: MemoryHub
  readonly nodes: readonly Node[]
  readonly addresses: readonly string[]
  /** The one that leads; waits for one. */
  leader(): Promise<Node>
  close(): Promise<void>
}

/** Opens replicas of these names, serves each, and waits for a leader. */
export async function serveNodes(
  ids: readonly string[],
  options: SumsServeOptions = {},
  replicaOptions: Partial<ReplicaOptions<Add, number, string, number>> = {},
): Promise<Nodes> {
  const hub = memoryHub()
  const members = Object.fromEntries(ids.map((id) => [id, `memory://remote-${id}`]))
  const ports = await Promise.all(ids.map(async (id) => [id, await httpServer()] as const))
  const addresses = Object.fromEntries(ports.map(([id, { address }]) => [id, address]))
  const nodes = await Promise.all(
    ports.map(async ([id, port]): Promise<Node> => {
      const replica = await Replica.open({
        id,
        members,
        transport: memoryTransport({ hub }),
        durability: memoryDurability(),
        stateMachine: new Sums(),
        ...replicaOptions,
      })
      const server = await serve(replica, {
        server: port.server,
        insecure: true,
        addresses,
        ...options,
      })
      return {
        id,
        replica,
        server,
        address: port.address,
        cut: port.cut,
        async kill() {
          hub.freeze(id)
          port.end()
          port.cut()
          await server.close()
          await replica.close({ transfer: false })
        },
      }
    }),
  )
  const made: Nodes = {
    hub,
    nodes,
    addresses: nodes.map(({ address }) => address),
    async leader() {
      const leads = () => nodes.find(({ replica }) => replica.status().role === 'leader')
      await Promise.race(nodes.map(({ replica }) => until(replica, () => leads() !== undefined)))
      const found = leads()
      if (found === undefined) throw new Error('Nobody leads.')
      return found
    },
    async close() {
      for (const { server } of nodes) await server.close()
      for (const { replica } of nodes) await replica.close({ transfer: false })
      for (const [, { end }] of ports) end()
    },
  }
  await made.leader()
  return made
}

/** An HTTP server that listens on a port of this machine, and its sockets. */
export async function httpServer(port = 0): Promise<{
  readonly server: Server
  readonly port: number
  readonly address: string
  readonly cut: () => void
  readonly end: () => void
}> {
  const server = createServer()
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const found = server.address()
  if (found === null || typeof found === 'string') throw new Error('It does not listen.')
  return {
    server,
    port: found.port,
    address: `ws://127.0.0.1:${found.port}/paxos`,
    cut: () => {
      for (const socket of sockets) socket.destroy()
    },
    end: () => void server.close(),
  }
}

/** Waits, by the events of a replica, until something is so. */
async function until(replica: SumsReplica, isSo: () => boolean): Promise<void> {
  const events = replica.events()
  while (!isSo()) if ((await events.next()).done === true) return
  await events.return?.()
}
