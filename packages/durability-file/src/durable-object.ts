/**
 * One value on disk, replaced as a whole: a crash at any moment leaves the last completed save
 * readable. For small state that is not a log: a configuration, a counter, the acceptor of a
 * single decree. How the bytes survive is in object-files.ts; this file gives them a type.
 *
 * Must never show a value whose save has not completed.
 */
import {
  DurabilityError,
  InvalidArgumentError,
  requireFunction,
  requireMethods,
  requireOptions,
} from '@paxos/core'
import { resolve } from 'node:path'
import { emitWarning, warnOfOthers } from './exposure.ts'
import { asPaxosError, lostError } from './failure.ts'
import { nodeFileSystem, type FileSystem } from './file-system.ts'
import { GroupCommit } from './group-commit.ts'
import { MAX_OBJECT_BYTES } from './limits.ts'
import type { Lock } from './lock.ts'
import { openObjectFiles, type ObjectFiles } from './object-files.ts'
import { requireDirectory } from './place.ts'

/** How values become bytes. `decode(encode(value))` must equal `value`. */
export interface Codec<T> {
  readonly encode: (value: T) => Uint8Array
  readonly decode: (bytes: Uint8Array) => T
}

export interface DurableObjectOptions<T> {
  /** Default: JSON in UTF-8. Give one for values that JSON does not keep, such as bytes. */
  readonly codec?: Codec<T>
  /**
   * Called with a sentence when others than this user can change what is in the directory. Default:
   * process.emitWarning(), with the code PAXOS_DIRECTORY_EXPOSED.
   */
  readonly warn?: ((message: string) => void) | undefined
}

/**
 * Saves that overlap take effect in call order; of those that wait for the disk only the last is
 * written. After a failed save every later one rejects with ERR_PAXOS_DURABILITY_POISONED, as it is
 * not known what is on disk: close, and open afresh.
 */
export interface DurableObject<T> {
  /** The value of the last completed save; null when nothing was ever saved. */
  readonly value: { readonly value: T } | null
  /**
   * Replaces the value. Resolves once the new one would survive power loss, and `value` shows it.
   * `value` is encoded before the call returns: it may be changed afterwards. Rejects with
   * InvalidArgumentError, and changes nothing, when it cannot be encoded or takes more than
   * MAX_OBJECT_BYTES.
   */
  save(value: T): Promise<void>
  /** Waits for running saves, then releases everything. May be called again. */
  close(): Promise<void>
}

export const DurableObject = {
  /**
   * Opens the object in `directory`, which is made when it is missing; its parent must be there. The
   * path means what it means now, whatever becomes of the working directory; when what it leads to is
   * removed, moved or replaced, no later save is acknowledged. Rejects with CorruptionError when the
   * last completed save cannot be read whole, with LockedError while somebody else has it open, with
   * DurabilityError when the disk or the codec refuses, with InvalidArgumentError, before anything is
   * made, for options that can never work or are not known. After a rejection nothing is left open.
   */
  open<T>(directory: string, options: DurableObjectOptions<T> = {}): Promise<DurableObject<T>> {
    return openObject(nodeFileSystem, directory, options)
  },
}

/** As `DurableObject.open`, on another file system: for the tests. */
export async function openObject<T>(
  fs: FileSystem,
  directory: string,
  options: DurableObjectOptions<T> = {},
): Promise<DurableObject<T>> {
  requireDirectory(directory)
  requireOptions('DurableObject.open', options, ['codec', 'warn'])
  requireFunction('warn', options.warn)
  if (options.codec !== undefined) {
    requireMethods('codec', options.codec, ['encode', 'decode'], 'an object with both')
  }
  const absolute = resolve(directory)
  try {
    await fs.makeDirectory(absolute)
    const lock = await fs.lock(absolute)
    try {
      await warnOfOthers(fs, absolute, options.warn ?? emitWarning)
      const files = await openObjectFiles(fs, absolute)
      try {
        return new OpenObject(absolute, options.codec ?? jsonCodec(), files, lock)
      } catch (error) {
        await files.close()
        throw error
      }
    } catch (error) {
      await lock.release()
      throw error
    }
  } catch (error) {
    throw asPaxosError(error, 'open', directory)
  }
}

