/**
 * An append-only log in one file: groups of records that are each durable as a whole, in order,
 * with one sync a group.
 *
 *     block 0     the frame that names the log, and its owner: see log-beginning.ts
 *     block 1, 2  two marks, written in turn: "everything before position p is durable"
 *     block 3     the groups, end to end, and perhaps zeros where the next ones go
 *
 * A group is written behind the last one, durably, before the next one is: so a whole group says
 * that all before it is durable. What no later group says of the last one, a mark does: written
 * when nothing else is to be written, synced MARK_AFTER_MS after the first group that it covers, and
 * when the log is closed. Until it is synced later marks are written over it, and the other one
 * stays as it is. Synced are always two: one that covers all but the last group, then one that
 * covers that too.
 *
 *     crash in                   what may be torn               recovery keeps
 *     appending group n          group n                        up to n - 1, or up to n if whole
 *     writing a mark             the mark                       every group
 *     reserving room             the zeros behind group n       every group
 *     the file's beginning       nothing: it gets its name when it is whole and synced
 *
 * Recovery reads groups until something is not the next one. If that is before the higher mark that
 * is whole, or if a later group is whole somewhere behind it, it is damage: CorruptionError. Else it
 * is where the last write was torn, and is cut off. Where a mark is not whole, at least one group
 * behind the other mark must be.
 *
 * (a) A crash is never taken for damage. What is under a mark, or before a whole group, was durable
 * before that was written and is never written again. A mark is synced before the other is written,
 * so at most one is torn; it was to cover a group that was durable and that the other mark does not
 * cover, so that group is whole.
 *
 * (b) Damage under the newest mark is always reported, whatever its kind (bits, blocks, a file that
 * became shorter), and damage to marks is harmless or reported: the newest mark names the end of
 * the last group, and if it is itself damaged the rule for a mark that is not whole asks for that
 * group. Behind the newest mark, damage is reported unless it takes every later group with it.
 *
 * What stays undetected: damage to the last groups of all before their mark is on disk. To see
 * that, a second sync before answering would be needed, as with DurableObject: with one, "synced and
 * then damaged" and "torn in writing" leave the same bytes. The mark is handed to the system at
 * once, so the death of the process does not widen the gap; it takes a power cut within
 * MARK_AFTER_MS of the last save, and a disk that loses what it had reported as durable. A whole
 * directory that is put back in time is not detected either.
 *
 * Must never write over what is under a mark, nor go on after a write or a sync that failed.
 */
import { CorruptionError, type Identity } from '@paxos/core'
import { BLOCK_BYTES } from '../../files/block.ts'
import { damagedMessage } from '../failure.ts'
import type { DurableFile, FileSystem } from './file-system.ts'
import { decodeFrame, encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND, newId } from './frame.ts'
import { GroupReader, hasLaterGroup, type Group } from './group-reader.ts'
import { RESERVE_BYTES, RESERVE_FOR_GROUPS_BELOW_BYTES } from './limits.ts'
import { decodeBeginning, encodeBeginning } from './log-beginning.ts'
import { FIRST_GROUP_POSITION, MARK_POSITIONS, type Found } from './log-beginning.ts'

/** Who looks at a log while it is opened. */
export interface LogVisitor {
  /** Sees every group in order. */
  readonly visit: (group: Group) => void
  /** Called when all of it was read, and before anything is written. May throw. */
  readonly beforeWriting: (identity: Identity | null) => void
}

/** What is to be known of a log to go on with it. */
interface Progress extends Found {
  /** Where the last group begins and the next one goes, and the serial of that. */
  readonly lastGroup: number
  readonly end: number
  readonly serial: number
  /** What the newest mark says, and which one is to be written next. */
  readonly marked: number
  readonly nextMark: 0 | 1
}

