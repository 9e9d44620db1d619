/**
 * What a node that catches up knows of another that may have what it lacks: what that one knows,
 * what it was asked for, how long its answers take, and how much of them comes through. It must
 * never believe anything of its own accord: what it is told here was asked for.
 */
import type { Slot } from '../durability.ts'
import { FIRST_PAGE_BYTES, GROW_AFTER_ANSWERS, MAX_WAIT_INTERVALS } from './limits.ts'
import { MIN_PAGE_BYTES, PAGE_BYTES } from './limits.ts'
import type { Transfer } from './transfer.ts'

/** One node that may be asked. */
export class Source {
  /** Through which slot it said last that it knows what was chosen; 0 when it has not. */
  known: Slot = 0
  /** From which slot on it was asked for entries last; `null` when it has answered. */
  asked: Slot | null = null
  /** A snapshot of it that comes in, or that it has stopped sending. */
  transfer: Transfer | null = null
  /** Grows with the time at which it was last of no use; 0 when it is of use. */
  uselessAt = 0
  readonly #intervalMs: number
  #waitMs: number
  #pageBytes = FIRST_PAGE_BYTES
  #unanswered = 0
  #answersUntilMore = 0
  /** More is asked for than has ever been answered. */
  #isTrial = false

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
    this.#waitMs = intervalMs
  }

  /** How long to wait for its answer. */
  get waitMs(): number {
    return this.#waitMs
  }

  /** How many bytes to ask it for. */
  get pageBytes(): number {
    return this.#pageBytes
  }

  /** How many questions in a row it has not answered. */
  get unanswered(): number {
    return this.#unanswered
  }

  /** What it has of what was chosen, as far as is known. */
  get reach(): Slot {
    return Math.max(this.known, this.transfer?.through ?? 0)
  }

  /**
   * It has answered a question that was asked first so long ago. The next answer may take twice as
   * long; and after several answers it is asked for more.
   */
  answers(afterMs: number): void {
    this.#unanswered = 0
    const mostMs = MAX_WAIT_INTERVALS * this.#intervalMs
    this.#waitMs = Math.max(this.#intervalMs, Math.min(2 * afterMs, mostMs))
    this.#answersUntilMore -= 1
    this.#isTrial = this.#answersUntilMore <= 0 && this.#pageBytes < PAGE_BYTES
    if (this.#isTrial) this.#pageBytes = Math.min(2 * this.#pageBytes, PAGE_BYTES)
  }

  /**
   * It has not answered in time: it is given longer. Less is asked for when that was the first time
   * that so much was asked for, or the second answer that was missed: one may have been lost.
   */
  misses(): void {
    const isTrial = this.#isTrial
    this.#isTrial = false
    this.#waitMs = Math.min(2 * this.#waitMs, MAX_WAIT_INTERVALS * this.#intervalMs)
    if (!isTrial) this.#unanswered += 1
    if (!isTrial && this.#unanswered < 2) return
    this.#pageBytes = Math.max(this.#pageBytes / 2, MIN_PAGE_BYTES)
    this.#answersUntilMore = GROW_AFTER_ANSWERS
  }

  /** It is of no use, for now: others come first. */
  rest(turn: number): void {
    this.uselessAt = turn
    this.#unanswered = 0
  }
}
