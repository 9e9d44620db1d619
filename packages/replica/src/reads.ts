/**
 * Reads that ask first. Linearizable ones (Ongaro's thesis, §6.4): the engine says through which slot the log must have
 * been applied, once a quorum has confirmed the leader, or at once while its lease holds; the answer is
 * then given from the state here. One that may be some time old needs no word that is younger.
 * Must never answer from a state that is older than that slot.
 */
import type { Slot } from '@paxos/core'
import type { Clock } from './clock.ts'

/** A read that somebody waits for. */
export interface PendingRead {
  /** Whether anybody still does. */
  readonly isAwaited: boolean
  /** Whether the leader's lease is enough. Default: false. */
  readonly byLease?: boolean
  /** Answers from the state as it is now. */
  answer(): void
  reject(error: Error): void
}

/** A moment, on each clock that there is. */
interface Moment {
  readonly nowMs: number
  readonly wallMs: number | undefined
}

/** What the newest answer of the engine says: at that moment nothing was chosen behind that slot. */
interface Confirmed {
  readonly slot: Slot
  readonly at: Moment
}

/** The reads of one node, by number. */
export class Reads {
  readonly #ask: (id: number, byLease: boolean) => void
  readonly #clock: Clock
  /** Asked for, and not answered by the engine. */
  readonly #asked = new Map<number, { readonly read: PendingRead; readonly at: Moment }>()
  #newest: Confirmed | null = null
  /** To be asked for again. */
  readonly #failed: PendingRead[] = []
  /** Confirmed for a slot that is not applied yet. */
  readonly #confirmed = new Map<number, { readonly read: PendingRead; readonly slot: Slot }>()
  #made = 0

  /** Whether there is a state to answer from: not while it is being replaced. */
  readonly #isReadable: () => boolean

  /** `ask` asks the engine for a read of that number. */
  constructor(
    ask: (id: number, byLease: boolean) => void,
    clock: Clock,
    isReadable: () => boolean = () => true,
  ) {
    this.#ask = ask
    this.#clock = clock
    this.#isReadable = isReadable
  }

  /** Whether there is a state to answer from now. */
  get isReadable(): boolean {
    return this.#isReadable()
  }

  /** Answers `read` from whatever state there is, as soon as there is one. */
  wait(read: PendingRead): void {
    this.#made += 1
    this.#confirmed.set(this.#made, { read, slot: 0 })
  }

  get size(): number {
    return this.#asked.size + this.#failed.length + this.#confirmed.size
  }

  /** Whether some are not confirmed. */
  get areAsking(): boolean {
    return this.#asked.size + this.#failed.length > 0
  }

  add(read: PendingRead): void {
    this.#made += 1
    this.#asked.set(this.#made, { read, at: this.#moment })
    this.#ask(this.#made, read.byLease === true)
  }

  /**
   * Whether the state through `appliedThrough` shows everything that was answered, anywhere, more than
   * `maxStalenessMs` before now.
   */
  isFresh(maxStalenessMs: number, appliedThrough: Slot): boolean {
    if (this.#newest === null || this.#newest.slot > appliedThrough) return false
    const { nowMs, wallMs } = this.#moment
    const { at } = this.#newest
    // A clock that stood still while the machine was suspended makes nothing younger.
    const byWallMs = wallMs === undefined || at.wallMs === undefined ? 0 : wallMs - at.wallMs
    return Math.max(nowMs - at.nowMs, byWallMs) <= maxStalenessMs
  }

  get #moment(): Moment {
    return { nowMs: this.#clock.nowMs(), wallMs: this.#clock.wallMs?.() }
  }

  /** The engine has confirmed read `id` for `slot`. */
  ready(id: number, slot: Slot, appliedThrough: Slot): void {
    const { read, at } = this.#asked.get(id) ?? {}
    if (read === undefined || at === undefined) return
    this.#asked.delete(id)
    if (at.nowMs >= (this.#newest?.at.nowMs ?? -Infinity)) this.#newest = { slot, at }
    if (slot <= appliedThrough && this.isReadable) read.answer()
    else this.#confirmed.set(id, { read, slot })
  }

  /** The engine could not confirm read `id`. It is asked again by retry(). */
  failed(id: number): void {
    const { read } = this.#asked.get(id) ?? {}
    if (read === undefined) return
    this.#asked.delete(id)
    this.#failed.push(read)
  }

  /** The log has been applied through that slot. */
  applied(appliedThrough: Slot): void {
    if (!this.isReadable) return
    for (const [id, { read, slot }] of this.#confirmed) {
      if (slot > appliedThrough) continue
      this.#confirmed.delete(id)
      read.answer()
    }
  }

  /** Asks again for what failed, and forgets what nobody waits for. */
  retry(): void {
    for (const [id, { read }] of this.#asked) if (!read.isAwaited) this.#asked.delete(id)
    for (const [id, { read }] of this.#confirmed) if (!read.isAwaited) this.#confirmed.delete(id)
    for (const read of this.#failed.splice(0)) if (read.isAwaited) this.add(read)
  }

  /** No answer will come any more. */
  end(error: Error): void {
    for (const { read } of [...this.#asked.values(), ...this.#confirmed.values()]) {
      read.reject(error)
    }
    for (const read of this.#failed) read.reject(error)
    this.#asked.clear()
    this.#failed.length = 0
    this.#confirmed.clear()
  }
}
