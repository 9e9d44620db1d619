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
import type { FileSystem } from './file-system.ts'
import { decodeFrame, encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND } from './frame.ts'
import { SNAPSHOT_PIECE_BYTES } from './limits.ts'
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
  const file = await fs.open(join(directory, snapshotName(id)), 'create')
  try {
    let position = 0
    for (let serial = 1; serial <= pieceCount(bytes.byteLength); serial += 1) {
      const start = (serial - 1) * SNAPSHOT_PIECE_BYTES
      const piece = bytes.subarray(start, start + SNAPSHOT_PIECE_BYTES)
      const frame = encodeFrame({ kind: FRAME_KIND.snapshot, id, serial }, piece)
      await file.write(position, frame)
      position += frame.byteLength
    }
    await file.sync()
  } finally {
    await file.close()
  }
  await fs.syncDirectory(directory)
}

/** Rejects with CorruptionError unless the file is there, whole and the right one. */
export async function readSnapshot(
  fs: FileSystem,
  directory: string,
  reference: SnapshotReference,
): Promise<Uint8Array> {
  const name = snapshotName(reference.id)
  if (!(await fs.list(directory)).includes(name)) throw damaged(directory, name, 'is missing')
  const file = await fs.open(join(directory, name), 'existing')
  try {
    // Before room is made for them: a file that was cut short does not have that many.
    const least = reference.length + pieceCount(reference.length) * FRAME_HEADER_BYTES
    if ((await file.size()) < least) throw damaged(directory, name, 'is not whole')
    const bytes = new Uint8Array(reference.length)
    let position = 0
    for (let serial = 1; serial <= pieceCount(bytes.byteLength); serial += 1) {
      const start = (serial - 1) * SNAPSHOT_PIECE_BYTES
      const pieceBytes = Math.min(SNAPSHOT_PIECE_BYTES, bytes.byteLength - start)
      const read = await file.read(position, FRAME_HEADER_BYTES + pieceBytes)
      const frame = decodeFrame(read, file.path)
      const right =
        frame?.kind === FRAME_KIND.snapshot &&
        frame.id === reference.id &&
        frame.serial === serial &&
        frame.payload.byteLength === pieceBytes
      if (!right) throw damaged(directory, name, 'is not whole')
      bytes.set(frame.payload, start)
      position += read.byteLength
    }
    return bytes
  } finally {
    await file.close()
  }
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
