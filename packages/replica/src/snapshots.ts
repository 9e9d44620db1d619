/**
 * When a node takes a snapshot of its state, and what is told of it. Must never have two of its own on
 * their way to the disk: another one would pile up behind the first.
 */
import type { Slot } from '@paxos/core'
import type { TakenSnapshot } from './applier.ts'
import type { Logger, Metrics } from './telemetry.ts'

/** Something that happened to the snapshots of a node. */
export type SnapshotNotice =
  | { readonly type: 'snapshot-taken'; readonly through: Slot; readonly bytes: number }
  /** No snapshot can be taken. The log is kept, and the next try is made after twice as much. */
  | { readonly type: 'snapshot-failed'; readonly through: Slot; readonly error: Error }
  /** Another node's snapshot has replaced the state: this node was too far behind for the log. */
  | { readonly type: 'snapshot-installed'; readonly through: Slot; readonly bytes: number }

/** What snapshots are taken of: see Applier. */
interface Snapshotted {
  readonly wantsSnapshot: boolean
  readonly appliedThrough: Slot
  readonly snapshotThrough: Slot
  takeSnapshot(): TakenSnapshot
}

export interface SnapshotsOptions {
  readonly applier: Snapshotted
  /** Hands a snapshot to the engine, which saves it. */
  readonly save: (taken: Extract<TakenSnapshot, { readonly bytes: Uint8Array }>) => void
  readonly metrics: Metrics
  readonly logger: Logger
  readonly tell: (notice: SnapshotNotice) => void
}

/** The snapshots of one node. */
export class Snapshots {
  readonly #options: SnapshotsOptions
  #isSaving = false

  constructor(options: SnapshotsOptions) {
    this.#options = options
  }

  /** The one on its way is on the disk. */
  saved(): void {
    this.#isSaving = false
  }

  /** Takes one when enough was applied since the last. */
  takeIfDue(): void {
    if (this.#options.applier.wantsSnapshot && !this.#isSaving) this.#take()
  }

  /** Takes one, if there is something new and none on its way. Says whether it did. */
  measure(): boolean {
    const { snapshotThrough, appliedThrough } = this.#options.applier
    if (this.#isSaving || snapshotThrough === appliedThrough) return false
    this.#take()
    return true
  }

  /** The one of another node has become the state. */
  installed(through: Slot, bytes: number): void {
    const { metrics, logger, tell } = this.#options
    metrics.counter('paxos.snapshots.installed', 1)
    logger.info('snapshot installed', { through, bytes })
    tell({ type: 'snapshot-installed', through, bytes })
  }

  #take(): void {
    const { applier, save, metrics, logger, tell } = this.#options
    const taken = applier.takeSnapshot()
    const { through } = taken
    if ('error' in taken) {
      const { error } = taken
      metrics.counter('paxos.snapshots.failed', 1)
      logger.error('no snapshot can be taken; the log is kept instead', { through, error })
      return tell({ type: 'snapshot-failed', through, error })
    }
    this.#isSaving = true
    const bytes = taken.bytes.byteLength
    save(taken)
    metrics.counter('paxos.snapshots.taken', 1)
    logger.debug('snapshot taken', { through, bytes })
    tell({ type: 'snapshot-taken', through, bytes })
  }
}
