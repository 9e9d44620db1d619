/**
 * Notices when this node itself stood still: stopped, suspended, or busy with something that let
 * nothing else run. A node that waits for others looks at the clock four times in a liveness window;
 * a look that comes more than a quarter of a window late says that it was away. So any pause of half
 * a window is noticed, and shorter ones alone make nobody silent. It must never call slow what is
 * merely idle: while nothing is waited for, nobody has to look.
 */

/** When one node has looked. */
export class Attention {
  readonly #everyMs: number
  #lookedAtMs: number | null = null

  constructor(livenessWindowMs: number) {
    this.#everyMs = livenessWindowMs / 4
  }

  /** The node looks: for how long before `nowMs` was it away? Mostly for 0 ms. */
  look(nowMs: number): number {
    const passedMs = nowMs - (this.#lookedAtMs ?? nowMs)
    this.#lookedAtMs = nowMs
    return passedMs > 2 * this.#everyMs ? passedMs - this.#everyMs : 0
  }

  /** When to look again, if nothing else happens before `atMs`; `null` when nothing is waited for. */
  nextLookAtMs(atMs: number | null): number | null {
    if (atMs === null) this.#lookedAtMs = null
    return atMs === null || this.#lookedAtMs === null
      ? atMs
      : Math.min(atMs, this.#lookedAtMs + this.#everyMs)
  }
}
