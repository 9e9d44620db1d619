/**
 * An append-only log in one file: groups of records that are each durable as a whole, in order,
 * with one sync a group.
 *
 *     block 0     the frame that names the log
 *     block 1, 2  two marks, written in turn: "everything before position p is durable"
 *     block 3     the groups, end to end
 *
 * A group is written behind the last one together with a mark that covers the groups before it, and
 * one sync makes both durable. So every group but the last is under a mark. The last one's mark is
 * written as soon as nothing else is to be written, and synced a little later or by the next group.
 *
 *     crash in                   what may be torn               recovery keeps
 *     appending group n          group n, the mark of n - 1     up to n - 1, or up to n if whole
 *     the late mark of n         the mark of n                  up to n
 *     the file's beginning       nothing: it gets its name when it is whole and synced
 *
 * Recovery takes the higher mark that is whole. Every group before it must be whole, else that is
 * CorruptionError; the first thing behind it that is no group is where the last write was torn, and
 * is cut off. Where a mark is not whole, at least one group behind the other mark must be.
 *
 * (a) A crash is never taken for damage. What is under a mark was synced before the mark was
 * written and is never written again. Between two mark writes there is always a sync, so at most
 * one mark is torn; it was to cover a group that was synced and that the other mark does not cover,
 * so that group is whole.
 *
 * (b) Damage under the newest mark is always reported, whatever its kind (bits, blocks, a file that
 * became shorter), and damage to marks is harmless or reported: the newest mark names the end of
 * the last group, and if it is itself damaged the rule for a mark that is not whole asks for that
 * group.
 *
 * What stays undetected: damage to the last group before its mark is on disk. To see that, a
 * second sync before answering would be needed, as with DurableObject: with one sync, "synced and
 * then damaged" and "torn in writing" leave the same bytes. The mark is handed to the system at
 * once, so the death of the process does not widen the gap; it takes a power cut within
 * SYNC_MARK_AFTER_MS of the last save, and a disk that loses what it had reported as synced.
 * A whole directory that is put back in time is not detected either.
 *
 * Must never write over what is under a mark, nor go on after a write or a sync that failed.
 */
import { CorruptionError } from '@paxos/core'
import { BLOCK_BYTES, type FileSystem, type OpenFile } from './file-system.ts'
import { decodeFrame, encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND, newId } from './frame.ts'
import { GroupReader, type Group } from './group-reader.ts'

const MARK_POSITIONS = [BLOCK_BYTES, 2 * BLOCK_BYTES] as const
const FIRST_GROUP_POSITION = 3 * BLOCK_BYTES

/** What is to be known of a log to go on with it. */
interface Progress {
  readonly id: bigint
  /** Where the next group goes, and its serial. */
  readonly end: number
  readonly serial: number
  /** What the newest mark says, and which one is to be written next. */
  readonly marked: number
  readonly nextMark: 0 | 1
}

export class Log {
  readonly #file: OpenFile
  readonly #id: bigint
  #end: number
  #serial: number
  #durable: number
  #marked: number
  #nextMark: 0 | 1
  /** A mark that is being written; whoever writes or syncs next waits for it. */
  #lateMark: Promise<unknown> | null = null

  private constructor(file: OpenFile, progress: Progress) {
    this.#file = file
    this.#id = progress.id
    this.#end = progress.end
    this.#serial = progress.serial
    this.#durable = progress.end
    this.#marked = progress.marked
    this.#nextMark = progress.nextMark
  }

