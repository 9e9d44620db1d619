/** What travels: what these bytes meant once, they mean for ever; and no others mean anything. */
import { describe, expect, it } from 'vitest'
import { DecodeError } from '@paxos/core'
import { FUZZ_RUNS, mutant, SEED, seeded } from '@paxos/testkit/fuzz'
import { eventIn } from '../src/events.ts'
import { decodeAsked, decodeTold, encodeFrame } from '../src/frames.ts'
import type { Asked, Told } from '../src/frames.ts'

const session = '0123456789abcdef0123456789abcdef'
const body = Uint8Array.of(0, 255, 123)

/** Of version 1. Frames are added, and none is changed. */
const ASKED: readonly (readonly [Asked, string])[] = [
  [
    { type: 'propose', id: 1, session, sequence: 3, acknowledged: 2, evenIfFull: false },
    `{"type":"propose","id":1,"session":"${session}","sequence":3,"acknowledged":2,"evenIfFull":false}`,
  ],
  [
    { type: 'query', id: 2, consistency: 'linearizable', maxStalenessMs: null },
    '{"type":"query","id":2,"consistency":"linearizable","maxStalenessMs":null}',
  ],
  [
    { type: 'query', id: 2, consistency: 'bounded', maxStalenessMs: 1.5 },
    '{"type":"query","id":2,"consistency":"bounded","maxStalenessMs":1.5}',
  ],
  [{ type: 'open-session', id: 3 }, '{"type":"open-session","id":3}'],
  [{ type: 'cancel', id: 4 }, '{"type":"cancel","id":4}'],
  [
    { type: 'listen', events: true, applied: false },
    '{"type":"listen","events":true,"applied":false}',
  ],
]

const TOLD: readonly (readonly [Told, string])[] = [
  [
    { type: 'welcome', node: 'a', requests: 256, requestBytes: 1000 },
    '{"type":"welcome","node":"a","requests":256,"requestBytes":1000}',
  ],
  [{ type: 'answer', id: 1 }, '{"type":"answer","id":1}'],
  [{ type: 'session', id: 2, session }, `{"type":"session","id":2,"session":"${session}"}`],
  [
    { type: 'error', id: 3, code: 'ERR_PAXOS_CLOSED', message: 'It was.', leader: null },
    '{"type":"error","id":3,"code":"ERR_PAXOS_CLOSED","message":"It was.","leader":null}',
  ],
  [{ type: 'leader', leader: 'b', address: null }, '{"type":"leader","leader":"b","address":null}'],
  [{ type: 'event' }, '{"type":"event"}'],
  [{ type: 'applied' }, '{"type":"applied"}'],
  [{ type: 'leaving' }, '{"type":"leaving"}'],
]

/** Two bytes that say how long the head is, the head, and what is beside it. */
function bytesOf(head: string): Uint8Array {
  return Uint8Array.of(head.length >> 8, head.length & 0xff, ...Buffer.from(head), ...body)
}

describe('a frame of version 1', () => {
  it.each(ASKED)('%o is these bytes', (head, text) => {
    expect(encodeFrame(head, body)).toEqual(bytesOf(text))
    expect(decodeAsked(bytesOf(text))).toEqual({ head, body })
  })

  it.each(TOLD)('%o is these bytes', (head, text) => {
    expect(encodeFrame(head, body)).toEqual(bytesOf(text))
    expect(decodeTold(bytesOf(text))).toEqual({ head, body })
  })

  it('may have fields that this release does not know, and a server may say what it does not', () => {
    const later = '{"type":"cancel","id":4,"why":"bored"}'
    expect(decodeAsked(bytesOf(later)).head).toEqual({ type: 'cancel', id: 4 })
    expect(decodeTold(bytesOf('{"type":"weather","is":"fine"}'))).toBeNull()
  })
})

describe('other bytes', () => {
  it.each([
    ['none', new Uint8Array()],
    ['a length alone', Uint8Array.of(0)],
    ['less than they say', Uint8Array.of(0, 3, 0x7b)],
    ['no JSON', bytesOf('{"type":')],
    ['no UTF-8', Uint8Array.of(0, 1, 0xff)],
    ['no object', bytesOf('[]')],
    ['no type', bytesOf('{}')],
    ['an unknown type', bytesOf('{"type":"drop-table"}')],
    ['no id', bytesOf('{"type":"cancel"}')],
    ['an id that is none', bytesOf('{"type":"cancel","id":0.5}')],
    [
      'a bound without need',
      bytesOf('{"type":"query","id":1,"consistency":"local","maxStalenessMs":1}'),
    ],
    ['no bound', bytesOf('{"type":"query","id":1,"consistency":"bounded"}')],
    ['a session that is none', bytesOf(ASKED[0]?.[1].replace(session, 'x') ?? '')],
    [
      'what is acknowledged before it is asked',
      bytesOf(ASKED[0]?.[1].replace('"acknowledged":2', '"acknowledged":4') ?? ''),
    ],
    ['an array that is very deep', bytesOf('['.repeat(60_000))],
  ])('%s are refused, and not repeated', (_, bytes) => {
    expect(() => decodeAsked(bytes)).toThrow(DecodeError)
    expect(() => decodeAsked(bytes)).not.toThrow(/drop-table|bored/)
  })

  it('are refused by DecodeError and nothing else, whatever they are', () => {
    const draw = seeded(SEED)
    const inputs = [...ASKED, ...TOLD].map(([head]) => encodeFrame(head, body))
    for (let run = 0; run < FUZZ_RUNS; run += 1) {
      const bytes = mutant(inputs, draw)
      for (const decode of [decodeAsked, decodeTold]) {
        try {
          decode(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError)
        }
      }
      eventIn(bytes)
    }
  })
})
