/**
 * Integers, texts and bytes to and from a compact form: the letters of which record.ts makes words.
 * The reader accepts exactly what the writer makes, one form for one value; from anything else it
 * raises CorruptionError, and must never do anything else.
 */
import { CorruptionError } from '@paxos/core'
import { damagedMessage } from '../failure.ts'
import { requireBytes, requireCount, requireWellFormed } from '../values.ts'

export const FIRST_CAPACITY_BYTES = 128
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Appends to a buffer that grows. */
export class ByteWriter {
  #buffer: Buffer
  #length = 0
  /** The text that was written last: in one change most are the same. */
  #text: { readonly value: string; readonly encoded: Buffer } | null = null

  /** With room for so many bytes, which are not copied again. */
  constructor(expectedBytes = FIRST_CAPACITY_BYTES) {
    this.#buffer = Buffer.allocUnsafe(expectedBytes)
  }

  get length(): number {
    return this.#length
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#buffer[this.#length] = value
    this.#length += 1
  }

  /** Seven bits a byte, the low ones first; the top bit says that more follow. */
  integer(value: number, what: string): void {
    let rest = requireCount(value, what)
    while (rest >= 0x80) {
      this.byte((rest % 0x80) + 0x80)
      rest = Math.floor(rest / 0x80)
    }
    this.byte(rest)
  }

  identity(value: bigint): void {
    this.#reserve(8)
    this.#buffer.writeBigUInt64LE(value, this.#length)
    this.#length += 8
  }

  /** Throws for half a surrogate pair, which UTF-8 cannot hold: it would come back as another. */
  text(value: string, what: string): void {
    if (this.#text?.value !== value) {
      this.#text = { value, encoded: Buffer.from(requireWellFormed(value, what), 'utf8') }
    }
    this.bytes(this.#text.encoded, what)
  }

  bytes(value: Uint8Array, what: string): void {
    this.integer(requireBytes(value, what).byteLength, what)
    this.#reserve(value.byteLength)
    this.#buffer.set(value, this.#length)
    this.#length += value.byteLength
  }

  /** What was written. The writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}

/** Reads what a ByteWriter wrote. Every method throws CorruptionError on anything else. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #where: string
  #position = 0

  /** `where` names the source in errors. */
  constructor(bytes: Uint8Array, where: string) {
    this.#bytes = bytes
    this.#where = where
  }

  get position(): number {
    return this.#position
  }

  get atEnd(): boolean {
    return this.#position === this.#bytes.byteLength
  }

  byte(): number {
    const value = this.#bytes[this.#position]
    if (value === undefined) return this.fail('ends in mid-record')
    this.#position += 1
    return value
  }

  integer(): number {
    let value = 0
    let scale = 1
    for (let count = 1; ; count += 1) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (!Number.isSafeInteger(value)) return this.fail('holds an integer that is too large')
      if (byte < 0x80) {
        if (byte === 0 && count > 1) return this.fail('holds an integer in a longer form')
        return value
      }
      scale *= 0x80
    }
  }

  identity(): bigint {
    const taken = this.#take(8)
    return Buffer.from(taken.buffer, taken.byteOffset, 8).readBigUInt64LE()
  }

  text(): string {
    const taken = this.bytes()
    try {
      return decoder.decode(taken)
    } catch {
      return this.fail('holds a text that is not UTF-8')
    }
  }

  /** A view of the source. */
  bytes(): Uint8Array {
    return this.#take(this.integer())
  }

  fail(what: string): never {
    throw new CorruptionError(damagedMessage(`${this.#where} ${what}`))
  }

  #take(length: number): Uint8Array {
    const end = this.#position + length
    if (end > this.#bytes.byteLength) return this.fail('ends in mid-record')
    const taken = this.#bytes.subarray(this.#position, end)
    this.#position = end
    return taken
  }
}
