/**
 * How often to say that something is wrong: at once, and again after longer and longer. Must never fall
 * silent while it is.
 */
import { MAX_WARNING_INTERVAL_MS } from './limits.ts'

/** The second warning comes so many windows after the first; then the time doubles. */
const FIRST_INTERVAL_WINDOWS = 4

/** One thing that is wrong, and said again after longer and longer. */
export class Nagging {
  /** When to say it again; `null` while it is not wrong. */
  #atMs: number | null = null
  #intervalMs = 0

  /** It is wrong. Whether to say so now. */
  isDue(nowMs: number, livenessWindowMs: number): boolean {
    if (this.#atMs !== null && nowMs < this.#atMs) return false
    this.#intervalMs =
      this.#atMs === null
        ? FIRST_INTERVAL_WINDOWS * livenessWindowMs
        : Math.min(2 * this.#intervalMs, MAX_WARNING_INTERVAL_MS)
    this.#atMs = nowMs + this.#intervalMs
    return true
  }

  /** It is not wrong. Whether it was. */
  ends(): boolean {
    const wasWrong = this.#atMs !== null
    this.#atMs = null
    return wasWrong
  }
}