  /** An empty log at `path`, replacing what is there. It is not durable before `seal`. */
  static async create(fs: FileSystem, path: string): Promise<Log> {
    const file = await fs.open(path, 'create')
    try {
      const id = newId()
      const end = FIRST_GROUP_POSITION
      const beginning = new Uint8Array(end)
      const mark = encodeFrame({ kind: FRAME_KIND.logMark, id, serial: end })
      beginning.set(encodeFrame({ kind: FRAME_KIND.log, id, serial: 0 }))
      for (const position of MARK_POSITIONS) beginning.set(mark, position)
      await file.write(0, beginning)
      return new Log(file, { id, end, serial: 1, marked: end, nextMark: 0 })
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /**
   * The log at `path`. `visit` sees every group in order; all of them are durable when this
   * resolves. Rejects with CorruptionError as described above.
   */
  static async open(fs: FileSystem, path: string, visit: (group: Group) => void): Promise<Log> {
    const file = await fs.open(path, 'existing')
    try {
      const log = new Log(file, await recover(file, visit))
      await log.seal()
      return log
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Where the next group goes, in bytes. */
  get end(): number {
    return this.#end
  }

  /** Everything before this position has been synced. */
  get durable(): number {
    return this.#durable
  }

  /** Adds a group that is durable when this resolves. Returns where its payload is. */
  async append(records: readonly Uint8Array[]): Promise<number> {
    const [position] = await Promise.all([this.write(records), this.mark()])
    await this.sync()
    return position
  }

  /** Adds a group that is not durable before `seal`: for a log that nobody relies on yet. */
  async write(records: readonly Uint8Array[]): Promise<number> {
    const at = this.#end
    const header = { kind: FRAME_KIND.group, id: this.#id, serial: this.#serial }
    const frame = encodeFrame(header, ...records)
    this.#end += frame.byteLength
    this.#serial += 1
    await this.#file.write(at, frame)
    return at + FRAME_HEADER_BYTES
  }

  /** Makes durable what has been written. */
  async sync(): Promise<void> {
    const end = this.#end
    await this.#file.sync()
    this.#durable = end
  }

  /**
   * Says in the file how far it is durable, unless it does already; whether it did. The next sync
   * makes the mark durable too.
   */
  async mark(): Promise<boolean> {
    const late = this.#lateMark
    this.#lateMark = null
    await late
    if (this.#marked === this.#durable) return false
    const position = MARK_POSITIONS[this.#nextMark]
    const header = { kind: FRAME_KIND.logMark, id: this.#id, serial: this.#durable }
    this.#marked = this.#durable
    this.#nextMark = this.#nextMark === 0 ? 1 : 0
    await this.#file.write(position, encodeFrame(header))
    return true
  }

  /**
   * As mark(), but waits for nothing, so that the next group need not either; whether it writes. If
   * that fails, the next mark() or append() rejects.
   */
  markMeanwhile(): boolean {
    if (this.#marked === this.#durable) return false
    const late = this.mark()
    late.catch(() => undefined)
    this.#lateMark = late
    return true
  }

  /** Makes everything durable, under a mark that is durable too. */
  async seal(): Promise<void> {
    await this.sync()
    await this.mark()
    await this.sync()
  }

  /** Reads the log from its beginning, along with the writing. */
  reader(): GroupReader {
    return new GroupReader(this.#file, this.#id, FIRST_GROUP_POSITION)
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** Finds the end of what is durable or may be, and cuts off what is behind it. */
async function recover(file: OpenFile, visit: (group: Group) => void): Promise<Progress> {
  const beginning = decodeFrame(await file.read(0, FRAME_HEADER_BYTES), file.path)
  if (beginning?.kind !== FRAME_KIND.log) throw damaged(file, 'its beginning is not that of a log')
  const { id } = beginning
  const marks = [await readMark(file, 0, id), await readMark(file, 1, id)] as const
  const marked = Math.max(marks[0] ?? 0, marks[1] ?? 0)
  if (marked === 0) throw damaged(file, 'neither of its two marks is whole')

  const size = await file.size()
  const reader = new GroupReader(file, id, FIRST_GROUP_POSITION)
  for (let group = await reader.next(size); group !== null; group = await reader.next(size)) {
    visit(group)
  }
  const { end, serial } = reader
  const least = marks.includes(null) ? marked + 1 : marked
  if (end < least) {
    throw damaged(file, `what was durable up to byte ${marked} is whole only up to byte ${end}`)
  }
  if (end < size) await file.truncate(end)
  return { id, end, serial, marked, nextMark: marks[0] === marked ? 1 : 0 }
}

async function readMark(file: OpenFile, index: 0 | 1, id: bigint): Promise<number | null> {
  const bytes = await file.read(MARK_POSITIONS[index], FRAME_HEADER_BYTES)
  const frame = decodeFrame(bytes, file.path)
  return frame?.kind === FRAME_KIND.logMark && frame.id === id ? frame.serial : null
}

function damaged(file: OpenFile, what: string): CorruptionError {
  return new CorruptionError(
    `${file.path} is damaged: ${what}. Restore the disk, or replace this node by a new one.`,
  )
}
