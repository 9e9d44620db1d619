/**
 * Who wants to look again when the state may have changed. Must never call anybody while the state is
 * being changed, nor let one that throws reach the node.
 */
import { requireFunction } from '@paxos/core'
import type { Clock } from './clock.ts'
import type { Logger } from './telemetry.ts'
import { asError } from './words.ts'

/** The listeners of one node. */
export class Watchers {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #listeners = new Set<{ readonly call: () => void }>()
  #cancel: (() => void) | null = null

  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = clock
    this.#logger = logger
  }

  /** Returns what ends it. The same function given twice is called twice. */
  add(listener: () => void): () => void {
    requireFunction('listener', listener)
    const entry = { call: listener }
    this.#listeners.add(entry)
    return () => {
      this.#listeners.delete(entry)
    }
  }

  /** When this turn of the event loop is over, once for all that happens in it. */
  notify(): void {
    if (this.#listeners.size === 0) return
    this.#cancel ??= this.#clock.schedule(0, () => {
      this.#cancel = null
      this.#call()
    })
  }

  /** Everybody looks once more, and sees that the node is over. */
  end(): void {
    this.#cancel?.()
    this.#cancel = null
    if (this.#listeners.size === 0) return
    this.#clock.schedule(0, () => {
      this.#call()
      this.#listeners.clear()
    })
  }

  #call(): void {
    const listeners = [...this.#listeners]
    for (const listener of listeners) {
      // Another one may have ended it.
      if (!this.#listeners.has(listener)) continue
      try {
        listener.call()
      } catch (thrown) {
        this.#logger.error('a listener of watch() threw', { error: asError(thrown) })
      }
    }
  }
}
