import * as fc from 'fast-check'
import { extent } from '../../../testkit/src/fuzz.ts'
import { describe, expect, it } from 'vitest'
import {
  DecodeError,
  FrameTooLargeError,
  InvalidArgumentError,
  MAX_FRAME_BYTES,
  MAX_ID_BYTES,
  MAX_ROUND,
  MAX_VALUE_BYTES,
  type Ballot,
  type Envelope,
  type Message,
} from '@paxos/core'
import { decode, encode } from '@paxos/core/wire'
import { encodeConfiguration } from '@paxos/core/multi'
import {
  CHUNK_BYTES,
  MAX_ADDRESS_BYTES,
  MAX_BATCH_VALUES,
  MAX_FORMER_MEMBERS,
  MAX_MEMBERS,
  MAX_REASON_BYTES,
  REFUSED_HEAD_BYTES,
} from '../../src/multi/limits.ts'
import { anyEnvelope } from './arbitraries.ts'

const ballot: Ballot = { round: 7, node: 'a' }
const empty = new Uint8Array()

const envelopeWith = (message: Envelope['message']): Envelope => ({
  cluster: 'orders',
  from: 'a',
  message,
})
const frameOf = (byte: number, length: number): Uint8Array =>
  encode(envelopeWith({ type: 'propose', value: new Uint8Array(length).fill(byte) }))
const overTheWire = (message: Message<Uint8Array>): Envelope['message'] =>
  decode(encode(envelopeWith(message))).message

/** The same id in every place that an id may have. */
const withId = (id: string): Record<string, Envelope> & { readonly cluster: Envelope } => ({
  sender: { cluster: 'c', from: id, message: { type: 'learn' } },
  'node of a ballot': {
    cluster: 'c',
    from: 'a',
    message: { type: 'prepare', ballot: { round: 1, node: id } },
  },
  'node of an accepted ballot': {
    cluster: 'c',
    from: 'a',
    message: {
      type: 'promise',
      ballot,
      accepted: { ballot: { round: 1, node: id }, value: empty },
    },
  },
  'node of the ballot that a nack tells of': {
    cluster: 'c',
    from: 'a',
    message: { type: 'nack', ballot, promised: { round: 1, node: id } },
  },
  cluster: { cluster: id, from: 'a', message: { type: 'learn' } },
})

describe('what is encoded is what is decoded', () => {
  it('for every envelope there may be', () => {
    fc.assert(
      fc.property(anyEnvelope, (envelope) => {
        expect(decode(encode(envelope))).toEqual(envelope)
      }),
      { numRuns: extent(500, 5000) },
    )
  })

  it('P3: an accepted value of zero bytes is not "nothing accepted"', () => {
    const accepted = { ballot: { round: 3, node: 'b' }, value: empty }
    expect(overTheWire({ type: 'promise', ballot, accepted })).toEqual({
      type: 'promise',
      ballot,
      accepted,
    })
    expect(overTheWire({ type: 'promise', ballot, accepted: null })).toEqual({
      type: 'promise',
      ballot,
      accepted: null,
    })
  })

  it('P3: a value of zero bytes is proposed, accepted and chosen like any other', () => {
    const typesWithBallot = ['accept', 'accepted', 'chosen'] as const
    for (const type of typesWithBallot) {
      expect(overTheWire({ type, ballot, value: empty })).toEqual({ type, ballot, value: empty })
    }
    expect(overTheWire({ type: 'propose', value: empty })).toEqual({
      type: 'propose',
      value: empty,
    })
  })

  it.each(['', '0', 'null', 'undefined', 'false', '\0'])(
    'P3: %j is the id of a cluster, a sender and the node of a ballot',
    (id) => {
      const envelope: Envelope = {
        cluster: id,
        from: id,
        message: { type: 'nack', ballot: { round: 1, node: id }, promised: { round: 2, node: id } },
      }
      expect(decode(encode(envelope))).toEqual(envelope)
    },
  )

  it('P3: `chosen: false` is said, not lost', () => {
    expect(overTheWire({ type: 'heartbeat', ballot, chosen: false })).toEqual({
      type: 'heartbeat',
      ballot,
      chosen: false,
    })
  })
})

