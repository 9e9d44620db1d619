/**
 * Events for any number of listeners, each of whom reads at a pace of its own. Must never grow
 * without bound for one that does not read, nor lose an event without saying so.
 */
import { MAX_BUFFERED_EVENTS } from './limits.ts'

/** In place of `count` events that a slow listener did not read in time. */
export interface EventsLost {
  readonly type: 'events-lost'
  readonly count: number
}

interface Listener<E> {
  readonly buffer: E[]
  lost: number
  wake: () => void
}

/** A source of events. */
export class EventStream<E> {
  readonly #listeners = new Set<Listener<E>>()
  #ended = false

  push(event: E): void {
    for (const listener of this.#listeners) {
      listener.buffer.push(event)
      if (listener.buffer.length > MAX_BUFFERED_EVENTS) {
        listener.buffer.shift()
        listener.lost += 1
      }
      listener.wake()
    }
  }

  /** No more events. Listeners get what is buffered, and end. */
  end(): void {
    this.#ended = true
    for (const { wake } of this.#listeners) wake()
  }

  /** The events from this call on, until `end` or until the loop over them is left. */
  listen(): AsyncGenerator<E | EventsLost, void, undefined> {
    // Not in the generator, which does nothing before somebody asks for the first event.
    const listener: Listener<E> = { buffer: [], lost: 0, wake: () => undefined }
    this.#listeners.add(listener)
    return this.#read(listener)
  }

  async *#read(listener: Listener<E>): AsyncGenerator<E | EventsLost, void, undefined> {
    try {
      for (;;) {
        if (listener.lost > 0) {
          const count = listener.lost
          listener.lost = 0
          yield { type: 'events-lost', count }
        }
        const event = listener.buffer.shift()
        if (event !== undefined) yield event
        else if (this.#ended) return
        else await this.#next(listener)
      }
    } finally {
      this.#listeners.delete(listener)
    }
  }

  #next(listener: Listener<E>): Promise<void> {
    return new Promise((resolve) => {
      listener.wake = resolve
    })
  }
}
