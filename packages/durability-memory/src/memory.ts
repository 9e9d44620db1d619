/**
 * The factory with the package's natural name, and the one that takes a URL. What they keep is gone
 * with the process: it must never stand in for a disk outside tests and pages that may forget.
 */
import { requireMethods, requireOptions } from '@paxos/core'
import type { Durability } from '@paxos/core'
import { memoryDisk } from './disk.ts'
import type { MemoryDisk } from './disk.ts'

/** What an adapter is made of. */
export interface MemoryOptions {
  /** The disk to use, which outlives the adapter. Default: one of its own. */
  readonly disk?: MemoryDisk | undefined
}

/**
 * A durability adapter in memory. Throws InvalidArgumentError for a disk that is none, and for an
 * option that is not known.
 */
export function memory(options: MemoryOptions = {}): Durability {
  requireOptions('memory()', options, ['disk'])
  const { disk = memoryDisk() } = options
  requireMethods('disk', disk, ['durability'], 'what memoryDisk() makes')
  return disk.durability()
}

/**
 * As memory(options), whatever the `memory:` URL says: a place in memory has no name, so those who
 * are to share one are handed its disk.
 */
export function fromUrl(_url: string, options?: MemoryOptions): Durability {
  return memory(options)
}