describe('P7: nothing that is sent or received shares memory with its frame', () => {
  it('a value that is changed after it was encoded changes no frame', () => {
    const value = Uint8Array.of(1, 2, 3)
    const frame = encode(envelopeWith({ type: 'propose', value }))
    value.fill(9)
    expect(decode(frame).message).toEqual({ type: 'propose', value: Uint8Array.of(1, 2, 3) })
  })

  it.each([
    ['a frame', (frame: Uint8Array) => frame],
    // Its slice() does not copy, and small ones are views of one large pool.
    ['a Buffer', (frame: Uint8Array) => Buffer.from(frame)],
    [
      'a view into the middle of a buffer',
      (frame: Uint8Array) =>
        Buffer.concat([Buffer.alloc(7), frame, Buffer.alloc(9)]).subarray(7, 7 + frame.length),
    ],
  ])('%s that is overwritten after it was decoded changes no value', (_, received) => {
    const value = Uint8Array.of(1, 2, 3)
    const accepted = { ballot, value }
    for (const message of [
      { type: 'propose', value } as const,
      { type: 'promise', ballot, accepted } as const,
      { type: 'forward', values: [value, empty, value] } as const,
    ]) {
      const frame = received(encode(envelopeWith(message)))
      const envelope = decode(frame)
      frame.fill(0xff)
      expect(envelope.message).toEqual(message)
    }
  })

  it('a value of three bytes keeps three bytes alive, not the frame, and is a plain Uint8Array', () => {
    const frame = Buffer.from(
      encode(envelopeWith({ type: 'propose', value: Uint8Array.of(1, 2, 3) })),
    )
    const { message } = decode(frame)
    if (message.type !== 'propose') throw new Error(`expected propose, got ${message.type}`)
    expect(message.value.buffer.byteLength).toBe(3)
    expect(Object.getPrototypeOf(message.value)).toBe(Uint8Array.prototype)
  })

  it('values of a list keep little else alive, whatever a frame has between them', () => {
    const values = [Uint8Array.of(1, 2, 3), empty, Uint8Array.of(4)]
    const kept = (frame: Uint8Array): number => {
      const { message } = decode(frame)
      expect(message).toEqual({ type: 'forward', values })
      const buffers = 'values' in message ? message.values.map(({ buffer }) => buffer) : []
      return [...new Set(buffers)].reduce((sum, { byteLength }) => sum + byteLength, 0)
    }
    const frame = encode(envelopeWith({ type: 'forward', values }))
    expect(kept(frame)).toBeLessThanOrEqual(3 * 8 + 4)
    // The same message again is merged into the first, and field 99 is nothing to this version.
    const parts = values.map((value) => encode(envelopeWith({ type: 'forward', values: [value] })))
    const unknown = [0x9a, 0x06, 0x80, 0x80, 0x04, ...new Uint8Array(1 << 16)]
    const scattered = Uint8Array.from(parts.flatMap((part) => [...part, ...unknown]))
    expect(kept(scattered)).toBeLessThanOrEqual(3 * 8 + 4)
  })

  it('a frame stays what it is while others are made, large ones and refused ones too', () => {
    const lengths = [3, 300, 70_000, 5, 300]
    const frames = lengths.map((length, byte) => {
      expect(() => frameOf(byte, MAX_FRAME_BYTES)).toThrow(FrameTooLargeError)
      return frameOf(byte, length)
    })
    const values = lengths.map((length, byte) => new Uint8Array(length).fill(byte))
    for (const [index, frame] of frames.entries()) {
      expect(decode(frame).message).toEqual({ type: 'propose', value: values[index] })
    }
  })

  it('a frame is as large as its buffer', () => {
    const frame = encode(envelopeWith({ type: 'propose', value: new Uint8Array(1000) }))
    expect(frame.buffer.byteLength).toBe(frame.length)
  })

  it('a value may come as a Buffer', () => {
    const value = Buffer.from('hello')
    expect(encode(envelopeWith({ type: 'propose', value }))).toEqual(
      encode(envelopeWith({ type: 'propose', value: Uint8Array.from(value) })),
    )
  })
})

