/** Bytes from outside: they may be anything, and the worst they may do is to be dropped. */
import * as fc from 'fast-check'
import { extent } from '../../../testkit/src/fuzz.ts'
import { describe, expect, it } from 'vitest'
import { DecodeError, MAX_FRAME_BYTES, type Envelope } from '@paxos/core'
import { decode, encode } from '@paxos/core/wire'
import { anyEnvelope } from './arbitraries.ts'

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

/** A length-delimited field, so that the tables below need not count. */
const field = (tag: string, content: string): string => {
  const length = content.replaceAll(' ', '').length / 2
  return `${tag} ${length.toString(16).padStart(2, '0')} ${content}`
}
const text = (content: string): string => Buffer.from(content).toString('hex')

/**
 * Settles that `frame` is either refused with DecodeError, or stands for an envelope that is
 * valid: encode takes it, and it comes back the same.
 */
function survives(frame: Uint8Array): 'refused' | 'understood' {
  let envelope: Envelope
  try {
    envelope = decode(frame)
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    return 'refused'
  }
  const canonical = encode(envelope)
  if (Buffer.compare(canonical, frame) !== 0) expect(decode(canonical)).toEqual(envelope)
  return 'understood'
}

const BALLOT = '08 01 12 01 61' // round 1, node 'a'
const HEAD = '0a 01 63 12 01 61' // cluster 'c', sender 'a'
const prepare = (ballot: string): string => field('52', field('0a', ballot))

