/**
 * Time as a process that coordinates sees it: injected, so that tests run on virtual time. How long ago
 * something was is asked of two clocks, for each may stand still or be set: a holder has to believe the one
 * by which more has passed.
 */
import type { Clock } from '@paxos/replica'

/** What setTimeout takes at most; a longer wait would be over at once. */
export const MAX_TIMEOUT_MS = 2 ** 31 - 1

/** The clock of this machine. */
export const platformClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(delayMs, MAX_TIMEOUT_MS))
    return () => clearTimeout(timer)
  },
}

/** A moment, and how long ago it was at most. */
export class Since {
  readonly #clock: Clock
  readonly #atMs: number
  readonly #wallMs: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#atMs = clock.nowMs()
    this.#wallMs = clock.wallMs?.()
  }

  /** Where the machine was suspended, its monotonic clock may have stood still. */
  get passedMs(): number {
    const passedMs = this.#clock.nowMs() - this.#atMs
    const wallMs = this.#clock.wallMs?.()
    if (wallMs === undefined || this.#wallMs === undefined) return passedMs
    return Math.max(passedMs, wallMs - this.#wallMs)
  }
}