describe('encode refuses what decode would', () => {
  const { cluster: mayBeCalledAll, ...nodesCalledAll } = withId('all')

  it.each(Object.entries(nodesCalledAll))(
    "a %s that is 'all', which names nobody",
    (_, envelope) => {
      expect(() => encode(envelope)).toThrow(InvalidArgumentError)
    },
  )

  it("a cluster may be called 'all': nothing is addressed by it", () => {
    expect(decode(encode(mayBeCalledAll))).toEqual(mayBeCalledAll)
  })

  it.each(Object.entries(withId('a\ud83d')))(
    'a %s with half of a surrogate pair',
    (_, envelope) => {
      expect(() => encode(envelope)).toThrow(InvalidArgumentError)
    },
  )

  it.each(Object.entries(withId('é'.repeat(128))))(
    'a %s of 256 bytes, though it has but 128 characters',
    (_, envelope) => {
      expect(() => encode(envelope)).toThrow(InvalidArgumentError)
    },
  )

  it.each(Object.entries(withId('x'.repeat(MAX_ID_BYTES + 1))))(
    'a %s that is too long',
    (_, envelope) => {
      expect(() => encode(envelope)).toThrow(InvalidArgumentError)
    },
  )

  it.each([0, -1, 1.5, NaN, Infinity, MAX_ROUND + 1])('the round %d', (round) => {
    const bad = { round, node: 'a' }
    for (const message of [
      { type: 'prepare', ballot: bad },
      { type: 'nack', ballot, promised: bad },
      { type: 'promise', ballot, accepted: { ballot: bad, value: empty } },
    ] as const) {
      expect(() => encode(envelopeWith(message))).toThrow(InvalidArgumentError)
    }
  })

  it.each([-1, 1.5, NaN, MAX_ROUND + 1])('the digest of members %d', (membersDigest) => {
    const envelope = { ...envelopeWith({ type: 'hello' }), membersDigest }
    expect(() => encode(envelope)).toThrow(InvalidArgumentError)
  })

  it.each([
    ['text', 'hello'],
    ['wider integers, which would be cut to bytes', Uint16Array.of(300)],
    ['an array', [1, 2, 3]],
    ['an ArrayBuffer', new ArrayBuffer(3)],
    ['null', null],
    ['nothing at all', undefined],
  ])('a value that is %s', (_, value) => {
    // As a caller without types would.
    const envelope: Envelope = envelopeWith({ type: 'propose', value: empty })
    Object.assign(envelope.message, { value })
    expect(() => encode(envelope)).toThrow(InvalidArgumentError)
  })

  it.each(['gossip', 'toString', '__proto__', ''])('a message of type %j', (type) => {
    const envelope: Envelope = envelopeWith({ type: 'learn' })
    Object.assign(envelope.message, { type })
    expect(() => encode(envelope)).toThrow(InvalidArgumentError)
  })
})

const values = (count: number): Uint8Array[] => Array.from({ length: count }, () => empty)
const acceptOf = (list: readonly Uint8Array[]): Envelope =>
  envelopeWith({ type: 'logAccept', ballot, base: 1, first: 1, values: list, chosenThrough: 0 })
const chunkWith = (members: number, address: string): Envelope =>
  envelopeWith({
    type: 'snapshotChunk',
    ballot,
    through: 1,
    members: Array.from({ length: members }, () => ({ id: 'n', address })),
    totalBytes: 0,
    offset: 0,
    bytes: empty,
  })
const campaignOf = (chosenThrough: number): Envelope =>
  envelopeWith({ type: 'campaign', run: 1, number: 1, chosenThrough })

