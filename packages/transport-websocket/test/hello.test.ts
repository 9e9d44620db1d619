/** The first message each way. */
import * as fc from 'fast-check'
import { extent } from '@paxos/testkit/fuzz'
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError, MAX_ID_BYTES } from '@paxos/core'
import { decodeHello, encodeHello, isCarriable, requireId } from '../src/hello.ts'

const id = fc.string({ unit: 'binary', maxLength: 63 })
const bytesOf = (...parts: (string | number)[]): Uint8Array =>
  Uint8Array.from(
    parts.flatMap((part) => (typeof part === 'number' ? part : [...Buffer.from(part)])),
  )

describe('a hello', () => {
  it('is written as its comment says', () => {
    const message = encodeHello({ sender: 'añ', receiver: '' })
    expect(message).toEqual(bytesOf('PxWS', 1, 0, 3, 'añ', 0))
  })

  it('P3: says what it was given, whatever the ids', () => {
    fc.assert(
      fc.property(id, id, (sender, receiver) => {
        expect(decodeHello(encodeHello({ sender, receiver }))).toEqual({ sender, receiver })
      }),
    )
    const longest = { sender: 'x'.repeat(MAX_ID_BYTES), receiver: '\ufeff😀' }
    expect(decodeHello(encodeHello(longest))).toEqual(longest)
  })

  it('may lie anywhere in a larger buffer', () => {
    const hello = { sender: 'a', receiver: 'b' }
    const larger = Buffer.concat([Buffer.alloc(7, 0xff), encodeHello(hello), Buffer.alloc(9, 0xff)])
    expect(decodeHello(larger.subarray(7, larger.length - 9))).toEqual(hello)
  })

  it.each([
    ['nothing', bytesOf()],
    ['another protocol', bytesOf('GET / HTTP/1.1\r\n\r\n')],
    ['another magic', bytesOf('PxUD', 1, 0, 1, 'a', 1, 'b')],
    ['another version', bytesOf('PxWS', 2, 0, 1, 'a', 1, 'b')],
    ['a flag that nobody knows', bytesOf('PxWS', 1, 1, 1, 'a', 1, 'b')],
    ['a sender that is cut off', bytesOf('PxWS', 1, 0, 9, 'a', 1, 'b')],
    ['a sender up to the end', bytesOf('PxWS', 1, 0, 3, 'abc')],
    ['a receiver that is cut off', bytesOf('PxWS', 1, 0, 1, 'a', 2, 'b')],
    ['something behind it', bytesOf('PxWS', 1, 0, 1, 'a', 1, 'b', 0)],
    ['a sender that is no UTF-8', bytesOf('PxWS', 1, 0, 1, 0xff, 1, 'b')],
    ['a receiver with half a surrogate', bytesOf('PxWS', 1, 0, 1, 'a', 3, 0xed, 0xa0, 0x80)],
  ])('is not %s', (_, message) => {
    expect(decodeHello(message)).toBeNull()
  })
})

describe('an id', () => {
  it.each(['', 'a', 'ñ😀', '\ufeff', 'x'.repeat(255), 'ñ'.repeat(127)])('may be %j', (name) => {
    expect(isCarriable(name)).toBe(true)
    expect(requireId(name)).toBe(name)
  })

  it.each(['x'.repeat(256), 'ñ'.repeat(128), '\ud800', 'a\udc00b'])('may not be %j', (name) => {
    expect(() => requireId(name)).toThrow(InvalidArgumentError)
  })
})

describe('bytes from outside', () => {
  const RUNS = extent(6000, 110_000)
  const mutated = fc
    .tuple(id, id, fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 4 }), fc.nat(600))
    .map(([sender, receiver, changes, length]) => {
      const message = encodeHello({ sender, receiver })
      for (const [at, value] of changes) message[at % message.length] = value
      return message.subarray(0, length)
    })
  const input = fc.oneof(
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 600, size: 'max' }) },
    { weight: 3, arbitrary: mutated },
  )

  it(`never make it throw, and mean one thing only: ${RUNS} random and changed ones`, () => {
    let hellos = 0
    fc.assert(
      fc.property(input, (message) => {
        const hello = decodeHello(message)
        if (hello === null) return
        hellos += 1
        expect(encodeHello(hello)).toEqual(new Uint8Array(message))
      }),
      { numRuns: RUNS },
    )
    // The inputs are neither all refused nor all taken.
    expect(hellos).toBeGreaterThan(RUNS / 100)
    expect(hellos).toBeLessThan(RUNS)
  })
})
