/**
 * Linearizable reads (Ongaro's thesis, §6.4): the engine says through which slot the log must have
 * been applied, once a quorum has confirmed the leader; the answer is then given from the state here.
 * Must never answer from a state that is older than that slot.
 */
import type { Slot } from '@paxos/core'

/** A read that somebody waits for. */
export interface PendingRead {
  /** Whether anybody still does. */
  readonly isAwaited: boolean
  /** Answers from the state as it is now. */
  answer(): void
  reject(error: Error): void
}

type State = 'asked' | 'failed' | { readonly slot: Slot }

/** The reads of one node, by number. */
export class Reads {
  readonly #ask: (id: number) => void
  readonly #reads = new Map<number, { readonly read: PendingRead; state: State }>()
  #made = 0

  /** `ask` asks the engine for a read of that number. */
  constructor(ask: (id: number) => void) {
    this.#ask = ask
  }

  get size(): number {
    return this.#reads.size
  }

  add(read: PendingRead): void {
    this.#made += 1
    this.#reads.set(this.#made, { read, state: 'asked' })
    this.#ask(this.#made)
  }

  /** The engine has confirmed read `id` for `slot`. */
  ready(id: number, slot: Slot, appliedThrough: Slot): void {
    const found = this.#reads.get(id)
    if (found === undefined) return
    found.state = { slot }
    if (slot <= appliedThrough) this.#answer(id, found.read)
  }

  /** The engine could not confirm read `id`. It is asked again by retry(). */
  failed(id: number): void {
    const found = this.#reads.get(id)
    if (found !== undefined) found.state = 'failed'
  }

  /** The log has been applied through that slot. */
  applied(appliedThrough: Slot): void {
    for (const [id, { read, state }] of this.#reads) {
      if (typeof state === 'object' && state.slot <= appliedThrough) this.#answer(id, read)
    }
  }

  /** Asks again for what failed, and forgets what nobody waits for. */
  retry(): void {
    for (const [id, entry] of this.#reads) {
      if (!entry.read.isAwaited) this.#reads.delete(id)
      else if (entry.state === 'failed') {
        entry.state = 'asked'
        this.#ask(id)
      }
    }
  }

  /** No answer will come any more. */
  end(error: Error): void {
    for (const { read } of this.#reads.values()) read.reject(error)
    this.#reads.clear()
  }

  #answer(id: number, read: PendingRead): void {
    this.#reads.delete(id)
    read.answer()
  }
}
