/**
 * What one adapter has staged, in memory: it goes with the adapter, but for what a save has named, whose
 * bytes are then on the disk. Must never share bytes with whoever appends or reads.
 */
import { CorruptionError, InvalidArgumentError } from '@paxos/core'
import type { Change, SnapshotStage, SnapshotWriter, StagedSnapshot } from '@paxos/core'

/** The staged snapshots of one adapter. */
export class MemoryStage implements SnapshotStage {
  readonly #sync: () => Promise<void>
  /** Sealed, and not discarded. */
  readonly #kept = new Map<string, Uint8Array>()
  /** That which was saved last. */
  #current: string | null = null
  #made = 0

  /** `sync` resolves when what was written before would survive power loss. */
  constructor(sync: () => Promise<void>) {
    this.#sync = sync
  }

  begin(): Promise<SnapshotWriter> {
    const pieces: Uint8Array[] = []
    let isOver = false
    const requireBegun = (): void => {
      if (isOver) throw new InvalidArgumentError('The snapshot was sealed. Begin another one.')
    }
    return Promise.resolve({
      append: async (piece) => {
        requireBegun()
        pieces.push(new Uint8Array(piece))
        await Promise.resolve()
      },
      seal: async () => {
        requireBegun()
        isOver = true
        await this.#sync()
        return this.#keep(joined(pieces))
      },
      abandon: async () => {
        isOver = true
        pieces.length = 0
        await Promise.resolve()
      },
    })
  }

  async read(staged: StagedSnapshot, offset: number, maxBytes: number): Promise<Uint8Array> {
    const bytes = this.#kept.get(staged.id)
    if (bytes !== undefined) return await Promise.resolve(bytes.slice(offset, offset + maxBytes))
    throw new CorruptionError('The snapshot was discarded, or never sealed here. Take another one.')
  }

  async discard({ id }: StagedSnapshot): Promise<void> {
    if (id !== this.#current) this.#kept.delete(id)
    await Promise.resolve()
  }

  /** What was on the disk as it was opened. */
  saved(bytes: Uint8Array): StagedSnapshot {
    const staged = this.#keep(bytes)
    this.#current = staged.id
    return staged
  }

  /** `change` with the bytes of its snapshot in it. Throws InvalidArgumentError where they are not here. */
  whole(change: Change): Change {
    const { snapshot } = change
    if (snapshot?.staged === undefined) return change
    const { staged, ...rest } = snapshot
    const bytes = this.#kept.get(staged.id)
    if (bytes?.byteLength !== staged.byteLength) {
      throw new InvalidArgumentError(
        `No snapshot of ${staged.byteLength} bytes is staged as ${staged.id}. Seal it first.`,
      )
    }
    this.#current = staged.id
    return { ...change, snapshot: { ...rest, bytes } }
  }

  #keep(bytes: Uint8Array): StagedSnapshot {
    this.#made += 1
    const id = `${this.#made}`
    this.#kept.set(id, bytes)
    return { id, byteLength: bytes.byteLength }
  }
}

/** `pieces` as one. */
function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0))
  let end = 0
  for (const piece of pieces) {
    bytes.set(piece, end)
    end += piece.byteLength
  }
  return bytes
}
