/**
 * The promise to nodes of other versions and languages. vectors.json may only be added to: a
 * vector that has to change means that two versions cannot run in one cluster.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Envelope } from '@paxos/core'
import { decode, encode } from '@paxos/core/wire'
import { messages } from './arbitraries.ts'
import { envelopeType, fromReference, toReference } from './reference.ts'

interface Vector {
  readonly name: string
  readonly hex: string
  readonly envelope: Envelope
}

const BYTES = ['value', 'bytes', 'configuration']

/** In the file a value is hexadecimal. */
const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL('vectors.json', import.meta.url), 'utf8'),
  (key, value: unknown) => {
    const isList = key === 'values' || key === 'heads'
    if (isList && Array.isArray(value)) return value.map(String).map(bytesOf)
    return typeof value === 'string' && BYTES.includes(key) ? bytesOf(value) : value
  },
)

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'))
}

const reference = envelopeType()

describe('the vectors', () => {
  it.each(vectors)('$name: these bytes and no others', ({ hex, envelope }) => {
    expect(Buffer.from(encode(envelope)).toString('hex')).toBe(hex)
    expect(decode(bytesOf(hex))).toEqual(envelope)
  })

  it.each(vectors)('$name: the same to a protobuf library', ({ hex, envelope }) => {
    const bytes = reference.encode(toReference(envelope)).finish()
    expect(Buffer.from(bytes).toString('hex')).toBe(hex)
    expect(fromReference(reference, bytesOf(hex))).toEqual(envelope)
  })

  it('have every type of message', () => {
    const types = new Set<string>(vectors.map(({ envelope }) => envelope.message.type))
    expect([...types].toSorted()).toEqual(Object.keys(messages).toSorted())
  })

  it('have a name each', () => {
    expect(new Set(vectors.map(({ name }) => name)).size).toBe(vectors.length)
  })
})
