/**
 * A small network on virtual time for the tests of the hub: nodes that know one another, and a log
 * of what each received and when.
 */
import type { NodeId, Transport } from '@paxos/core'
import { memory, memoryHub } from '@paxos/transport-memory'
import type { MemoryHub, MemoryHubOptions, Trace } from '@paxos/transport-memory'
import { virtualTime } from './virtual-time.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface Network {
  readonly hub: MemoryHub
  readonly time: VirtualTime
  /** `from>to:value@ms`, in the order of delivery. */
  readonly log: string[]
  readonly traces: Trace[]
  /** Opens a node that knows every node of `openNetwork`. */
  open(id: NodeId): Promise<Transport>
  /** Sends a frame with one byte. */
  send(from: NodeId, to: NodeId, value: number): void
  close(id: NodeId): Promise<void>
}

export async function openNetwork(
  ids: readonly NodeId[],
  options: MemoryHubOptions = {},
): Promise<Network> {
  const time = virtualTime()
  const traces: Trace[] = []
  const observe = (trace: Trace): void => void traces.push(trace)
  const hub = memoryHub({ scheduler: time, observe, ...options })
  const peers = new Map(ids.map((id) => [id, `memory://${id}`]))
  const nodes = new Map<NodeId, Transport>()
  const log: string[] = []
  async function open(id: NodeId): Promise<Transport> {
    const transport = memory({ hub })
    nodes.set(id, transport)
    const receive = (from: NodeId, frame: Uint8Array): void =>
      void log.push(`${from}>${id}:${frame[0] ?? ''}@${time.nowMs}`)
    await transport.open({ id, listen: `memory:${id}`, peers, receive })
    return transport
  }
  for (const id of ids) await open(id)
  return {
    hub,
    time,
    log,
    traces,
    open,
    send: (from, to, value) => nodes.get(from)?.send(to, Uint8Array.of(value)),
    close: async (id) => nodes.get(id)?.close(),
  }
}

/** The values of a log, in order. */
export const valuesOf = (log: readonly string[]): number[] =>
  log.map((entry) => Number(/:(\d+)@/.exec(entry)?.[1]))
