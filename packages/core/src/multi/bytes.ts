/**
 * Numbers and byte strings in one byte string, for what is stored in the log and in snapshots. Bytes
 * may come from anywhere: the reader must never read beyond them, allocate on the word of a length,
 * or raise anything but DecodeError. One value has one encoding.
 */
import { DecodeError } from '../errors.ts'

const FIRST_CAPACITY_BYTES = 64

/** Appends. */
export class ByteWriter {
  #buffer: Uint8Array
  #length = 0

  /** With room for so many bytes. When it is just what they take, they are not copied again. */
  constructor(expectedBytes = FIRST_CAPACITY_BYTES) {
    this.#buffer = new Uint8Array(expectedBytes)
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#buffer[this.#length] = value
    this.#length += 1
  }

  /** An integer from 0 to 2^53 - 1: seven bits a byte, the lowest first. */
  integer(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.byte((rest % 0x80) + 0x80)
      rest = Math.floor(rest / 0x80)
    }
    this.byte(rest)
  }

  /** The bytes alone: who reads them must know how many there are. */
  bytes(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#buffer.set(value, this.#length)
    this.#length += value.length
  }

  /** The bytes behind their length. */
  sizedBytes(value: Uint8Array): void {
    this.integer(value.length)
    this.bytes(value)
  }

  /** Everything so far, in a buffer of its own size. The writer must not be used afterwards. */
  finish(): Uint8Array {
    const isFull = this.#length === this.#buffer.length
    return isFull ? this.#buffer : this.#buffer.slice(0, this.#length)
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#buffer.length) return
    const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length))
    larger.set(this.#buffer.subarray(0, this.#length))
    this.#buffer = larger
  }
}

/** How many bytes ByteWriter.integer() takes for a value. */
export function integerBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += 1
  return bytes
}

/** Reads what a ByteWriter wrote, or raises DecodeError. What it returns is copied, unless asked. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #what: string
  readonly #returns: 'copies' | 'views'
  #position = 0

  /** `what` is for errors: "an entry". */
  constructor(bytes: Uint8Array, what: string, returns: 'copies' | 'views' = 'copies') {
    this.#bytes = bytes
    this.#what = what
    this.#returns = returns
  }

  get isAtEnd(): boolean {
    return this.#position === this.#bytes.length
  }

  malformed(reason: string): DecodeError {
    return new DecodeError(`Not ${this.#what}: ${reason}. Restore it from another node.`)
  }

  byte(): number {
    const byte = this.#bytes[this.#position]
    if (byte === undefined) throw this.malformed('it is cut off')
    this.#position += 1
    return byte
  }

  integer(): number {
    let value = 0
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (value > Number.MAX_SAFE_INTEGER || scale > 2 ** 49) {
        throw this.malformed('an integer is above 2^53 - 1')
      }
      if (byte >= 0x80) continue
      if (byte === 0 && scale > 1) throw this.malformed('an integer is longer than it need be')
      return value
    }
  }

  positive(): number {
    const value = this.integer()
    if (value === 0) throw this.malformed('a number is 0')
    return value
  }

  sizedBytes(): Uint8Array {
    return this.#take(this.integer())
  }

  /** Reads within what sizedBytes() would return. */
  sizedReader(what: string): ByteReader {
    const length = this.integer()
    return new ByteReader(this.#view(length), what, this.#returns)
  }

  /** Just so many bytes. */
  fixedBytes(length: number): Uint8Array {
    return this.#take(length)
  }

  /** Everything that is left. */
  rest(): Uint8Array {
    return this.#take(this.#bytes.length - this.#position)
  }

  /** What `read` reads, `count` times; it stops where the bytes do, whatever the count says. */
  times<T>(count: number, read: () => T): T[] {
    const items: T[] = []
    while (items.length < count) items.push(read())
    return items
  }

  /** Nothing may be left. */
  end(): void {
    if (this.#position < this.#bytes.length) throw this.malformed('it is too long')
  }

  #take(length: number): Uint8Array {
    const view = this.#view(length)
    return this.#returns === 'views' ? view : new Uint8Array(view)
  }

  #view(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#position) throw this.malformed('it is cut off')
    const start = this.#position
    this.#position += length
    return this.#bytes.subarray(start, this.#position)
  }
}
