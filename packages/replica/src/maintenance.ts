/**
 * What a node does now and then: it does again what a lost message may have undone, and where it leads
 * it ends sessions that nobody uses. Must never end one by what this node saw before it led, nor for
 * a time in which it stood still itself.
 */
import { encodeEntry } from '@paxos/core/multi'
import type { SessionUse } from '@paxos/core/multi'
import type { Clock } from './clock.ts'

const EXPIRY_CHECKS_PER_TIMEOUT = 8

export interface MaintenanceOptions {
  readonly clock: Clock
  /** How long to wait before everything is done again, at most; half as long at least. */
  readonly everyMs: number
  /** In [0, 1). What is done at regular intervals may meet a fault that comes as regularly. */
  readonly random: () => number
  readonly sessionTimeoutMs: number
  readonly isLeading: () => boolean
  /** Does again what may have been lost. */
  readonly again: () => void
  readonly sessionsIdleSince: (beforeMs: number) => readonly SessionUse[]
  readonly propose: (value: Uint8Array) => void
}

/** The timer of one node, from start() to stop(). */
export class Maintenance {
  readonly #options: MaintenanceOptions
  #cancel: (() => void) | null = null
  #isOver = false
  #expireAtMs: number

  constructor(options: MaintenanceOptions) {
    this.#options = options
    this.#expireAtMs = options.clock.nowMs() + options.sessionTimeoutMs
  }

  start(): void {
    if (this.#isOver) return
    const { clock, everyMs, random, sessionTimeoutMs, isLeading, again } = this.#options
    const delayMs = (everyMs * (1 + random())) / 2
    const dueAtMs = clock.nowMs() + delayMs
    this.#cancel = clock.schedule(delayMs, () => {
      const nowMs = clock.nowMs()
      // Nobody could use a session here meanwhile, and another may have led.
      if (nowMs - dueAtMs >= sessionTimeoutMs / EXPIRY_CHECKS_PER_TIMEOUT) this.leads()
      again()
      if (isLeading() && nowMs >= this.#expireAtMs) this.#expireSessions(nowMs)
      this.start()
    })
  }

  stop(): void {
    this.#isOver = true
    this.#cancel?.()
  }

  /**
   * This node leads from now on, or again. It waits for the whole timeout before it ends a session: what it saw
   * before it led may be old, and nobody could use a session while nobody led.
   */
  leads(): void {
    const { clock, sessionTimeoutMs } = this.#options
    this.#expireAtMs = clock.nowMs() + sessionTimeoutMs
  }

  /**
   * The leader's clock says which sessions are idle; the log says when they end, for all nodes. The
   * entry says how each session was used last, so that it ends none that was used in slots that this
   * node has not applied yet.
   */
  #expireSessions(nowMs: number): void {
    const { sessionTimeoutMs, sessionsIdleSince, propose } = this.#options
    this.#expireAtMs = nowMs + sessionTimeoutMs / EXPIRY_CHECKS_PER_TIMEOUT
    const sessions = sessionsIdleSince(nowMs - sessionTimeoutMs)
    if (sessions.length > 0) propose(encodeEntry({ type: 'expire-unused', sessions }))
  }
}