describe('a frame that breaks one rule raises DecodeError', () => {
  it('the frame that those below are variations of is whole', () => {
    expect(decode(bytesOf(`${HEAD} ${prepare(BALLOT)}`))).toEqual({
      cluster: 'c',
      from: 'a',
      message: { type: 'prepare', ballot: { round: 1, node: 'a' } },
    })
  })

  const CUT_OFF = 'it is cut off'
  const NO_BALLOT = 'ballot is absent'
  const NO_ROUND = 'round is 0 or absent'
  const NO_KIND = 'no known message'
  const OTHER_TYPE = 'a known field has another wire type'
  const TOO_LARGE = 'an integer is above 2^53 - 1'
  const TOO_LONG = 'a varint is too long'
  const NO_FIELD = 'a field number is out of range'
  const GROUP = 'a field has no known wire type'
  const NOT_UTF8 = 'not well-formed UTF-8'

  // With the reason, because a frame that is refused for another one shows nothing.
  it.each([
    ['no bytes at all', NO_KIND, ''],
    ['no message', NO_KIND, HEAD],
    [
      'a message of a kind that this version does not know',
      NO_KIND,
      `${HEAD} ${field('92 03', '')}`,
    ],
    ['a message without its ballot', NO_BALLOT, `${HEAD} 52 00`],
    ['a ballot without a round', NO_ROUND, `${HEAD} ${prepare('12 01 61')}`],
    ['an empty ballot', NO_ROUND, `${HEAD} ${prepare('')}`],
    ['round 0, spelt out', NO_ROUND, `${HEAD} ${prepare('08 00 12 01 61')}`],
    [
      'round 2^53, which a double cannot tell from its successor',
      TOO_LARGE,
      `${HEAD} ${prepare('08 80 80 80 80 80 80 80 10')}`,
    ],
    ['round 2^64 - 1', TOO_LARGE, `${HEAD} ${prepare('08 ff ff ff ff ff ff ff ff ff 01')}`],
    [
      'a round with bits above the 64th',
      TOO_LARGE,
      `${HEAD} ${prepare('08 81 80 80 80 80 80 80 80 80 7e')}`,
    ],
    [
      'a varint of eleven bytes',
      TOO_LONG,
      `${HEAD} ${prepare('08 81 80 80 80 80 80 80 80 80 80 00')}`,
    ],
    ['a varint that does not end', CUT_OFF, `${HEAD} ${prepare('08 81')}`],
    [
      "the sender 'all'",
      "sender is 'all'",
      `0a 01 63 ${field('12', text('all'))} ${prepare(BALLOT)}`,
    ],
    [
      "a ballot of the node 'all'",
      "node is 'all'",
      `${HEAD} ${prepare(`08 01 ${field('12', text('all'))}`)}`,
    ],
    [
      'a nack without the promised ballot',
      'promised is absent',
      `${HEAD} ${field('72', field('0a', BALLOT))}`,
    ],
    [
      'a promise whose accepted proposal has no ballot',
      NO_BALLOT,
      `${HEAD} ${field('5a', `${field('0a', BALLOT)} ${field('12', field('12', '76'))}`)}`,
    ],
    [
      'a promise whose accepted proposal is empty',
      NO_BALLOT,
      `${HEAD} ${field('5a', `${field('0a', BALLOT)} 12 00`)}`,
    ],
    ['a round that is a fixed32', OTHER_TYPE, `${HEAD} ${prepare('0d 01 00 00 00 12 01 61')}`],
    ['a round that is length-delimited', OTHER_TYPE, `${HEAD} ${prepare('0a 01 01 12 01 61')}`],
    ['a sender that is a varint', OTHER_TYPE, `0a 01 63 10 61 ${prepare(BALLOT)}`],
    ['a cluster that is a fixed64', OTHER_TYPE, `09 00 00 00 00 00 00 00 00 ${prepare(BALLOT)}`],
    ['a message that is a varint', OTHER_TYPE, `${HEAD} 50 01`],
    ['a message that is a group', OTHER_TYPE, `${HEAD} 53 0a 05 ${BALLOT} 54`],
    ['a ballot that is a varint', OTHER_TYPE, `${HEAD} ${field('52', '08 01')}`],
    ['a value that is a fixed32', OTHER_TYPE, `${HEAD} ${field('7a', '0d 00 00 00 00')}`],
    [
      'a flag that is length-delimited',
      OTHER_TYPE,
      `${HEAD} ${field('82 01', `${field('0a', BALLOT)} 12 01 01`)}`,
    ],
    ['a cluster that is not UTF-8', NOT_UTF8, `0a 01 ff 12 01 61 ${prepare(BALLOT)}`],
    [
      'a sender with half of a surrogate pair',
      NOT_UTF8,
      `0a 01 63 12 03 ed a0 80 ${prepare(BALLOT)}`,
    ],
    ['a node with an overlong form', NOT_UTF8, `${HEAD} ${prepare('08 01 12 02 c1 a1')}`],
    ['a length one beyond the end', CUT_OFF, `${HEAD} 52 08 0a 05 08 01 12 01 61`],
    ['a length of 2^53 - 1', CUT_OFF, `${HEAD} 52 ff ff ff ff ff ff ff 0f 0a 05 08 01 12 01 61`],
    [
      'a length of 2^64 - 1, which is -1 to some',
      TOO_LARGE,
      `${HEAD} 52 ff ff ff ff ff ff ff ff ff 01`,
    ],
    [
      'a sub-message longer than the message around it',
      CUT_OFF,
      `${HEAD} 52 07 0a 06 08 01 12 01 61 12 01 61`,
    ],
    [
      'an id longer than the message around it',
      CUT_OFF,
      `${HEAD} 52 07 0a 05 08 01 12 02 61 12 01 61`,
    ],
    ['a tag and nothing else', CUT_OFF, `${HEAD} ${prepare(BALLOT)} 52`],
    ['field number 0', NO_FIELD, `${HEAD} ${prepare(BALLOT)} 02 00`],
    ['field number 0 in a ballot', NO_FIELD, `${HEAD} ${prepare(`${BALLOT} 00 00`)}`],
    [
      'a field number of more than 29 bits',
      NO_FIELD,
      `${HEAD} ${prepare(BALLOT)} 80 80 80 80 10 00`,
    ],
    ['an unknown group, closed', GROUP, `${HEAD} ${prepare(BALLOT)} 23 24`],
    ['the end of a group that did not begin', GROUP, `${HEAD} ${prepare(BALLOT)} 24`],
    ['wire type 6', GROUP, `${HEAD} ${prepare(BALLOT)} 26 00`],
    ['wire type 7', GROUP, `${HEAD} ${prepare(BALLOT)} 27 00`],
    [
      'an unknown varint of eleven bytes',
      TOO_LONG,
      `${HEAD} ${prepare(BALLOT)} 20 ff ff ff ff ff ff ff ff ff ff 01`,
    ],
    ['an unknown varint that does not end', CUT_OFF, `${HEAD} ${prepare(BALLOT)} 20 ff`],
    [
      'an unknown fixed64 that is cut off',
      CUT_OFF,
      `${HEAD} ${prepare(BALLOT)} 21 00 00 00 00 00 00 00`,
    ],
    ['an unknown fixed32 that is cut off', CUT_OFF, `${HEAD} ${prepare(BALLOT)} 25 00 00 00`],
    ['an unknown field longer than the frame', CUT_OFF, `${HEAD} ${prepare(BALLOT)} 22 01`],
    [
      'a digest of members of 2^53',
      TOO_LARGE,
      `${HEAD} 18 80 80 80 80 80 80 80 10 ${prepare(BALLOT)}`,
    ],
    ['a digest of members that is text', OTHER_TYPE, `${HEAD} 1a 01 61 ${prepare(BALLOT)}`],
    ['a slot that is 0', 'from is 0 or absent', `${HEAD} ${field('82 02', '08 00')}`],
    ['a slot that is absent', 'from is 0 or absent', `${HEAD} 82 02 00`],
    ['slot 2^53', TOO_LARGE, `${HEAD} ${field('82 02', '08 80 80 80 80 80 80 80 10')}`],
    [
      'an entry without its ballot',
      NO_BALLOT,
      `${HEAD} ${field('8a 02', `08 01 ${field('12', '08 01')}`)}`,
    ],
    [
      'an entry without its slot',
      'slot is 0 or absent',
      `${HEAD} ${field('8a 02', `08 01 ${field('12', field('12', BALLOT))}`)}`,
    ],
    ['a value in a list that is a varint', OTHER_TYPE, `${HEAD} ${field('ea 01', '08 01')}`],
    [
      'an introduction that does not say whose',
      "incarnation is ''",
      `${HEAD} ${field('b2 02', '10 07')}`,
    ],
    [
      'an introduction whose incarnation is spelt out as empty',
      "incarnation is ''",
      `${HEAD} ${field('b2 02', '0a 00 10 07')}`,
    ],
    ['an answer to nobody', "to is ''", `${HEAD} ${field('ba 02', '12 01 61 18 01')}`],
    [
      'an answer of nobody to an introduction',
      "incarnation is ''",
      `${HEAD} ${field('ba 02', '0a 01 61 18 01')}`,
    ],
    [
      'a promise of an incarnation that is not UTF-8',
      NOT_UTF8,
      `${HEAD} ${field('aa 01', `${field('0a', BALLOT)} 10 01 3a 01 ff`)}`,
    ],
    ['a refusal whose reason is not UTF-8', NOT_UTF8, `${HEAD} ${field('a2 02', '12 02 c1 a1')}`],
    [
      'a configuration that is a varint',
      OTHER_TYPE,
      `${HEAD} ${field('9a 02', `${field('0a', BALLOT)} 10 01 38 01`)}`,
    ],
    [
      'a campaign by the configuration of slot 2^53',
      TOO_LARGE,
      `${HEAD} ${field('d2 01', '08 01 10 01 20 80 80 80 80 80 80 80 10')}`,
    ],
    ['text of another protocol', GROUP, text('GET / HTTP/1.1\r\n\r\n')],
    ['JSON', OTHER_TYPE, text('{"cluster":"c","from":"a"}')],
  ])('%s: %s', (_, reason, hex) => {
    expect(() => decode(bytesOf(hex))).toThrow(DecodeError)
    expect(() => decode(bytesOf(hex))).toThrow(reason)
  })

  it.each([
    ['cluster', (id: string) => `${id.replace('TAG', '0a')} 12 01 61 ${prepare(BALLOT)}`],
    ['sender', (id: string) => `0a 01 63 ${id.replace('TAG', '12')} ${prepare(BALLOT)}`],
  ])('a %s of 256 bytes, while 255 are fine', (_, frame) => {
    const x = text('x')
    expect(decode(bytesOf(frame(`TAG ff 01 ${x.repeat(255)}`))).message.type).toBe('prepare')
    expect(() => decode(bytesOf(frame(`TAG 80 02 ${x.repeat(256)}`)))).toThrow(DecodeError)
  })

  it('a frame of one byte more than MAX_FRAME_BYTES, though every field of it is whole', () => {
    const whole = bytesOf(`${HEAD} ${prepare(BALLOT)}`)
    const padded = (size: number): Uint8Array => {
      // One unknown field of the length that is left, after its tag and a length of three bytes.
      const left = size - whole.length - 4
      const length = [(left & 0x7f) | 0x80, ((left >> 7) & 0x7f) | 0x80, left >> 14]
      return Buffer.concat([whole, Uint8Array.of(0x22, ...length), new Uint8Array(left)])
    }
    expect(decode(padded(MAX_FRAME_BYTES)).from).toBe('a')
    expect(() => decode(padded(MAX_FRAME_BYTES + 1))).toThrow(DecodeError)
  })

  it('an error says what is wrong and what to do, and repeats nothing of what was sent', () => {
    const secret = bytesOf(`${HEAD} ${prepare(`08 00 12 06 ${text('secret')}`)}`)
    expect(() => decode(secret)).toThrow(
      expect.objectContaining({
        code: 'ERR_PAXOS_DECODE',
        message: 'Not an envelope: round is 0 or absent. Drop the frame.',
      }),
    )
  })
})

