/**
 * How much may be on its way to another node, and how long to wait for what it says to it: learnt
 * from how long its answers take. An answer that takes much longer than the fastest did waited in a
 * queue, and what is sent behind a queue only makes it longer: the links below may hold megabytes,
 * and a heartbeat waits for all of them. So the amount grows while answers are prompt, shrinks when
 * they are not, and begins anew when one does not come (delay and loss as in LEDBAT, RFC 6817).
 *
 * It decides nothing that safety rests on. It must never stop for good: one message is always
 * allowed, whatever its size, and there is always a next time to send it.
 */
import { LEAST_PACE_BYTES, MAX_OVERDUE_FACTOR, MAX_PACE_BYTES } from './limits.ts'

/** Something that was answered. */
export interface Exchange {
  readonly sentAtMs: number
  readonly nowMs: number
  readonly bytes: number
  /** What was on its way when the answer came, this included. */
  readonly inFlightBytes: number
}

/** What is known of the way to one node. */
export class Pace {
  readonly #intervalMs: number
  #bytes: number
  /** The fastest answer; `null` before the first. */
  #fastestMs: number | null = null
  /** What answers take at present. */
  #answerMs = 0
  /** How many answers in a row did not come in time. */
  #overdue = 0
  #shrunkAtMs: number | null = null

  /** Answers are awaited for `intervalMs` at least, and prompt within half of it. */
  constructor(intervalMs: number, startBytes: number) {
    this.#intervalMs = intervalMs
    this.#bytes = startBytes
  }

  /** What may be on its way; a single message may exceed it. */
  get bytes(): number {
    return this.#bytes
  }

  /** How long to wait for an answer before anything is sent again. */
  get timeoutMs(): number {
    const once = Math.max(this.#intervalMs, 2 * this.#answerMs)
    return Math.min(once * 2 ** this.#overdue, MAX_OVERDUE_FACTOR * this.#intervalMs)
  }

  answered({ sentAtMs, nowMs, bytes, inFlightBytes }: Exchange): void {
    const tookMs = nowMs - sentAtMs
    this.#overdue = 0
    this.#answerMs = Math.max(tookMs, (this.#answerMs + tookMs) / 2)
    // With least on its way this node makes no queue: what an answer takes then, the way takes.
    const isAlone = this.#bytes <= LEAST_PACE_BYTES
    this.#fastestMs = isAlone ? tookMs : Math.min(tookMs, this.#fastestMs ?? tookMs)
    const queuedMs = tookMs - this.#fastestMs
    if (queuedMs <= this.#intervalMs / 2) {
      // Prompt answers to little say nothing about how more of it would fare.
      if (2 * inFlightBytes >= this.#bytes)
        this.#bytes = Math.min(this.#bytes + bytes, MAX_PACE_BYTES)
    } else if (queuedMs > this.#intervalMs && sentAtMs >= (this.#shrunkAtMs ?? sentAtMs)) {
      this.#shrink(this.#bytes / 2, nowMs)
    }
  }

  /** No answer came in time. */
  overdue(nowMs: number): void {
    this.#overdue += 1
    this.#shrink(LEAST_PACE_BYTES, nowMs)
  }

  /** A node that was silent is heard again: what is sent now need not wait as long as before. */
  heardAgain(): void {
    this.#overdue = 0
  }

  /** What left before does not count again. */
  #shrink(bytes: number, nowMs: number): void {
    this.#bytes = Math.max(LEAST_PACE_BYTES, Math.floor(bytes))
    this.#shrunkAtMs = nowMs
  }
}
