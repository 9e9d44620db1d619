/** What goes over a channel, byte by byte, and what others make of those bytes. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError, MAX_FRAME_BYTES, MAX_ID_BYTES } from '@paxos/core'
import { extent } from '@paxos/testkit/fuzz'
import { MAX_HELLO_BYTES, MAX_MESSAGE_BYTES } from '../../src/links/limits.ts'
import {
  decodeControl,
  encodeFrame,
  encodeHello,
  encodeRefused,
  encodeSign,
  isCarriable,
  isControl,
  LINK_VERSION,
  requireCarriable,
} from '../../src/links/packet.ts'
import type { Control, Hello, Refusal } from '../../src/links/packet.ts'

const REFUSALS: readonly Refusal[] = [
  'stranger',
  'cluster',
  'incarnation',
  'receiver',
  'unproven',
  'protocol',
]

const HELLO: Hello = {
  version: 1,
  cluster: 'cañ',
  sender: 'a',
  receiver: 'b',
  incarnation: 'i1',
  expectedIncarnation: 'i2',
}
const BARE: Hello = {
  version: 1,
  cluster: '',
  sender: '',
  receiver: '',
  incarnation: '',
  expectedIncarnation: null,
}

/** The wire format: never changed without LINK_VERSION, only added to. */
const VECTORS: readonly (readonly [string, Control])[] = [
  ['4a180a16080112046361c3b11a01612201622a02693132026932', { type: 'hello', hello: HELLO }],
  ['4a040a020801', { type: 'hello', hello: BARE }],
  ['4a060a0408013200', { type: 'hello', hello: { ...BARE, expectedIncarnation: '' } }],
  ['4a021200', { type: 'ping' }],
  ['4a021a00', { type: 'pong' }],
  ['4a0322014a', { type: 'frame', frame: Uint8Array.of(0x4a) }],
  ['4a0522034a0102', { type: 'frame', frame: Uint8Array.of(0x4a, 1, 2) }],
  ['4a042a020801', { type: 'refused', refusal: 'stranger' }],
  ['4a042a020802', { type: 'refused', refusal: 'cluster' }],
  ['4a042a020803', { type: 'refused', refusal: 'incarnation' }],
  ['4a042a020804', { type: 'refused', refusal: 'receiver' }],
  ['4a042a020805', { type: 'refused', refusal: 'unproven' }],
  ['4a042a020806', { type: 'refused', refusal: 'protocol' }],
]

function encode(control: Control): Uint8Array {
  switch (control.type) {
    case 'hello':
      return encodeHello(control.hello)
    case 'ping':
    case 'pong':
      return encodeSign(control.type)
    case 'frame':
      return encodeFrame(control.frame)
    case 'refused':
      return encodeRefused(control.refusal ?? 'protocol')
    case 'unknown':
      throw new Error('Nobody sends what nobody knows.')
  }
}

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
const hexOf = (message: Uint8Array): string => Buffer.from(message).toString('hex')

describe('a control message', () => {
  it.each(VECTORS)('is written and read as it always was: %s', (hex, control) => {
    expect(hexOf(encode(control))).toBe(hex)
    expect(decodeControl(bytes(hex))).toEqual(control)
    expect(isControl(bytes(hex))).toBe(true)
  })

  it.each<[string, string, Control]>([
    ['with fields of a later version', '4a0b12020801a0060130013a00', { type: 'ping' }],
    ['with a fixed field that nobody knows', `4a021200f90601${'00'.repeat(7)}`, { type: 'ping' }],
    ['of a kind that nobody knows', '4a03320100', { type: 'unknown' }],
    ['without a kind', '4a00', { type: 'unknown' }],
    ['that refuses for a reason of later', '4a042a020863', { type: 'refused', refusal: null }],
    ['that refuses for no reason', '4a022a00', { type: 'refused', refusal: null }],
    [
      'with a scalar twice: the last counts',
      '4a080a0608011a001a00',
      { type: 'hello', hello: BARE },
    ],
    [
      'of another version',
      '4a050a0308b960',
      { type: 'hello', hello: { ...BARE, version: 12_345 } },
    ],
    [
      'of a version without end',
      '4a0c0a0a08ffffffffffffffff7f',
      { type: 'hello', hello: { ...BARE, version: expect.any(Number) } },
    ],
    ['whose lengths are longer than they need', '4a85001280808000', { type: 'ping' }],
  ])('%s is understood', (_, hex, control) => {
    expect(decodeControl(bytes(hex))).toEqual(control)
  })

  it.each([
    ['nothing', ''],
    ['a tag alone', '4a'],
    ['a length that is cut off', '4a80'],
    ['a body that is cut off', '4a031200'],
    ['another field', '0a021200'],
    ['two links', '4a0212004a021200'],
    ['a link of another type', '4801'],
    ['two kinds', '4a0412001a00'],
    ['a ping of another type', '4a021001'],
    ['a ping that is no message', '4a03120108'],
    ['a version of another type', '4a060a040a020801'],
    ['a text of another type', '4a060a0408011801'],
    ['a text that is no UTF-8', '4a070a0508011a01ff'],
    ['a text with half a surrogate', '4a090a0708011a03eda080'],
    ['a text that is too long', `4a88020a850208011a8002${'61'.repeat(256)}`],
    ['a reason of another type', '4a042a020a00'],
    ['a group', '4a0212000b0c'],
    ['a field with the number 0', '4a0212000200'],
    ['a number without end', `4a02120060${'ff'.repeat(10)}01`],
  ])('is not %s', (_, hex) => {
    expect(decodeControl(bytes(hex))).toBeNull()
  })
})