describe('a frame that is unusual but right is understood', () => {
  const expected = {
    cluster: 'c',
    from: 'a',
    message: { type: 'prepare', ballot: { round: 1, node: 'a' } },
  }
  it.each([
    ['fields in descending order', `${prepare('12 01 61 08 01')} 12 01 61 0a 01 63`],
    [
      'varints longer than they need be',
      `0a 81 80 00 63 92 00 01 61 ${prepare('88 80 80 00 81 00 12 01 61')}`,
    ],
    [
      'a round in all ten bytes of a varint',
      `${HEAD} ${prepare('08 81 80 80 80 80 80 80 80 80 00 12 01 61')}`,
    ],
    [
      'an id twice: the last one counts',
      `0a 01 62 12 01 62 ${HEAD} ${prepare(`08 02 12 01 62 ${BALLOT}`)}`,
    ],
    [
      "'all' and round 0, each overruled by what comes after",
      `${field('12', text('all'))} ${HEAD} ${prepare(`08 00 ${BALLOT}`)}`,
    ],
    [
      'a ballot in two pieces',
      `${HEAD} ${field('52', `${field('0a', '08 01')} ${field('0a', '12 01 61')}`)}`,
    ],
    [
      'a message in two pieces',
      `${field('52', field('0a', '08 01'))} ${HEAD} ${field('52', field('0a', '12 01 61'))}`,
    ],
    ['another message first: the last one counts', `${HEAD} 92 01 00 ${prepare(BALLOT)}`],
    ['a broken message of another kind first', `${HEAD} 5a 00 ${prepare(BALLOT)}`],
    ['an unknown field with the highest number', `${HEAD} ${prepare(BALLOT)} f8 ff ff ff 0f 00`],
    ['a message of an unknown kind behind a known one', `${HEAD} ${prepare(BALLOT)} 92 03 00`],
  ])('%s', (_, hex) => {
    expect(decode(bytesOf(hex))).toEqual(expected)
  })

  it('what came before a message of another kind is forgotten when the first kind returns', () => {
    const withoutNode = field('52', field('0a', '08 01'))
    expect(decode(bytesOf(`${HEAD} ${prepare(BALLOT)} 92 01 00 ${withoutNode}`)).message).toEqual({
      type: 'prepare',
      ballot: { round: 1, node: '' },
    })
  })

  it('P3: fields that spell out the default mean the same as fields that are left out', () => {
    const spelt = `0a 00 12 00 ${field('82 01', `${field('0a', '08 01 12 00')} 10 00`)}`
    const envelope: Envelope = {
      cluster: '',
      from: '',
      message: { type: 'heartbeat', ballot: { round: 1, node: '' }, chosen: false },
    }
    expect(decode(bytesOf(spelt))).toEqual(envelope)
    expect(encode(envelope)).toEqual(bytesOf(field('82 01', field('0a', '08 01'))))
  })

  it('P3: an accepted value that is spelt out as empty is still an accepted value', () => {
    const accepted = field('12', `${field('0a', BALLOT)} 12 00`)
    expect(
      decode(bytesOf(`${HEAD} ${field('5a', `${field('0a', BALLOT)} ${accepted}`)}`)).message,
    ).toEqual({
      type: 'promise',
      ballot: { round: 1, node: 'a' },
      accepted: { ballot: { round: 1, node: 'a' }, value: new Uint8Array() },
    })
  })

  it('a field that an earlier release does not know is as good as absent where it is 0 or empty', () => {
    const empty = `${HEAD} ${field('a2 01', `${field('0a', BALLOT)} 10 01 18 00 22 00`)}`
    const said = `${HEAD} ${field('a2 01', `${field('0a', BALLOT)} 10 01 18 07 22 01 61 18 00 22 00`)}`
    for (const hex of [empty, said]) {
      const { message } = decode(bytesOf(hex))
      expect(message).toEqual({ type: 'logPrepare', ballot: { round: 1, node: 'a' }, from: 1 })
      expect(encode({ cluster: 'c', from: 'a', message })).toEqual(
        bytesOf(`${HEAD} ${field('a2 01', `${field('0a', BALLOT)} 10 01`)}`),
      )
    }
  })

  it('any varint but 0 is true, as protobuf has it', () => {
    for (const [varint, chosen] of [
      ['00', false],
      ['01', true],
      ['02', true],
      ['80 01', true],
    ] as const) {
      const frame = `${HEAD} ${field('82 01', `${field('0a', BALLOT)} 10 ${varint}`)}`
      expect(decode(bytesOf(frame)).message).toMatchObject({ type: 'heartbeat', chosen })
    }
  })
})

