/**
 * What the engine tells while the state of a node is being replaced, in order, until it can be applied.
 * Must never let an event pass another that it follows from. It grows with the log meanwhile, whose
 * values are in memory anyway, and however long it is, the next event takes no longer to find.
 */
import type { LogEvent } from '@paxos/core/multi'

type Following = Extract<
  LogEvent,
  { readonly type: 'chosen' | 'snapshot-installed' | 'configuration-complete' }
>

/** Events that wait for the state. */
export class Held {
  #events: Following[] = []
  /** So many of `#events` were given back: to take each off the front would move all behind it. */
  #given = 0

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
    if (this.#given === 0) this.#events.unshift(event)
    else this.#events[(this.#given -= 1)] = event
  }

  /** The oldest; `null` when none waits. */
  next(): LogEvent | null {
    const next = this.#events[this.#given] ?? null
    if (next !== null) this.#given += 1
    if (2 * this.#given >= this.#events.length) {
      this.#events = this.#events.slice(this.#given)
      this.#given = 0
    }
    return next
  }
}
