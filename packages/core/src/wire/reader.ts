/**
 * Reads protobuf fields from bytes that anybody may have made. Must never read beyond them, trust
 * a length or a tag, or raise anything but DecodeError.
 */
import { DecodeError } from '../errors.ts'
import { FIXED_32, FIXED_64, LENGTH_DELIMITED, VARINT } from './wire-type.ts'

/** A uint64 takes no more than this: 64 bits, seven to a byte. */
const MAX_VARINT_BYTES = 10

/** The largest tag: field number 2^29 - 1 and three bits of wire type. */
const MAX_TAG = 2 ** 32 - 1

/** Why bytes are not a frame, and what the receiver is to do. */
export function malformed(reason: string): DecodeError {
  return new DecodeError(`Not an envelope: ${reason}. Drop the frame.`)
}

/** A position in one message. Call `nextField`, then exactly one of the other methods, and so on. */
export class Reader {
  readonly #bytes: Uint8Array
  #position = 0
  #wireType = VARINT

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** The number of the next field; 0, which is no field's number, at the end of the message. */
  nextField(): number {
    if (this.#position === this.#bytes.length) return 0
    const tag = this.#varint()
    if (tag < 8 || tag > MAX_TAG) throw malformed('a field number is out of range')
    this.#wireType = tag & 7
    return tag >>> 3
  }

  /** The value of a field that must be a varint, at most 2^53 - 1. */
  varint(): number {
    this.#expect(VARINT)
    return this.#varint()
  }

  /** The content of a field that must be length-delimited. A view: it keeps the frame alive. */
  bytes(): Uint8Array {
    this.#expect(LENGTH_DELIMITED)
    const length = this.#varint()
    const start = this.#position
    this.#advance(length)
    return this.#bytes.subarray(start, this.#position)
  }

  /** As bytes(), but says only where in the memory of the frame it begins. It ends at `at`. */
  start(): number {
    this.#expect(LENGTH_DELIMITED)
    const length = this.#varint()
    const start = this.at
    this.#advance(length)
    return start
  }

  /** The position in the memory of the frame. */
  get at(): number {
    return this.#bytes.byteOffset + this.#position
  }

  /** That memory. */
  get memory(): ArrayBufferLike {
    return this.#bytes.buffer
  }

  /** Passes over a field that this version does not know. */
  skip(): void {
    switch (this.#wireType) {
      case VARINT:
        // Any 64 bits: a later version may have fields with a wider range than ours.
        this.#advance(this.#varintLength())
        break
      case FIXED_64:
        this.#advance(8)
        break
      case LENGTH_DELIMITED:
        this.bytes()
        break
      case FIXED_32:
        this.#advance(4)
        break
      default:
        throw malformed('a field has no known wire type')
    }
  }

  #expect(wireType: number): void {
    if (this.#wireType !== wireType) throw malformed('a known field has another wire type')
  }

  #advance(count: number): void {
    if (count > this.#bytes.length - this.#position) throw malformed('it is cut off')
    this.#position += count
  }

  #varint(): number {
    const first = this.#bytes[this.#position] ?? 0x80
    if (first < 0x80) {
      this.#position += 1
      return first
    }
    const end = this.#position + this.#varintLength()
    let value = 0
    for (let index = end - 1; index >= this.#position; index -= 1) {
      value = value * 0x80 + ((this.#bytes[index] ?? 0) & 0x7f)
    }
    if (value > Number.MAX_SAFE_INTEGER) throw malformed('an integer is above 2^53 - 1')
    this.#position = end
    return value
  }

  #varintLength(): number {
    for (let length = 1; length <= MAX_VARINT_BYTES; length += 1) {
      const byte = this.#bytes[this.#position + length - 1]
      if (byte === undefined) throw malformed('it is cut off')
      if (byte < 0x80) return length
    }
    throw malformed('a varint is too long')
  }
}