export class Log {
  /** Whose it is; null when it has no owner. */
  readonly identity: Identity | null
  /** It is from before it was saved who is admitted, and must not hold that. */
  readonly isEarly: boolean
  readonly #file: DurableFile
  readonly #id: bigint
  #end: number
  #serial: number
  #durable: number
  /** Where the last group begins. */
  #lastGroup: number
  /** What the mark that was written last says, and what the newest one that is synced does. */
  #marked: number
  #sealed: number
  #nextMark: 0 | 1
  /** Marks that are being written, one after the other. Never rejects; the failure is kept. */
  #marking: Promise<void> = Promise.resolve()
  /** What lies between the last group and here is zeros, and durable. */
  #reserved: number
  /** Set while zeros are written behind that. Never rejects; the failure is kept. */
  #reserving: Promise<void> | null = null
  #failure: { readonly error: unknown } | null = null

  private constructor(file: DurableFile, progress: Progress) {
    this.identity = progress.identity
    this.isEarly = progress.isEarly
    this.#file = file
    this.#id = progress.id
    this.#end = progress.end
    this.#serial = progress.serial
    this.#durable = progress.end
    this.#lastGroup = progress.lastGroup
    this.#marked = progress.marked
    this.#sealed = progress.marked
    this.#nextMark = progress.nextMark
    this.#reserved = progress.end
  }

