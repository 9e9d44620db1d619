/**
 * One node's view of the virtual time, as a process has it that is stopped for a while: its timers wait,
 * and are the first thing that runs when it goes on, before any frame is read. Must never lose one.
 */
import type { Clock } from '@paxos/replica'
import type { VirtualClock } from './virtual-clock.ts'

export class PausableClock implements Clock {
  readonly #clock: VirtualClock
  #waiting: (() => void)[] | null = null

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  nowMs(): number {
    return this.#clock.nowMs()
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = { isCancelled: false }
    const fire = (): void => {
      if (timer.isCancelled) return
      if (this.#waiting === null) callback()
      else this.#waiting.push(fire)
    }
    const cancel = this.#clock.schedule(delayMs, fire)
    return () => {
      timer.isCancelled = true
      cancel()
    }
  }

  pause(): void {
    this.#waiting ??= []
  }

  resume(): void {
    const due = this.#waiting ?? []
    this.#waiting = null
    for (const fire of due) fire()
  }
}
