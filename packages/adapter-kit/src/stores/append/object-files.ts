/**
 * The bytes of a durable object in two files, written in turn, so that a crash at any moment leaves
 * the last completed save readable; and damage to a completed save is told apart from a save that
 * never completed, so that an older object is never served for a newer one.
 *
 * Each file has a mark in its first block and a save behind it. Save n is in file n mod 2; the mark
 * that says that it is complete is in the other file. Save n in file X, with Y the other one:
 *
 *   1. write save n over save n - 2 in X      2. sync X
 *   3. write mark n over mark n - 2 in Y      4. sync Y      then the caller hears of it
 *
 *     crash          X: save, mark          Y: save, mark           recovery
 *     before 1       n - 2,  n - 1          n - 1,  n - 2           n - 1
 *     in 1 or 2      torn,   n - 1          n - 1,  n - 2           n - 1, as its mark is the newest
 *     before 3       n,      n - 1          n - 1,  n - 2           n, and carries on with 3
 *     in 3 or 4      n,      n - 1          n - 1,  torn            n, and carries on with 3
 *     after 4        n,      n - 1          n - 1,  n               n
 *
 * Let `marked` be the highest mark that is whole and `newest` the highest save that is. Recovery
 * takes `newest` if it is `marked` or `marked` + 1 and, where a mark is not whole, only if it is
 * `marked` + 1. Everything else is damage.
 *
 * (a) A crash is never taken for damage and loses no completed save. Only one of the four places is
 * written at a time, and the others are in other blocks, so at most one is torn. In step 1 that is
 * an old save; both marks are whole, `newest` and `marked` are n - 1. In step 3 it is an old mark;
 * save n was synced before, so `newest` is n and `marked` n - 1, whose mark is in X. Nothing else
 * ever changes, and the files appear under their names whole (written aside, synced, renamed).
 *
 * (b) No damage to the newest completed save n makes recovery serve an older one. If mark n is
 * whole, `marked` is n, and n is served or nothing is. If mark n is damaged too, that is a mark that
 * is not whole, `marked` is n - 1, and only n can be served. Damage to save n - 1 or mark n - 1 is
 * harmless or reported. Both files would have to be put back in time together to go unseen.
 *
 * Must never begin a step before the sync of the one before it, nor write after a failed one.
 */
import { CorruptionError, invariant } from '@paxos/core'
import { join } from 'node:path'
import { BLOCK_BYTES } from '../../files/block.ts'
import type { FileSystem, OpenFile } from './file-system.ts'
import {
  announcedPayloadBytes,
  decodeFrame,
  encodeFrame,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  newId,
} from './frame.ts'
import { MAX_OBJECT_BYTES } from './limits.ts'

const SAVE_POSITION = BLOCK_BYTES

/** File n mod 2 holds save n. */
type Pair<T> = readonly [even: T, odd: T]

const NAMES: Pair<string> = ['object-even', 'object-odd']

/** What one file says. Null where no whole frame is. */
interface Reading {
  readonly mark: { readonly serial: number; readonly id: bigint } | null
  readonly save: {
    readonly serial: number
    readonly id: bigint
    readonly payload: Uint8Array
  } | null
}

export interface ObjectFiles {
  /** What the newest save stored; null when there was none. */
  readonly found: Uint8Array | null
  /**
   * Resolves once `bytes` would survive power loss. Not to be called while one runs, nor after one
   * rejected.
   */
  save(bytes: Uint8Array): Promise<void>
  /** Whether both files are still where they were opened. */
  areInPlace(): Promise<boolean>
  close(): Promise<void>
}

/** Opens the two files in `directory`, which exists and is locked. Makes them on the first time. */
export async function openObjectFiles(fs: FileSystem, directory: string): Promise<ObjectFiles> {
  const open: OpenFile[] = []
  try {
    await createMissing(fs, directory)
    for (const name of NAMES) open.push(await fs.open(join(directory, name), 'existing'))
    const [even, odd] = open
    invariant(even !== undefined && odd !== undefined, 'an object has two files')
    return await recover([even, odd], directory)
  } catch (error) {
    for (const file of open) await file.close()
    throw error
  }
}

/**
 * Beside a file that was never saved to, a missing one is an unfinished beginning: nothing was
 * promised yet. Beside one that was, it is damage.
 */
async function createMissing(fs: FileSystem, directory: string): Promise<void> {
  const names = await fs.list(directory)
  const missing = NAMES.filter((name) => !names.includes(name))
  const present = NAMES.find((name) => names.includes(name))
  if (missing.length > 0) {
    const id = present === undefined ? newId() : await idOfUnused(fs, directory, present)
    for (const name of missing) await createUnused(fs, directory, name, id)
  }
  await fs.syncDirectory(directory)
}

