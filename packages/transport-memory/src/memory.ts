/**
 * The factory with the package's natural name. Must never keep a hub of its own: which nodes can
 * talk is decided by who holds the hub.
 */
import { InvalidArgumentError } from '@paxos/core'
import type { Transport } from '@paxos/core'
import type { MemoryHub } from './hub.ts'

/** What a transport is made of. */
export interface MemoryOptions {
  /** The network to join. */
  readonly hub: MemoryHub
}

/** A transport on the network of `hub`. Throws InvalidArgumentError without one. */
export function memory(options: MemoryOptions): Transport {
  // Callers without types may have left it out.
  const hub: MemoryHub | undefined = (options as Partial<MemoryOptions> | undefined)?.hub
  if (hub !== undefined) return hub.transport()
  throw new InvalidArgumentError(
    'memory() needs a hub. Make one with memoryHub() and give memory({ hub }) to every node.',
  )
}
