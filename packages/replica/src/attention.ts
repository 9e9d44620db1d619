/**
 * Notices when this node itself stood still: stopped, suspended, or busy with something that let
 * nothing else run. A node that waits for others looks at the clock four times in a liveness window;
 * a look that comes more than a quarter of a window late says that it was away. So any pause of half
 * a window is noticed, and shorter ones alone make nobody silent. It must never call slow what is
 * merely idle: while nothing is waited for, nobody has to look.
 *
 * A machine that is suspended may stop its monotonic clock, so that no look comes late. Then the clock
 * on the wall has run ahead of it.
 */
import { CLOCKS_APART_MS } from './limits.ts'

/** When one node has looked. */
export class Attention {
  readonly #everyMs: number
  #lookedAtMs: number | null = null
  /** By how much the clock on the wall is ahead of the other. */
  #aheadMs: number | null = null

  constructor(livenessWindowMs: number) {
    this.#everyMs = livenessWindowMs / 4
  }

  /**
   * The node looks: for how long before `nowMs` was it away? Mostly for 0 ms. Where the clock itself
   * stood still it is a moment, for on that clock nothing has passed.
   */
  look(nowMs: number, wallMs?: number): number {
    const passedMs = nowMs - (this.#lookedAtMs ?? nowMs)
    this.#lookedAtMs = nowMs
    if (passedMs > 2 * this.#everyMs) return passedMs - this.#everyMs
    return wallMs !== undefined && this.#stoodStill(wallMs - nowMs) ? 1 : 0
  }

  #stoodStill(aheadMs: number): boolean {
    const beforeMs = this.#aheadMs ?? aheadMs
    // A wall clock that is set back says nothing; one that is slewed is followed.
    const hasJumped = aheadMs > beforeMs + CLOCKS_APART_MS
    this.#aheadMs = hasJumped || aheadMs < beforeMs ? aheadMs : beforeMs
    return hasJumped
  }

  /** When to look again, if nothing else happens before `atMs`; `null` when nothing is waited for. */
  nextLookAtMs(atMs: number | null): number | null {
    if (atMs === null) this.#lookedAtMs = null
    return atMs === null || this.#lookedAtMs === null
      ? atMs
      : Math.min(atMs, this.#lookedAtMs + this.#everyMs)
  }
}
