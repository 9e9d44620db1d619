/**
 * How an acceptor paces the pages of its promise: what a candidate may have to hear is as long as
 * the log that is not known to be chosen. A page is as large as the way to the candidate has proved
 * to carry soon; one that was answered is not answered again while that answer may be on its way. It
 * remembers no more than the last page, and must never keep a question unanswered for good.
 */
import { sameBallot } from '../ballot.ts'
import type { Slot } from '../durability.ts'
import { LEAST_PACE_BYTES, PAGE_BYTES } from './limits.ts'
import type { Page } from './log.ts'
import type { LogPrepareMessage } from './messages.ts'
import { Pace } from './pace.ts'

/** A page that was sent. */
interface Answer {
  readonly question: LogPrepareMessage
  readonly next: Slot
  readonly bytes: number
  readonly sentAtMs: number
  /** It was sent before. */
  readonly isRepeated: boolean
}

export class PromisePages {
  readonly #intervalMs: number
  #pace: Pace
  #answer: Answer | null = null

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
    this.#pace = new Pace(intervalMs, LEAST_PACE_BYTES)
  }

  /** Whether `question` goes on from the page that was sent last: its candidate has that one. */
  isNext({ ballot, from }: LogPrepareMessage): boolean {
    return this.#hasAnswered(ballot) && from === this.#answer?.next
  }

  /**
   * The answer to `question`, as `pageOf` makes it of so many bytes; `null` while the one that was
   * given may be on its way.
   */
  answer(question: LogPrepareMessage, nowMs: number, pageOf: (bytes: number) => Page): Page | null {
    const previous = this.#hasAnswered(question.ballot) ? this.#answer : null
    // A candidate asks for one page after another: an earlier question came late, or twice.
    if (previous !== null && question.from < previous.question.from) return null
    const isRepeated = previous?.question.from === question.from
    if (previous === null) this.#pace = new Pace(this.#intervalMs, LEAST_PACE_BYTES)
    else if (isRepeated) {
      // A page with nothing on it is no burden.
      if (previous.bytes === 0) return pageOf(0)
      // The candidate asks again after an interval, and the way of its question varies.
      if (nowMs < previous.sentAtMs + this.#pace.timeoutMs / 2) return null
      this.#pace.overdue(nowMs)
    } else if (this.isNext(question) && !previous.isRepeated) {
      const { sentAtMs, bytes } = previous
      this.#pace.answered({ sentAtMs, nowMs, bytes, inFlightBytes: bytes })
    }
    const page = pageOf(Math.min(this.#pace.bytes, PAGE_BYTES))
    const { next, bytes } = page
    this.#answer = { question, next, bytes, sentAtMs: nowMs, isRepeated }
    return page
  }

  #hasAnswered(ballot: LogPrepareMessage['ballot']): boolean {
    return this.#answer !== null && sameBallot(this.#answer.question.ballot, ballot)
  }
}
