/**
 * What the host keeps on this engine's word, outside of its saves: snapshots that are staged, and
 * pieces of those that come in. It tells the host when the word is taken back. It must never do so
 * while the snapshot may be the one on the disk, or somebody may fetch it.
 */
import type { StagedSnapshot } from '../durability.ts'
import type { LogStep } from './effects.ts'

/** What is still of use. */
export interface InUse {
  /** Snapshots that are, or may become, the one on the disk. */
  readonly saved: () => readonly StagedSnapshot[]
  /** Those that others may fetch. */
  readonly offered: () => readonly StagedSnapshot[]
  /** Of those that come in. */
  readonly transfers: () => readonly number[]
}

/** Snapshots and transfers that the host was told of, and not yet that they are over. */
export class Staged {
  readonly #snapshots = new Map<string, StagedSnapshot>()
  readonly #transfers = new Set<number>()

  constructor(saved: readonly StagedSnapshot[]) {
    for (const staged of saved) this.add(staged)
  }

  /** The host has staged it. */
  add(staged: StagedSnapshot): void {
    this.#snapshots.set(staged.id, staged)
  }

  /** The host is given a piece of it. */
  begin(transfer: number): void {
    this.#transfers.add(transfer)
  }

  /** The host is through with it by itself. */
  end(transfer: number): void {
    this.#transfers.delete(transfer)
  }

  /** Tells the host what is over with this step. */
  release(step: LogStep, { saved, offered, transfers }: InUse): void {
    if (this.#transfers.size > 0) this.#dropTransfers(step, new Set(transfers()))
    if (this.#snapshots.size === 0) return
    const used = new Set([...saved(), ...offered()].map(({ id }) => id))
    for (const [id, staged] of this.#snapshots) {
      if (used.has(id)) continue
      this.#snapshots.delete(id)
      step.tell({ type: 'snapshot-unused', staged })
    }
  }

  #dropTransfers(step: LogStep, live: ReadonlySet<number>): void {
    for (const transfer of this.#transfers) {
      if (live.has(transfer)) continue
      this.#transfers.delete(transfer)
      step.tell({ type: 'transfer-dropped', transfer })
    }
  }
}
