/**
 * Clients that write one key after another until they are stopped, and the longest time in which none
 * of them was answered. Must never count a write that was not acknowledged.
 */
import { connect } from './client.ts'

/** Each has one write on its way at a time. */
const WRITERS = 8

/** How long one write may take, in milliseconds: longer than any step that is measured. */
const PATIENCE_MS = 120_000

/** What a step has cost. */
export interface Stretch {
  readonly tookMs: number
  /** The longest time without an acknowledged write. */
  readonly pauseMs: number
  /** How many were acknowledged. */
  readonly writes: number
}

/** A load that goes on. */
export class SteadyLoad {
  readonly acknowledged = new Map<string, string>()
  /** What every node has to hold from now on. */
  newestRevision = 0
  readonly #over = new AbortController()
  readonly #done: Promise<unknown>
  readonly #waiting = new Set<() => void>()
  #lastAtMs = performance.now()
  #longestPauseMs = 0

  constructor(urls: readonly string[], signal: AbortSignal) {
    const both = AbortSignal.any([signal, this.#over.signal])
    const writers = Array.from({ length: WRITERS }, (_, index) => this.#write(index, urls, both))
    this.#done = Promise.all(writers)
    this.#done.catch(() => undefined)
  }

  /** What `run` costs those who write, until one more is answered. Rejects when one cannot write. */
  async during(run: () => Promise<void>): Promise<Stretch> {
    await this.#next()
    const [startedAtMs, before] = [performance.now(), this.acknowledged.size]
    this.#longestPauseMs = 0
    await Promise.race([run(), this.#failed()])
    const tookMs = performance.now() - startedAtMs
    await this.#next()
    return { tookMs, pauseMs: this.#longestPauseMs, writes: this.acknowledged.size - before }
  }

  /** What is on its way is not waited for: nobody has acknowledged it. */
  async stop(): Promise<void> {
    this.#over.abort(new Error('It is enough.'))
    await this.#done.catch(() => undefined)
  }

  async #next(): Promise<void> {
    const next = new Promise<void>((resolve) => this.#waiting.add(resolve))
    await Promise.race([next, this.#failed()])
  }

  async #failed(): Promise<never> {
    await this.#done
    throw new TypeError('The writers have ended.')
  }

  async #write(index: number, urls: readonly string[], signal: AbortSignal): Promise<void> {
    const client = connect({ nodes: urls, timeoutMs: PATIENCE_MS })
    for (let count = 0; ; count += 1) {
      const [key, value] = [`${index}/${count}`, `written ${count}`]
      const revision = await client.put(key, value, { signal })
      this.#acknowledge(key, value, revision)
    }
  }

  #acknowledge(key: string, value: string, revision: number): void {
    const nowMs = performance.now()
    this.#longestPauseMs = Math.max(this.#longestPauseMs, nowMs - this.#lastAtMs)
    this.#lastAtMs = nowMs
    this.acknowledged.set(key, value)
    this.newestRevision = Math.max(this.newestRevision, revision)
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }
}
