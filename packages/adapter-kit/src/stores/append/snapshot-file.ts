/**
 * A snapshot's bytes, in a file of their own: the log only refers to it. The file is written and
 * synced whole before the log does so, under a name that was never used before; it is removed only
 * after the log has made durable that it refers to another one. So no crash leaves a reference
 * without its file, and a file without a reference is garbage, which the next open removes.
 *
 * Must never change a file that the log refers to.
 */
import { CorruptionError } from '@paxos/core'
import { join } from 'node:path'
import { damagedMessage } from '../failure.ts'
import type { FileSystem, OpenFile } from './file-system.ts'
import { completeFrame, decodeFrame, FRAME_HEADER_BYTES, FRAME_KIND } from './frame.ts'
import { SNAPSHOT_PIECE_BYTES, SYNC_AFTER_PIECES } from './limits.ts'
import type { SnapshotReference } from './record.ts'

const SNAPSHOT_NAME = /^snapshot-[0-9a-f]{16}$/

export function isSnapshotName(name: string): boolean {
  return SNAPSHOT_NAME.test(name)
}

export function snapshotName(id: bigint): string {
  return `snapshot-${id.toString(16).padStart(16, '0')}`
}

/** The file of snapshot `id` is on disk, and in its directory, when this resolves. */
export async function writeSnapshot(
  fs: FileSystem,
  directory: string,
  id: bigint,
  bytes: Uint8Array,
): Promise<void> {
  const file = await SnapshotFile.create(fs, directory, id)
  try {
    await file.append(bytes)
    await file.seal()
  } finally {
    await file.close()
  }
}

/** The file of a snapshot while it is written. What is appended are its bytes, cut in any way. */
export class SnapshotFile {
  readonly id: bigint
  readonly #fs: FileSystem
  readonly #directory: string
  readonly #file: OpenFile
  /** For one frame after the other, each of which is written before the next is begun. */
  readonly #frame = new Uint8Array(FRAME_HEADER_BYTES + SNAPSHOT_PIECE_BYTES)
  /** What is not written yet stands behind the room for the header: so much of a piece. */
  #restBytes = 0
  #serial = 0
  #position = 0
  #length = 0

  private constructor(fs: FileSystem, directory: string, id: bigint, file: OpenFile) {
    this.#fs = fs
    this.#directory = directory
    this.id = id
    this.#file = file
  }

  static async create(fs: FileSystem, directory: string, id: bigint): Promise<SnapshotFile> {
    const file = await fs.open(join(directory, snapshotName(id)), 'create')
    return new SnapshotFile(fs, directory, id, file)
  }

  /** How many bytes were appended. */
  get length(): number {
    return this.#length
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#length += bytes.byteLength
    for (let offset = 0; offset < bytes.byteLength;) {
      const part = bytes.subarray(offset, offset + SNAPSHOT_PIECE_BYTES - this.#restBytes)
      this.#frame.set(part, FRAME_HEADER_BYTES + this.#restBytes)
      this.#restBytes += part.byteLength
      offset += part.byteLength
      if (this.#restBytes === SNAPSHOT_PIECE_BYTES) await this.#writePiece()
    }
  }

  /** It is on disk, and in its directory, when this resolves. */
  async seal(): Promise<void> {
    // Even an empty one has a piece.
    if (this.#restBytes > 0 || this.#serial === 0) await this.#writePiece()
    await this.#file.sync()
    await this.#fs.syncDirectory(this.#directory)
  }

  /** To be called once, whatever has happened to it. */
  async close(): Promise<void> {
    await this.#file.close()
  }

  async #writePiece(): Promise<void> {
    this.#serial += 1
    const frame = this.#frame.subarray(0, FRAME_HEADER_BYTES + this.#restBytes)
    completeFrame({ kind: FRAME_KIND.snapshot, id: this.id, serial: this.#serial }, frame)
    await this.#file.write(this.#position, frame)
    this.#restBytes = 0
    this.#position += frame.byteLength
    // Else the last sync would have all of it to write, and what others sync would wait for that.
    if (this.#serial % SYNC_AFTER_PIECES === 0) await this.#file.sync()
  }
}

/** Rejects with CorruptionError unless the file is there, whole and the right one. */
export async function readSnapshot(
  fs: FileSystem,
  directory: string,
  reference: SnapshotReference,
): Promise<Uint8Array> {
  const file = await openSnapshot(fs, directory, reference)
  try {
    const bytes = new Uint8Array(reference.length)
    for (let serial = 1; serial <= pieceCount(bytes.byteLength); serial += 1) {
      const piece = await readPiece(file, directory, reference, serial)
      bytes.set(piece, (serial - 1) * SNAPSHOT_PIECE_BYTES)
    }
    return bytes
  } finally {
    await file.close()
  }
}

/** The piece with that serial, from 1 on. Rejects as readSnapshot() does. */
export async function readSnapshotPiece(
  fs: FileSystem,
  directory: string,
  reference: Pick<SnapshotReference, 'id' | 'length'>,
  serial: number,
): Promise<Uint8Array> {
  const file = await openSnapshot(fs, directory, reference)
  try {
    return await readPiece(file, directory, reference, serial)
  } finally {
    await file.close()
  }
}

/** Rejects with CorruptionError where the file is missing, or cut short. */
export async function requireSnapshot(
  fs: FileSystem,
  directory: string,
  reference: SnapshotReference,
): Promise<void> {
  const file = await openSnapshot(fs, directory, reference)
  await file.close()
}

async function openSnapshot(
  fs: FileSystem,
  directory: string,
  { id, length }: Pick<SnapshotReference, 'id' | 'length'>,
): Promise<OpenFile> {
  const name = snapshotName(id)
  if (!(await fs.list(directory)).includes(name)) throw damaged(directory, name, 'is missing')
  const file = await fs.open(join(directory, name), 'existing')
  try {
    // Before room is made for them: a file that was cut short does not have that many.
    const least = length + pieceCount(length) * FRAME_HEADER_BYTES
    if ((await file.size()) < least) throw damaged(directory, name, 'is not whole')
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

async function readPiece(
  file: OpenFile,
  directory: string,
  { id, length }: Pick<SnapshotReference, 'id' | 'length'>,
  serial: number,
): Promise<Uint8Array> {
  const start = (serial - 1) * SNAPSHOT_PIECE_BYTES
  const pieceBytes = Math.min(SNAPSHOT_PIECE_BYTES, length - start)
  const position = start + (serial - 1) * FRAME_HEADER_BYTES
  const frame = decodeFrame(await file.read(position, FRAME_HEADER_BYTES + pieceBytes), file.path)
  const right =
    frame?.kind === FRAME_KIND.snapshot &&
    frame.id === id &&
    frame.serial === serial &&
    frame.payload.byteLength === pieceBytes
  if (!right) throw damaged(directory, snapshotName(id), 'is not whole')
  return frame.payload
}

/** Even an empty snapshot has a piece, so that its file says what it is. */
function pieceCount(length: number): number {
  return Math.max(1, Math.ceil(length / SNAPSHOT_PIECE_BYTES))
}

function damaged(directory: string, name: string, what: string): CorruptionError {
  return new CorruptionError(
    damagedMessage(`${name} in ${directory} ${what}, and the log refers to it`),
  )
}
