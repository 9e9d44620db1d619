/**
 * What changes, as an async iterable: whoever iterates is told of what there is now, and then of what there
 * is whenever that is something else. Who reads slowly misses what was in between, and never the newest. Not
 * an async generator: that queues return() behind a next() that waits.
 */
import type { Context } from './context.ts'

/** One look; `null` when there is nothing new. */
export type Look<T> = (isFirst: boolean) => Promise<{ readonly value: T } | null>

export class Follower<T> implements AsyncIterableIterator<T, void, undefined> {
  readonly #context: Context
  readonly #look: Look<T>
  readonly #signal: AbortSignal | undefined
  readonly #endWatch: () => void
  #last: Promise<unknown> = Promise.resolve()
  #isFirst = true
  #isOver = false
  #hasChanged = true
  #wake: () => void = () => undefined

  constructor(context: Context, look: Look<T>, signal: AbortSignal | undefined) {
    signal?.throwIfAborted()
    this.#context = context
    this.#look = look
    this.#signal = signal
    this.#endWatch = context.source.watch(() => {
      this.#hasChanged = true
      this.#wake()
    })
    context.closed.addEventListener('abort', this.#ended, { once: true })
    signal?.addEventListener('abort', this.#ended, { once: true })
    if (context.closed.aborted) this.#ended()
  }

  next(): Promise<IteratorResult<T, void>> {
    const next = this.#last.then(() => this.#next())
    this.#last = next.catch(() => undefined)
    return next
  }

  return(): Promise<IteratorResult<T, void>> {
    this.#ended()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #next(): Promise<IteratorResult<T, void>> {
    try {
      while (!this.#isOver) {
        if (!this.#hasChanged) {
          await new Promise<void>((resolve) => (this.#wake = resolve))
          continue
        }
        this.#hasChanged = false
        const found = await this.#look(this.#isFirst)
        this.#isFirst = false
        if (this.#isOver) break
        if (found === null) continue
        // There may be more behind it.
        this.#hasChanged = true
        return { done: false, value: found.value }
      }
    } catch (error) {
      this.#ended()
      throw error
    }
    this.#signal?.throwIfAborted()
    return { done: true, value: undefined }
  }

  readonly #ended = (): void => {
    this.#isOver = true
    this.#endWatch()
    this.#context.closed.removeEventListener('abort', this.#ended)
    this.#signal?.removeEventListener('abort', this.#ended)
    this.#wake()
  }
}
