/** Strangers and broken lines, on a network whose packets are small: see vitest.netns.ts. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, it, vi } from 'vitest'
import type { NodeId } from '@paxos/core'
import { testAuthority } from '@paxos/testkit/certificates'
import { roughLine } from '@paxos/testkit/rough-line'
import type { RoughLine } from '@paxos/testkit/rough-line'
import { GRPC } from '../src/service.ts'
import { MAX_CONTROL_FRAMES_PER_WINDOW } from '../src/limits.ts'
import { frame, FRAME, PREFACE, SETTINGS } from './http2-bytes.ts'
import { afterwards, cleanUp, introduce, meet, openNode, reach, until } from './world.ts'
import type { NodeOptions, TestNode } from './world.ts'

afterEach(cleanUp)

/** What a packet of 1,500 bytes has for TCP. */
const PACKET_BYTES = 1_448

/** POST, http, :authority x, :path /; without a content type, so that it is refused at once. */
const HEADERS = Buffer.of(0x83, 0x86, 0x41, 1, 0x78, 0x84)
const CANCEL = Uint8Array.of(0, 0, 0, 8)

const authority = await testAuthority()

async function options(isSecure: boolean, id: NodeId): Promise<NodeOptions> {
  return isSecure
    ? { tls: { ca: authority.ca, ...(await authority.issue({ commonName: id })) } }
    : {}
}

const FLOODS: readonly (readonly [string, (stream: number) => Buffer])[] = [
  [
    'opens streams and resets them',
    (stream) =>
      Buffer.concat([
        frame(FRAME.headers, 4, stream, HEADERS),
        frame(FRAME.reset, 0, stream, CANCEL),
      ]),
  ],
  ['opens streams that are refused', (stream) => frame(FRAME.headers, 5, stream, HEADERS)],
  [
    'resets streams that it ends at once',
    (stream) =>
      Buffer.concat([
        frame(FRAME.headers, 5, stream, HEADERS),
        frame(FRAME.reset, 0, stream, CANCEL),
      ]),
  ],
  ['pings', () => frame(FRAME.ping, 0, 0, new Uint8Array(8))],
  ['changes settings', () => SETTINGS],
  [
    'opens streams, and says goodbye now and then',
    (stream) =>
      Buffer.concat([
        frame(FRAME.headers, 4, stream, HEADERS),
        frame(FRAME.reset, 0, stream, CANCEL),
        ...(stream % 101 === 0 ? [frame(FRAME.goaway, 0, 0, new Uint8Array(8))] : []),
      ]),
  ],
]

/** Sends `make(1)`, `make(3)` … in packets until the node has had enough; what it answers is read or not. */
async function flood(
  node: TestNode,
  make: (stream: number) => Buffer,
  reads: boolean,
): Promise<void> {
  const socket = connect(GRPC.parse(node.transport.address)?.port ?? 0, '127.0.0.1')
  afterwards(() => socket.destroy())
  socket.on('error', () => {}).setNoDelay()
  if (reads) socket.resume()
  const closed = once(socket, 'close')
  socket.write(Buffer.concat([PREFACE, SETTINGS]))
  for (let stream = 1; stream < 8 * MAX_CONTROL_FRAMES_PER_WINDOW && !socket.destroyed;) {
    const frames: Buffer[] = []
    for (let count = 0; count < 50; count += 1, stream += 2) frames.push(make(stream))
    const bytes = Buffer.concat(frames)
    for (let begin = 0; begin < bytes.byteLength; begin += PACKET_BYTES) {
      socket.write(bytes.subarray(begin, begin + PACKET_BYTES))
      await nextTurn()
    }
  }
  socket.resume().end()
  await closed
}

describe('a node outlives a stranger who', () => {
  for (const [what, make] of FLOODS) {
    it(`${what}, again and again`, async () => {
      vi.spyOn(console, 'error').mockImplementation(() => {})
      const [a, b] = [await openNode('a'), await openNode('b')]
      introduce(a, b)
      await meet(a, b)
      for (let round = 0; round < 6; round += 1) await flood(b, make, round % 2 === 0)
      await meet(a, b)
      await meet(b, a)
    })
  }
})

/** In TCP's handshake, in TLS's, in HTTP/2's and in frames. */
const RESETS_BYTES = [
  0, 1, 5, 24, 33, 100, 200, 400, 517, 700, 1_448, 2_000, 2_500, 3_000, 4_000, 20_000, 100_000,
]

/** A line to `b`, which a test can break, and its address. */
async function lineTo(
  b: TestNode,
): Promise<{ readonly line: RoughLine; readonly address: string }> {
  const { port = 0, isSecure = false } = GRPC.parse(b.transport.address) ?? {}
  const line = await roughLine(port)
  afterwards(() => line.close())
  return { line, address: `grpc${isSecure ? 's' : ''}://127.0.0.1:${line.port}` }
}

for (const isSecure of [false, true]) {
  describe(isSecure ? 'over TLS' : 'in the clear', () => {
    it('nodes meet after the line was reset in every phase, and nothing is left of it', async () => {
      const b = await openNode('b', { ...(await options(isSecure, 'b')), peers: { a: 'nowhere' } })
      const { line, address } = await lineTo(b)
      const forA = await options(isSecure, 'a')
      for (const resetAfterBytes of RESETS_BYTES) {
        line.behave({ resetAfterBytes })
        const reset = line.nextReset()
        const a = await openNode('a', { ...forA, peers: { b: address } })
        a.transport.send('b', new Uint8Array(150_000))
        await reset
        await a.transport.close()
      }
      line.behave({})
      const a = await openNode('a', { ...forA, peers: { b: address } })
      await reach(a, b)
      await reach(b, a)
    })

    it('bytes that come one by one make streams and frames all the same', async () => {
      const b = await openNode('b', { ...(await options(isSecure, 'b')), peers: { a: 'nowhere' } })
      const { line, address } = await lineTo(b)
      line.behave({ pieceBytes: 1 })
      const a = await openNode('a', { ...(await options(isSecure, 'a')), peers: { b: address } })
      a.transport.send('b', new Uint8Array(3_000).fill(7))
      await until(() => b.inbox.some(({ frame: got }) => got.byteLength === 3_000))
      await meet(b, a)
    })
  })
}
