/**
 * What the host keeps on this engine's word, outside of its saves: snapshots that are staged, and
 * pieces of those that come in. It tells the host when the word is taken back. It must never do so
 * while the snapshot may be the one on the disk, or somebody may fetch it.
 */
import type { StagedSnapshot } from '../durability.ts'
import type { LogAcceptor } from './acceptor.ts'
import type { CatchUp } from './catch-up.ts'
import type { LogStep } from './effects.ts'
import type { Provider } from './provider.ts'

/** Snapshots and transfers that the host was told of, and not yet that they are over. */
export class Staged {
  readonly #acceptor: Pick<LogAcceptor, 'staged'>
  readonly #provider: Pick<Provider, 'staged'>
  readonly #catchUp: Pick<CatchUp, 'transfers' | 'end'>
  readonly #snapshots = new Map<string, StagedSnapshot>()
  readonly #transfers = new Set<number>()

  constructor(
    acceptor: Pick<LogAcceptor, 'staged'>,
    provider: Pick<Provider, 'staged'>,
    catchUp: Pick<CatchUp, 'transfers' | 'end'>,
  ) {
    this.#acceptor = acceptor
    this.#provider = provider
    this.#catchUp = catchUp
    for (const staged of acceptor.staged) this.add(staged)
  }

  /** The host has staged it. */
  add(staged: StagedSnapshot): void {
    this.#snapshots.set(staged.id, staged)
  }

  /** The host is given a piece of it. */
  begin(transfer: number): void {
    this.#transfers.add(transfer)
  }

  /** The host is through with it by itself: see CatchUp.end(). */
  end(transfer: number): ReturnType<CatchUp['end']> {
    this.#transfers.delete(transfer)
    return this.#catchUp.end(transfer)
  }

  /** Tells the host what is over with this step. */
  release(step: LogStep): void {
    if (this.#transfers.size > 0) this.#dropTransfers(step)
    if (this.#snapshots.size === 0) return
    const used = new Set([...this.#acceptor.staged, ...this.#provider.staged].map(({ id }) => id))
    for (const [id, staged] of this.#snapshots) {
      if (used.has(id)) continue
      this.#snapshots.delete(id)
      step.tell({ type: 'snapshot-unused', staged })
    }
  }

  #dropTransfers(step: LogStep): void {
    const live = new Set(this.#catchUp.transfers)
    for (const transfer of this.#transfers) {
      if (live.has(transfer)) continue
      this.#transfers.delete(transfer)
      step.tell({ type: 'transfer-dropped', transfer })
    }
  }
}
