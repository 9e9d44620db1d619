/** Messages in a stream of bytes, however it is cut. */
import * as fc from 'fast-check'
import { extent } from '@paxos/testkit/fuzz'
import { describe, expect, it } from 'vitest'
import { LENGTH_BYTES, lengthsOf, messageReader } from '../../src/sockets/framing.ts'
import type { MessageReader } from '../../src/sockets/framing.ts'

const MAX_BYTES = 300

interface Seen {
  readonly reader: MessageReader
  readonly messages: Uint8Array[]
  malformed: number
}

function reading(maxBytes: () => number = () => MAX_BYTES): Seen {
  const messages: Uint8Array[] = []
  const seen: Seen = {
    reader: messageReader({
      maxBytes,
      onMessage: (message) => messages.push(message),
      onMalformed: () => (seen.malformed += 1),
    }),
    messages,
    malformed: 0,
  }
  return seen
}

/** As a channel writes them. */
function written(messages: readonly Uint8Array[]): Buffer {
  const lengths = lengthsOf(messages)
  return Buffer.concat(
    messages.flatMap((message, index) => [lengths[index] ?? new Uint8Array(), message]),
  )
}

/** `bytes`, cut before each of `cuts`. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...cuts.map((cut) => cut % (bytes.byteLength + 1)), 0, bytes.byteLength]
  const sorted = at.toSorted((one, other) => one - other)
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end))
}

const message = fc.uint8Array({ maxLength: MAX_BYTES })
const messages = fc.array(message, { maxLength: 12 })
const cuts = fc.array(fc.nat(5_000), { maxLength: 40 })

describe('a stream of messages', () => {
  it('comes out as it went in, wherever it is cut', () => {
    fc.assert(
      fc.property(messages, cuts, (sent, at) => {
        const seen = reading()
        for (const piece of pieces(written(sent), at)) seen.reader.read(piece)
        expect(seen.messages).toEqual(sent)
        expect(seen.malformed).toBe(0)
      }),
      { numRuns: extent(300, 5_000) },
    )
  })

  it('that is noise never throws, and hands on nothing after the first length that is too large', () => {
    const length = fc.oneof(fc.nat(2 * MAX_BYTES), fc.nat(2 ** 32 - 1))
    fc.assert(
      fc.property(
        messages,
        length,
        fc.uint8Array({ maxLength: 400 }),
        cuts,
        (sent, next, rest, at) => {
          const header = Buffer.alloc(LENGTH_BYTES)
          header.writeUInt32BE(next)
          const seen = reading()
          for (const piece of pieces(Buffer.concat([written(sent), header, rest]), at)) {
            seen.reader.read(piece)
          }
          expect(seen.messages.slice(0, sent.length)).toEqual(sent)
          expect(seen.malformed).toBeLessThanOrEqual(1)
          for (const { byteLength } of seen.messages)
            expect(byteLength).toBeLessThanOrEqual(MAX_BYTES)
          if (next > MAX_BYTES) {
            expect([seen.messages.length, seen.malformed]).toEqual([sent.length, 1])
          }
        },
      ),
      { numRuns: extent(300, 5_000) },
    )
  })

  it('keeps nothing of what is too large, and asks for the limit at each message', () => {
    let limit = 3
    const seen = reading(() => limit)
    seen.reader.read(written([Uint8Array.of(1, 2, 3)]))
    limit = 2
    seen.reader.read(written([Uint8Array.of(1, 2, 3), Uint8Array.of(4)]))
    expect(seen.messages).toEqual([Uint8Array.of(1, 2, 3)])
    expect(seen.malformed).toBe(1)
  })

  it('gives each message memory of its own, which nobody shares', () => {
    const seen = reading()
    const bytes = written([Uint8Array.of(1), Uint8Array.of(2), new Uint8Array()])
    seen.reader.read(bytes)
    bytes.fill(255)
    expect(seen.messages).toEqual([Uint8Array.of(1), Uint8Array.of(2), new Uint8Array()])
    for (const { buffer, byteLength } of seen.messages) expect(buffer.byteLength).toBe(byteLength)
  })

  it('hands on nothing once it is stopped, also in the middle of what has come', () => {
    const seen: Uint8Array[] = []
    const reader: MessageReader = messageReader({
      maxBytes: () => MAX_BYTES,
      onMessage(received) {
        seen.push(received)
        reader.stop()
      },
      onMalformed() {},
    })
    reader.read(written([Uint8Array.of(1), Uint8Array.of(2)]))
    reader.read(written([Uint8Array.of(3)]))
    expect(seen).toEqual([Uint8Array.of(1)])
  })
})
