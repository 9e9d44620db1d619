/**
 * The adapters that the quickstart can be played with, and what each means for the story. The nodes
 * themselves open theirs by URL; nothing here is about Paxos.
 */
import { join } from 'node:path'
import { freePorts } from './ports.ts'

/** The schemes of --transport. */
export const TRANSPORTS = ['memory', 'udp', 'ws', 'grpc'] as const

/** The schemes of --durability. */
export const DURABILITIES = ['memory', 'file', 'sqlite'] as const

export type TransportScheme = (typeof TRANSPORTS)[number]
export type DurabilityScheme = (typeof DURABILITIES)[number]

/** Where each node listens, on this machine. Without a first port the ports are free ones. */
export async function addresses(
  transport: TransportScheme,
  ids: readonly string[],
  firstPort: number | undefined,
): Promise<Record<string, string>> {
  if (transport === 'memory') return Object.fromEntries(ids.map((id) => [id, `memory://${id}`]))
  const ports =
    firstPort === undefined
      ? await freePorts(ids.length, transport === 'udp' ? 'udp' : 'tcp')
      : ids.map((_, index) => firstPort + index)
  return Object.fromEntries(
    ids.map((id, index) => [id, `${transport}://127.0.0.1:${ports[index]}`]),
  )
}

/** Where the node of that id keeps its promises. */
export function durabilityUrl(durability: DurabilityScheme, directory: string, id: string): string {
  switch (durability) {
    case 'memory':
      return 'memory:'
    case 'file':
      return `file:${join(directory, id)}`
    case 'sqlite':
      return `sqlite:${join(directory, `${id}.db`)}`
  }
}
