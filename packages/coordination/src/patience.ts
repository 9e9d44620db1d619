/**
 * How long somebody waits: until its signal aborts, its time is over, or the coordination is closed. Must
 * never leave a listener or a timer behind once end() was called.
 */
import type { Clock } from '@paxos/replica'
import { requirePatience } from './arguments.ts'
import type { WaitOptions } from './arguments.ts'
import { WaitTimeoutError } from './errors.ts'

export class Patience {
  readonly #over: Promise<never>
  readonly #endings: (() => void)[] = []
  #reason: { readonly thrown: unknown } | null = null

  /** Throws the signal's reason when it has aborted before, and InvalidArgumentError. */
  constructor(clock: Clock, options: WaitOptions, closed: AbortSignal) {
    requirePatience(options)
    const { signal, timeoutMs } = options
    signal?.throwIfAborted()
    closed.throwIfAborted()
    this.#over = new Promise<never>((_, reject) => {
      const end = (thrown: unknown): void => {
        this.#reason ??= { thrown }
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the reason of a signal is the caller's own
        reject(thrown)
      }
      for (const one of signal === undefined ? [closed] : [signal, closed]) {
        const listener = (): void => end(one.reason)
        one.addEventListener('abort', listener, { once: true })
        this.#endings.push(() => one.removeEventListener('abort', listener))
      }
      if (timeoutMs !== undefined) {
        this.#endings.push(clock.schedule(timeoutMs, () => end(timedOut(timeoutMs))))
      }
    })
    this.#over.catch(() => undefined)
  }

  /** What `promise` resolves with, if that comes first. */
  race<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#over])
  }

  throwIfOver(): void {
    // oxlint-disable-next-line typescript/only-throw-error -- the reason of a signal is the caller's own
    if (this.#reason !== null) throw this.#reason.thrown
  }

  end(): void {
    for (const end of this.#endings.splice(0)) end()
  }
}

function timedOut(timeoutMs: number): WaitTimeoutError {
  return new WaitTimeoutError(
    `It was nobody's turn here within ${timeoutMs} ms. Look who holds it, and wait again.`,
  )
}