async function idOfUnused(fs: FileSystem, directory: string, name: string): Promise<bigint> {
  const file = await fs.open(join(directory, name), 'existing')
  try {
    const { mark, save } = await read(file)
    if (mark?.serial === 0 && save === null) return mark.id
    throw damaged(directory, `${name} holds saves, and the file beside it is missing`)
  } finally {
    await file.close()
  }
}

async function createUnused(fs: FileSystem, directory: string, name: string, id: bigint) {
  const aside = join(directory, `${name}.new`)
  await fs.remove(aside)
  const file = await fs.open(aside, 'create')
  try {
    await file.write(0, encodeFrame({ kind: FRAME_KIND.objectMark, id, serial: 0 }))
    await file.sync()
  } finally {
    await file.close()
  }
  await fs.rename(aside, join(directory, name))
}

async function recover(files: Pair<OpenFile>, directory: string): Promise<ObjectFiles> {
  const readings: Pair<Reading> = [await read(files[0]), await read(files[1])]
  const { id, serial, payload } = newestOf(readings, directory)
  const writer = new ObjectWriter(files, id, serial)
  // The process that wrote them may have died before a sync or a mark. Nothing is written again: if
  // the system dropped bytes that it still shows, the mark will tell of it after the next restart.
  for (const file of files) await file.sync()
  if (markedOf(readings) < serial) await writer.complete(serial)
  return {
    found: payload,
    save: (bytes) => writer.save(bytes),
    async areInPlace() {
      const inPlace = await Promise.all(
        files.map((file, at) => file.isAt(join(directory, NAMES[at === 0 ? 0 : 1]))),
      )
      return inPlace.every((isThere) => isThere)
    },
    close: async () => {
      for (const file of files) await file.close()
    },
  }
}

/** The rule of the comment above, and that both files belong to the same object. */
function newestOf(readings: Pair<Reading>, directory: string) {
  const marks = readings.flatMap(({ mark }) => (mark === null ? [] : [mark]))
  const [first, second] = marks
  if (first === undefined) throw damaged(directory, 'neither of its two files has a whole mark')
  if (second !== undefined && second.id !== first.id) {
    throw damaged(directory, 'its two files belong to two different objects')
  }
  const marked = markedOf(readings)
  const [newest] = readings
    .flatMap(({ save }) => (save !== null && save.id === first.id ? [save] : []))
    .toSorted((a, b) => b.serial - a.serial)
  const serial = newest?.serial ?? 0
  const expected = second === undefined ? [marked + 1] : [marked, marked + 1]
  if (!expected.includes(serial)) {
    throw damaged(directory, `save ${marked} or the one after it was completed and is not whole`)
  }
  return { id: first.id, serial, payload: newest?.payload ?? null }
}

function markedOf(readings: Pair<Reading>): number {
  return Math.max(...readings.map(({ mark }) => mark?.serial ?? 0))
}

/** Steps 1 to 4. */
class ObjectWriter {
  readonly #files: Pair<OpenFile>
  readonly #id: bigint
  #serial: number

  constructor(files: Pair<OpenFile>, id: bigint, serial: number) {
    this.#files = files
    this.#id = id
    this.#serial = serial
  }

  async save(bytes: Uint8Array): Promise<void> {
    const serial = this.#serial + 1
    const file = this.#files[serial % 2 === 0 ? 0 : 1]
    const header = { kind: FRAME_KIND.objectSave, id: this.#id, serial }
    await file.write(SAVE_POSITION, encodeFrame(header, bytes))
    await file.sync()
    await this.complete(serial)
    this.#serial = serial
  }

  /** Steps 3 and 4, for a save that is synced. */
  async complete(serial: number): Promise<void> {
    const file = this.#files[serial % 2 === 0 ? 1 : 0]
    await file.write(0, encodeFrame({ kind: FRAME_KIND.objectMark, id: this.#id, serial }))
    await file.sync()
  }
}

/** What is beyond a save in its file is the rest of a longer one, and nobody's (P11). */
async function read(file: OpenFile): Promise<Reading> {
  const mark = decodeFrame(await file.read(0, FRAME_HEADER_BYTES), file.path)
  const header = await file.read(SAVE_POSITION, FRAME_HEADER_BYTES)
  const payloadBytes = announcedPayloadBytes(header)
  const save =
    payloadBytes === null || payloadBytes > MAX_OBJECT_BYTES
      ? null
      : decodeFrame(await file.read(SAVE_POSITION, FRAME_HEADER_BYTES + payloadBytes), file.path)
  return {
    mark: mark?.kind === FRAME_KIND.objectMark ? mark : null,
    save: save?.kind === FRAME_KIND.objectSave ? save : null,
  }
}

function damaged(directory: string, what: string): CorruptionError {
  return new CorruptionError(
    `The object in ${directory} is damaged: ${what}. Bring the disk back as it was at the last ` +
      'save; only where whoever uses the object can do without what was saved, begin a new one.',
  )
}
