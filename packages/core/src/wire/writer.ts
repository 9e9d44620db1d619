/**
 * Writes protobuf from the last byte to the first: a sub-message is preceded by its length, and
 * from the back that length is known by the time it is written. So nothing is measured twice. Fields
 * are written in descending order of their numbers, to stand in ascending order.
 *
 * Frames are made in a buffer that is used again and again, and copied out of it once: a new one of
 * unknown size would be filled with zeros and copied each time that it grows. Must never produce a
 * frame above MAX_FRAME_BYTES, nor one that shares memory with another.
 */
import { FrameTooLargeError } from '../errors.ts'
import { MAX_FRAME_BYTES } from '../limits.ts'
import { LENGTH_DELIMITED, VARINT } from './wire-type.ts'

/**
 * What is kept between frames: no more than MAX_FRAME_BYTES, so that pieces of a snapshot need no new
 * one either. `null` while a frame is in the making, for that could bring about another one.
 */
let kept: Uint8Array | null = new Uint8Array(256)

/** One frame in the making. Every method puts its field in front of what is there. */
export class Writer {
  #buffer = kept ?? new Uint8Array(256)
  #start = this.#buffer.length

  constructor() {
    kept = null
  }

  /** A field that holds `value`, an integer from 0 to 2^53 - 1. */
  varint(field: number, value: number): void {
    this.#putVarint(value)
    this.#putVarint(field * 8 + VARINT)
  }

  /** A field that holds `content`, copied. */
  bytes(field: number, content: ArrayLike<number>): void {
    const { length } = content
    this.#reserve(length)
    this.#buffer.set(content, this.#start)
    this.#putVarint(length)
    this.#putVarint(field * 8 + LENGTH_DELIMITED)
  }

  /** A field that holds what `writeFields` writes. */
  message(field: number, writeFields: () => void): void {
    const before = this.#size
    writeFields()
    this.#putVarint(this.#size - before)
    this.#putVarint(field * 8 + LENGTH_DELIMITED)
  }

  /** The frame, in a buffer of its own size. The writer must not be used afterwards. */
  finish(): Uint8Array {
    kept = this.#buffer
    return this.#buffer.slice(this.#start)
  }

  get #size(): number {
    return this.#buffer.length - this.#start
  }

  #putVarint(value: number): void {
    let length = 1
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1
    this.#reserve(length)
    let [at, rest] = [this.#start, value]
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#buffer[at++] = (rest % 0x80) + 0x80
    this.#buffer[at] = rest
  }

  /** Makes room for so many bytes in front of what is there. */
  #reserve(bytes: number): void {
    const size = this.#size + bytes
    if (size > MAX_FRAME_BYTES) {
      throw new FrameTooLargeError(
        `A frame has at most ${MAX_FRAME_BYTES} bytes. Keep values within MAX_VALUE_BYTES.`,
      )
    }
    if (size > this.#buffer.length) this.#grow(Math.min(2 * size, MAX_FRAME_BYTES))
    this.#start -= bytes
  }

  #grow(length: number): void {
    const written = this.#buffer.subarray(this.#start)
    this.#buffer = new Uint8Array(length)
    this.#start = length - written.length
    this.#buffer.set(written, this.#start)
  }
}
