/**
 * What is on its way from a leader to one acceptor: which Accepts, since when, and what is sent
 * next. New ones follow as those before them are acknowledged; one is sent again only when nothing
 * was acknowledged for so long that it must be lost. It must never have more on its way than the
 * pace allows, but for a single Accept, and never send again what is still being acknowledged.
 */
import type { Slot } from '../durability.ts'
import { MAX_FLIGHTS, START_PACE_BYTES } from './limits.ts'
import { Pace } from './pace.ts'

/** One Accept, as far as it is not known to be chosen. */
export interface Batch {
  readonly first: Slot
  readonly last: Slot
  readonly bytes: number
}

/** An Accept that was sent. */
interface Flight {
  readonly sentAtMs: number
  /** It was sent before: which of them is acknowledged cannot be told. */
  readonly isRepeated: boolean
  /** It was not answered in time, and is to be sent again. */
  isLost: boolean
}

/** The way to one acceptor, for one leadership. */
export class Flow {
  readonly #pace: Pace
  /** By Accept, in the order of slots. */
  readonly #flights = new Map<Batch, Flight>()
  /** When the answer is awaited since: the newest progress, or the first Accept after none. */
  #sinceMs = 0

  constructor(intervalMs: number) {
    this.#pace = new Pace(intervalMs, START_PACE_BYTES)
  }

  /** When an acknowledgement is overdue; `null` when none is awaited. */
  get overdueAtMs(): number | null {
    return this.#flights.size === 0 ? null : this.#sinceMs + this.#pace.timeoutMs
  }

  /** How many bytes the next Accept may have. A silent acceptor gets one Accept at a time. */
  room(isSilent: boolean): number {
    const { count, bytes } = this.#inFlight
    if (count === 0) return this.#pace.bytes
    return isSilent || count >= MAX_FLIGHTS ? 0 : Math.max(0, this.#pace.bytes - bytes)
  }

  /** Whether `batch` has to be sent yet, or again. */
  lacks(batch: Batch): boolean {
    return this.#flights.get(batch)?.isLost ?? true
  }

  /** Of `batches`, which the acceptor does not hold, those that leave now. */
  next(batches: readonly Batch[], isSilent: boolean, nowMs: number): readonly Batch[] {
    const leaving: Batch[] = []
    for (const batch of batches) {
      if (!this.lacks(batch)) continue
      const isAlone = this.#inFlight.count === 0
      if (!isAlone && batch.bytes > this.room(isSilent)) break
      if (isAlone) this.#sinceMs = nowMs
      const isRepeated = this.#flights.has(batch)
      this.#flights.set(batch, { sentAtMs: nowMs, isRepeated, isLost: false })
      leaving.push(batch)
    }
    return leaving
  }

  /** The acceptor holds everything through `through`, which is news. */
  acknowledge(through: Slot, nowMs: number): void {
    this.#sinceMs = nowMs
    const inFlightBytes = this.#inFlight.bytes
    let [sentAtMs, bytes] = [-1, 0]
    for (const [batch, flight] of this.#flights) {
      if (batch.last > through) continue
      this.#flights.delete(batch)
      bytes += batch.bytes
      // How long the way takes is learnt only from what was sent once (Karn and Partridge, 1987).
      if (!flight.isRepeated && !flight.isLost) sentAtMs = Math.max(sentAtMs, flight.sentAtMs)
    }
    if (sentAtMs >= 0) this.#pace.answered({ sentAtMs, nowMs, bytes, inFlightBytes })
  }

  /** An acceptor that was silent is heard again. */
  heardAgain(): void {
    this.#pace.heardAgain()
  }

  /** Gives up what is overdue: it is sent again, unless it is known to be chosen by now. */
  expire(chosenThrough: Slot, nowMs: number): void {
    if (nowMs < (this.overdueAtMs ?? Infinity)) return
    const { timeoutMs } = this.#pace
    for (const [batch, flight] of this.#flights) {
      if (nowMs >= flight.sentAtMs + timeoutMs) flight.isLost = true
      if (flight.isLost && batch.last <= chosenThrough) this.#flights.delete(batch)
    }
    this.#pace.overdue(nowMs)
    this.#sinceMs = nowMs
  }

  get #inFlight(): { readonly count: number; readonly bytes: number } {
    let [count, bytes] = [0, 0]
    for (const [batch, { isLost }] of this.#flights) {
      if (isLost) continue
      count += 1
      bytes += batch.bytes
    }
    return { count, bytes }
  }
}
