/**
 * Events for any number of listeners, each of whom reads at a pace of its own. Must never grow
 * without bound for one that does not read, lose an event without saying so, or keep one that left.
 */
import { MAX_BUFFERED_EVENTS } from './limits.ts'

/**
 * In place of `count` events that a slow listener did not read in time; 0 where nobody can tell how many:
 * a listener in another process was cut off meanwhile.
 */
export interface EventsLost {
  readonly type: 'events-lost'
  readonly count: number
}

/** A source of events. */
export class EventStream<E> {
  readonly #listeners = new Set<Listener<E>>()
  #ended = false

  /** How many listen. */
  get size(): number {
    return this.#listeners.size
  }

  push(event: E): void {
    for (const listener of this.#listeners) listener.push(event)
  }

  /** No more events. Listeners get what is buffered, and end. */
  end(): void {
    this.#ended = true
    for (const listener of this.#listeners) listener.end()
    this.#listeners.clear()
  }

  /**
   * The events from this call on, until `end`, or until the listener is left: by leaving the loop
   * over it, or by return(), at any time and whether or not somebody waits for the next one.
   */
  listen(): AsyncIterableIterator<E | EventsLost, void, undefined> {
    const listener = new Listener<E>((left) => this.#listeners.delete(left))
    if (this.#ended) listener.end()
    else this.#listeners.add(listener)
    return listener
  }
}

type Read<E> = IteratorResult<E | EventsLost, void>

/**
 * One listener. Not an async generator: that queues return() behind a next() that waits, so that
 * only another event could end it; and it knows of no return() before its first next().
 */
class Listener<E> implements AsyncIterableIterator<E | EventsLost, void, undefined> {
  readonly #onLeft: (listener: Listener<E>) => void
  readonly #buffer: E[] = []
  /** Who waits for the next events, in order. Only while nothing is buffered. */
  readonly #waiting: ((read: Read<E>) => void)[] = []
  #lost = 0
  #isOver = false

  constructor(onLeft: (listener: Listener<E>) => void) {
    this.#onLeft = onLeft
  }

  push(event: E): void {
    const waiter = this.#waiting.shift()
    if (waiter !== undefined) return waiter({ done: false, value: event })
    this.#buffer.push(event)
    if (this.#buffer.length <= MAX_BUFFERED_EVENTS) return
    this.#buffer.shift()
    this.#lost += 1
  }

  /** Nothing comes after what is buffered. */
  end(): void {
    this.#isOver = true
    for (const waiter of this.#waiting.splice(0)) waiter({ done: true, value: undefined })
  }

  next(): Promise<Read<E>> {
    const read = this.#read()
    if (read !== null) return Promise.resolve(read)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  return(): Promise<Read<E>> {
    this.#leave()
    return Promise.resolve({ done: true, value: undefined })
  }

  throw(error: unknown): Promise<Read<E>> {
    this.#leave()
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- it is the caller's own
    return Promise.reject(error)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #read(): Read<E> | null {
    if (this.#lost > 0) {
      const count = this.#lost
      this.#lost = 0
      return { done: false, value: { type: 'events-lost', count } }
    }
    const event = this.#buffer.shift()
    if (event !== undefined) return { done: false, value: event }
    return this.#isOver ? { done: true, value: undefined } : null
  }

  #leave(): void {
    this.#buffer.length = 0
    this.#lost = 0
    this.end()
    this.#onLeft(this)
  }
}
