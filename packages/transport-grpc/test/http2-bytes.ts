/** HTTP/2 as bytes, right and wrong, for those who do not play by the rules. */
import * as fc from 'fast-check'
import { encodeHello, LINK_VERSION } from '@paxos/adapter-kit/links'
import { EXCHANGE } from '../src/service.ts'

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
} as const

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(9)
  header.writeUIntBE(payload.byteLength, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(stream, 5)
  return Buffer.concat([header, payload])
}

export const SETTINGS = frame(FRAME.settings, 0, 0, new Uint8Array())

/** Header fields in the one form of HPACK that needs no state. */
function fields(headers: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    headers.flatMap(([name, value]) => [
      Buffer.from([0, name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value, 'latin1'),
    ]),
  )
}

/** The beginning of a connection that Node 20 does not survive, unless frames come one by one. */
export const DEADLY = Buffer.concat([
  PREFACE,
  SETTINGS,
  ...[1, 3].flatMap((stream) => [
    frame(
      FRAME.headers,
      4,
      stream,
      fields([
        [':method', 'POST'],
        [':scheme', 'http'],
        [':path', '/'],
        [':authority', 'x'],
        ['content-type', ''],
      ]),
    ),
    stream === 1
      ? Buffer.concat([
          frame(FRAME.reset, 0, 1, Uint8Array.of(0, 0, 0, 8)),
          frame(FRAME.goaway, 0, 0, new Uint8Array(8)),
        ])
      : frame(FRAME.windowUpdate, 164, 3, new Uint8Array()),
  ]),
])

const headerFields = fc
  .record(
    {
      ':method': fc.constantFrom('POST', 'POST', 'POST', 'GET', 'CONNECT', 'HEAD', 'OPTIONS', ''),
      ':scheme': fc.constantFrom('http', 'https', ''),
      ':path': fc.constantFrom(
        EXCHANGE.path,
        EXCHANGE.path,
        '/other',
        '*',
        '',
        '/%zz',
        '/\x80\xff',
      ),
      ':authority': fc.constantFrom('x', ''),
      'content-type': fc.constantFrom('application/grpc', 'application/grpc', 'text/html', ''),
      te: fc.constantFrom('trailers', 'gzip'),
      'grpc-timeout': fc.constantFrom('1m', '0S', '99999999H', 'soon', ''),
      'grpc-encoding': fc.constantFrom('gzip', 'deflate', 'identity', 'br'),
      'x-other': fc
        .string({ unit: 'grapheme-ascii', maxLength: 9 })
        .filter((text) => !/[^ -~]/.test(text)),
    },
    { requiredKeys: [] },
  )
  .map((headers) => fields(Object.entries(headers)))

/** A gRPC message, as HTTP/2 carries it. */
export function prefixed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.byteLength, 1)
  return Buffer.concat([prefix, message])
}

const id = fc.constantFrom('a', 'a', 'b', 'b', 'x', '')
const hello = fc
  .record({
    version: fc.constantFrom(LINK_VERSION, LINK_VERSION, 2),
    cluster: fc.constantFrom('', '', 'x'),
    sender: id,
    receiver: id,
    incarnation: fc.constantFrom('', 'x'),
    expectedIncarnation: fc.constantFrom(null, null, '', 'x'),
  })
  .map((said) => prefixed(encodeHello(said)))

/** A gRPC message, or nearly. */
const message = fc.oneof(
  hello,
  fc.tuple(hello, fc.uint8Array({ maxLength: 9 })).map((parts) => Buffer.concat(parts)),
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(
    Uint8Array.of(0, 0, 0, 0, 1, 9),
    Uint8Array.of(0, 0, 0, 0, 0),
    Uint8Array.of(1, 0, 0, 0, 1, 9),
    Uint8Array.of(9, 0, 0, 0, 0),
    Uint8Array.of(0, 255, 255, 255, 255),
    Uint8Array.of(0, 0, 16, 0, 1),
  ),
)
const stream = fc.constantFrom(0, 1, 1, 3, 3, 5, 7, 2, 0x7fffffff)
const flags = fc.constantFrom(0, 1, 4, 4, 5, 5, 8, 0x20, 255)

interface Parts {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Uint8Array
}

const someFrame: fc.Arbitrary<Parts> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant(FRAME.headers),
      flags,
      stream,
      payload: headerFields,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant(FRAME.data), flags, stream, payload: message }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom(FRAME.reset, FRAME.windowUpdate),
      flags: fc.constant(0),
      stream,
      payload: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom(FRAME.ping, FRAME.goaway),
      flags: fc.constantFrom(0, 1),
      stream: fc.constant(0),
      payload: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.nat({ max: 16 }),
      flags,
      stream,
      payload: fc.uint8Array({ maxLength: 30 }),
    }),
  },
)

/** A connection that begins well. */
const someFrames = fc
  .array(someFrame, { minLength: 1, maxLength: 8 })
  .map((frames) =>
    Buffer.concat([
      PREFACE,
      SETTINGS,
      ...frames.map((parts) => frame(parts.type, parts.flags, parts.stream, parts.payload)),
    ]),
  )

/** What one connection sends: frames that are right or nearly, frames with damage, and noise. */
export const connectionBytes = fc.oneof(
  { weight: 8, arbitrary: someFrames },
  {
    weight: 2,
    arbitrary: fc.tuple(someFrames, fc.nat(), fc.nat({ max: 255 })).map(([bytes, place, byte]) => {
      const damaged = Buffer.from(bytes)
      damaged[place % damaged.byteLength] = byte
      return damaged
    }),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((it) => Buffer.from(it)) },
  { weight: 1, arbitrary: fc.constant(DEADLY) },
)
