/**
 * The mark: how far the database has come, in a small file of its own beside it.
 *
 * SQLite cannot be asked whether it has lost anything. After a crash it reads its write-ahead log
 * up to the first frame that is not whole, and takes the rest for a write that never finished. A
 * bit that flips in what was synced looks just like that: it would serve an older state as the
 * newest. So after each commit, and before the save is answered, the number of that commit (its
 * generation) is written here and synced. A database that comes up with a lower one has lost
 * something, whatever it was: bits, blocks, the end of the log or the whole of it. One that comes
 * up with a higher one was stopped between the two.
 *
 *     offset  bytes
 *          0      4  'PXDM', little-endian like all that follows
 *          4      4  version of the database, or of what it is about to become
 *          8      8  id of the database: random
 *         16      8  generation
 *         24      8  the beginning of the SHA-256 of bytes 0 to 23
 *
 * There are two of these, in blocks of their own, written in turn, so that a write which is torn
 * leaves the other: the newer is the one that counts. One that is not whole was to be a generation
 * above the other, which was committed before; so the database must be above the other. A crash is
 * therefore never taken for damage, and damage to a mark is harmless or reported.
 *
 * The id, the version and the place of the hash are the same in every version for ever.
 */
import { BLOCK_BYTES } from '@paxos/adapter-kit/files'
import { DurabilityError } from '@paxos/core'
import { createHash, randomBytes } from 'node:crypto'
import { damaged } from './failure.ts'
import type { OpenFile } from './files.ts'
import { isKnownVersion, LATEST_VERSION, SCHEMA_VERSION } from './schema.ts'
import type { SchemaVersion } from './schema.ts'

const MAGIC = 0x4d445850
const HASHED_BYTES = 24
const MARK_BYTES = 32

const POSITIONS = [0, BLOCK_BYTES] as const

export interface Mark {
  readonly databaseId: bigint
  /** The last one that was written. */
  readonly generation: number
  /** What a database that lost nothing has at least. */
  readonly leastGeneration: number
  /** The database has none above it. */
  readonly version: SchemaVersion
  /** What is written from now on says this version, so that earlier releases keep off. */
  announce(version: SchemaVersion): void
  /** Resolves once it would survive power loss. The generation must be durable already. */
  write(generation: number): Promise<void>
  close(): Promise<void>
}

/** The content of a new file: both marks at generation 0, of a database that is yet to be made. */
export function newMarkContent(version: SchemaVersion): {
  readonly databaseId: bigint
  readonly content: Uint8Array
} {
  const databaseId = randomBytes(8).readBigInt64LE()
  const content = new Uint8Array(POSITIONS[1] + MARK_BYTES)
  for (const position of POSITIONS) content.set(encode(version, databaseId, 0), position)
  return { databaseId, content }
}

/** The marks in `file`, which it takes over: after a rejection it is closed. `path` is the database's. */
export async function openMark(file: OpenFile, path: string): Promise<Mark> {
  try {
    return await readMarks(file, path)
  } catch (error) {
    await file.close()
    throw error
  }
}

async function readMarks(file: OpenFile, path: string): Promise<Mark> {
  const marks = [
    decode(await file.read(POSITIONS[0], MARK_BYTES), file.path),
    decode(await file.read(POSITIONS[1], MARK_BYTES), file.path),
  ] as const
  const known = marks[0] ?? marks[1]
  if (known === null) throw damaged(path, `neither of the two marks in ${file.path} is whole`)
  const { databaseId } = known
  if (marks.some((mark) => mark !== null && mark.databaseId !== databaseId)) {
    throw damaged(path, `the two marks in ${file.path} are of different databases`)
  }
  const generations = marks.map((mark) => mark?.generation ?? -1)
  let generation = Math.max(...generations)
  let next = generations[0] === generation ? 1 : 0
  let version = marks.reduce<SchemaVersion>(
    (highest, mark) => (mark !== null && mark.version > highest ? mark.version : highest),
    SCHEMA_VERSION.early,
  )
  return {
    databaseId,
    get version() {
      return version
    },
    announce(newer) {
      version = newer
    },
    get generation() {
      return generation
    },
    leastGeneration: marks.includes(null) ? generation + 1 : generation,
    async write(newer) {
      const position = POSITIONS[next] ?? 0
      await file.write(position, encode(version, databaseId, newer))
      await file.sync()
      generation = newer
      next = 1 - next
    },
    close: () => file.close(),
  }
}

function encode(version: SchemaVersion, databaseId: bigint, generation: number): Uint8Array {
  const mark = Buffer.alloc(MARK_BYTES)
  mark.writeUInt32LE(MAGIC, 0)
  mark.writeUInt32LE(version, 4)
  mark.writeBigInt64LE(databaseId, 8)
  mark.writeBigUInt64LE(BigInt(generation), 16)
  mark.set(hash(mark), HASHED_BYTES)
  return mark
}

/** Null when it is not whole. Throws when it is, and of another version. */
function decode(
  bytes: Uint8Array,
  path: string,
): {
  readonly version: SchemaVersion
  readonly databaseId: bigint
  readonly generation: number
} | null {
  if (bytes.byteLength < MARK_BYTES) return null
  const mark = Buffer.from(bytes)
  if (mark.readUInt32LE(0) !== MAGIC) return null
  if (!mark.subarray(HASHED_BYTES).equals(hash(mark))) return null
  const version = mark.readUInt32LE(4)
  if (!isKnownVersion(version)) throw otherVersion(path, version)
  const generation = Number(mark.readBigUInt64LE(16))
  return { version, databaseId: mark.readBigInt64LE(8), generation }
}

function hash(mark: Buffer): Buffer {
  const sha256 = createHash('sha256').update(mark.subarray(0, HASHED_BYTES)).digest()
  return sha256.subarray(0, MARK_BYTES - HASHED_BYTES)
}

function otherVersion(path: string, version: number): DurabilityError {
  return new DurabilityError(
    'ERR_PAXOS_DURABILITY_FAILED',
    `${path} is in format version ${version}, and this release reads versions up to ${LATEST_VERSION}. ` +
      'Open it with the release of @paxos/durability-sqlite that wrote it, or a later one.',
  )
}
