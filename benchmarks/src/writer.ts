/**
 * A client that writes one command after another, and when each was answered. What fails is tried
 * again: for whoever waits it is part of the pause.
 */
import { nowMs } from './clock.ts'
import type { Pipeline } from './pipeline.ts'

/** Between a write that failed and the next, so that nothing else starves. */
const RETRY_MS = 5

export class Writer {
  /** In milliseconds since 1970, in their order. */
  readonly answeredAtMs: number[] = []
  readonly #commit: Pipeline['commit']
  /** Called at each answer. */
  readonly #onAnswer: (count: number) => void
  #isStopped = false

  constructor(commit: Pipeline['commit'], onAnswer: (count: number) => void) {
    this.#commit = commit
    this.#onAnswer = onAnswer
  }

  /** Writes until stop(). */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#commit()
        this.answeredAtMs.push(nowMs())
        this.#onAnswer(this.answeredAtMs.length)
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }

  stop(): void {
    this.#isStopped = true
  }
}

/**
 * The longest time between two answers of one writer of which the later came after `sinceMs`, or, if
 * it is longer, the time for which it has waited for one at `untilMs`.
 */
export function longestPauseMs(
  answeredAtMs: readonly number[],
  sinceMs: number,
  untilMs: number,
): number {
  let longestMs = 0
  let beforeMs = sinceMs
  for (const atMs of [...answeredAtMs, untilMs]) {
    if (atMs > sinceMs) longestMs = Math.max(longestMs, atMs - beforeMs)
    beforeMs = atMs
  }
  return longestMs
}
