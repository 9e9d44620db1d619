/**
 * One node's own view of the virtual time: it runs at a rate of its own, and jumps. Must never go
 * back, and after `stop` calls nobody any more.
 */
import type { Clock } from '@paxos/replica'
import type { Timer, VirtualTime } from './virtual-time.ts'

interface Alarm {
  readonly dueMs: number
  readonly callback: () => void
  timer: Timer
}

/** The clock of one life of a node. */
export class NodeClock implements Clock {
  readonly #time: VirtualTime
  readonly #run: (callback: () => void) => void
  readonly #alarms = new Set<Alarm>()
  #rate: number
  #sinceMs: number
  #readMs: number
  #isStopped = false
  /** An alarm that goes off is due, whatever rounding says: else it would be set again for ever. */
  #leastMs = 0

  /** `startMs` is what it shows now. Callbacks go through `run`. */
  constructor(
    time: VirtualTime,
    startMs: number,
    rate: number,
    run: (callback: () => void) => void,
  ) {
    this.#time = time
    this.#run = run
    this.#rate = rate
    this.#sinceMs = time.nowMs
    this.#readMs = startMs
  }

  nowMs(): number {
    const readMs = this.#readMs + (this.#time.nowMs - this.#sinceMs) * this.#rate
    return Math.max(this.#leastMs, readMs)
  }

  schedule(delayMs: number, callback: () => void): () => void {
    if (this.#isStopped) return () => undefined
    const dueMs = this.nowMs() + delayMs
    const alarm: Alarm = { dueMs, callback, timer: this.#time.schedule(0, () => undefined) }
    this.#alarms.add(alarm)
    this.#set(alarm)
    return () => {
      alarm.timer.isCancelled = true
      this.#alarms.delete(alarm)
    }
  }

  /** Shows `ms` more from now on, at least 0. */
  jump(ms: number): void {
    this.#change(this.nowMs() + ms, this.#rate)
  }

  /** Runs at `rate` from now on, above 0: 1 is as fast as time itself. */
  drift(rate: number): void {
    this.#change(this.nowMs(), rate)
  }

  stop(): void {
    this.#isStopped = true
    for (const { timer } of this.#alarms) timer.isCancelled = true
    this.#alarms.clear()
  }

  #change(readMs: number, rate: number): void {
    this.#readMs = readMs
    this.#sinceMs = this.#time.nowMs
    this.#rate = rate
    for (const alarm of this.#alarms) this.#set(alarm)
  }

  #set(alarm: Alarm): void {
    alarm.timer.isCancelled = true
    const delayMs = (alarm.dueMs - this.nowMs()) / this.#rate
    alarm.timer = this.#time.schedule(delayMs, () => {
      this.#leastMs = Math.max(this.#leastMs, alarm.dueMs)
      this.#run(() => {
        // A paused node may have been told of it long after, or died meanwhile.
        if (this.#alarms.delete(alarm)) alarm.callback()
      })
    })
  }
}
