/** A read-write lock: a reader takes one of many permits, and a writer takes all. */
import type { HoldOptions } from './arguments.ts'
import type { Hold } from './hold.ts'
import type { Permits } from './permits.ts'

export class ReadWriteLock {
  readonly #permits: Permits

  constructor(permits: Permits) {
    this.#permits = permits
  }

  /** Waits until nobody writes, and nobody who came before waits to. Rejects as Coordination.lock(). */
  read(options: HoldOptions = {}): Promise<Hold> {
    return this.#permits.acquire(options, 1)
  }

  /** Waits until nobody else reads or writes. Rejects as Coordination.lock(). */
  write(options: HoldOptions = {}): Promise<Hold> {
    return this.#permits.acquire(options, this.#permits.permits)
  }

  /** To read now, or `null` when somebody writes or waits to. */
  tryRead(options: HoldOptions = {}): Promise<Hold | null> {
    return this.#permits.tryAcquire(options, 1)
  }

  /** To write now, or `null` when somebody reads, writes or waits. */
  tryWrite(options: HoldOptions = {}): Promise<Hold | null> {
    return this.#permits.tryAcquire(options, this.#permits.permits)
  }
}
