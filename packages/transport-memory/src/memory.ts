/**
 * The two ways to a transport: by the package's natural name, and from a URL as with every other
 * transport. Must never keep a hub of its own: which nodes can talk is decided by who holds the hub.
 */
import { InvalidArgumentError, requireMethods, requireOptions } from '@paxos/core'
import type { Transport } from '@paxos/core'
import type { MemoryHub } from './hub.ts'

/** What a transport is made of. */
export interface MemoryOptions {
  /** The network to join. */
  readonly hub: MemoryHub
}

/**
 * A transport on the network of `hub`. Throws InvalidArgumentError without one, and for an option that
 * is not known.
 */
export function memory(options: MemoryOptions): Transport {
  return transportOn(options)
}

/**
 * As memory(options), whatever the `memory:` URL says: open() is given the name to listen on. For
 * who makes a transport from an address and does not know which package it is in.
 */
export function fromUrl(_url: string, options?: MemoryOptions): Transport {
  return transportOn(options)
}

/** Callers without types may have left the hub out, too. */
function transportOn(options: Partial<MemoryOptions> = {}): Transport {
  requireOptions('memory()', options, ['hub'])
  const { hub } = options
  if (hub !== undefined) {
    requireMethods('hub', hub, ['transport'], 'what memoryHub() makes')
    return hub.transport()
  }
  throw new InvalidArgumentError(
    'A transport in memory needs a hub. Make one with memoryHub() and give { hub } to every node.',
  )
}
