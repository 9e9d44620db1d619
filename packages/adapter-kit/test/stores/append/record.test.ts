/** The formats: what is written comes back, and nothing else is ever taken for it. */
import { CorruptionError, InvalidArgumentError, type Change } from '@paxos/core'
import * as fc from 'fast-check'
import { extent } from '@paxos/testkit/fuzz'
import { describe, expect, it } from 'vitest'
import { ByteReader, ByteWriter } from '../../../src/stores/append/encoding.ts'
import { decodeFrame, encodeFrame, FRAME_KIND } from '../../../src/stores/append/frame.ts'
import { MAX_CHANGE_BYTES } from '../../../src/stores/limits.ts'
import { decodeRecords, encodeChange } from '../../../src/stores/append/record.ts'
import { bytes, changes } from './model.ts'

const decoded = (payload: Uint8Array) => [...decodeRecords(payload, 'the test')]

describe('records', () => {
  it('P3: zero, the empty id and empty bytes come back as they were, and absent stays absent', () => {
    const change: Change = {
      promised: { round: 0, node: '' },
      accepted: [{ slot: 0, ballot: { round: 0, node: '' }, value: new Uint8Array(0) }],
      chosenThrough: 0,
      snapshot: { through: 0, members: [{ id: '', address: '' }], bytes: new Uint8Array(0) },
    }
    expect(decoded(encodeChange(change, 0n).bytes)).toEqual([
      {
        type: 'snapshot',
        reference: { id: 0n, length: 0, through: 0, members: [{ id: '', address: '' }] },
      },
      { type: 'promised', ballot: change.promised },
      expect.objectContaining({
        type: 'accepted',
        entry: expect.objectContaining({ slot: 0, ballot: { round: 0, node: '' } }),
      }),
      { type: 'chosen-through', slot: 0 },
    ])
    expect(decoded(encodeChange({}, 0n).bytes)).toEqual([])
  })

  it('every change comes back, field by field', () => {
    fc.assert(
      fc.property(changes, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (change, id) => {
        const { bytes: payload, list } = encodeChange(change, id)
        const records = decoded(Uint8Array.from(payload))
        // What it says that it wrote is what a reader finds there.
        expect(records).toEqual(list)
        const accepted = records.flatMap((r) => (r.type === 'accepted' ? [r.entry] : []))
        expect(
          accepted.map((entry) => ({ ...entry, value: Uint8Array.from(entry.value) })),
        ).toEqual(change.accepted ?? [])
        const promised = records.find((r) => r.type === 'promised')
        expect(promised?.ballot).toEqual(change.promised)
        const chosen = records.find((r) => r.type === 'chosen-through')
        expect(chosen?.slot).toBe(change.chosenThrough)
        const snapshot = records.find((r) => r.type === 'snapshot')
        expect(snapshot?.reference.members).toEqual(change.snapshot?.members)
        expect(snapshot?.reference.id).toBe(change.snapshot === undefined ? undefined : id)
      }),
    )
  })

  it('arbitrary bytes decode or raise CorruptionError, and do nothing else', () => {
    // Small first bytes, so that many get past the type of the record.
    const almost = fc
      .tuple(fc.integer({ min: 1, max: 4 }), fc.uint8Array({ maxLength: 60 }))
      .map(([type, rest]) => Uint8Array.from([type, ...rest]))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), almost), (payload) => {
        try {
          decoded(payload)
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptionError)
        }
      }),
      { numRuns: extent(300, 2000) },
    )
  })

  it('cut short at any byte, or changed in any byte, a record never turns into an error of another kind', () => {
    const payload = encodeChange(
      {
        promised: { round: 300, node: 'node' },
        accepted: [{ slot: 7, ballot: { round: 1, node: 'é' }, value: bytes('value') }],
        snapshot: { through: 3, members: [{ id: 'a', address: 'b' }], bytes: bytes('s') },
      },
      5n,
    ).bytes
    for (let at = 0; at < payload.byteLength; at += 1) {
      for (const mutant of [payload.slice(0, at), payload.with(at, 255), payload.with(at, 0)]) {
        try {
          decoded(mutant)
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptionError)
        }
      }
    }
  })

  it.each<readonly [string, Change]>([
    ['a negative slot', { chosenThrough: -1 }],
    ['half a slot', { chosenThrough: 1.5 }],
    ['a slot past what is exact', { chosenThrough: 2 ** 53 }],
    ['no number', { chosenThrough: Number.NaN }],
    ['half a surrogate pair in an id', { promised: { round: 1, node: '\ud800' } }],
    [
      'more than MAX_CHANGE_BYTES',
      {
        accepted: [
          { slot: 1, ballot: { round: 1, node: 'a' }, value: new Uint8Array(MAX_CHANGE_BYTES) },
        ],
      },
    ],
  ])('%s is refused before anything is written', (_, change) => {
    expect(() => encodeChange(change, 0n)).toThrow(InvalidArgumentError)
  })
})

const read = (...octets: number[]) => new ByteReader(Uint8Array.from(octets), 'the test').integer()

describe('integers have one form', () => {
  it('every safe integer comes back', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const writer = new ByteWriter()
        writer.integer(value, 'the value')
        expect(new ByteReader(writer.finish(), 'the test').integer()).toBe(value)
      }),
    )
  })

  it.each([
    ['a longer form of 0', [0x80, 0x00]],
    ['a longer form of 1', [0x81, 0x80, 0x00]],
    ['2 to the 53rd', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]],
    ['no end', Array<number>(20).fill(0xff)],
    ['nothing', []],
  ])('%s is refused', (_, octets) => {
    expect(() => read(...octets)).toThrow(CorruptionError)
  })
})

describe('frames', () => {
  const header = { kind: FRAME_KIND.group, id: 7n, serial: 2 ** 53 - 1 }

  it('a frame comes back, also from among other bytes', () => {
    const frame = encodeFrame(header, bytes('pay'), bytes('load'))
    const found = decodeFrame(Buffer.concat([frame, bytes('behind')]), 'path')
    expect(found).toMatchObject(header)
    expect(Buffer.from(found?.payload ?? []).toString()).toBe('payload')
  })

  it('with any bit flipped, or cut short anywhere, it is no frame', () => {
    const frame = encodeFrame(header, bytes('payload'))
    for (let bit = 0; bit < frame.byteLength * 8; bit += 1) {
      const mutant = Uint8Array.from(frame)
      mutant[bit >> 3] = (mutant[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(decodeFrame(mutant, 'path')).toBeNull()
    }
    for (let length = 0; length < frame.byteLength; length += 1) {
      expect(decodeFrame(frame.slice(0, length), 'path')).toBeNull()
    }
  })
})
