/**
 * Where a node whose state comes in pieces keeps its snapshots: on its disk, where the durability
 * adapter can; else in memory, and saved whole, as those of any other state machine. Must never hand
 * an adapter a staged snapshot that it does not hold.
 */
import { CorruptionError } from '@paxos/core'
import type { Change, Durability, SnapshotStage, SnapshotWriter, StagedSnapshot } from '@paxos/core'
import { MAX_SNAPSHOT_BYTES } from '@paxos/core/multi'
import { StateTooLargeError } from './errors.ts'
import { sourceOfAll } from './pieces.ts'
import type { Source } from './pieces.ts'

/** A durability that takes snapshots in pieces. */
export interface StagingDurability extends Durability {
  readonly snapshots: SnapshotStage
  /** The largest that it takes, as far as is known. */
  readonly maxSnapshotBytes: number
}

/** `durability` itself, if it stages snapshots; else one on top of it that does so in memory. */
export function staging(durability: Durability): StagingDurability {
  const { snapshots } = durability
  if (snapshots !== undefined) {
    return {
      snapshots,
      maxSnapshotBytes: Infinity,
      open: (owner, options) => durability.open(owner, options),
      save: (change) => durability.save(change),
      close: () => durability.close(),
    }
  }
  const stage = new MemoryStage()
  return {
    snapshots: stage,
    maxSnapshotBytes: MAX_SNAPSHOT_BYTES,
    open: (owner) => durability.open(owner),
    save: (change) => durability.save(stage.whole(change)),
    close: () => durability.close(),
  }
}

/** What is staged, for reading. */
export function sourceIn(stage: SnapshotStage, staged: StagedSnapshot): Source {
  const { byteLength } = staged
  return { byteLength, read: (offset, maxBytes) => stage.read(staged, offset, maxBytes) }
}

class MemoryStage implements SnapshotStage {
  readonly #sealed = new Map<string, readonly Uint8Array[]>()
  #made = 0

  begin(): Promise<SnapshotWriter> {
    const pieces: Uint8Array[] = []
    let byteLength = 0
    return Promise.resolve({
      append: (piece) => {
        byteLength += piece.byteLength
        if (byteLength > MAX_SNAPSHOT_BYTES) return Promise.reject(tooLarge())
        pieces.push(new Uint8Array(piece))
        return Promise.resolve()
      },
      seal: () => {
        this.#made += 1
        const id = `${this.#made}`
        this.#sealed.set(id, pieces)
        return Promise.resolve({ id, byteLength })
      },
      abandon: () => Promise.resolve(),
    })
  }

  async read(staged: StagedSnapshot, offset: number, maxBytes: number): Promise<Uint8Array> {
    return await sourceOfAll(this.#piecesOf(staged)).read(offset, maxBytes)
  }

  discard({ id }: StagedSnapshot): Promise<void> {
    this.#sealed.delete(id)
    return Promise.resolve()
  }

  /** `change` with the bytes of its snapshot in it. */
  whole(change: Change): Change {
    const { snapshot } = change
    if (snapshot?.staged === undefined) return change
    const { staged, ...rest } = snapshot
    return { ...change, snapshot: { ...rest, bytes: joined(this.#piecesOf(staged)) } }
  }

  #piecesOf({ id }: StagedSnapshot): readonly Uint8Array[] {
    const pieces = this.#sealed.get(id)
    if (pieces === undefined) throw gone()
    return pieces
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

function tooLarge(): StateTooLargeError {
  return new StateTooLargeError(
    `A snapshot of the state takes more than ${MAX_SNAPSHOT_BYTES} bytes, which is what this ` +
      'durability adapter takes. Use one that stages snapshots, or delete some of the state.',
  )
}

function gone(): CorruptionError {
  return new CorruptionError('A snapshot was discarded while it was needed. Start the node again.')
}