class OpenObject<T> implements DurableObject<T> {
  readonly #directory: string
  readonly #codec: Codec<T>
  readonly #files: ObjectFiles
  readonly #lock: Lock
  readonly #commit: GroupCommit<Encoded<T>>
  #value: { readonly value: T } | null
  #closing: Promise<void> | null = null

  constructor(directory: string, codec: Codec<T>, files: ObjectFiles, lock: Lock) {
    this.#directory = directory
    this.#codec = codec
    this.#files = files
    this.#lock = lock
    this.#value = files.found === null ? null : { value: decode(codec, files.found, directory) }
    this.#commit = new GroupCommit({
      groupBytes: Number.POSITIVE_INFINITY,
      write: (saves) => this.#write(saves),
    })
  }

  get value(): { readonly value: T } | null {
    return this.#value
  }

  async save(value: T): Promise<void> {
    if (this.#closing !== null) {
      throw new DurabilityError(
        'ERR_PAXOS_DURABILITY_STATE',
        `The object in ${this.#directory} is closed. Open it again before saving.`,
      )
    }
    const encoded = this.#encode(value)
    await this.#commit.add(encoded, encoded.bytes.byteLength)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#commit.settled()
    try {
      await this.#files.close()
    } catch (error) {
      throw asPaxosError(error, 'close', this.#directory)
    } finally {
      await this.#lock.release()
    }
  }

  /** The last of several that waited says it all: nobody could have seen the others. */
  async #write(saves: readonly Encoded<T>[]): Promise<void> {
    const last = saves.at(-1)
    if (last === undefined) return
    try {
      await this.#requireHeld()
      await this.#files.save(last.bytes)
      await this.#requireHeld()
    } catch (error) {
      throw asPaxosError(error, 'save', this.#directory)
    }
    this.#value = { value: last.decoded }
  }

  /** Whether the next one who opens the directory would find these files, and this lock. */
  async #requireHeld(): Promise<void> {
    const held = await Promise.all([this.#files.areInPlace(), this.#lock.isHeld()])
    if (!held.every((isHeld) => isHeld)) throw lostError(this.#directory)
  }

  #encode(value: T): Encoded<T> {
    const encoded = encode(this.#codec, value)
    if (encoded.bytes.byteLength <= MAX_OBJECT_BYTES) return encoded
    throw new InvalidArgumentError(
      `The value takes ${encoded.bytes.byteLength} bytes, and the limit is ${MAX_OBJECT_BYTES}. ` +
        'Keep less in one object.',
    )
  }
}

/** What is written, and what a later open would make of it: that is what `value` shows. */
interface Encoded<T> {
  readonly bytes: Uint8Array
  readonly decoded: T
}

function encode<T>(codec: Codec<T>, value: T): Encoded<T> {
  try {
    const bytes = new Uint8Array(codec.encode(value))
    return { bytes, decoded: codec.decode(new Uint8Array(bytes)) }
  } catch (error) {
    throw new InvalidArgumentError(
      'The value cannot be encoded and decoded again. Save another, or give a codec that takes it.',
      { cause: error },
    )
  }
}

/** For bytes whose checksum was right, so that they are what was saved. */
function decode<T>(codec: Codec<T>, bytes: Uint8Array, directory: string): T {
  try {
    return codec.decode(bytes)
  } catch (error) {
    throw new DurabilityError(
      'ERR_PAXOS_DURABILITY_FAILED',
      `The object in ${directory} is whole, but its codec cannot decode it. ` +
        'Open it with the codec that it was saved with.',
      { cause: error },
    )
  }
}

function jsonCodec<T>(): Codec<T> {
  return {
    encode(value) {
      const text: string | undefined = JSON.stringify(value)
      if (text === undefined) throw new TypeError('JSON has no form for this value.')
      return new TextEncoder().encode(text)
    },
    // The type is a claim of the caller, here as with every JSON that is read back.
    decode: (bytes): T => JSON.parse(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)),
  }
}
