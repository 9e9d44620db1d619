/** What is said of cookies, byte by byte, and the vectors that every release of this version reads. */
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeDatagram,
  encodeFragment,
  encodeFrames,
  stampDatagram,
} from '../../src/datagrams/datagram.ts'
import { SECRET_BYTES, VERSION, versionOf } from '../../src/datagrams/header.ts'
import {
  DEFAULT_DATAGRAM_BYTES,
  MAX_WORD_BYTES,
  MIN_DATAGRAM_BYTES,
} from '../../src/datagrams/limits.ts'
import { encodeWord, wordBytesOf } from '../../src/datagrams/words.ts'
import type { CookieWord } from '../../src/datagrams/words.ts'
import { headOf } from './samples.ts'

interface Vectors {
  readonly version: number
  readonly datagrams: readonly { readonly what: string; readonly hex: string }[]
  readonly ofOtherVersions: readonly { readonly version: number; readonly hex: string }[]
}

const vectors: Vectors = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8'))

const nonce = new Uint8Array(SECRET_BYTES).fill(0xa1)
const cookie = new Uint8Array(SECRET_BYTES).fill(0xb2)
const names = { cluster: 'clé', incarnation: 'i1' }
const words: readonly CookieWord[] = [
  { kind: 'question', nonce, ...names },
  { kind: 'answer', nonce, cookie, epoch: 5, ...names },
  { kind: 'unknown', cookie },
  { kind: 'refusal', nonce, ...names },
]
const stamp = { cookie, epoch: 5, sequence: 258 }
const frames = [Uint8Array.of(9), new Uint8Array(), Uint8Array.of(7, 8)]
const fragment = {
  messageId: 0x0102030405060708n,
  frameBytes: 5,
  count: 3,
  index: 2,
  payload: Uint8Array.of(9),
}

function stampedHex(datagram: Uint8Array): string {
  stampDatagram(datagram, stamp)
  return hex(datagram)
}

function hex(datagram: Uint8Array): string {
  return Buffer.from(datagram).toString('hex')
}

/** What the vectors are of. A size of 0 fills no question up. */
const written: Readonly<Record<string, string>> = {
  frames: stampedHex(encodeFrames(headOf('añ'), frames)),
  'frames, with room for a tag': stampedHex(encodeFrames(headOf('añ', true), frames)),
  fragment: stampedHex(encodeFragment(headOf('añ'), fragment)),
  ...Object.fromEntries(words.map((word) => [word.kind, hex(encodeWord(headOf('añ'), word, 0))])),
  'question, with room for a tag': hex(encodeWord(headOf('añ', true), words[0] ?? fail(), 0)),
}

function fail(): never {
  throw new Error('There is none.')
}

describe('the vectors of this version', () => {
  it.each(vectors.datagrams)('$what: is written as it is there', ({ what, hex: expected }) => {
    expect(written[what]).toBe(expected)
  })

  it('hold one of each kind', () => {
    expect(vectors.datagrams.map(({ what }) => what)).toEqual(Object.keys(written))
  })

  it.each(vectors.ofOtherVersions)('of version $version is none of ours, and named', (vector) => {
    const datagram = new Uint8Array(Buffer.from(vector.hex, 'hex'))
    expect(vector.version).not.toBe(VERSION)
    expect([versionOf(datagram), decodeDatagram(datagram)]).toEqual([vector.version, null])
  })
})

describe('a word about cookies', () => {
  it.each(words)('is read back as it was written: $kind', (word) => {
    for (const size of [0, MIN_DATAGRAM_BYTES, DEFAULT_DATAGRAM_BYTES]) {
      const datagram = new Uint8Array(encodeWord(headOf('a'), word, size))
      expect(decodeDatagram(datagram)).toEqual({ type: 'cookie', sender: 'a', ...word })
    }
  })

  it('that is a question is as large as the largest answer, where datagrams may be', () => {
    const anyName = fc.string({ unit: 'binary-ascii', maxLength: 255 })
    const anyNames = fc.record({ cluster: anyName, incarnation: anyName })
    fc.assert(
      fc.property(anyNames, anyNames, anyName, fc.boolean(), (asking, answering, id, tag) => {
        const question = { kind: 'question', nonce, ...asking } as const
        const asked = encodeWord(headOf('q', tag), question, DEFAULT_DATAGRAM_BYTES).byteLength
        const head = headOf(id, tag)
        for (const word of [
          { kind: 'answer', nonce, cookie, epoch: 1, ...answering } as const,
          { kind: 'refusal', nonce, ...answering } as const,
        ]) {
          const { byteLength } = encodeWord(head, word, DEFAULT_DATAGRAM_BYTES)
          expect(byteLength).toBeLessThanOrEqual(asked)
          expect(byteLength).toBeLessThanOrEqual(wordBytesOf(head, answering))
        }
        const small = encodeWord(headOf('q', tag), { ...question, cluster: '' }, MIN_DATAGRAM_BYTES)
        expect(small.byteLength).toBe(MIN_DATAGRAM_BYTES)
      }),
    )
    const longest = { cluster: 'c'.repeat(255), incarnation: 'i'.repeat(255) }
    expect(wordBytesOf(headOf('x'.repeat(255), true), longest)).toBe(MAX_WORD_BYTES)
  })

  it.each(words)('of no kind, cut short or too long is refused: $kind', (word) => {
    const datagram = new Uint8Array(encodeWord(headOf('a'), word, 0))
    for (let length = 0; length < datagram.byteLength; length += 1) {
      expect(decodeDatagram(datagram.subarray(0, length))).toBeNull()
    }
    const isFilledUp = word.kind === 'question'
    expect(decodeDatagram(Uint8Array.from([...datagram, 0])) !== null).toBe(isFilledUp)
    for (const kind of [0, 5, 255]) {
      const changed = new Uint8Array(datagram)
      changed[8] = kind
      expect(decodeDatagram(changed)).toBeNull()
    }
  })

  it('with a name that is not UTF-8 is refused', () => {
    const datagram = new Uint8Array(encodeWord(headOf('a'), words[3] ?? fail(), 0))
    for (const at of [datagram.byteLength - 1, datagram.byteLength - 5]) {
      const changed = new Uint8Array(datagram)
      changed[at] = 0xff
      expect(decodeDatagram(changed)).toBeNull()
    }
  })
})
