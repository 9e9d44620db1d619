/**
 * A moment after which nobody waits any more, or a caller who gives up before. Must never leave a
 * timer or a listener behind once it is cleared.
 */

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
  readonly #callerAborted = (): void => this.#controller.abort(this.#caller?.reason)

  constructor(afterMs: number, caller?: AbortSignal) {
    this.signal = this.#controller.signal
    this.afterMs = afterMs
    this.#caller = caller
    this.#endsAtMs = performance.now() + afterMs
    this.#timer = setTimeout(() => this.#controller.abort(new Error('It is too late.')), afterMs)
    caller?.addEventListener('abort', this.#callerAborted, { once: true })
    if (caller?.aborted === true) this.#callerAborted()
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
    if (this.isOver) return
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        clearTimeout(timer)
        this.signal.removeEventListener('abort', finish)
        resolve()
      }
      const timer = setTimeout(finish, forMs)
      this.signal.addEventListener('abort', finish)
    })
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#caller?.removeEventListener('abort', this.#callerAborted)
  }
}