const text = fc.string({ unit: 'binary', maxLength: 63 })
const hello = fc.record<Hello>({
  version: fc.constant(LINK_VERSION),
  cluster: text,
  sender: text,
  receiver: text,
  incarnation: text,
  expectedIncarnation: fc.option(text),
})
const frame = fc.uint8Array({ maxLength: 300 })

describe('a hello', () => {
  it('says what it was given, whatever the texts', () => {
    fc.assert(
      fc.property(hello, (said) => {
        expect(decodeControl(encodeHello(said))).toEqual({ type: 'hello', hello: said })
      }),
    )
  })

  it('of the longest texts is as long as limits.ts says, and within the bound', () => {
    const longest = 'x'.repeat(MAX_ID_BYTES)
    const message = encodeHello({
      version: LINK_VERSION,
      cluster: longest,
      sender: longest,
      receiver: longest,
      incarnation: longest,
      expectedIncarnation: longest,
    })
    expect(message.byteLength).toBe(1_298)
    expect(message.byteLength).toBeLessThan(MAX_HELLO_BYTES)
  })
})

describe('a frame', () => {
  it('is sent as it is, in the same memory, unless it begins as control messages do', () => {
    fc.assert(
      fc.property(frame, (sent) => {
        if (isControl(sent)) return
        expect(encodeFrame(sent)).toBe(sent)
      }),
    )
  })

  it('that begins as control messages do comes out as it was, in memory of its own', () => {
    const escaped = frame.map((rest) => Uint8Array.of(0x4a, ...rest))
    fc.assert(
      fc.property(escaped, (sent) => {
        const message = encodeFrame(sent)
        const larger = Buffer.concat([Buffer.alloc(3), message, Buffer.alloc(3)])
        const control = decodeControl(larger.subarray(3, larger.length - 3))
        expect(control).toEqual({ type: 'frame', frame: sent })
        const received = control?.type === 'frame' ? control.frame : sent
        expect(received.buffer.byteLength).toBe(sent.byteLength)
      }),
    )
  })

  it('of every size fits into a message', () => {
    const largest = new Uint8Array(MAX_FRAME_BYTES).fill(0x4a)
    const message = encodeFrame(largest)
    expect(message.byteLength).toBeLessThanOrEqual(MAX_MESSAGE_BYTES)
    const control = decodeControl(message)
    expect(control?.type === 'frame' && Buffer.compare(control.frame, largest)).toBe(0)
  })
})

describe('a text', () => {
  it.each(['', 'a', 'ñ😀', '\ufeff', 'x'.repeat(255), 'ñ'.repeat(127)])('may be %j', (name) => {
    expect(isCarriable(name)).toBe(true)
    expect(requireCarriable('A node id', name)).toBe(name)
  })

  it.each(['x'.repeat(256), 'ñ'.repeat(128), '\ud800', 'a\udc00b'])('may not be %j', (name) => {
    expect(() => requireCarriable('A node id', name)).toThrow(InvalidArgumentError)
    expect(() => requireCarriable('A node id', name)).toThrow(/^A node id must be .*Choose another/)
  })
})

describe('bytes from outside', () => {
  const RUNS = extent(1_000, 110_000)
  const refusal = fc.constantFrom(...REFUSALS)
  const honest = fc.oneof(
    hello.map(encodeHello),
    refusal.map(encodeRefused),
    frame.map((rest) => encodeFrame(Uint8Array.of(0x4a, ...rest))),
    fc.constantFrom('ping' as const, 'pong' as const).map(encodeSign),
  )
  const mutated = fc
    .tuple(honest, fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 4 }), fc.nat(900))
    .map(([message, changes, length]) => {
      for (const [at, value] of changes) message[at % message.length] = value
      return message.subarray(0, length)
    })
  const random = fc.uint8Array({ maxLength: 600, size: 'max' })
  const input = fc.oneof({ weight: 1, arbitrary: random }, { weight: 3, arbitrary: mutated })

  it(`never make it throw, and are read as something that can be said: ${RUNS} random and changed ones`, () => {
    let understood = 0
    fc.assert(
      fc.property(input, (message) => {
        const control = decodeControl(message)
        if (control === null) return
        understood += 1
        if (control.type === 'unknown') return
        if (control.type === 'refused' && control.refusal === null) return
        if (control.type === 'frame' && !isControl(control.frame)) return
        expect(decodeControl(encode(control))).toEqual(control)
      }),
      { numRuns: RUNS },
    )
    // The inputs are neither all refused nor all taken.
    expect(understood).toBeGreaterThan(RUNS / 100)
    expect(understood).toBeLessThan(RUNS)
  })
})
