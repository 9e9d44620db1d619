/**
 * Many saves, one commit: what arrives while a group is being written waits and becomes the next
 * group. A lone save starts at once; no timer is involved. Groups are written one after the other,
 * in the order of the calls.
 *
 * Must never resolve a save before its group is written, and never write again after a failure: a
 * system may drop what it failed to write and then report the next sync as done.
 */
import { DurabilityError, PaxosError } from '@paxos/core'
import { GROUP_TARGET_BYTES, MAX_WAITING_BYTES } from './limits.ts'

interface Waiting<T> {
  readonly item: T
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Something to be written: what it takes, and how much of that counts for what may wait. */
interface Item {
  readonly bytes: number
  readonly ownBytes?: number
}

export class GroupCommit<T extends Item> {
  readonly #write: (group: readonly T[]) => Promise<void>
  #waiting: Waiting<T>[] = []
  #waitingBytes = 0
  #refusal: DurabilityError | null = null
  #running: Promise<void> | null = null

  /** `write` makes a group durable, whole or not at all. */
  constructor(write: (group: readonly T[]) => Promise<void>) {
    this.#write = write
  }

  /** Whether nothing may be written any more. */
  get poisoned(): boolean {
    return this.#refusal !== null
  }

  /** Resolves once `item` is durable. */
  add(item: T): Promise<void> {
    if (this.#refusal !== null) return Promise.reject(this.#refusal)
    if (this.#waitingBytes > MAX_WAITING_BYTES) return Promise.reject(this.#refuseOverload())
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      this.#waitingBytes += countedBytes(item)
      this.#running ??= this.#run()
    })
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

  /** Resolves, never rejects, once nothing runs and nothing waits. */
  async settled(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  async #run(): Promise<void> {
    // Saves of the same turn of the event loop share the first group too.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup()
      try {
        await this.#write(group.map(({ item }) => item))
        for (const { resolve } of group) resolve()
      } catch (error) {
        this.#fail(group, error)
      }
    }
    // At once, not in a `finally` later on: a save that came between would start nothing.
    this.#running = null
  }

  #takeGroup(): readonly Waiting<T>[] {
    let count = 0
    let bytes = 0
    for (const { item } of this.#waiting) {
      if (count > 0 && bytes >= GROUP_TARGET_BYTES) break
      count += 1
      bytes += item.bytes
      this.#waitingBytes -= countedBytes(item)
    }
    return this.#waiting.splice(0, count)
  }

  /** Who was in the group learns the reason; who comes later, that there was one. */
  #fail(group: readonly Waiting<T>[], error: unknown): void {
    const refusal = this.poison(error)
    for (const { reject } of group) reject(error)
    for (const { reject } of this.#waiting.splice(0)) reject(refusal)
    this.#waitingBytes = 0
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

function countedBytes({ bytes, ownBytes = bytes }: Item): number {
  return ownBytes
}

/** What went wrong first, for whoever hears of it only now: a disk that was full, say. */
function reasonIn(cause: unknown): string {
  return cause instanceof PaxosError ? ` It was this: ${cause.message}` : ''
}
