/**
 * The first blocks of a log: what it is, whose it is, and its two marks.
 *
 *     block 0     the frame that names the log; behind it, where it has an owner, one with that
 *     block 1, 2  the marks
 *
 * Its version says whether it has an owner, so that one that cannot be read any more is damage, and
 * never none; and whether it is of an earlier format. A log keeps what it begins with all its life: to
 * give it an owner, or the format of today, it is rewritten, see compaction.ts.
 *
 * Must never be changed in place, but for the marks.
 */
import type { Identity } from '@paxos/core'
import { ByteReader, ByteWriter } from './encoding.ts'
import { BLOCK_BYTES } from '../../files/block.ts'
import { decodeFrame, encodeFrame, FRAME_HEADER_BYTES } from './frame.ts'
import { FRAME_KIND, LOG_VERSION } from './frame.ts'

export const MARK_POSITIONS = [BLOCK_BYTES, 2 * BLOCK_BYTES] as const
export const FIRST_GROUP_POSITION = 3 * BLOCK_BYTES

const KINDS = ['log', 'decree'] as const

export interface Beginning {
  readonly id: bigint
  readonly identity: Identity | null
}

/** What block 0 of a log says that is there. */
export interface Found extends Beginning {
  /** It is from before it was saved who is admitted. */
  readonly isEarly: boolean
}

/** The blocks before the first group of a new log, whose marks say that it is empty. */
export function encodeBeginning({ id, identity }: Beginning): Uint8Array {
  const blocks = new Uint8Array(FIRST_GROUP_POSITION)
  const version = identity === null ? LOG_VERSION.unowned : LOG_VERSION.owned
  blocks.set(encodeFrame({ kind: FRAME_KIND.log, id, serial: 0, version }))
  if (identity !== null) {
    const header = { kind: FRAME_KIND.logIdentity, id, serial: 0 }
    blocks.set(encodeFrame(header, encodeIdentity(identity)), FRAME_HEADER_BYTES)
  }
  const mark = encodeFrame({ kind: FRAME_KIND.logMark, id, serial: FIRST_GROUP_POSITION })
  for (const position of MARK_POSITIONS) blocks.set(mark, position)
  return blocks
}

/** What block 0 says, or null when it is not whole. `path` names the log in errors. */
export function decodeBeginning(block: Uint8Array, path: string): Found | null {
  const log = decodeFrame(block.subarray(0, FRAME_HEADER_BYTES), path)
  if (log?.kind !== FRAME_KIND.log) return null
  const { id, version } = log
  const isEarly = version === LOG_VERSION.early || version === LOG_VERSION.earlyOwned
  if (version === LOG_VERSION.early || version === LOG_VERSION.unowned) {
    return { id, identity: null, isEarly }
  }
  const frame = decodeFrame(block.subarray(FRAME_HEADER_BYTES), path)
  if (frame?.kind !== FRAME_KIND.logIdentity || frame.id !== id) return null
  return { id, identity: decodeIdentity(frame.payload, path), isEarly }
}

function encodeIdentity({ cluster, id, incarnation, kind }: Identity): Uint8Array {
  const writer = new ByteWriter()
  writer.text(cluster, 'cluster')
  writer.text(id, 'id')
  writer.text(incarnation, 'incarnation')
  writer.byte(KINDS.indexOf(kind))
  return writer.finish()
}

function decodeIdentity(payload: Uint8Array, path: string): Identity {
  const reader = new ByteReader(payload, `The beginning of ${path}`)
  const names = { cluster: reader.text(), id: reader.text(), incarnation: reader.text() }
  const kind = KINDS[reader.byte()]
  if (kind === undefined || !reader.atEnd) return reader.fail('holds an owner of an unknown kind')
  return { ...names, kind }
}
