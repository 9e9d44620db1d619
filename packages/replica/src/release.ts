/**
 * Gives back what a node stands on: its transport and its disk. Neither waits for the other, so that
 * one that hangs keeps neither the other's port nor its lock. Who asks is told when it takes too long;
 * it must never give a disk back while a save may still be written, for another may open it then.
 */
import type { Durability, NodeId, Transport } from '@paxos/core'
import type { Clock } from './clock.ts'
import { CloseTimeoutError } from './errors.ts'
import type { Releasable } from './errors.ts'

export interface ReleaseOptions {
  readonly id: NodeId
  readonly transport: Transport
  readonly durability: Durability
  readonly clock: Clock
  /** How long each close() waits, in milliseconds. */
  readonly closeTimeoutMs: number
}

/** What one node gives back, once. */
export class Release {
  readonly #options: ReleaseOptions
  readonly #remaining = new Set<Releasable>(['transport', 'durability'])
  #done: Promise<void> | null = null

  constructor(options: ReleaseOptions) {
    this.#options = options
  }

  /**
   * Begins, or waits on. Rejects with what the disk or the transport says, and with CloseTimeoutError
   * when it takes too long; then it goes on all the same.
   */
  async close(): Promise<void> {
    this.#done ??= this.#releaseAll()
    const { clock, closeTimeoutMs } = this.#options
    const timer = { cancel: (): void => undefined }
    const tooLong = new Promise<never>((_, reject) => {
      timer.cancel = clock.schedule(closeTimeoutMs, () => reject(this.#timeout()))
    })
    try {
      await Promise.race([this.#done, tooLong])
    } finally {
      timer.cancel()
    }
  }

  async #releaseAll(): Promise<void> {
    const { transport, durability } = this.#options
    const results = await Promise.allSettled([
      this.#release('transport', () => transport.close()),
      this.#release('durability', () => durability.close()),
    ])
    for (const result of results.toReversed()) if (result.status === 'rejected') throw result.reason
  }

  async #release(which: Releasable, close: () => Promise<void>): Promise<void> {
    try {
      await close()
    } finally {
      this.#remaining.delete(which)
    }
  }

  #timeout(): CloseTimeoutError {
    const { id, closeTimeoutMs } = this.#options
    const remaining = [...this.#remaining]
    return new CloseTimeoutError(
      `Node ${JSON.stringify(id)} is closed, but its ${remaining.join(' and its ')} could not be ` +
        `released within ${closeTimeoutMs} ms. Call close() again to wait on, or end the process: ` +
        'what it holds goes with it.',
      remaining,
    )
  }
}
