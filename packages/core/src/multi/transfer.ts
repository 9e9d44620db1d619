/**
 * A snapshot that comes in piece by piece, all of one node: snapshots of different nodes stand for
 * the same slots, and need not have the same bytes. It must never allocate on the word of a header,
 * nor take a piece that is not the next.
 */
import type { Ballot } from '../ballot.ts'
import type { Slot, Snapshot } from '../durability.ts'
import { MAX_MEMBERS, MAX_SNAPSHOT_BYTES } from './limits.ts'
import type { SnapshotChunkMessage } from './messages.ts'

/** A snapshot that came in whole, and the ballot that must be promised with it. */
export interface Fetched {
  readonly snapshot: Snapshot
  readonly ballot: Ballot
}

/** One snapshot on its way. */
export class Transfer {
  readonly through: Slot
  readonly #ballot: Ballot
  readonly #said: Pick<Snapshot, 'members' | 'configuration'>
  readonly #totalBytes: number
  readonly #parts: Uint8Array[] = []
  #received = 0

  /** `first` is its first piece, which take() has still to be given. */
  constructor({ through, ballot, members, configuration, totalBytes }: SnapshotChunkMessage) {
    this.through = through
    this.#ballot = ballot
    this.#said = configuration === undefined ? { members } : { members, configuration }
    this.#totalBytes = totalBytes
  }

  /** How much of it has come in. */
  get received(): number {
    return this.#received
  }

  /** Whether `chunk` was the next piece; then it is part of this. */
  take({ through, totalBytes, offset, bytes }: SnapshotChunkMessage): boolean {
    const isSame = through === this.through && totalBytes === this.#totalBytes
    if (!isSame || offset !== this.#received) return false
    this.#parts.push(bytes)
    this.#received += bytes.length
    return true
  }

  /** The snapshot; `null` while a piece is missing. */
  get whole(): Fetched | null {
    if (this.#received < this.#totalBytes) return null
    const bytes = new Uint8Array(this.#received)
    let position = 0
    for (const part of this.#parts) {
      bytes.set(part, position)
      position += part.length
    }
    const { through } = this
    return { snapshot: { through, ...this.#said, bytes }, ballot: this.#ballot }
  }
}

/** Whether a chunk can be a piece of a snapshot that this node would take. */
export function isPiece({ bytes, offset, totalBytes, members }: SnapshotChunkMessage): boolean {
  if (totalBytes > MAX_SNAPSHOT_BYTES || members.length > MAX_MEMBERS) return false
  const isProgress = bytes.length > 0 || totalBytes === 0
  return isProgress && offset + bytes.length <= totalBytes
}
