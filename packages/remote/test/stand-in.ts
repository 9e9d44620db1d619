/**
 * A replica that answers when a test says so, for tests of what lies between it and a client. What it is
 * asked stays here until it is answered or given up.
 */
import type { Served } from '@paxos/remote'
import type { ProposeOptions, QueryOptions, ReplicaEvent, WaitOptions } from '@paxos/replica'

/** A call that waits. */
export interface Call {
  readonly kind: 'propose' | 'query'
  readonly what: string
  readonly options: ProposeOptions & QueryOptions
  readonly answer: (text: string) => void
  readonly fail: (error: unknown) => void
}

export class StandIn implements Served<string, string, string, string> {
  readonly calls: Call[] = []
  /** How many were given up. */
  aborted = 0
  role: 'leader' | 'stopped' = 'leader'
  readonly #listeners = new Set<(event: ReplicaEvent) => void>()
  readonly #watchers = new Set<() => void>()
  readonly #noted = new Set<() => void>()
  #sessions = 0

  propose(what: string, options: ProposeOptions = {}): Promise<string> {
    return this.#call('propose', what, options)
  }

  query(what: string, options: QueryOptions = {}): Promise<string> {
    return this.#call('query', what, options)
  }

  openSession({ signal }: WaitOptions = {}): Promise<string> {
    signal?.throwIfAborted()
    this.#sessions += 1
    return Promise.resolve(String(this.#sessions).padStart(32, '0'))
  }

  status(): { id: string; leader: string; role: 'leader' | 'stopped' } {
    return { id: 'stand-in', leader: 'stand-in', role: this.role }
  }

  get listeners(): number {
    return this.#listeners.size
  }

  get watchers(): number {
    return this.#watchers.size
  }

  tell(event: ReplicaEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  apply(): void {
    for (const watcher of this.#watchers) watcher()
  }

  watch(listener: () => void): () => void {
    this.#watchers.add(listener)
    this.#note()
    return () => {
      this.#watchers.delete(listener)
      this.#note()
    }
  }

  events(): AsyncIterableIterator<ReplicaEvent> {
    const waiting: ((read: IteratorResult<ReplicaEvent>) => void)[] = []
    const told: ReplicaEvent[] = []
    const listener = (event: ReplicaEvent): void => {
      const next = waiting.shift()
      if (next === undefined) told.push(event)
      else next({ done: false, value: event })
    }
    this.#listeners.add(listener)
    this.#note()
    const end = (): Promise<IteratorResult<ReplicaEvent>> => {
      this.#listeners.delete(listener)
      this.#note()
      for (const next of waiting.splice(0)) next({ done: true, value: undefined })
      return Promise.resolve({ done: true, value: undefined })
    }
    return {
      next: () => {
        const value = told.shift()
        if (value !== undefined) return Promise.resolve({ done: false, value })
        return new Promise((resolve) => waiting.push(resolve))
      },
      return: end,
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  /** Waits until something that happens here is so. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#noted.add(resolve))
  }

  #call(kind: Call['kind'], what: string, options: ProposeOptions & QueryOptions): Promise<string> {
    return new Promise((resolve, reject) => {
      options.signal?.addEventListener('abort', () => {
        this.aborted += 1
        this.#note()
        reject(new Error('It was given up.'))
      })
      this.calls.push({ kind, what, options, answer: resolve, fail: reject })
      this.#note()
    })
  }

  #note(): void {
    const noted = [...this.#noted]
    this.#noted.clear()
    for (const resolve of noted) resolve()
  }
}