// Together more than 100,000 frames.
describe('whatever the bytes', () => {
  it('decode returns a valid envelope or raises DecodeError: arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (frame) => {
        survives(frame)
      }),
      { numRuns: extent(7000, 70_000) },
    )
  })

  it('decode returns a valid envelope or raises DecodeError: each bit of a frame flipped', () => {
    const seen = { refused: 0, understood: 0 }
    fc.assert(
      fc.property(anyEnvelope, (envelope) => {
        const frame = encode(envelope)
        for (let bit = 0; bit < frame.length * 8; bit += 1) {
          const flipped = Uint8Array.from(frame)
          flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
          seen[survives(flipped)] += 1
        }
      }),
      { numRuns: extent(10, 100) },
    )
    // Both happen often, or the flips did not reach what they are for.
    expect(Math.min(seen.refused, seen.understood)).toBeGreaterThan(extent(200, 2000))
  })

  it('decode returns a valid envelope or raises DecodeError: frames cut, doubled and overwritten', () => {
    const edit = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      remove: fc.nat({ max: 4 }),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 6 }),
        anyEnvelope.map((envelope) => encode(envelope)),
      ),
    })
    fc.assert(
      fc.property(
        anyEnvelope,
        fc.array(edit, { minLength: 1, maxLength: 3 }),
        (envelope, edits) => {
          let frame: Uint8Array = encode(envelope)
          for (const { at, remove, insert } of edits) {
            const position = Math.floor(at * frame.length)
            frame = Buffer.concat([
              frame.subarray(0, position),
              insert,
              frame.subarray(position + remove),
            ])
          }
          survives(frame)
        },
      ),
      { numRuns: extent(3000, 30_000) },
    )
  })

  it('no beginning of a frame is a frame: what is cut off anywhere is refused, never misread', () => {
    fc.assert(
      fc.property(anyEnvelope, (envelope) => {
        const frame = encode(envelope)
        for (let length = 0; length < frame.length; length += 1) {
          expect(survives(frame.subarray(0, length))).toBe('refused')
        }
      }),
      { numRuns: extent(40, 400) },
    )
  })

  it.each([
    ['messages of two kinds in turn', bytesOf('52 00 5a 00')],
    ['ballots that are not there', bytesOf('52 02 0a 00')],
    ['empty ids', bytesOf('0a 00')],
    ['unknown fields', bytesOf('18 00')],
    ['zeros', bytesOf('00')],
    ['the beginning of a varint', bytesOf('ff')],
  ])('a megabyte of %s is refused like a few bytes of it', (_, unit) => {
    expect(survives(Buffer.alloc(MAX_FRAME_BYTES, unit))).toBe('refused')
  })
})
