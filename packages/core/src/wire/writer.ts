/**
 * Writes protobuf from the last byte to the first: a sub-message is preceded by its length, and
 * from the back that length is known by the time it is written. So nothing is measured or copied
 * twice. Fields are written in descending order of their numbers, to stand in ascending order.
 *
 * Must never produce a frame above MAX_FRAME_BYTES.
 */
import { FrameTooLargeError } from '../errors.ts'
import { MAX_FRAME_BYTES } from '../limits.ts'
import { LENGTH_DELIMITED, VARINT } from './wire-type.ts'

/** One frame in the making. Every method puts its field in front of what is there. */
export class Writer {
  #buffer = new Uint8Array(256)
  #start = this.#buffer.length

  /** A field that holds `value`, an integer from 0 to 2^53 - 1. */
  varint(field: number, value: number): void {
    this.#putVarint(value)
    this.#putVarint(field * 8 + VARINT)
  }

  /** A field that holds `content`, copied. */
  bytes(field: number, content: ArrayLike<number>): void {
    this.#put(content)
    this.#putVarint(content.length)
    this.#putVarint(field * 8 + LENGTH_DELIMITED)
  }

  /** A field that holds what `writeFields` writes. */
  message(field: number, writeFields: () => void): void {
    const before = this.#size
    writeFields()
    this.#putVarint(this.#size - before)
    this.#putVarint(field * 8 + LENGTH_DELIMITED)
  }

  /** The frame, in a buffer of its own size. */
  finish(): Uint8Array {
    return this.#buffer.slice(this.#start)
  }

  get #size(): number {
    return this.#buffer.length - this.#start
  }

  /** From the highest seven bits to the lowest, as everything is written from the back. */
  #putVarint(value: number): void {
    const rest = Math.floor(value / 0x80)
    if (rest > 0) this.#putVarint(rest)
    this.#put([(value % 0x80) + (rest > 0 ? 0x80 : 0)])
  }

  #put(bytes: ArrayLike<number>): void {
    const size = this.#size + bytes.length
    if (size > MAX_FRAME_BYTES) {
      throw new FrameTooLargeError(
        `A frame has at most ${MAX_FRAME_BYTES} bytes. Keep values within MAX_VALUE_BYTES.`,
      )
    }
    if (size > this.#buffer.length) this.#grow(Math.min(2 * size, MAX_FRAME_BYTES))
    this.#start -= bytes.length
    this.#buffer.set(bytes, this.#start)
  }

  #grow(length: number): void {
    const written = this.#buffer.subarray(this.#start)
    this.#buffer = new Uint8Array(length)
    this.#start = length - written.length
    this.#buffer.set(written, this.#start)
  }
}
