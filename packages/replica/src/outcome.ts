/**
 * Something that happens once, and those who wait for it, each of whom may give up. It must never
 * leave a timer, a listener or a waiter behind: waiting for years in vain costs nothing when over.
 */
import { onAbort } from './abort.ts'
import { requireSignal, requireTimeout } from './arguments.ts'
import type { Clock } from './clock.ts'
import { TimeoutError } from './errors.ts'

/** How long to wait. Giving up says nothing about the outcome, and changes nothing about it. */
export interface WaitOptions {
  /** When it aborts, the wait rejects with its reason. */
  readonly signal?: AbortSignal | undefined
  /**
   * After this many milliseconds, above 0 and at most 2^31 - 1, the wait rejects with TimeoutError.
   * Default: it waits for ever.
   */
  readonly timeoutMs?: number | undefined
}

interface Waiter<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

type Settled<T> = { readonly value: T } | { readonly error: Error }

/** A value that comes once, or an error in its place. */
export class Outcome<T> {
  readonly #clock: Clock
  readonly #timedOut: (timeoutMs: number) => TimeoutError
  readonly #waiters = new Set<Waiter<T>>()
  #settled: Settled<T> | null = null

  /** `timedOut` makes the error of a wait that takes too long. */
  constructor(clock: Clock, timedOut: (timeoutMs: number) => TimeoutError = nothingKnown) {
    this.#clock = clock
    this.#timedOut = timedOut
  }

  get isSettled(): boolean {
    return this.#settled !== null
  }

  /** Whether somebody waits. */
  get isAwaited(): boolean {
    return this.#waiters.size > 0
  }

  /** The first call of resolve or reject counts; later ones change nothing. */
  resolve(value: T): void {
    this.#settle({ value })
  }

  reject(error: Error): void {
    this.#settle({ error })
  }

  /**
   * Rejects with TimeoutError, or with the signal's reason, if those come first. Throws at once
   * when the signal has aborted before, or the timeout is none.
   */
  wait({ signal, timeoutMs }: WaitOptions = {}): Promise<T> {
    requireTimeout(timeoutMs)
    requireSignal(signal)
    signal?.throwIfAborted()
    return new Promise((resolve, reject) => {
      const settled = this.#settled
      if (settled !== null) return answer({ resolve, reject }, settled)

      const cancelTimer =
        timeoutMs === undefined
          ? null
          : this.#clock.schedule(timeoutMs, () => waiter.reject(this.#timedOut(timeoutMs)))
      const forget = (): void => {
        this.#waiters.delete(waiter)
        cancelTimer?.()
        forgetSignal?.()
      }
      const waiter: Waiter<T> = {
        resolve: (value) => {
          forget()
          resolve(value)
        },
        reject: (error) => {
          forget()
          reject(error)
        },
      }
      this.#waiters.add(waiter)
      const forgetSignal =
        signal === undefined ? null : onAbort(signal, () => waiter.reject(signal.reason))
    })
  }

  #settle(settled: Settled<T>): void {
    if (this.#settled !== null) return
    this.#settled = settled
    for (const waiter of this.#waiters) answer(waiter, settled)
  }
}

function answer<T>(waiter: Waiter<T>, settled: Settled<T>): void {
  if ('error' in settled) waiter.reject(settled.error)
  else waiter.resolve(settled.value)
}

function nothingKnown(timeoutMs: number): TimeoutError {
  return new TimeoutError(
    `Nothing was known to be chosen within ${timeoutMs} ms; it may still be. ` +
      `Check that a majority of the nodes runs and can be reached, then wait again.`,
  )
}
