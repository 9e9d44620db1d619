/**
 * The side of catch-up that answers: from the log where it has the entries, else from a snapshot. Of
 * those who ask it remembers only what they will need next, and keeps that for them although newer
 * snapshots were taken, so that these do not restart a slow transfer for ever: one snapshot besides
 * the newest, and the log behind it up to MAX_KEPT_LOG_BYTES. Not for longer than it is asked for.
 * It must never send what is not known to be chosen.
 */
import type { NodeId } from '../ballot.ts'
import type { Slot, Snapshot } from '../durability.ts'
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
  /** By who asks: from which slot on it needs the log next, and until when that is believed. */
  readonly #needs = new Map<NodeId, { readonly from: Slot; readonly untilMs: number }>()

  constructor(acceptor: LogAcceptor) {
    this.#acceptor = acceptor
    this.#newest = offer(acceptor.durableSnapshot)
  }

  /** When the older snapshot may be dropped; `null` when there is none. */
  get nextTickAtMs(): number | null {
    return this.#kept === null ? null : endOf(this.#kept)
  }

  /** Drops what nobody fetches any more. */
  tick(nowMs: number): void {
    if (this.#kept !== null && endOf(this.#kept) <= nowMs) this.#kept = null
    const { size } = this.#needs
    for (const [id, { untilMs }] of this.#needs) if (untilMs <= nowMs) this.#needs.delete(id)
    if (this.#needs.size < size) this.#forget()
  }

  /** A save is durable, and with it perhaps a newer snapshot. */
  update(nowMs: number): void {
    const snapshot = this.#acceptor.durableSnapshot
    if (snapshot === null || snapshot === this.#newest?.snapshot) return
    this.tick(nowMs)
    const before = this.#newest
    if (this.#kept === null && before !== null && endOf(before) > nowMs) this.#kept = before
    this.#newest = offer(snapshot)
    this.#forget()
  }

  answerFetchEntries(
    step: LogStep,
    to: NodeId,
    { from, maxBytes = 0 }: FetchEntriesMessage,
    nowMs: number,
  ): void {
    const { log, chosenThrough } = this.#acceptor
    if (from > log.compactedThrough) {
      this.#note(to, from, nowMs)
      const { entries } = log.page(from, chosenThrough, maxBytes)
      return step.send(to, { type: 'fetched', from, entries, chosenThrough })
    }
    // One that was installed may not be durable yet, and what is does not reach as far.
    const offered = this.#offers.find((each) => each.snapshot.through >= from)
    if (offered !== undefined) this.#sendChunk(step, to, offered, { offset: 0, maxBytes, nowMs })
  }

  answerFetchSnapshot(
    step: LogStep,
    to: NodeId,
    { through, offset, maxBytes = 0 }: FetchSnapshotMessage,
    nowMs: number,
  ): void {
    const asked = this.#offers.find(({ snapshot }) => snapshot.through === through)
    if (asked !== undefined) return this.#sendChunk(step, to, asked, { offset, maxBytes, nowMs })
    const newer = this.#offers.find(({ snapshot }) => snapshot.through > through)
    if (newer !== undefined) this.#sendChunk(step, to, newer, { offset: 0, maxBytes, nowMs })
  }

  /** What may be fetched, the older first: who begins now shares it with who has begun before. */
  get #offers(): readonly Offer[] {
    return [this.#kept, this.#newest].flatMap((each) => each ?? [])
  }

  #note(id: NodeId, from: Slot, nowMs: number): void {
    this.#needs.set(id, { from, untilMs: nowMs + SNAPSHOT_KEPT_FOR_MS })
  }

  #forget(): void {
    this.#acceptor.forget(Math.min(...[...this.#needs.values()].map(({ from }) => from)))
    // Without the log behind it a snapshot leads nowhere.
    const { compactedThrough } = this.#acceptor.log
    if (this.#kept !== null && this.#kept.snapshot.through < compactedThrough) this.#kept = null
  }

  #sendChunk(
    step: LogStep,
    to: NodeId,
    asked: Offer,
    { offset, maxBytes, nowMs }: { offset: number; maxBytes: number; nowMs: number },
  ): void {
    const ballot = this.#acceptor.promised
    if (ballot === null) return
    const { through, members, bytes } = asked.snapshot
    // Beyond the end there is nothing to send; an empty snapshot is one empty piece.
    if (offset > 0 && offset >= bytes.length) return
    asked.askedAtMs = nowMs
    this.#note(to, through + 1, nowMs)
    const piece = bytes.subarray(offset, offset + Math.min(maxBytes || CHUNK_BYTES, CHUNK_BYTES))
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
