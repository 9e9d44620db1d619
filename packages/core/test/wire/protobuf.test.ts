/**
 * The codec against a protobuf library that reads proto/paxos.proto itself: whoever joins from
 * another language with nothing but that file understands us, and is understood.
 */
import * as fc from 'fast-check'
import { extent } from '../../../testkit/src/fuzz.ts'
import { describe, expect, it } from 'vitest'
import type { Envelope } from '@paxos/core'
import { decode, encode } from '@paxos/core/wire'
import { MESSAGES } from '../../src/wire/envelope.ts'
import { anyEnvelope, anyId, messages } from './arbitraries.ts'
import { envelopeType, fromReference, isMessage, protoSource, toReference } from './reference.ts'

const type = envelopeType()
const byReference = (envelope: Envelope): Uint8Array =>
  Uint8Array.from(type.encode(toReference(envelope)).finish())

describe('a protobuf library and proto/paxos.proto', () => {
  it('know the same messages under the same numbers as the codec', () => {
    const oneof = type.oneofs['message']?.fieldsArray ?? []
    const described = Object.fromEntries(oneof.map((field) => [field.name, field.id]))
    const written = Object.fromEntries(Object.entries(MESSAGES).map(([name, [id]]) => [name, id]))
    expect(written).toEqual(described)
  })

  it.each(Object.entries(messages))('read our %s as we meant it', (_, message) => {
    fc.assert(
      fc.property(anyId, message, (from, sent) => {
        const envelope: Envelope = { cluster: 'orders', from, message: sent }
        expect(fromReference(type, encode(envelope))).toEqual(envelope)
      }),
      { numRuns: 300 },
    )
  })

  it('write frames that we read as they were meant', () => {
    fc.assert(
      fc.property(anyEnvelope, (envelope) => {
        expect(decode(byReference(envelope))).toEqual(envelope)
      }),
      { numRuns: extent(300, 2000) },
    )
  })

  it('write the same bytes as we do', () => {
    fc.assert(
      fc.property(anyEnvelope, (envelope) => {
        expect(encode(envelope)).toEqual(byReference(envelope))
      }),
      { numRuns: extent(300, 2000) },
    )
  })

  it('agree with us on two frames in one: the last message wins, one of the same kind is merged', () => {
    const pairs = fc.oneof(
      fc.tuple(anyEnvelope, anyEnvelope),
      ...Object.values(messages).map((message) =>
        fc.tuple(
          fc.record({ cluster: anyId, from: anyId, message }),
          fc.record({ cluster: anyId, from: anyId, message }),
        ),
      ),
    )
    fc.assert(
      fc.property(pairs, ([first, second]) => {
        const both = Buffer.concat([encode(first), encode(second)])
        expect(decode(both)).toEqual(fromReference(type, both))
      }),
      { numRuns: extent(300, 2000) },
    )
  })

  it('may be of a later version, with fields of every wire type added to every message: we skip them', () => {
    const extras = `
      uint64 later_integer = 300;
      fixed64 later_fixed64 = 301;
      fixed32 later_fixed32 = 302;
      bytes later_bytes = 303;
      Learn later_message = 304;
      sint32 later_negative = 305;`
    const later = envelopeType(
      protoSource.replaceAll(/^message \w+ \{/gm, (start) => start + extras),
    )
    const added = {
      // All 64 bits: more than any integer that this version reads.
      laterInteger: '18446744073709551615',
      laterFixed64: 1,
      laterFixed32: 2,
      laterBytes: Uint8Array.of(0x52, 0x02, 0x0a, 0x00),
      laterMessage: {},
      laterNegative: -1,
    }
    const withAdded = (fields: object): object => {
      const old = Object.entries(fields).map(([name, value]: [string, unknown]) => [
        name,
        Array.isArray(value) ? value.map(withAddedTo) : withAddedTo(value),
      ])
      return { ...Object.fromEntries(old), ...added }
    }
    const withAddedTo = (value: unknown): unknown => (isMessage(value) ? withAdded(value) : value)
    fc.assert(
      fc.property(anyEnvelope, (envelope) => {
        const object = later.fromObject(withAdded(toReference(envelope)))
        const frame = later.encode(object).finish()
        // At least the envelope and its message have grown, by what `added` takes.
        expect(frame.length - encode(envelope).length).toBeGreaterThan(2 * 35)
        expect(decode(frame)).toEqual(envelope)
      }),
      { numRuns: extent(200, 1000) },
    )
  })
})
