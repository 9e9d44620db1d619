/**
 * A snapshot that comes in piece by piece, all of one node: snapshots of different nodes stand for
 * the same slots, and need not have the same bytes. Its pieces are gathered here, or the host keeps
 * them, one after the other. It must never allocate on the word of a header, nor take a piece that is
 * not the next.
 */
import type { Ballot } from '../ballot.ts'
import type { Slot, Snapshot } from '../durability.ts'
import { MAX_MEMBERS } from './limits.ts'
import type { SnapshotChunkMessage } from './messages.ts'

/** A snapshot that came in whole, and the ballot that must be promised with it. */
export interface Fetched {
  readonly snapshot: Snapshot
  readonly ballot: Ballot
}

/** What a snapshot is before its bytes. */
export type Said = Pick<Snapshot, 'through' | 'members' | 'configuration'>

/** One snapshot on its way. */
export class Transfer {
  /** Which one it is, where the host keeps the pieces; `null` where they are gathered here. */
  readonly id: number | null
  readonly through: Slot
  readonly #ballot: Ballot
  readonly #said: Pick<Snapshot, 'members' | 'configuration'>
  readonly #totalBytes: number
  readonly #parts: Uint8Array[] = []
  #received = 0
  /** The host has not said yet that it keeps what it was given last. */
  #isBusy = false

  /** `first` is its first piece, which take() has still to be given. */
  constructor(first: SnapshotChunkMessage, id: number | null) {
    const { through, ballot, members, configuration, totalBytes } = first
    this.id = id
    this.through = through
    this.#ballot = ballot
    this.#said = configuration === undefined ? { members } : { members, configuration }
    this.#totalBytes = totalBytes
  }

  /** How much of it has come in. */
  get received(): number {
    return this.#received
  }

  /** Whether no further piece may be asked for: the host has its hands full, or has them all. */
  get isBusy(): boolean {
    return this.#isBusy
  }

  /** Whether no piece is missing. */
  get isComplete(): boolean {
    return this.#received >= this.#totalBytes
  }

  get ballot(): Ballot {
    return this.#ballot
  }

  /** What it is a snapshot of. */
  get said(): Said {
    return { through: this.through, ...this.#said }
  }

  /** Whether `chunk` was the next piece; then it is part of this. */
  take({ through, totalBytes, offset, bytes }: SnapshotChunkMessage): boolean {
    const isSame = through === this.through && totalBytes === this.#totalBytes
    if (!isSame || offset !== this.#received || this.#isBusy) return false
    this.#isBusy = this.id !== null
    if (this.id === null) this.#parts.push(bytes)
    this.#received += bytes.length
    return true
  }

  /** The host keeps the piece that it was given. After the last one it has the whole to look at. */
  kept(): void {
    this.#isBusy = this.isComplete
  }

  /** The snapshot, where it is gathered here; `null` while a piece is missing. */
  get whole(): Fetched | null {
    if (!this.isComplete || this.id !== null) return null
    const bytes = new Uint8Array(this.#received)
    let position = 0
    for (const part of this.#parts) {
      bytes.set(part, position)
      position += part.length
    }
    return { snapshot: { ...this.said, bytes }, ballot: this.#ballot }
  }
}

/** Whether a chunk can be a piece of a snapshot of at most `maxBytes`. */
export function isPiece(
  { bytes, offset, totalBytes, members }: SnapshotChunkMessage,
  maxBytes: number,
): boolean {
  if (totalBytes > maxBytes || members.length > MAX_MEMBERS) return false
  const isProgress = bytes.length > 0 || totalBytes === 0
  return isProgress && offset + bytes.length <= totalBytes
}
