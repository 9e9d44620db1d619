/**
 * The side of catch-up that answers: statelessly, from the log where it has the entries, else from
 * a snapshot. It keeps the snapshot that somebody is fetching although a newer one was taken, so
 * that newer ones do not restart a slow transfer for ever; at most one besides the newest, and not
 * for longer than it is asked for. It must never send what is not known to be chosen.
 */
import type { NodeId } from '../ballot.ts'
import type { Snapshot } from '../durability.ts'
import type { LogAcceptor } from './acceptor.ts'
import type { LogStep } from './effects.ts'
import { CHUNK_BYTES, SNAPSHOT_KEPT_FOR_MS } from './limits.ts'
import type { FetchEntriesMessage, FetchSnapshotMessage } from './messages.ts'

/** A snapshot, and when somebody asked for it last. */
interface Offer {
  readonly snapshot: Snapshot
  askedAtMs: number | null
}

/** Answers FetchEntries and FetchSnapshot. */
export class Provider {
  readonly #acceptor: LogAcceptor
  #newest: Offer | null
  #kept: Offer | null = null

  constructor(acceptor: LogAcceptor) {
    this.#acceptor = acceptor
    this.#newest = offer(acceptor.durableSnapshot)
  }

  /** When the older snapshot may be dropped; `null` when there is none. */
  get nextTickAtMs(): number | null {
    return this.#kept === null ? null : endOf(this.#kept)
  }

  /** Drops an older snapshot that nobody fetches any more. */
  tick(nowMs: number): void {
    if (this.#kept !== null && endOf(this.#kept) <= nowMs) this.#kept = null
  }

  /** A newer snapshot is durable. The one before stays while it is being fetched. */
  update(nowMs: number): void {
    const snapshot = this.#acceptor.durableSnapshot
    if (snapshot === null || snapshot === this.#newest?.snapshot) return
    this.tick(nowMs)
    const before = this.#newest
    if (this.#kept === null && before !== null && endOf(before) > nowMs) this.#kept = before
    this.#newest = offer(snapshot)
  }

  answerFetchEntries(
    step: LogStep,
    to: NodeId,
    { from }: FetchEntriesMessage,
    nowMs: number,
  ): void {
    const { log, chosenThrough } = this.#acceptor
    if (from > log.compactedThrough) {
      const { entries } = log.page(from, chosenThrough)
      return step.send(to, { type: 'fetched', from, entries, chosenThrough })
    }
    // One that was installed may not be durable yet, and what is does not reach as far.
    const reach = this.#newest?.snapshot.through ?? 0
    if (reach >= from) this.#sendChunk(step, to, this.#newest, 0, nowMs)
  }

  answerFetchSnapshot(
    step: LogStep,
    to: NodeId,
    { through, offset }: FetchSnapshotMessage,
    nowMs: number,
  ): void {
    const asked = [this.#newest, this.#kept].find((each) => each?.snapshot.through === through)
    if (asked !== undefined) return this.#sendChunk(step, to, asked, offset, nowMs)
    if ((this.#newest?.snapshot.through ?? 0) > through) {
      this.#sendChunk(step, to, this.#newest, 0, nowMs)
    }
  }

  #sendChunk(step: LogStep, to: NodeId, asked: Offer | null, offset: number, nowMs: number): void {
    const ballot = this.#acceptor.promised
    if (asked === null || ballot === null) return
    const { through, members, bytes } = asked.snapshot
    // Beyond the end there is nothing to send; an empty snapshot is one empty piece.
    if (offset > 0 && offset >= bytes.length) return
    asked.askedAtMs = nowMs
    const piece = bytes.subarray(offset, offset + CHUNK_BYTES)
    const totalBytes = bytes.length
    step.send(to, {
      type: 'snapshotChunk',
      ballot,
      through,
      members,
      totalBytes,
      offset,
      bytes: piece,
    })
  }
}

function offer(snapshot: Snapshot | null): Offer | null {
  return snapshot === null ? null : { snapshot, askedAtMs: null }
}

/** When a snapshot need not be kept any more. */
function endOf({ askedAtMs }: Offer): number {
  return askedAtMs === null ? -Infinity : askedAtMs + SNAPSHOT_KEPT_FOR_MS
}