describe('lists', () => {
  it('P3: empty values keep their places in a list', () => {
    for (const list of [[], [empty], [empty, empty], [empty, Uint8Array.of(1), empty]]) {
      const { message } = decode(encode(acceptOf(list)))
      expect(message).toMatchObject({ values: list })
    }
  })

  it('have MAX_BATCH_VALUES items and not one more, whoever writes them', () => {
    const largest = encode(acceptOf(values(MAX_BATCH_VALUES)))
    expect(decode(largest).message).toMatchObject({ values: values(MAX_BATCH_VALUES) })
    expect(() => encode(acceptOf(values(MAX_BATCH_VALUES + 1)))).toThrow(InvalidArgumentError)
    // The message once more, with one value: protobuf appends it to the list.
    const more = Buffer.concat([largest, encode(acceptOf(values(1)))])
    expect(() => decode(more)).toThrow(DecodeError)
    expect(() => decode(more)).toThrow('a list has more than 4096 items')
  })

  it('of members end at MAX_MEMBERS, and addresses at MAX_ADDRESS_BYTES', () => {
    const address = 'x'.repeat(MAX_ADDRESS_BYTES)
    expect(decode(encode(chunkWith(MAX_MEMBERS, address)))).toEqual(chunkWith(MAX_MEMBERS, address))
    expect(() => encode(chunkWith(MAX_MEMBERS + 1, ''))).toThrow(InvalidArgumentError)
    expect(() => encode(chunkWith(1, `${address}x`))).toThrow(InvalidArgumentError)
  })

  it('the most members fit beside the longest names, a configuration of as many, and a piece', () => {
    const longest = 'x'.repeat(MAX_ID_BYTES)
    const all = Array.from({ length: MAX_MEMBERS + MAX_FORMER_MEMBERS }, (_, index) => {
      return {
        id: String(index).padEnd(MAX_ID_BYTES, 'x'),
        address: String(index).padEnd(MAX_ADDRESS_BYTES, 'x'),
      }
    })
    const members = all.slice(0, MAX_MEMBERS)
    const configuration = encodeConfiguration({
      version: MAX_ROUND,
      members: members.map((member) => {
        return { ...member, role: 'voter', incarnation: member.id, weight: 1000 }
      }),
      quorums: { type: 'flexible', phase1: MAX_MEMBERS, phase2: MAX_MEMBERS },
      former: all.slice(MAX_MEMBERS),
    })
    const frame = encode({
      cluster: longest,
      from: longest,
      membersDigest: MAX_ROUND,
      message: {
        type: 'snapshotChunk',
        ballot: { round: MAX_ROUND, node: longest },
        through: MAX_ROUND,
        members,
        totalBytes: MAX_ROUND,
        offset: MAX_ROUND,
        bytes: new Uint8Array(CHUNK_BYTES),
        configuration,
      },
    })
    expect(frame.length).toBeLessThanOrEqual(MAX_FRAME_BYTES)
  })

  it('a reason has MAX_REASON_BYTES beside as many heads as there may be, and not one more', () => {
    const heads = Array.from({ length: MAX_BATCH_VALUES }, () => new Uint8Array(REFUSED_HEAD_BYTES))
    const refusal = (reason: string) => envelopeWith({ type: 'forwardRefused', heads, reason })
    const longest = 'é'.repeat(MAX_REASON_BYTES / 2)
    expect(decode(encode(refusal(longest))).message).toHaveProperty('reason', longest)
    expect(() => encode(refusal(`${longest}x`))).toThrow(InvalidArgumentError)
  })

  it.each(['', 'x'.repeat(MAX_ID_BYTES + 1), 'a\ud83d'])(
    'who introduces itself does so by a name, and not by %j',
    (incarnation) => {
      const introduction = { type: 'introduction', storedThrough: 0, asks: true } as const
      const answer = { type: 'introductionAnswer', hadVoted: false, chosenThrough: 0 } as const
      for (const message of [
        { ...introduction, incarnation },
        { ...answer, to: incarnation, incarnation: 'a' },
        { ...answer, to: 'a', incarnation },
      ]) {
        expect(() => encode(envelopeWith(message))).toThrow(InvalidArgumentError)
      }
    },
  )

  it.each([0, -1, 0.5, MAX_ROUND + 1])('no slot is %d', (slot) => {
    const fetch = envelopeWith({ type: 'fetchEntries', from: slot })
    expect(() => encode(fetch)).toThrow(InvalidArgumentError)
  })

  it.each([-1, 0.5, NaN, MAX_ROUND + 1])(
    'nothing is chosen through %d, though 0 is fine',
    (slot) => {
      expect(() => encode(campaignOf(slot))).toThrow(InvalidArgumentError)
      expect(decode(encode(campaignOf(0)))).toEqual(campaignOf(0))
    },
  )
})

describe('the largest frame', () => {
  const longest = { round: MAX_ROUND, node: 'n'.repeat(MAX_ID_BYTES) }
  const largest = (valueBytes: number): Envelope => ({
    cluster: 'c'.repeat(MAX_ID_BYTES),
    from: 's'.repeat(MAX_ID_BYTES),
    message: {
      type: 'promise',
      ballot: longest,
      accepted: { ballot: longest, value: new Uint8Array(valueBytes).fill(7) },
    },
  })

  it('a value of MAX_VALUE_BYTES fits beside the longest ids, in the message with the most ballots', () => {
    const envelope = largest(MAX_VALUE_BYTES)
    const frame = encode(envelope)
    expect(frame.length).toBeLessThanOrEqual(MAX_FRAME_BYTES)
    const { message } = decode(frame)
    if (message.type !== 'promise') throw new Error(`expected promise, got ${message.type}`)
    expect(message.accepted?.value).toHaveLength(MAX_VALUE_BYTES)
    expect(message.accepted?.value.every((byte) => byte === 7)).toBe(true)
  })

  it('a frame of exactly MAX_FRAME_BYTES goes both ways; one byte more is refused', () => {
    const overhead = encode(largest(MAX_VALUE_BYTES)).length - MAX_VALUE_BYTES
    const frame = encode(largest(MAX_FRAME_BYTES - overhead))
    expect(frame).toHaveLength(MAX_FRAME_BYTES)
    expect(decode(frame).from).toBe('s'.repeat(MAX_ID_BYTES))
    expect(() => encode(largest(MAX_FRAME_BYTES - overhead + 1))).toThrow(FrameTooLargeError)
  })

  it('a value that is larger than any frame is refused before it is copied', () => {
    // Ten gigabytes by its own account: to copy it would throw something else.
    const value = new Uint8Array()
    Object.defineProperty(value, 'length', { value: 1e10 })
    expect(() => encode(envelopeWith({ type: 'propose', value }))).toThrow(FrameTooLargeError)
  })
})