  /** An empty log at `path`, instead of what is there. It is not durable before `seal`. */
  static async create(fs: FileSystem, path: string, identity: Identity | null): Promise<Log> {
    await fs.remove(path)
    const file = await fs.openDurable(path, 'create')
    try {
      const beginning = { id: newId(), identity }
      const end = FIRST_GROUP_POSITION
      await file.write(0, encodeBeginning(beginning))
      return new Log(file, {
        ...beginning,
        isEarly: false,
        lastGroup: end,
        end,
        serial: 1,
        marked: end,
        nextMark: 0,
      })
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /**
   * The log at `path`. Every group that the visitor saw is durable when this resolves. Rejects with
   * CorruptionError as described above.
   */
  static async open(fs: FileSystem, path: string, visitor: LogVisitor): Promise<Log> {
    const file = await fs.openDurable(path, 'existing')
    try {
      const log = new Log(file, await recover(file, visitor))
      await log.seal()
      return log
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Whether `path` leads to this log, and to no other file. */
  isAt(path: string): Promise<boolean> {
    return this.#file.isAt(path)
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
    const { at, frame } = this.#next(records)
    // Zeros that are on their way must not come down on a group.
    if (this.#end > this.#reserved) await this.#reserving
    this.#requireSound()
    await this.#file.writeDurably(at, frame)
    this.#durable = at + frame.byteLength
    this.#lastGroup = at
    if (frame.byteLength < RESERVE_FOR_GROUPS_BELOW_BYTES) this.#reserve()
    return at + FRAME_HEADER_BYTES
  }

  /** Adds a group that is not durable before `seal`: for a log that nobody relies on yet. */
  async write(records: readonly Uint8Array[]): Promise<number> {
    const { at, frame } = this.#next(records)
    await this.#file.write(at, frame)
    this.#lastGroup = at
    return at + FRAME_HEADER_BYTES
  }

  /**
   * Says in the file how far it is durable, unless it does already. Nobody waits for it; if it fails,
   * the next append() or mark() rejects.
   */
  markMeanwhile(): void {
    if (this.#marked === this.#durable) return
    this.#marking = this.#marking
      .then(() => this.#writeMark(this.#durable))
      .catch(this.#keepFailure)
  }

  /** Says in the file how far it is durable, and makes that durable. */
  async mark(): Promise<void> {
    await this.#marking
    // The last group alone is behind the older mark: who finds the newer one damaged asks for it.
    if (this.#sealed < this.#lastGroup) await this.#sealMark(this.#lastGroup)
    if (this.#sealed < this.#durable) await this.#sealMark(this.#durable)
  }

  /** Makes everything durable, under a mark that is durable too. */
  async seal(): Promise<void> {
    const end = this.#end
    await this.#file.sync()
    this.#durable = end
    await this.mark()
  }

  /** Reads the log from its beginning, along with the writing. */
  reader(): GroupReader {
    return new GroupReader(this.#file, this.#id, FIRST_GROUP_POSITION)
  }

  /** Gives back the room that was reserved. */
  async trim(): Promise<void> {
    await this.#reserving
    if (this.#reserved <= this.#end) return
    this.#reserved = this.#end
    await this.#file.truncate(this.#end)
    await this.#file.sync()
  }

  async close(): Promise<void> {
    await Promise.all([this.#reserving, this.#marking])
    await this.#file.close()
  }

  async #sealMark(durable: number): Promise<void> {
    await this.#writeMark(durable)
    await this.#file.sync()
    // A system tells a failure once: it may have told it to the reserve's sync and not to this one.
    this.#requireSound()
    this.#sealed = durable
    this.#nextMark = this.#nextMark === 0 ? 1 : 0
  }

  async #writeMark(durable: number): Promise<void> {
    const header = { kind: FRAME_KIND.logMark, id: this.#id, serial: durable }
    await this.#file.write(MARK_POSITIONS[this.#nextMark], encodeFrame(header))
    this.#marked = durable
  }

  readonly #keepFailure = (error: unknown): void => {
    this.#failure ??= { error }
  }

  #requireSound(): void {
    if (this.#failure !== null) throw this.#failure.error
  }

  #next(records: readonly Uint8Array[]): { readonly at: number; readonly frame: Uint8Array } {
    const at = this.#end
    const header = { kind: FRAME_KIND.group, id: this.#id, serial: this.#serial }
    const frame = encodeFrame(header, ...records)
    this.#end += frame.byteLength
    this.#serial += 1
    return { at, frame }
  }

  /** Begins to write zeros ahead when little room is left; nobody waits for them. */
  #reserve(): void {
    if (this.#reserving !== null || this.#reserved - this.#end > RESERVE_BYTES / 2) return
    this.#reserving = this.#writeReserve(Math.max(this.#end, this.#reserved))
      .catch(this.#keepFailure)
      .finally(() => {
        this.#reserving = null
      })
  }

  async #writeReserve(from: number): Promise<void> {
    await this.#file.write(from, new Uint8Array(RESERVE_BYTES))
    await this.#file.sync()
    this.#reserved = from + RESERVE_BYTES
  }
}

/** Finds the end of what is durable or may be, and cuts off what is behind it. */
async function recover(file: DurableFile, visitor: LogVisitor): Promise<Progress> {
  const beginning = decodeBeginning(await file.read(0, BLOCK_BYTES), file.path)
  if (beginning === null) throw damaged(file, 'its beginning is not that of a log')
  const { id, identity, isEarly } = beginning
  const marks = [await readMark(file, 0, id), await readMark(file, 1, id)] as const
  const marked = Math.max(marks[0] ?? 0, marks[1] ?? 0)
  if (marked === 0) throw damaged(file, 'neither of its two marks is whole')

  const size = await file.size()
  const reader = new GroupReader(file, id, FIRST_GROUP_POSITION)
  let lastGroup = reader.end
  for (let group = await reader.next(size); group !== null; group = await reader.next(size)) {
    visitor.visit(group)
    lastGroup = group.position - FRAME_HEADER_BYTES
  }
  const { end, serial } = reader
  const least = marks.includes(null) ? marked + 1 : marked
  if (end < least) {
    throw damaged(file, `what was durable up to byte ${marked} is whole only up to byte ${end}`)
  }
  if (await hasLaterGroup(file, { id, from: end, serial })) {
    throw damaged(file, `what is at byte ${end} is not whole, and what was written later is`)
  }
  visitor.beforeWriting(identity)
  if (end < size) await file.truncate(end)
  return {
    id,
    identity,
    isEarly,
    lastGroup,
    end,
    serial,
    marked,
    nextMark: marks[0] === marked ? 1 : 0,
  }
}

async function readMark(file: DurableFile, index: 0 | 1, id: bigint): Promise<number | null> {
  const bytes = await file.read(MARK_POSITIONS[index], FRAME_HEADER_BYTES)
  const frame = decodeFrame(bytes, file.path)
  return frame?.kind === FRAME_KIND.logMark && frame.id === id ? frame.serial : null
}

function damaged(file: DurableFile, what: string): CorruptionError {
  return new CorruptionError(damagedMessage(`${file.path} is damaged: ${what}`))
}
