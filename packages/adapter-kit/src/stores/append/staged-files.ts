/**
 * Snapshots that are staged: each in a file like those that are saved whole, under a name of its own,
 * which is garbage until the log refers to it. Once it does, and another one takes its place, the file
 * stays until it is discarded, or the next open, for it may still be read.
 *
 * Must never remove a file that the log refers to, or that a save is about to name.
 */
import { CorruptionError, InvalidArgumentError } from '@paxos/core'
import type { SnapshotStage, SnapshotWriter, StagedSnapshot } from '@paxos/core'
import { join } from 'node:path'
import { MAX_STAGED_BYTES } from '../limits.ts'
import { requireAtMost, requireBytes } from '../values.ts'
import type { FileSystem } from './file-system.ts'
import { newId } from './frame.ts'
import { CACHED_PIECES, SNAPSHOT_PIECE_BYTES } from './limits.ts'
import { readSnapshotPiece, SnapshotFile, snapshotName } from './snapshot-file.ts'

const ID = /^[0-9a-f]{16}$/

/** The staged snapshots of one store. */
export class StagedFiles implements SnapshotStage {
  readonly #fs: FileSystem
  readonly #directory: string
  /** How an error of the medium is told. */
  readonly #explain: (error: unknown) => Error
  readonly #writing = new Set<SnapshotFile>()
  /** Sealed, and not discarded: by their id, their length. */
  readonly #kept = new Map<bigint, number>()
  /** The log refers to these, or a save is about to have it do so. */
  readonly #named = new Set<bigint>()
  /** Those that were read last, the newest at the end. */
  readonly #cached: { readonly id: bigint; readonly serial: number; readonly piece: Uint8Array }[] =
    []
  #isClosed = false

  constructor(fs: FileSystem, directory: string, explain: (error: unknown) => Error) {
    this.#fs = fs
    this.#directory = directory
    this.#explain = explain
  }

  begin(): Promise<SnapshotWriter> {
    return this.#attempt(async () => {
      this.#requireOpen()
      const file = await SnapshotFile.create(this.#fs, this.#directory, newId())
      this.#writing.add(file)
      return {
        append: (piece) => this.#attempt(() => this.#append(file, piece)),
        seal: () => this.#attempt(() => this.#seal(file)),
        abandon: () => this.#attempt(() => this.#abandon(file)),
      }
    })
  }

  read(staged: StagedSnapshot, offset: number, maxBytes: number): Promise<Uint8Array> {
    return this.#attempt(async () => {
      const [id, length] = [idOf(staged), staged.byteLength]
      if (this.#kept.get(id) !== length) throw gone(this.#directory, id)
      const end = Math.min(offset + maxBytes, length)
      const parts: Uint8Array[] = []
      for (let at = offset; at < end;) {
        const index = Math.floor(at / SNAPSHOT_PIECE_BYTES)
        const piece = await this.#piece(id, length, index + 1)
        const start = index * SNAPSHOT_PIECE_BYTES
        const part = piece.subarray(at - start, end - start)
        parts.push(part)
        at += part.byteLength
      }
      return whole(parts)
    })
  }

  discard(staged: StagedSnapshot): Promise<void> {
    return this.#attempt(async () => {
      const id = idOf(staged)
      const isKept = this.#kept.delete(id)
      if (isKept && !this.#named.has(id)) await this.#remove(id)
    })
  }

  /** The log refers to it, as it was opened. */
  found(staged: StagedSnapshot): void {
    const id = idOf(staged)
    this.#kept.set(id, staged.byteLength)
    this.#named.add(id)
  }

  /** A save is about to name it. Throws InvalidArgumentError where it is not there. */
  name(staged: StagedSnapshot): bigint {
    const id = idOf(staged)
    if (this.#kept.get(id) !== staged.byteLength) {
      throw new InvalidArgumentError(
        `No snapshot of ${staged.byteLength} bytes is staged as ${staged.id}. Seal it first.`,
      )
    }
    this.#named.add(id)
    return id
  }

  /** The log does not refer to it any more. Says whether its file may be removed. */
  superseded(id: bigint): boolean {
    this.#named.delete(id)
    return !this.#kept.has(id)
  }

  /** What is not sealed is given up. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cached.length = 0
    for (const file of this.#writing) await this.#abandon(file).catch(() => undefined)
  }

  async #append(file: SnapshotFile, piece: Uint8Array): Promise<void> {
    this.#requireWriting(file)
    requireBytes(piece, 'The piece')
    requireAtMost('The snapshot', file.length + piece.byteLength, MAX_STAGED_BYTES)
    await file.append(piece)
  }

  async #seal(file: SnapshotFile): Promise<StagedSnapshot> {
    this.#requireWriting(file)
    await file.seal()
    this.#requireWriting(file)
    this.#writing.delete(file)
    await file.close()
    this.#kept.set(file.id, file.length)
    return { id: textOf(file.id), byteLength: file.length }
  }

  async #abandon(file: SnapshotFile): Promise<void> {
    if (!this.#writing.delete(file)) return
    try {
      await file.close()
    } finally {
      await this.#remove(file.id)
    }
  }

  async #piece(id: bigint, length: number, serial: number): Promise<Uint8Array> {
    const cached = this.#cached.find((each) => each.id === id && each.serial === serial)
    if (cached !== undefined) return cached.piece
    const piece = await readSnapshotPiece(this.#fs, this.#directory, { id, length }, serial)
    this.#cached.push({ id, serial, piece })
    if (this.#cached.length > CACHED_PIECES) this.#cached.shift()
    return piece
  }

  async #remove(id: bigint): Promise<void> {
    await this.#fs.remove(join(this.#directory, snapshotName(id)))
  }

  #requireWriting(file: SnapshotFile): void {
    this.#requireOpen()
    if (this.#writing.has(file)) return
    throw new InvalidArgumentError('The snapshot was sealed or abandoned. Begin another one.')
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new InvalidArgumentError('The store is closed. Open it again.')
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.#explain(error)
    }
  }
}

/** One part is not copied: who sends it on or restores it makes a copy of its own anyway. */
function whole(parts: readonly Uint8Array[]): Uint8Array {
  const [first = new Uint8Array(), ...others] = parts
  return others.length === 0 ? first : new Uint8Array(Buffer.concat(parts))
}

/** What is told of the snapshot in the file with that id. */
export function stagedAs(id: bigint, byteLength: number): StagedSnapshot {
  return { id: textOf(id), byteLength }
}

function textOf(id: bigint): string {
  return id.toString(16).padStart(16, '0')
}

function idOf({ id }: StagedSnapshot): bigint {
  if (ID.test(id)) return BigInt(`0x${id}`)
  throw new InvalidArgumentError(`${JSON.stringify(id)} names no staged snapshot of this store.`)
}

function gone(directory: string, id: bigint): CorruptionError {
  return new CorruptionError(
    `${snapshotName(id)} in ${directory} is not there any more, and was to be read. Start the node again.`,
  )
}
