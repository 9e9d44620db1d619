/** A semaphore: so many may hold it together. */
import { requireInteger, requireWait } from './arguments.ts'
import type { HoldOptions } from './arguments.ts'
import type { Hold } from './hold.ts'
import type { Permits } from './permits.ts'

export interface SemaphoreOptions extends HoldOptions {
  /** How many permits to take, 1 to all of them, together. Default: 1. */
  readonly permits?: number | undefined
}

export class Semaphore {
  readonly #permits: Permits

  constructor(permits: Permits) {
    this.#permits = permits
  }

  /**
   * Waits for permits, in the order in which all came. Of several that hold it at a time, some may have the
   * same token. Rejects as Coordination.lock(), and with PermitsDifferError.
   */
  async acquire(options: SemaphoreOptions = {}): Promise<Hold> {
    const [weight, rest] = this.#weightIn(options)
    return await this.#permits.acquire(rest, weight)
  }

  /** The permits, or `null` when there are not enough, or others wait. */
  async tryAcquire(options: SemaphoreOptions = {}): Promise<Hold | null> {
    const [weight, rest] = this.#weightIn(options)
    return await this.#permits.tryAcquire(rest, weight)
  }

  #weightIn(options: SemaphoreOptions): readonly [number, HoldOptions] {
    requireWait('a semaphore', options, ['ttlMs', 'permits'])
    const { permits = 1, ...rest } = options
    requireInteger('permits', permits, 1, this.#permits.permits)
    return [permits, rest]
  }
}
