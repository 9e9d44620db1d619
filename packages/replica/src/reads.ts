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

/** The reads of one node, by number. */
export class Reads {
  readonly #ask: (id: number) => void
  /** Asked for, and not answered by the engine. */
  readonly #asked = new Map<number, PendingRead>()
  /** To be asked for again. */
  readonly #failed: PendingRead[] = []
  /** Confirmed for a slot that is not applied yet. */
  readonly #confirmed = new Map<number, { readonly read: PendingRead; readonly slot: Slot }>()
  #made = 0

  /** `ask` asks the engine for a read of that number. */
  constructor(ask: (id: number) => void) {
    this.#ask = ask
  }

  get size(): number {
    return this.#asked.size + this.#failed.length + this.#confirmed.size
  }

  /** Whether some are not confirmed. */
  get areAsking(): boolean {
    return this.#asked.size + this.#failed.length > 0
  }

  add(read: PendingRead): void {
    this.#made += 1
    this.#asked.set(this.#made, read)
    this.#ask(this.#made)
  }

  /** The engine has confirmed read `id` for `slot`. */
  ready(id: number, slot: Slot, appliedThrough: Slot): void {
    const read = this.#asked.get(id)
    if (read === undefined) return
    this.#asked.delete(id)
    if (slot <= appliedThrough) read.answer()
    else this.#confirmed.set(id, { read, slot })
  }

  /** The engine could not confirm read `id`. It is asked again by retry(). */
  failed(id: number): void {
    const read = this.#asked.get(id)
    if (read === undefined) return
    this.#asked.delete(id)
    this.#failed.push(read)
  }

  /** The log has been applied through that slot. */
  applied(appliedThrough: Slot): void {
    for (const [id, { read, slot }] of this.#confirmed) {
      if (slot > appliedThrough) continue
      this.#confirmed.delete(id)
      read.answer()
    }
  }

  /** Asks again for what failed, and forgets what nobody waits for. */
  retry(): void {
    for (const [id, read] of this.#asked) if (!read.isAwaited) this.#asked.delete(id)
    for (const [id, { read }] of this.#confirmed) if (!read.isAwaited) this.#confirmed.delete(id)
    for (const read of this.#failed.splice(0)) if (read.isAwaited) this.add(read)
  }

  /** No answer will come any more. */
  end(error: Error): void {
    for (const read of [...this.#asked.values(), ...this.#failed]) read.reject(error)
    for (const { read } of this.#confirmed.values()) read.reject(error)
    this.#asked.clear()
    this.#failed.length = 0
    this.#confirmed.clear()
  }
}
