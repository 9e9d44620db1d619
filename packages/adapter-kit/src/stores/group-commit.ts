/**
 * Many saves, one sync: what arrives while a group is being written waits and becomes the next
 * group. A lone save starts at once; no timer is involved. Groups are written one after the other,
 * in the order of the calls.
 *
 * Must never resolve a save before its group is written, and never write again after a failure: a
 * system may drop what it failed to write and then report the next sync as done.
 */
import { DurabilityError, PaxosError } from '@paxos/core'
import { GROUP_TARGET_BYTES, MAX_WAITING_BYTES } from './limits.ts'

export interface GroupCommitOptions<T> {
  /** A group takes no further item once it has this many bytes. Default: GROUP_TARGET_BYTES. */
  readonly groupBytes?: number
  /** Makes a group durable, whole or not at all. */
  readonly write: (group: readonly T[]) => Promise<void>
  /** Runs after a group when none waits. If it rejects, that is as bad as a failed write. */
  readonly whenIdle?: () => Promise<void>
}

interface Waiting<T> {
  readonly item: T
  readonly bytes: number
  readonly countedBytes: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class GroupCommit<T> {
  readonly #options: GroupCommitOptions<T>
  readonly #groupBytes: number
  readonly #waiting: Waiting<T>[] = []
  #waitingBytes = 0
  #refusal: DurabilityError | null = null
  #running: Promise<void> | null = null
  #nudged = false

  constructor(options: GroupCommitOptions<T>) {
    this.#options = options
    this.#groupBytes = options.groupBytes ?? GROUP_TARGET_BYTES
  }

  /** Whether nothing may be written any more. */
  get poisoned(): boolean {
    return this.#refusal !== null
  }

  /**
   * Resolves once `item` is durable. `countedBytes` are those of it that count for what may wait.
   */
  add(item: T, bytes: number, countedBytes = bytes): Promise<void> {
    if (this.#refusal !== null) return Promise.reject(this.#refusal)
    if (this.#waitingBytes > MAX_WAITING_BYTES) return Promise.reject(this.#refuseOverload())
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, bytes, countedBytes, resolve, reject })
      this.#waitingBytes += countedBytes
      this.#start()
    })
  }

  /** What `make` returns. A change that cannot be stored leaves a gap, so nothing follows it. */
  prepare<P>(make: () => P): P {
    if (this.#refusal !== null) throw this.#refusal
    try {
      return make()
    } catch (error) {
      this.poison(error)
      throw error
    }
  }

  /** From here on every `add` rejects. What was added before still takes its turn. */
  poison(cause: unknown): DurabilityError {
    this.#refusal ??= new DurabilityError(
      'ERR_PAXOS_DURABILITY_POISONED',
      `An earlier save failed, so what is stored is not known.${reasonIn(cause)} ` +
        'Close this and open it afresh.',
      { cause },
    )
    return this.#refusal
  }

  /** Has `whenIdle` run when its turn comes, though nothing was added. */
  nudge(): void {
    if (this.#refusal !== null) return
    this.#nudged = true
    this.#start()
  }

  /** Resolves, never rejects, once nothing runs and nothing waits. */
  async settled(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  #start(): void {
    this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    // Saves of the same turn of the event loop share the first group too.
    await Promise.resolve()
    while (this.#waiting.length > 0 || this.#nudged) {
      this.#nudged = false
      await this.#runGroup(this.#takeGroup())
    }
    // At once, not in a `finally` later on: a save that came between would start nothing.
    this.#running = null
  }

  async #runGroup(group: readonly Waiting<T>[]): Promise<void> {
    try {
      if (group.length > 0) await this.#options.write(group.map(({ item }) => item))
      for (const { resolve } of group) resolve()
      if (this.#waiting.length === 0) await this.#options.whenIdle?.()
    } catch (error) {
      this.#fail(group, error)
    }
  }

  #takeGroup(): readonly Waiting<T>[] {
    let count = 0
    let bytes = 0
    for (const next of this.#waiting) {
      if (count > 0 && bytes >= this.#groupBytes) break
      count += 1
      bytes += next.bytes
      this.#waitingBytes -= next.countedBytes
    }
    return this.#waiting.splice(0, count)
  }

  /** Who was in the group learns the reason; who comes later, that there was one. */
  #fail(group: readonly Waiting<T>[], error: unknown): void {
    const refusal = this.poison(error)
    for (const { reject } of group) reject(error)
    for (const { reject } of this.#waiting.splice(0)) reject(refusal)
    this.#waitingBytes = 0
    this.#nudged = false
  }

  /** A save that is refused leaves a gap in the order, so nothing may come after it either. */
  #refuseOverload(): DurabilityError {
    const error = new DurabilityError(
      'ERR_PAXOS_DURABILITY_FAILED',
      `More than ${MAX_WAITING_BYTES} bytes of saves are waiting for the disk. ` +
        'Wait for some saves before making more; close this and open it afresh.',
    )
    this.poison(error)
    return error
  }
}

/** What went wrong first, for whoever hears of it only now: a disk that was full, say. */
function reasonIn(cause: unknown): string {
  return cause instanceof PaxosError ? ` It was this: ${cause.message}` : ''
}
