/**
 * When a node takes a snapshot of its state, and what is told of it. While a state machine writes its
 * state down the node can do nothing else, be it for seconds. So it says first all that it has to say,
 * and a leader what is chosen: then all nodes come to the same slot, stand still at the same time, and
 * none of them misses another. Must never have two of its own on their way to the disk: another one
 * would pile up behind the first.
 */
import type { Slot, StagedSnapshot } from '@paxos/core'
import type { TakenSnapshot } from './applier.ts'
import type { Clock } from './clock.ts'
import { SNAPSHOT_AFTER_MS } from './limits.ts'
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
  /**
   * Where the state comes in pieces: takes one while commands are applied. Resolves with `null` when it
   * was given up; never rejects.
   */
  readonly take?: (() => Promise<TakenSnapshot | null>) | undefined
  readonly clock: Clock
  /** Tells the others what is chosen, where this node leads. */
  readonly announce: () => void
  /** Hands a snapshot to the engine, which saves it. */
  readonly save: (taken: Exclude<TakenSnapshot, { readonly error: Error }>) => void
  readonly metrics: Metrics
  readonly logger: Logger
  readonly tell: (notice: SnapshotNotice) => void
}

/** The snapshots of one node. */
export class Snapshots {
  readonly #options: SnapshotsOptions
  #isSaving = false
  /** The staged one on its way, by its id. */
  #staged: string | null = null
  #cancel: (() => void) | null = null

  constructor(options: SnapshotsOptions) {
    this.#options = options
  }

  /** The one on its way is on the disk. */
  saved(): void {
    this.#isSaving = false
    this.#staged = null
  }

  /** It is on no disk, nor will be: another node's stands for more, and came first. */
  unused({ id }: StagedSnapshot): void {
    if (id === this.#staged) this.saved()
  }

  /** Takes one soon, when enough was applied since the last. */
  takeIfDue(): void {
    const { applier, clock, announce } = this.#options
    if (!applier.wantsSnapshot || this.#isSaving || this.#cancel !== null) return
    this.#cancel = clock.schedule(SNAPSHOT_AFTER_MS, () => {
      this.#cancel = null
      if (applier.wantsSnapshot && !this.#isSaving) this.#take()
    })
    announce()
  }

  /** None is taken any more, but for measure(). */
  stop(): void {
    this.#cancel?.()
    this.#cancel = null
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
    const { applier, take } = this.#options
    if (take === undefined) return this.#took(applier.takeSnapshot())
    this.#isSaving = true
    void this.#takeInPieces(take)
  }

  async #takeInPieces(take: () => Promise<TakenSnapshot | null>): Promise<void> {
    const taken = await take()
    this.#isSaving = false
    if (taken !== null) this.#took(taken)
  }

  #took(taken: TakenSnapshot): void {
    const { save, metrics, logger, tell } = this.#options
    const { through } = taken
    if ('error' in taken) {
      const { error } = taken
      metrics.counter('paxos.snapshots.failed', 1)
      logger.error('no snapshot can be taken; the log is kept instead', { through, error })
      return tell({ type: 'snapshot-failed', through, error })
    }
    this.#isSaving = true
    this.#staged = 'staged' in taken ? taken.staged.id : null
    const bytes = 'staged' in taken ? taken.staged.byteLength : taken.bytes.byteLength
    save(taken)
    metrics.counter('paxos.snapshots.taken', 1)
    logger.debug('snapshot taken', { through, bytes })
    tell({ type: 'snapshot-taken', through, bytes })
  }
}
