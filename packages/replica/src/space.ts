/**
 * How much more the state may take: what would make it too large for a snapshot is refused before it
 * comes into the log, where it could not be refused any more. It is an estimate, made anew before it
 * refuses anything. Must never refuse what a node needs to become smaller again: see `evenIfFull`.
 */
import { StateTooLargeError } from './errors.ts'
import { MEASURE_AGAIN_AFTER_MS } from './limits.ts'

/** What is known of the state: see Applier. */
export interface Measured {
  readonly stateBytes: number
  readonly bytesSinceSnapshot: number
  readonly isSnapshotFailing: boolean
}

export interface SpaceOptions {
  readonly applier: Measured
  /** Measures the state, by a snapshot. False when that would say nothing new, or cannot be now. */
  readonly measure: () => boolean
  readonly nowMs: () => number
  readonly maxStateBytes: number
  readonly maxLogBytes: number
}

/** The bound of one node's state. */
export class Space {
  readonly #options: SpaceOptions
  #measuredAtMs = -Infinity

  constructor(options: SpaceOptions) {
    this.#options = options
  }

  /** Throws StateTooLargeError when `bytes` more would be too many. */
  check(bytes: number): void {
    if (this.#refusal(bytes) === null) return
    this.#measure()
    const refusal = this.#refusal(bytes)
    if (refusal !== null) throw refusal
  }

  #refusal(bytes: number): StateTooLargeError | null {
    const { applier, maxStateBytes, maxLogBytes } = this.#options
    const { stateBytes, bytesSinceSnapshot, isSnapshotFailing } = applier
    if (stateBytes + bytes > maxStateBytes) {
      return new StateTooLargeError(
        `The state takes about ${stateBytes} bytes, ${bytes} are to come, and it may take ` +
          `${maxStateBytes}. Delete some of it, with evenIfFull, or raise maxStateBytes.`,
      )
    }
    if (!isSnapshotFailing || bytesSinceSnapshot + bytes <= maxLogBytes) return null
    return new StateTooLargeError(
      `No snapshot of the state can be taken, and the log takes ${bytesSinceSnapshot} bytes, ` +
        `${bytes} are to come, and it may take ${maxLogBytes}. See the event 'snapshot-failed', ` +
        'and delete some of the state, with evenIfFull.',
    )
  }

  /** A snapshot of a large state takes its time: not for each command that is refused. */
  #measure(): void {
    const nowMs = this.#options.nowMs()
    if (nowMs - this.#measuredAtMs < MEASURE_AGAIN_AFTER_MS) return
    if (this.#options.measure()) this.#measuredAtMs = nowMs
  }
}
