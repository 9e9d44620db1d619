/**
 * Reads the groups of a log one after the other, through a window so that small groups cost no
 * system call each. Stops at the first thing that is not the whole next group; what that means is
 * for its caller to say. Must never return a group out of order or of another log.
 */
import type { OpenFile } from './file-system.ts'
import { announcedPayloadBytes, decodeFrame, encodeFrame } from './frame.ts'
import { FRAME_HEADER_BYTES, FRAME_KIND } from './frame.ts'
import { MAX_GROUP_BYTES, READ_WINDOW_BYTES } from './limits.ts'

/** All frames of one kind in one file begin with the same bytes: those before the serial. */
const SAME_BYTES = 16

/** One group as it is on disk. */
export interface Group {
  /** Where its payload begins in the file. */
  readonly position: number
  /** A view that is good until the next group is read. */
  readonly payload: Uint8Array
}

export class GroupReader {
  readonly #file: OpenFile
  readonly #id: bigint
  #end: number
  #serial = 1
  #window: Uint8Array = new Uint8Array(0)
  #windowPosition = 0

  constructor(file: OpenFile, id: bigint, position: number) {
    this.#file = file
    this.#id = id
    this.#end = position
  }

  /** Behind the last group that was read. */
  get end(): number {
    return this.#end
  }

  /** That of the group which would be next. */
  get serial(): number {
    return this.#serial
  }

  /** The next group, or null when there is no whole one that ends at or before `limit`. */
  async next(limit: number): Promise<Group | null> {
    const header = await this.#view(this.#end, FRAME_HEADER_BYTES, limit)
    const payloadBytes = announcedPayloadBytes(header)
    if (payloadBytes === null || payloadBytes > MAX_GROUP_BYTES) return null
    const bytes = await this.#view(this.#end, FRAME_HEADER_BYTES + payloadBytes, limit)
    const frame = decodeFrame(bytes, this.#file.path)
    if (frame?.kind !== FRAME_KIND.group || frame.id !== this.#id) return null
    if (frame.serial !== this.#serial) return null
    const position = this.#end + FRAME_HEADER_BYTES
    this.#end += bytes.byteLength
    this.#serial += 1
    return { position, payload: frame.payload }
  }

  /** Shorter than asked for where the limit or the file ends. */
  async #view(position: number, length: number, limit: number): Promise<Uint8Array> {
    const wanted = Math.min(length, limit - position)
    const offset = position - this.#windowPosition
    if (offset < 0 || offset + wanted > this.#window.byteLength) {
      const ahead = Math.min(Math.max(wanted, READ_WINDOW_BYTES), limit - position)
      this.#window = await this.#file.read(position, ahead)
      this.#windowPosition = position
      return this.#window.subarray(0, wanted)
    }
    return this.#window.subarray(offset, offset + wanted)
  }
}

/**
 * Whether a group of this log, later than that of `serial`, is whole somewhere behind `from`. Its
 * place is not known, for the length of what is before it may be what is damaged.
 */
export async function hasLaterGroup(
  file: OpenFile,
  { id, from, serial }: { readonly id: bigint; readonly from: number; readonly serial: number },
): Promise<boolean> {
  const beginning = encodeFrame({ kind: FRAME_KIND.group, id, serial }).subarray(0, SAME_BYTES)
  let position = from
  for (;;) {
    const window = Buffer.from(await file.read(position, READ_WINDOW_BYTES))
    if (window.byteLength < FRAME_HEADER_BYTES) return false
    let found = window.indexOf(beginning)
    for (; found >= 0; found = window.indexOf(beginning, found + 1)) {
      if (await isLaterGroup(file, position + found, serial)) return true
    }
    // The next window overlaps this one by less than what is looked for.
    position += window.byteLength - beginning.byteLength + 1
  }
}

async function isLaterGroup(file: OpenFile, position: number, serial: number): Promise<boolean> {
  const header = await file.read(position, FRAME_HEADER_BYTES)
  const payloadBytes = announcedPayloadBytes(header)
  if (payloadBytes === null || payloadBytes > MAX_GROUP_BYTES) return false
  const frame = decodeFrame(await file.read(position, header.length + payloadBytes), file.path)
  return frame !== null && frame.serial > serial
}
