/**
 * What the engine tells while the state of a node is being replaced, in order, until it can be applied.
 * Must never let an event pass another that it follows from. It grows with the log meanwhile, whose
 * values are in memory anyway.
 */
import type { LogEvent } from '@paxos/core/multi'

type Following = Extract<
  LogEvent,
  { readonly type: 'chosen' | 'snapshot-installed' | 'configuration-complete' }
>

/** Events that wait for the state. */
export class Held {
  readonly #events: Following[] = []

  /** Takes an event that follows from slots. False: this one need not wait. */
  take(event: LogEvent): boolean {
    const { type } = event
    const follows =
      type === 'chosen' || type === 'snapshot-installed' || type === 'configuration-complete'
    if (follows) this.#events.push(event)
    return follows
  }

  /** Puts back what is left of the one that was taken last. */
  put(event: Following): void {
    this.#events.unshift(event)
  }

  /** The oldest; `null` when none waits. */
  next(): LogEvent | null {
    return this.#events.shift() ?? null
  }
}
