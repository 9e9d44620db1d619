/**
 * A moment after which nobody waits any more, or a caller who gives up before. Must never leave a
 * timer or a listener behind once it is cleared.
 */

import { onAbort } from './abort.ts'
import { MAX_TIMER_MS } from './limits.ts'

/** Either may end a wait. */
export class Deadline {
  /** Aborts at the end of the time, or when the caller's own signal does. */
  readonly signal: AbortSignal
  /** How long it was in the beginning, in milliseconds. */
  readonly afterMs: number
  readonly #controller = new AbortController()
  readonly #caller: AbortSignal | undefined
  readonly #timer: NodeJS.Timeout
  readonly #endsAtMs: number
  readonly #letGo: () => void

  /** `afterMs` may be Infinity: it ends after MAX_TIMER_MS at the latest. */
  constructor(afterMs: number, caller?: AbortSignal) {
    this.signal = this.#controller.signal
    // A longer timer would fire at once.
    this.afterMs = Math.min(afterMs, MAX_TIMER_MS)
    this.#caller = caller
    this.#endsAtMs = performance.now() + this.afterMs
    this.#timer = setTimeout(() => {
      this.#controller.abort(new Error('It is too late.'))
    }, this.afterMs)
    this.#letGo =
      caller === undefined
        ? () => undefined
        : onAbort(caller, () => this.#controller.abort(caller.reason))
  }

  get isOver(): boolean {
    return this.signal.aborted || this.remainingMs <= 0
  }

  get remainingMs(): number {
    return Math.max(0, this.#endsAtMs - performance.now())
  }

  /** Throws the reason of the caller who has given up. */
  throwIfGivenUp(): void {
    this.#caller?.throwIfAborted()
  }

  /** Resolves after that time, or when the wait is over. */
  async pause(forMs: number): Promise<void> {
    // The shortest timer takes a millisecond: as long as a whole request.
    if (this.isOver || forMs <= 0) return
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        clearTimeout(timer)
        letGo()
        resolve()
      }
      const timer = setTimeout(finish, forMs)
      const letGo = onAbort(this.signal, finish)
    })
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#letGo()
  }
}
