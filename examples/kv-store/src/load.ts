/**
 * Several writers that load records at the same time, each through a client of its own, and what
 * they see: how many writes are acknowledged, and how long none was. Must never count a write that
 * was not acknowledged.
 */
import { connect } from './client.ts'
import type { Record } from './records.ts'

export interface LoadOptions {
  readonly urls: readonly string[]
  readonly records: readonly Record[]
  readonly writers: number
  readonly signal: AbortSignal
  /** Called after each acknowledgement. */
  readonly onProgress: (load: Load) => void
}

/** One run through the records. */
export class Load {
  /** Resolves when all are acknowledged; rejects when one cannot be written. */
  readonly done: Promise<void>
  readonly #options: LoadOptions
  readonly #startedAtMs = performance.now()
  readonly #waiting = new Set<() => void>()
  readonly #acknowledged = new Map<string, string>()
  #newestRevision = 0
  #lastAtMs = performance.now()
  #longestPauseMs = 0
  #next = 0

  constructor(options: LoadOptions) {
    this.#options = options
    const writers = Array.from({ length: options.writers }, () => this.#write())
    this.done = Promise.all(writers).then(() => undefined)
    this.done.catch(() => undefined)
  }

  /** What every node has to hold from now on. */
  get acknowledged(): ReadonlyMap<string, string> {
    return this.#acknowledged
  }

  get newestRevision(): number {
    return this.#newestRevision
  }

  /** Acknowledged writes a second, since the beginning. */
  get rate(): number {
    return (this.#acknowledged.size * 1000) / Math.max(1, this.#lastAtMs - this.#startedAtMs)
  }

  get elapsedMs(): number {
    return this.#lastAtMs - this.#startedAtMs
  }

  /** The longest time without an acknowledgement since measurePauses() was called last. */
  get longestPauseMs(): number {
    return this.#longestPauseMs
  }

  measurePauses(): void {
    this.#longestPauseMs = 0
  }

  /** Resolves when so many are acknowledged; rejects when the load fails before. */
  async reached(count: number): Promise<void> {
    while (this.#acknowledged.size < count) {
      const next = new Promise<void>((resolve) => this.#waiting.add(resolve))
      await Promise.race([next, this.done])
    }
  }

  async #write(): Promise<void> {
    const { urls, records, signal } = this.#options
    const client = connect({ nodes: urls, timeoutMs: PATIENCE_MS })
    for (;;) {
      const record = records[this.#next]
      this.#next += 1
      if (record === undefined) return
      const revision = await client.put(record.key, record.value, { signal })
      this.#acknowledge(record, revision)
    }
  }

  #acknowledge({ key, value }: Record, revision: number): void {
    const nowMs = performance.now()
    this.#longestPauseMs = Math.max(this.#longestPauseMs, nowMs - this.#lastAtMs)
    this.#lastAtMs = nowMs
    this.#acknowledged.set(key, value)
    this.#newestRevision = Math.max(this.#newestRevision, revision)
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
    this.#options.onProgress(this)
  }
}

/** How long one write may take, in milliseconds: longer than any election on a busy machine. */
const PATIENCE_MS = 30_000
