/** The bytes of a datagram: read back as they were written, and refused when they are not ours. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_FRAME_BYTES } from '@paxos/core'
import { cutFrame, decodeDatagram, encodeHeader } from '../src/datagram.ts'
import { MAX_FRAGMENTS, MIN_DATAGRAM_BYTES } from '../src/limits.ts'
import { reassembly } from '../src/reassembly.ts'
import { datagramsOf } from './datagrams.ts'

const anySender = fc.string({ unit: 'grapheme', maxLength: 20 })
const anyMessageId = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const anyFrame = fc
  .tuple(fc.nat(5_000), fc.nat(255))
  .map(([length, seed]) => Uint8Array.from({ length }, (_, index) => (seed + index * 7) & 0xff))
const anySize = fc.integer({ min: MIN_DATAGRAM_BYTES, max: 2_000 })

describe('a datagram', () => {
  it('is never larger than asked, and says what was written', () => {
    fc.assert(
      fc.property(anySender, anyMessageId, anyFrame, anySize, (sender, messageId, frame, size) => {
        const datagrams = datagramsOf(sender, messageId, frame, size)
        const fragments = datagrams.map((datagram) => {
          expect(datagram.byteLength).toBeLessThanOrEqual(size)
          return decodeDatagram(datagram)
        })
        const { count } = cutFrame(frame.byteLength, Buffer.byteLength(sender), size)
        const header = { sender, messageId, frameBytes: frame.byteLength, count }
        for (const [index, fragment] of fragments.entries()) {
          expect(fragment).toMatchObject({ ...header, index })
        }
        expect(Buffer.concat(fragments.map((fragment) => fragment?.payload ?? frame))).toEqual(
          Buffer.from(frame),
        )
      }),
    )
  })

  it('keeps the byte order mark of an id: it is an id like any other', () => {
    const [datagram = new Uint8Array()] = datagramsOf('\ufeffa', 1n, Uint8Array.of(1))
    expect(decodeDatagram(datagram)?.sender).toBe('\ufeffa')
  })

  it('is laid out as documented: other versions will have to read it', () => {
    const [datagram = new Uint8Array()] = datagramsOf('añ', 0x0102030405060708n, Uint8Array.of(9))
    expect(Buffer.from(datagram).toString('hex')).toBe(
      [
        '50785544',
        '01',
        '00',
        '03',
        '61c3b1',
        '0102030405060708',
        '00000001',
        '0001',
        '0000',
        '09',
      ].join(''),
    )
  })

  it.each(['the magic', 'the version', 'the flags'])(
    'with another byte in %s is refused',
    (part) => {
      const offset = { 'the magic': 0, 'the version': 4, 'the flags': 5 }[part] ?? 0
      const [datagram = new Uint8Array()] = datagramsOf('a', 1n, Uint8Array.of(1))
      datagram[offset] = 7
      expect(decodeDatagram(datagram)).toBeNull()
    },
  )

  it('that was cut short or is too long is refused, at every byte', () => {
    for (const datagram of datagramsOf('sender', 1n, new Uint8Array(1_500))) {
      expect(decodeDatagram(datagram)).not.toBeNull()
      for (let length = 0; length < datagram.byteLength; length += 1) {
        expect(decodeDatagram(datagram.subarray(0, length))).toBeNull()
      }
      expect(decodeDatagram(Uint8Array.from([...datagram, 0]))).toBeNull()
    }
  })

  it('with an id that is not UTF-8 is refused', () => {
    const [datagram = new Uint8Array()] = datagramsOf('a', 1n, Uint8Array.of(1))
    datagram[7] = 0xff
    expect(decodeDatagram(datagram)).toBeNull()
  })

  it.each([
    ['is believed', { frameBytes: 2_000, count: 2, index: 1, length: 1_000 }, true],
    ['of no fragments is refused', { frameBytes: 0, count: 0, index: 0, length: 0 }, false],
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
    const payload = new Uint8Array(length)
    const header = encodeHeader(Uint8Array.of(0x61), { ...numbers, messageId: 1n, payload })
    const fragment = decodeDatagram(Buffer.concat([header, payload]))
    expect(fragment !== null).toBe(isBelieved)
  })

  it('of the largest frame and the longest id is believed, at the smallest size', () => {
    const { count } = cutFrame(MAX_FRAME_BYTES, 255, MIN_DATAGRAM_BYTES)
    expect(count).toBeLessThanOrEqual(MAX_FRAGMENTS)
  })
})

describe('bytes from the network', () => {
  const anyDatagram = fc
    .tuple(anySender, anyMessageId, anyFrame, anySize, fc.nat())
    .map(([sender, messageId, frame, size, pick]) => {
      const datagrams = datagramsOf(sender, messageId, frame, size)
      return datagrams[pick % datagrams.length] ?? new Uint8Array()
    })
  const anyMutant = fc
    .tuple(anyDatagram, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(8))
    .map(([datagram, changes, cut]) => {
      const mutant = datagram.slice(0, datagram.byteLength - cut)
      for (const [at, byte] of changes) mutant[at % Math.max(1, Math.min(64, mutant.length))] = byte
      return mutant
    })

  it('never throw, random or mutated, and never make a frame of another length', () => {
    const partials = reassembly()
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), anyMutant, anyDatagram), (bytes) => {
        const fragment = decodeDatagram(bytes)
        if (fragment === null) return
        const accepted = partials.accept(fragment, 0)
        if (accepted.type !== 'complete') return
        expect(accepted.frame.byteLength).toBe(fragment.frameBytes)
      }),
      { numRuns: 2_000 },
    )
    expect(partials.bytes).toBeGreaterThan(0)
  })
})
