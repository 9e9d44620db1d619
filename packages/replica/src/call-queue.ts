/**
 * Commands that wait for their turn, in the order of the calls. Must never take longer for one of them
 * because many wait: they are many just when a node has enough to do.
 */
import type { Ticket } from './client-session.ts'
import { CALL_OVERHEAD_BYTES } from './limits.ts'
import type { Outcome } from './outcome.ts'

/** A command that waits for its turn. */
export interface Call<R> {
  readonly bytes: Uint8Array
  /** Of a session that the caller holds; `null` for this node's own. */
  readonly ticket: Ticket | null
  readonly outcome: Outcome<R>
}

/** The commands of one node that are not on their way. */
export class CallQueue<R> {
  #calls: Call<R>[] = []
  /** So many of `#calls` were taken. */
  #taken = 0
  #bytes = 0

  get length(): number {
    return this.#calls.length - this.#taken
  }

  /** What they take. */
  get bytes(): number {
    return this.#bytes
  }

  /** The one there, 0 being the first. */
  at(index: number): Call<R> | undefined {
    return this.#calls[this.#taken + index]
  }

  /** To the end. */
  add(call: Call<R>): void {
    this.#calls.push(call)
    this.#bytes += bytesOf(call)
  }

  /** Back to the beginning. */
  putBack(calls: readonly Call<R>[]): void {
    this.#calls = [...calls, ...this.#calls.slice(this.#taken)]
    this.#taken = 0
    for (const call of calls) this.#bytes += bytesOf(call)
  }

  /** Takes the first `count`. */
  take(count: number): readonly Call<R>[] {
    const taken = this.#calls.slice(this.#taken, this.#taken + count)
    for (const call of taken) this.#bytes -= bytesOf(call)
    this.#taken += taken.length
    // What was taken is let go of when it is half of what is held.
    if (2 * this.#taken >= this.#calls.length) {
      this.#calls = this.#calls.slice(this.#taken)
      this.#taken = 0
    }
    return taken
  }

  /** Lets all go but those that `isWanted`. What it has let go. */
  keep(isWanted: (call: Call<R>) => boolean): readonly Call<R>[] {
    const dropped: Call<R>[] = []
    for (const call of this.take(this.length)) {
      if (isWanted(call)) this.add(call)
      else dropped.push(call)
    }
    return dropped
  }
}

function bytesOf<R>({ bytes }: Call<R>): number {
  return bytes.byteLength + CALL_OVERHEAD_BYTES
}
