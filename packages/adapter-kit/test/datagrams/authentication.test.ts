/** Tags and keys: what is believed, what is refused, and what is never shown. */
import { webcrypto } from 'node:crypto'
import { inspect } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError } from '@paxos/core'
import { authentication } from '../../src/datagrams/authentication.ts'
import { TAG_BYTES } from '../../src/datagrams/header.ts'
import { datagramsOf, packed, signed } from './samples.ts'

const keyOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const utf8 = new TextEncoder()
const receiver = utf8.encode('b')
const sample = packed('a', [Uint8Array.of(1, 2, 3)], true)
const fragment = datagramsOf('a', 1n, new Uint8Array(2_000), 1_200, true)[0] ?? new Uint8Array()

describe('a tag', () => {
  it.each(['b', 'ñ😀', '', 'x'.repeat(255)])(
    'for %j is the one that is documented, by another implementation of HMAC',
    async (to) => {
      const key = await webcrypto.subtle.importKey(
        'raw',
        keyOf(1),
        { name: 'HMAC', hash: 'SHA-256' },
        false,
        ['sign'],
      )
      const id = utf8.encode(to)
      const covered = Buffer.concat([[id.byteLength], id, sample.subarray(0, -16)].map(bufferOf))
      const whole = await webcrypto.subtle.sign('HMAC', key, covered)
      const datagram = signed(sample, keyOf(1), to)
      expect(datagram.subarray(-16)).toEqual(new Uint8Array(whole).subarray(0, 16))
      expect(authentication({ sign: keyOf(1) }).verify(id, datagram)).toBe(true)
    },
  )

  it.each([
    ['frames', sample],
    ['a fragment', fragment],
  ])('covers every bit of a datagram of %s, and itself', (_, datagram) => {
    const { verify } = authentication({ sign: keyOf(1) })
    const authentic = signed(datagram, keyOf(1), 'b')
    expect(verify(receiver, authentic)).toBe(true)
    for (let bit = 0; bit < 8 * authentic.byteLength; bit += 1) {
      const changed = new Uint8Array(authentic)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(verify(receiver, changed)).toBe(false)
    }
  })

  it('fits no datagram that is shorter or longer, at every byte', () => {
    const { verify } = authentication({ sign: keyOf(1) })
    const authentic = signed(sample, keyOf(1), 'b')
    for (let length = 0; length < authentic.byteLength; length += 1) {
      expect(verify(receiver, authentic.subarray(0, length))).toBe(false)
    }
    expect(verify(receiver, Uint8Array.from([...authentic, 0]))).toBe(false)
  })

  it('is for one receiver: a datagram cannot be used on another node', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (to, other) => {
        fc.pre(to !== other)
        const datagram = signed(sample, keyOf(1), to)
        const { verify } = authentication({ sign: keyOf(1) })
        expect(verify(utf8.encode(to), datagram)).toBe(true)
        expect(verify(utf8.encode(other), datagram)).toBe(false)
      }),
    )
  })

  it('has half the bytes of the hash: not less than RFC 2104, section 5, advises', () => {
    expect(TAG_BYTES).toBe(32 / 2)
  })
})

describe('keys', () => {
  it('are accepted when one signs or is listed, and others are not', () => {
    const { verify } = authentication({ sign: keyOf(1), accept: [keyOf(2), keyOf(3), keyOf(4)] })
    const believed = [0, 1, 2, 3, 4, 5].filter((byte) =>
      verify(receiver, signed(sample, keyOf(byte), 'b')),
    )
    expect(believed).toEqual([1, 2, 3, 4])
  })

  it('that are accepted do not sign', () => {
    const { sign } = authentication({ sign: keyOf(1), accept: [keyOf(2)] })
    const datagram = new Uint8Array(sample)
    sign(receiver, datagram)
    expect(datagram).toEqual(signed(sample, keyOf(1), 'b'))
  })

  it('are copied: what was given may be overwritten', () => {
    const keys = [keyOf(1), keyOf(2)] as const
    const { sign, verify } = authentication({ sign: keys[0], accept: [keys[1]] })
    for (const key of keys) key.fill(9)
    const datagram = new Uint8Array(sample)
    sign(receiver, datagram)
    expect(datagram).toEqual(signed(sample, keyOf(1), 'b'))
    expect(verify(receiver, signed(sample, keyOf(2), 'b'))).toBe(true)
    expect(verify(receiver, signed(sample, keyOf(9), 'b'))).toBe(false)
  })

  it('are asked for: a datagram without a tag is not believed', () => {
    const { verify } = authentication({ sign: keyOf(1) })
    expect(verify(receiver, packed('a', [new Uint8Array(100)]))).toBe(false)
  })

  it('that this node has not are believed in by somebody else: a tag is refused', () => {
    const { isOn, verify } = authentication(undefined)
    expect(isOn).toBe(false)
    expect(verify(receiver, signed(sample, keyOf(1), 'b'))).toBe(false)
    expect(verify(receiver, packed('a', [new Uint8Array(100)]))).toBe(true)
  })

  const short = Buffer.alloc(31, 'secret')
  it.each([
    ['a key of 31 bytes', { sign: short }, /sign has 31 bytes\. Give 32 random bytes/],
    ['no bytes', { sign: new Uint8Array() }, /sign has 0 bytes/],
    ['a key to accept that is short', { sign: keyOf(1), accept: [short] }, /accept has 31 bytes/],
    ['text', { sign: short.toString('hex') }, /sign is no Uint8Array/],
    ['nothing to sign with', { accept: [keyOf(1)] }, /sign is no Uint8Array/],
    ['nothing at all', null, /options of authentication are null/],
    ['five keys', { sign: keyOf(1), accept: [2, 3, 4, 5].map(keyOf) }, /at most 3 keys/],
    ['a key for the list', { sign: keyOf(1), accept: keyOf(2) }, /no list of at most 3 keys/],
  ])('that can never work are refused, and not shown: %s', (_, options, message) => {
    // As a caller without types would.
    const make = (): unknown => Reflect.apply(authentication, null, [options])
    expect(make).toThrow(InvalidArgumentError)
    expect(make).toThrow(message)
    try {
      make()
    } catch (error) {
      const shown = inspect(error, { depth: null, showHidden: true })
      for (const encoding of ['latin1', 'hex', 'base64'] as const) {
        expect(shown).not.toContain(short.toString(encoding))
      }
    }
  })
})

function bufferOf(bytes: Uint8Array | number[]): Buffer {
  return Buffer.from(bytes)
}
