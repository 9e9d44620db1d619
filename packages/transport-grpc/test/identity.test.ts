/** Who a node says it is: in metadata, and in a certificate. */
import { Metadata } from '@grpc/grpc-js'
import * as fc from 'fast-check'
import { extent } from '@paxos/testkit/fuzz'
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError, MAX_ID_BYTES } from '@paxos/core'
import { examine } from '../src/admission.ts'
import type { Examiner, Finding } from '../src/admission.ts'
import { decodeId, encodeId, FROM_KEY, requireId, TO_KEY } from '../src/identity.ts'

describe('an id', () => {
  it('comes back as it was, through metadata as it is on the wire', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (id) => {
        const encoded = encodeId(id)
        fc.pre(encoded !== null)
        const metadata = new Metadata()
        metadata.set(FROM_KEY, encoded)
        const header = metadata.toHttp2Headers()[FROM_KEY]
        if (typeof header !== 'string') throw new Error('It is no text on the wire.')
        const received = Metadata.fromHttp2Headers({ [FROM_KEY]: header })
        expect(decodeId(received.get(FROM_KEY))).toBe(id)
      }),
    )
  })

  it.each(['', '\u{feff}a', 'all', 'x'.repeat(MAX_ID_BYTES)])('%j is one', (id) => {
    const encoded = encodeId(id)
    expect(encoded === null ? null : decodeId([encoded])).toBe(id)
  })

  it.each(['x'.repeat(MAX_ID_BYTES + 1), 'ñ'.repeat(128), '\ud800'])('%j is none', (id) => {
    expect(encodeId(id)).toBeNull()
    expect(() => requireId(id)).toThrow(InvalidArgumentError)
  })

  it.each<[string, (string | Buffer)[]]>([
    ['nothing', []],
    ['two values', [Buffer.from('a'), Buffer.from('a')]],
    ['text', ['a']],
    ['an overlong form', [Buffer.from([0xc0, 0x80])]],
    ['a surrogate', [Buffer.from([0xed, 0xa0, 0x80])]],
    ['256 bytes', [Buffer.alloc(256, 97)]],
  ])('is not in %s', (_, values) => {
    expect(decodeId(values)).toBeNull()
  })
})

const NODES = ['a', 'b', '', 'ñ😀', 'x'.repeat(255)]
const examiner: Examiner = { own: 'b', knows: (id: string) => NODES.includes(id) }

/** Base64, as it is or with something wrong; and what is not base64 at all. */
const value = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(...NODES).map((id) => Buffer.from(id).toString('base64')),
  },
  {
    weight: 3,
    arbitrary: fc
      .uint8Array({ maxLength: 300 })
      .map((bytes) => Buffer.from(bytes).toString('base64')),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 40 }) },
)
/** One value, several in one header as HTTP/2 joins them, several headers, or none. */
const header = fc.oneof(
  { weight: 6, arbitrary: value },
  { weight: 1, arbitrary: fc.array(value, { maxLength: 3 }).map((values) => values.join(',')) },
  { weight: 1, arbitrary: fc.array(value, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constant(undefined) },
)
const commonName = fc.option(fc.constantFrom(...NODES, 'c'))

describe('100,000 random and mutated handshakes', () => {
  it('never throw, and let in exactly those who say once who they are and whom they mean', () => {
    let admitted = 0
    fc.assert(
      fc.property(header, header, commonName, (from, to, name) => {
        const metadata = Metadata.fromHttp2Headers({ [FROM_KEY]: from, [TO_KEY]: to })
        const claim = { from: metadata.get(FROM_KEY), to: metadata.get(TO_KEY) }
        const finding: Finding = examine({ ...claim, provesToBe: () => true }, examiner)
        const [sender] = claim.from.map(String)
        const isRight =
          claim.from.length === 1 &&
          claim.to.length === 1 &&
          String(claim.to[0]) === 'b' &&
          sender !== undefined &&
          sender !== 'b' &&
          NODES.includes(sender)
        expect('from' in finding).toBe(isRight)
        if ('from' in finding) {
          admitted += 1
          expect(finding.from).toBe(sender)
        }
        const provesToBe = (id: string): boolean => id === name
        expect('from' in examine({ ...claim, provesToBe }, examiner)).toBe(
          isRight && name === sender,
        )
      }),
      { numRuns: extent(5000, 100_000) },
    )
    expect(admitted).toBeGreaterThan(extent(5, 100))
  })
})
