/** The bytes of a datagram: read back as they were written, and refused when they are not ours. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_FRAME_BYTES } from '@paxos/core'
import {
  countFitting,
  cutFrame,
  decodeDatagram,
  encodeFragment,
  encodeFrames,
} from '../../src/datagrams/datagram.ts'
import { SECRET_BYTES, TAG_BYTES } from '../../src/datagrams/header.ts'
import {
  MAX_FRAGMENTS,
  MAX_FRAMES_PER_DATAGRAM,
  MIN_DATAGRAM_BYTES,
} from '../../src/datagrams/limits.ts'
import { datagramsOf, headOf, NO_STAMP, packed, stamped } from './samples.ts'

const anySender = fc.string({ unit: 'grapheme', maxLength: 20 })
const anyMessageId = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const anyFrame = (maxBytes: number): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(fc.nat(maxBytes), fc.nat(255))
    .map(([length, seed]) => Uint8Array.from({ length }, (_, index) => (seed + index * 7) & 0xff))
const anySize = fc.integer({ min: MIN_DATAGRAM_BYTES, max: 2_000 })

const hex = (datagram: Uint8Array): string => Buffer.from(datagram).toString('hex')
const NO_STAMP_HEX = '00'.repeat(32)
const bytesOf = (length: number): Uint8Array => new Uint8Array(length)

describe('a frame that is too large', () => {
  it('is cut into datagrams that are never larger than asked and say what was written', () => {
    fc.assert(
      fc.property(
        fc.record({ sender: anySender, messageId: anyMessageId, size: anySize, tag: fc.boolean() }),
        anyFrame(5_000),
        ({ sender, messageId, size, tag }, frame) => {
          const head = headOf(sender, tag)
          fc.pre(countFitting(head, [frame], size) === 0)
          const datagrams = datagramsOf(sender, messageId, frame, size, tag)
          const { count } = cutFrame(head, frame.byteLength, size)
          expect(count).toBeGreaterThanOrEqual(2)
          const payloads = datagrams.map((datagram, index) => {
            expect(datagram.byteLength).toBeLessThanOrEqual(size)
            const header = { sender, messageId, frameBytes: frame.byteLength, count, index }
            const decoded = decodeDatagram(datagram)
            expect(decoded).toMatchObject({ type: 'fragment', ...header })
            return decoded?.type === 'fragment' ? decoded.payload : bytesOf(0)
          })
          expect(Buffer.concat(payloads)).toEqual(Buffer.from(frame))
        },
      ),
    )
  })
})

describe('small frames', () => {
  it('share datagrams that are never larger than asked, as many as fit, in order', () => {
    fc.assert(
      fc.property(
        fc.record({ sender: anySender, size: anySize, tag: fc.boolean() }),
        fc.array(anyFrame(150), { minLength: 1, maxLength: 40 }),
        ({ sender, size, tag }, frames) => {
          const head = headOf(sender, tag)
          const count = countFitting(head, frames, size)
          expect(count).toBeGreaterThan(0)
          const datagram = encodeFrames(head, frames.slice(0, count))
          expect(datagram.byteLength).toBeLessThanOrEqual(size)
          expect(decodeDatagram(new Uint8Array(datagram))).toEqual({
            type: 'frames',
            sender,
            stamp: NO_STAMP,
            frames: frames.slice(0, count),
          })
          if (count === frames.length) return
          expect(encodeFrames(head, frames.slice(0, count + 1)).byteLength).toBeGreaterThan(size)
        },
      ),
    )
  })

  it(`share a datagram up to ${MAX_FRAMES_PER_DATAGRAM}, however small they are`, () => {
    const frames = Array.from({ length: 1_000 }, () => bytesOf(0))
    expect(countFitting(headOf('a'), frames, 65_507)).toBe(MAX_FRAMES_PER_DATAGRAM)
    const datagram = packed('a', frames.slice(0, MAX_FRAMES_PER_DATAGRAM))
    expect(decodeDatagram(datagram)).toMatchObject({
      frames: frames.slice(0, MAX_FRAMES_PER_DATAGRAM),
    })
  })

  it('end where a datagram of the largest size ends', () => {
    const largest = bytesOf(65_507 - 7 - 1 - 32 - 1 - 2)
    expect(countFitting(headOf('a'), [largest], 65_507)).toBe(1)
    expect(countFitting(headOf('a'), [bytesOf(largest.byteLength + 1)], 65_507)).toBe(0)
    expect(decodeDatagram(packed('a', [largest]))).toMatchObject({ frames: [largest] })
  })

  it.each([
    ['fewer than are there', 7 + 32 + 1, [1]],
    ['more than are there', 7 + 32 + 1, [3]],
    ['none', 7 + 32 + 1, [0]],
    ['a first that takes a part of the second', 7 + 32 + 2, [0, 3]],
    ['a first that takes all of the second', 7 + 32 + 2, [0, 6]],
    ['a first that goes beyond the end', 7 + 32 + 2, [0, 7]],
    ['a last that leaves a byte over', 7 + 32 + 6, [0, 1]],
    ['a last that lacks a byte', 7 + 32 + 6, [0, 3]],
    ['a last that lacks the most', 7 + 32 + 6, [0xff, 0xff]],
  ])('of which the datagram says that there are, or is, %s: all are refused', (_, at, bytes) => {
    const frames = [Uint8Array.of(1, 1), Uint8Array.of(2, 2)]
    const datagram = packed('', frames)
    expect(decodeDatagram(datagram)).toMatchObject({ frames })
    datagram.set(bytes, at - 1)
    expect(decodeDatagram(datagram)).toBeNull()
  })
})

describe('a datagram', () => {
  it('with no frame at all is refused, with or without a number of them', () => {
    const empty = packed('a', [])
    expect(hex(empty)).toBe(`50785544 03 00 01 61 ${NO_STAMP_HEX} 00`.replaceAll(' ', ''))
    expect(decodeDatagram(empty)).toBeNull()
    expect(decodeDatagram(empty.subarray(0, -1))).toBeNull()
  })

  it('of whole frames is laid out as documented: other versions will have to read it', () => {
    expect(hex(packed('añ', [Uint8Array.of(9), bytesOf(0), Uint8Array.of(7, 8)]))).toBe(
      [
        '50785544',
        '03',
        '00',
        '03',
        '61c3b1',
        NO_STAMP_HEX,
        '03',
        '0001',
        '09',
        '0000',
        '0002',
        '0708',
      ].join(''),
    )
  })

  it('of a fragment is laid out as documented', () => {
    const fragment = {
      messageId: 0x0102030405060708n,
      frameBytes: 5,
      count: 3,
      index: 2,
      payload: Uint8Array.of(9),
    }
    expect(hex(encodeFragment(headOf('añ'), fragment))).toBe(
      [
        '50785544',
        '03',
        '02',
        '03',
        '61c3b1',
        NO_STAMP_HEX,
        '0102030405060708',
        '00000005',
        '0003',
        '0002',
        '09',
      ] //
        .join(''),
    )
  })

  it('that is authenticated says so, and has room for a tag of 16 bytes at its end', () => {
    expect(hex(packed('a', [Uint8Array.of(9)], true))).toBe(
      `50785544 03 01 01 61 ${NO_STAMP_HEX} 01 0001 09 ${'00'.repeat(16)}`.replaceAll(' ', ''),
    )
    const datagram = packed('a', [Uint8Array.of(9)], true)
    expect(datagram.byteLength - packed('a', [Uint8Array.of(9)]).byteLength).toBe(TAG_BYTES)
    expect(decodeDatagram(datagram)).toMatchObject({ frames: [Uint8Array.of(9)] })
  })

  it('keeps the byte order mark of an id: it is an id like any other', () => {
    expect(decodeDatagram(packed('\ufeffa', [bytesOf(1)]))?.sender).toBe('\ufeffa')
  })

  it.each([
    ['the magic', 0, 7],
    ['the version', 4, 0],
    ['the version', 4, 2],
    ['the version', 4, 4],
    ['the flags', 5, 4],
    ['the flags', 5, 6],
    ['the flags', 5, 8],
    ['the flags', 5, 0x80],
  ])('with another byte in %s is refused', (_, offset, byte) => {
    const datagram = packed('a', [bytesOf(100)])
    datagram[offset] = byte
    expect(decodeDatagram(datagram)).toBeNull()
  })

  it.each([
    ['frames', datagramsOf('sender', 1n, bytesOf(100))],
    ['fragments', datagramsOf('sender', 1n, bytesOf(1_500))],
  ])('of %s that was cut short or is too long is refused, at every byte', (_, datagrams) => {
    for (const datagram of datagrams) {
      expect(decodeDatagram(datagram)).not.toBeNull()
      for (let length = 0; length < datagram.byteLength; length += 1) {
        expect(decodeDatagram(datagram.subarray(0, length))).toBeNull()
      }
      expect(decodeDatagram(Uint8Array.from([...datagram, 0]))).toBeNull()
    }
  })

  it('with an id that is not UTF-8 is refused', () => {
    const datagram = packed('a', [bytesOf(1)])
    datagram[7] = 0xff
    expect(decodeDatagram(datagram)).toBeNull()
  })
})

describe('a stamp', () => {
  const stamp = {
    cookie: Uint8Array.from({ length: SECRET_BYTES }, (_, index) => index + 1),
    epoch: 0x0102030405,
    sequence: Number.MAX_SAFE_INTEGER,
  }

  it('is laid out as documented, and read back as it was written', () => {
    const datagram = stamped(packed('a', [Uint8Array.of(9)]), stamp)
    expect(hex(datagram)).toBe(
      ['50785544', '03', '00', '01', '61', '0102030405060708090a0b0c0d0e0f10', '0000000102030405']
        .concat('001fffffffffffff', '01', '0001', '09')
        .join(''),
    )
    expect(decodeDatagram(datagram)).toMatchObject({ stamp })
  })

  it.each([8 + SECRET_BYTES, 8 + SECRET_BYTES + 8])(
    'with a number that is not safe is refused: at %i',
    (at) => {
      const datagram = stamped(packed('a', [Uint8Array.of(9)]), stamp)
      datagram[at + 1] = 0x20
      expect(decodeDatagram(datagram)).toBeNull()
    },
  )
})

describe('a fragment', () => {
  it.each([
    ['is believed', { frameBytes: 2_000, count: 2, index: 1, length: 1_000 }, true],
    ['of no fragments is refused', { frameBytes: 0, count: 0, index: 0, length: 0 }, false],
    ['of one fragment is refused', { frameBytes: 2, count: 1, index: 0, length: 2 }, false],
    ['of an empty frame is refused', { frameBytes: 0, count: 2, index: 0, length: 0 }, false],
    ['with an index too high is refused', { frameBytes: 2, count: 2, index: 2, length: 1 }, false],
    ['longer than its share is refused', { frameBytes: 9, count: 3, index: 1, length: 4 }, false],
    ['shorter than its share is refused', { frameBytes: 9, count: 3, index: 1, length: 2 }, false],
    [
      'of the largest frame is believed',
      { frameBytes: MAX_FRAME_BYTES, count: 1_024, index: 0, length: 1_024 },
      true,
    ],
    [
      'of a larger frame is refused',
      { frameBytes: MAX_FRAME_BYTES + 1_024, count: 1_025, index: 0, length: 1_024 },
      false,
    ],
    [
      'of the most fragments is believed',
      { frameBytes: MAX_FRAGMENTS, count: MAX_FRAGMENTS, index: 0, length: 1 },
      true,
    ],
    [
      'of more fragments is refused',
      { frameBytes: MAX_FRAGMENTS + 1, count: MAX_FRAGMENTS + 1, index: 0, length: 1 },
      false,
    ],
    // Fragments of 2 bytes make 3 of 5, not 4: the last one would begin behind the end.
    [
      'of a frame that is not cut so is refused',
      { frameBytes: 5, count: 4, index: 0, length: 2 },
      false,
    ],
  ])('%s', (_, { length, ...numbers }, isBelieved) => {
    const payload = bytesOf(length)
    const datagram = encodeFragment(headOf('a'), { ...numbers, messageId: 1n, payload })
    expect(decodeDatagram(new Uint8Array(datagram)) !== null).toBe(isBelieved)
  })

  it('of the largest frame, the longest id and a tag is believed, at the smallest size', () => {
    const { count } = cutFrame(headOf('x'.repeat(255), true), MAX_FRAME_BYTES, MIN_DATAGRAM_BYTES)
    expect(count).toBe(5_638)
    expect(count).toBeLessThanOrEqual(MAX_FRAGMENTS)
  })
})
