/**
 * What callers give, checked before anything is proposed: plain JavaScript knows no types.
 */
import { InvalidArgumentError, kindOf, requireOptions, requireText } from '@paxos/core'
import { MAX_TIMEOUT_MS } from './clock.ts'
import { MAX_NAME_LENGTH, MAX_TTL_MS, MIN_TTL_MS } from './limits.ts'

/** How long to wait. */
export interface WaitOptions {
  /** When it aborts, the wait rejects with its reason, and nobody waits any more. */
  readonly signal?: AbortSignal | undefined
  /** After this many milliseconds, > 0, the wait rejects with WaitTimeoutError. Default: it waits. */
  readonly timeoutMs?: number | undefined
}

/** How to hold something, and how long to wait for it. */
export interface HoldOptions extends WaitOptions {
  /**
   * How long the hold outlives its holder, in whole milliseconds, 100 to 86,400,000: after so long
   * without a sign of it others may have it. Default: 10,000. It is renewed by itself three times as
   * often; take five times the longest pause of the process and of the cluster's leader, or more.
   */
  readonly ttlMs?: number | undefined
}

export const DEFAULT_TTL_MS = 10_000

/** Throws InvalidArgumentError for a name that is none. */
export function requireName(what: string, name: unknown): void {
  requireText(what, name)
  if (typeof name === 'string' && name.length <= MAX_NAME_LENGTH && !/\p{Surrogate}/u.test(name)) {
    return
  }
  throw new InvalidArgumentError(
    `${what} is longer than ${MAX_NAME_LENGTH} characters, or no well-formed text. Shorten it.`,
  )
}

/** Throws InvalidArgumentError for options of a wait, and `more`, that can never work. */
export function requireWait(call: string, options: unknown, more: readonly string[] = []): void {
  requireOptions(call, options, ['signal', 'timeoutMs', ...more])
}

export function requireInteger(what: string, value: unknown, min: number, max: number): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return
  const found = typeof value === 'number' ? String(value) : kindOf(value)
  throw new InvalidArgumentError(`${what} is ${found}. Give an integer from ${min} to ${max}.`)
}

/** The time to live that was asked for. */
export function ttlOf({ ttlMs = DEFAULT_TTL_MS }: HoldOptions): number {
  requireInteger('ttlMs', ttlMs, MIN_TTL_MS, MAX_TTL_MS)
  return ttlMs
}

/** Throws InvalidArgumentError for a timeout that no timer could wait for, or a signal that is none. */
export function requirePatience({ signal, timeoutMs }: WaitOptions): void {
  if (timeoutMs !== undefined) {
    const isOne = typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS
    if (!isOne) {
      throw new InvalidArgumentError(
        `timeoutMs is ${typeof timeoutMs === 'number' ? timeoutMs : kindOf(timeoutMs)}. ` +
          `Give a number above 0 and at most ${MAX_TIMEOUT_MS}.`,
      )
    }
  }
  if (signal === undefined || signal instanceof AbortSignal) return
  throw new InvalidArgumentError(`signal is ${kindOf(signal)}. Give an AbortSignal.`)
}
