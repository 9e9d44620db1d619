/**
 * What Replica and Synod are given, checked before anything is opened: plain JavaScript knows no
 * types. Must never repeat what an argument holds beyond names and numbers, for it may be a secret.
 */
import { InvalidArgumentError, kindOf, requireMethods, requireOptions } from '@paxos/core'
import { MAX_TIMEOUT_MS } from './limits.ts'

/** What everything that waits takes. */
const WAIT_OPTIONS = ['signal', 'timeoutMs'] as const

/** Throws InvalidArgumentError unless `value` is true or false: 'no' would count as yes. */
export function requireBoolean(name: string, value: unknown): void {
  if (typeof value === 'boolean') return
  throw new InvalidArgumentError(`${name} is ${kindOf(value)}. Give true or false.`)
}

/** Throws InvalidArgumentError unless `value` is a number above 0 and at most `max`. */
export function requirePositive(name: string, value: unknown, max = Number.MAX_VALUE): void {
  if (typeof value === 'number' && value > 0 && value <= max) return
  const found = typeof value === 'number' ? String(value) : kindOf(value)
  const atMost = max === Number.MAX_VALUE ? '' : ` and at most ${max}`
  throw new InvalidArgumentError(`${name} is ${found}. Give a number above 0${atMost}.`)
}

/** Throws InvalidArgumentError unless `value` can take words of every weight. */
export function requireLogger(value: unknown): void {
  const levels = ['debug', 'info', 'warn', 'error']
  requireMethods('logger', value, levels, 'an object with all four, such as console')
}

/** Throws InvalidArgumentError unless `options` are those of a call that waits, and `more`. */
export function requireWait(name: string, options: unknown, more: readonly string[] = []): void {
  requireOptions(name, options, [...WAIT_OPTIONS, ...more])
}

/** Throws InvalidArgumentError for a signal that is none. */
export function requireSignal(signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return
  // One of another realm, or of a library, is as good.
  const isLikeOne = typeof signal === 'object' && signal !== null && 'aborted' in signal
  if (isLikeOne && 'addEventListener' in signal && 'throwIfAborted' in signal) return
  throw new InvalidArgumentError(
    `signal is ${kindOf(signal)} and no AbortSignal. Give the signal of an AbortController.`,
  )
}

/** Throws InvalidArgumentError for a timeout that no timer could wait for. */
export function requireTimeout(timeoutMs: unknown): void {
  if (timeoutMs !== undefined) requirePositive('timeoutMs', timeoutMs, MAX_TIMEOUT_MS)
}
