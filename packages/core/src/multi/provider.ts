/**
 * The side of catch-up that answers: from the log where it has the entries, else from a snapshot. Of
 * those who ask it remembers only what they will need next, and keeps that for them although newer
 * snapshots were taken, so that these do not restart a slow transfer for ever: one snapshot besides
 * the newest, and the log behind it up to MAX_KEPT_LOG_BYTES; while they make progress, and a while.
 * It must never send what is not known to be chosen.
 */
import type { NodeId } from '../ballot.ts'
import type { Slot, Snapshot, StagedSnapshot } from '../durability.ts'
import type { LogAcceptor } from './acceptor.ts'
import type { LogStep } from './effects.ts'
import { CHUNK_BYTES, SNAPSHOT_KEPT_FOR_MS } from './limits.ts'
import type { Members } from './members.ts'
import type { FetchEntriesMessage, FetchSnapshotMessage } from './messages.ts'

/** A snapshot, and when somebody got on with it last. */
interface Offer {
  readonly snapshot: Snapshot
  askedAtMs: number | null
}

/** What a node that asks needs next: the log from a slot on, when it has a snapshot from `offset` on. */
interface Need {
  readonly from: Slot
  readonly offset: number
  /** Until when that is kept, unless it makes progress. */
  readonly untilMs: number
}

/** Answers FetchEntries and FetchSnapshot. */
export class Provider {
  readonly #acceptor: LogAcceptor
  readonly #members: Pick<Members, 'complete'>
  #newest: Offer | null
  #kept: Offer | null = null
  /** By who asks: what it needs next. */
  readonly #needs = new Map<NodeId, Need>()
  /** From which slot on the log was kept when it was forgotten last. */
  #keptFrom: Slot = Infinity

  constructor(acceptor: LogAcceptor, members: Pick<Members, 'complete'>) {
    this.#acceptor = acceptor
    this.#members = members
    this.#newest = offer(acceptor.durableSnapshot)
  }

  /** When the older snapshot may be dropped; `null` when there is none. */
  get nextTickAtMs(): number | null {
    return this.#kept === null ? null : endOf(this.#kept)
  }

  /** Drops what nobody fetches any more. */
  tick(nowMs: number): void {
    if (this.#kept !== null && endOf(this.#kept) <= nowMs) this.#kept = null
    if (this.#neededFrom(nowMs) > this.#keptFrom) this.#forget(nowMs)
  }

  /** A save is durable, and with it perhaps a newer snapshot. */
  update(nowMs: number): void {
    const snapshot = this.#acceptor.durableSnapshot
    if (snapshot === null || snapshot === this.#newest?.snapshot) return
    this.tick(nowMs)
    const before = this.#newest
    if (this.#kept === null && before !== null && endOf(before) > nowMs) this.#kept = before
    this.#newest = offer(snapshot)
    this.#forget(nowMs)
  }

  answerFetchEntries(
    step: LogStep,
    to: NodeId,
    { from, maxBytes = 0 }: FetchEntriesMessage,
    nowMs: number,
  ): void {
    const { log, chosenThrough } = this.#acceptor
    if (from > log.compactedThrough) {
      if (from <= chosenThrough) this.#note(to, from, 0, nowMs)
      const { entries } = log.page(from, chosenThrough, maxBytes)
      const { complete } = this.#members
      const known = complete > 0 ? { complete } : {}
      return step.send(to, { type: 'fetched', from, entries, chosenThrough, ...known })
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

  /** What may be fetched of that which is staged. */
  get staged(): readonly StagedSnapshot[] {
    return this.#offers.flatMap(({ snapshot }) => snapshot.staged ?? [])
  }

  /** What may be fetched, the older first: who begins now shares it with who has begun before. */
  get #offers(): readonly Offer[] {
    return [this.#kept, this.#newest].flatMap((each) => each ?? [])
  }

  /** Says whether `id` has made progress: who only repeats itself has nothing kept for it for long. */
  #note(id: NodeId, from: Slot, offset: number, nowMs: number): boolean {
    const before = this.#needs.get(id)
    if (before?.from === from && before.offset === offset) return false
    this.#needs.set(id, { from, offset, untilMs: nowMs + SNAPSHOT_KEPT_FOR_MS })
    return true
  }

  #neededFrom(nowMs: number): Slot {
    const needs = [...this.#needs.values()].filter(({ untilMs }) => untilMs > nowMs)
    return Math.min(...needs.map(({ from }) => from))
  }

  #forget(nowMs: number): void {
    this.#keptFrom = this.#neededFrom(nowMs)
    this.#acceptor.forget(this.#keptFrom)
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
    const { through, members, configuration, bytes, staged } = asked.snapshot
    const totalBytes = staged?.byteLength ?? bytes.length
    // Beyond the end there is nothing to send; an empty snapshot is one empty piece. Who has all of it
    // says by that that it is making its state of it, and needs what comes behind it still.
    if (offset > 0 && offset >= totalBytes) {
      asked.askedAtMs = nowMs
      this.#needs.set(to, { from: through + 1, offset, untilMs: nowMs + SNAPSHOT_KEPT_FOR_MS })
      return
    }
    if (this.#note(to, through + 1, offset, nowMs)) asked.askedAtMs = nowMs
    const end = Math.min(offset + Math.min(maxBytes || CHUNK_BYTES, CHUNK_BYTES), totalBytes)
    const message = {
      type: 'snapshotChunk',
      ballot,
      through,
      members,
      totalBytes,
      offset,
      ...(configuration !== undefined && { configuration }),
    } as const
    if (staged === undefined) step.send(to, { ...message, bytes: bytes.subarray(offset, end) })
    else step.tell({ type: 'piece-wanted', piece: { to, staged, message, length: end - offset } })
  }
}

function offer(snapshot: Snapshot | null): Offer | null {
  return snapshot === null ? null : { snapshot, askedAtMs: null }
}

/** When a snapshot need not be kept any more. */
function endOf({ askedAtMs }: Offer): number {
  return askedAtMs === null ? -Infinity : askedAtMs + SNAPSHOT_KEPT_FOR_MS
}
