import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareBallots, DecodeError, InvalidArgumentError } from '@paxos/core'
import { decodeUtf8, encodeUtf8 } from '../../src/wire/utf8.ts'
import { extent } from '../../../testkit/src/fuzz.ts'
import { anyId } from './arbitraries.ts'

const platformEncoder = new TextEncoder()
const platformDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What the platform makes of `bytes`; null where it refuses them. */
function decodedByPlatform(bytes: Uint8Array): string | null {
  try {
    return platformDecoder.decode(bytes)
  } catch {
    return null
  }
}

function decodedByUs(bytes: Uint8Array): string | null {
  try {
    return decodeUtf8(bytes)
  } catch (error) {
    if (error instanceof DecodeError) return null
    throw error
  }
}

describe('UTF-8, as strict as the strictest', () => {
  it('every code point there is has the bytes that the platform gives it, and comes back', () => {
    for (let plane = 0; plane <= 0x10; plane += extent(8, 1)) {
      let text = ''
      for (let codePoint = plane << 16; codePoint < (plane + 1) << 16; codePoint += 1) {
        if (codePoint < 0xd800 || codePoint > 0xdfff) text += String.fromCodePoint(codePoint)
      }
      const bytes = platformEncoder.encode(text)
      expect(Buffer.compare(Uint8Array.from(encodeUtf8(text)), bytes)).toBe(0)
      expect(decodeUtf8(bytes) === text).toBe(true)
    }
  })

  const every = Array.from({ length: 256 }, (_, byte) => byte)
  const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xe1]
  const leads = [0x41, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xf8, 0xff]

  // The numbers are counted by hand from the table of well-formed sequences in the Unicode standard.
  it.each([
    ['of all sequences of two bytes', [every, every], 128 * 128 + 30 * 64],
    ['of those of four bytes at the edges of the ranges', [leads, edges, edges, edges], 644],
  ])(
    '%s, exactly those are text that are to the platform, and the same text',
    (_, choices, texts) => {
      let sequences: number[][] = [[]]
      for (const choice of choices) {
        sequences = sequences.flatMap((start) => choice.map((byte) => [...start, byte]))
      }
      const ours = sequences.map((bytes) => decodedByUs(Uint8Array.from(bytes)))
      const platforms = sequences.map((bytes) => decodedByPlatform(Uint8Array.from(bytes)))
      expect(ours).toEqual(platforms)
      expect(ours.filter((text) => text !== null)).toHaveLength(texts)
    },
  )

  it.each([
    ['an overlong slash of two bytes', [0xc0, 0xaf]],
    ['an overlong NUL of two bytes (the "modified UTF-8" of Java)', [0xc0, 0x80]],
    ['an overlong form of three bytes', [0xe0, 0x9f, 0xbf]],
    ['an overlong form of four bytes', [0xf0, 0x8f, 0xbf, 0xbf]],
    ['a surrogate pair, each half on its own (CESU-8)', [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]],
    ['the first code point above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['a form of five bytes', [0xf8, 0x88, 0x80, 0x80, 0x80]],
    ['a continuation byte that continues nothing', [0x80]],
    ['a lead byte at the end', [0x61, 0xc3]],
    ['four bytes of which the last is missing', [0xf0, 0x9f, 0x98]],
    ['a lead byte where a continuation is due', [0xe2, 0x82, 0xc3]],
  ])('%s is no text', (_, bytes) => {
    expect(() => decodeUtf8(Uint8Array.from(bytes))).toThrow(DecodeError)
  })

  it('a byte order mark is a character like any other: ids that differ stay different', () => {
    expect(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\u{feff}a')
  })

  it.each([
    ['a high surrogate at the end', 'a\ud83d'],
    ['a low surrogate at the start', '\ude00a'],
    ['the two in the wrong order', '\ude00\ud83d'],
  ])('%s is not encoded, and not replaced either', (_, text) => {
    expect(() => encodeUtf8(text)).toThrow(InvalidArgumentError)
  })

  it('ballots of one round order as the UTF-8 bytes of their nodes, as paxos.proto says', () => {
    fc.assert(
      fc.property(anyId, anyId, (a, b) => {
        const byBytes = Buffer.compare(
          Uint8Array.from(encodeUtf8(a)),
          Uint8Array.from(encodeUtf8(b)),
        )
        const byBallot = compareBallots({ round: 1, node: a }, { round: 1, node: b })
        expect(Math.sign(byBallot)).toBe(byBytes)
      }),
      { numRuns: 2000 },
    )
  })
})
