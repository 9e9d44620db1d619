/**
 * One value on disk, replaced as a whole: a crash at any moment leaves the last completed save
 * readable. For small state that is not a log: a configuration, a counter, the acceptor of a
 * single decree. How the bytes survive is in object-files.ts; this file gives them a type.
 *
 * Must never show a value whose save has not completed.
 */
import { DurabilityError, InvalidArgumentError } from '@paxos/core'
import { asPaxosError, lostError, type Sentences } from '../failure.ts'
import { GroupCommit } from '../group-commit.ts'
import type { AppendMedium, LockedDirectory } from './file-system.ts'
import { MAX_OBJECT_BYTES } from './limits.ts'
import { openObjectFiles, type ObjectFiles } from './object-files.ts'

/** How values become bytes. `decode(encode(value))` must equal `value`. */
export interface Codec<T> {
  readonly encode: (value: T) => Uint8Array
  readonly decode: (bytes: Uint8Array) => T
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

/**
 * Opens the object in the directory of `medium`. Default for `codec`: JSON in UTF-8. Rejects with
 * CorruptionError when the last completed save cannot be read whole, with LockedError while somebody
 * else has it open, with DurabilityError when the medium or the codec refuses. After a rejection
 * nothing is left open.
 */
export async function openObject<T>(
  medium: AppendMedium,
  codec: Codec<T> = jsonCodec(),
): Promise<DurableObject<T>> {
  const { name, fs, sentences = {} } = medium
  try {
    const lock = await medium.lock()
    try {
      const files = await openObjectFiles(fs, lock.directory)
      try {
        return new OpenObject(codec, files, lock, sentences)
      } catch (error) {
        await files.close()
        throw error
      }
    } catch (error) {
      await lock.release()
      throw error
    }
  } catch (error) {
    throw asPaxosError(error, 'open', name, sentences)
  }
}

class OpenObject<T> implements DurableObject<T> {
  readonly #codec: Codec<T>
  readonly #files: ObjectFiles
  readonly #lock: LockedDirectory
  readonly #sentences: Sentences
  readonly #commit: GroupCommit<Encoded<T>>
  #value: { readonly value: T } | null
  #closing: Promise<void> | null = null

  constructor(codec: Codec<T>, files: ObjectFiles, lock: LockedDirectory, sentences: Sentences) {
    this.#codec = codec
    this.#files = files
    this.#lock = lock
    this.#sentences = sentences
    this.#value =
      files.found === null ? null : { value: decode(codec, files.found, lock.directory) }
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
        `The object in ${this.#lock.directory} is closed. Open it again before saving.`,
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
      throw asPaxosError(error, 'close', this.#lock.directory, this.#sentences)
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
      throw asPaxosError(error, 'save', this.#lock.directory, this.#sentences)
    }
    this.#value = { value: last.decoded }
  }

  /** Whether the next one who opens the directory would find these files, and this lock. */
  async #requireHeld(): Promise<void> {
    const held = await Promise.all([this.#files.areInPlace(), this.#lock.isHeld()])
    if (!held.every((isHeld) => isHeld)) throw lostError(this.#lock.directory)
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
