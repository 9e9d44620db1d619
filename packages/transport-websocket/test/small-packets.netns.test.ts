/** Strangers and broken lines, on a network whose packets are small: see vitest.netns.ts. */
import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { NodeId } from '@paxos/core'
import { testAuthority } from '@paxos/testkit/certificates'
import { roughLine } from '@paxos/testkit/rough-line'
import type { RoughLine } from '@paxos/testkit/rough-line'
import { closeAll, onCleanup, openNode, plain, portOf, until, visitAs } from './nodes.ts'
import type { NodeOptions, TestNode } from './nodes.ts'

afterEach(closeAll)

/** What a packet of 1,500 bytes has for TCP. */
const PACKET_BYTES = 1_448
const STRANGERS = 300

/** With as many answers, more than the system keeps for a connection. */
const PINGS = 200_000
const DESERTED = { ws: 'ws://127.0.0.1:9', wss: 'wss://127.0.0.1:9' }

const authority = await testAuthority()

async function options(scheme: 'ws' | 'wss', id: NodeId): Promise<NodeOptions> {
  const listen = `${scheme}://127.0.0.1:0`
  if (scheme === 'ws') return { listen }
  return { listen, tls: { ca: authority.ca, ...(await authority.issue({ commonName: id })) } }
}

const UPGRADE = Buffer.from(
  'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
)

/** A frame of a client: FIN and `opcode`, masked with zeros. */
function message(opcode: number, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0x80 | opcode, 0x80 | payload.byteLength, 0, 0, 0, 0), payload])
}

const PING = message(9, new Uint8Array(100))
const CONTINUATION = message(0, new Uint8Array(1))
const HALF_CLOSE = message(8, Uint8Array.of(3))

const FLOODS: readonly (readonly [string, Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['half a request', UPGRADE.subarray(0, 60)],
  ['a request, and resets', UPGRADE],
  ['pings without end', Buffer.concat([UPGRADE, ...Array.from({ length: 200 }, () => PING)])],
  ['a continuation of nothing', Buffer.concat([UPGRADE, CONTINUATION, PING, CONTINUATION])],
  ['a close that is none', Buffer.concat([UPGRADE, HALF_CLOSE, PING, HALF_CLOSE])],
  ['bytes', Buffer.alloc(20_000, 0x16)],
]

async function openPair(): Promise<readonly [TestNode, TestNode]> {
  const b = await openNode('b', { a: DESERTED.ws })
  const a = await openNode('a', { b: b.transport.address })
  return [a, b]
}

/** Sends until `to` has heard, as Paxos does: what is sent into a dying connection is lost. */
async function reach(from: TestNode, id: NodeId, to: TestNode): Promise<void> {
  const before = to.inbox.length
  await until(() => {
    from.transport.send(id, Uint8Array.of(1))
    return to.inbox.length > before
  })
}

describe('a node outlives strangers who bring', () => {
  for (const [what, bytes] of FLOODS) {
    it(`${what}, and end in every manner`, async () => {
      const [a, b] = await openPair()
      for (let count = 0; count < STRANGERS; count += 1) {
        const socket = await plain(b.transport.address)
        socket.setNoDelay()
        for (let begin = 0; begin < bytes.byteLength; begin += PACKET_BYTES) {
          socket.write(bytes.subarray(begin, begin + PACKET_BYTES))
          if (begin + PACKET_BYTES < bytes.byteLength) await nextTurn()
        }
        if (count % 3 === 0) socket.resetAndDestroy()
        else if (count % 3 === 1) socket.end()
        else socket.destroySoon()
        if (count % 10 === 0) await reach(a, 'b', b)
      }
      await reach(a, 'b', b)
      await reach(b, 'a', a)
    })
  }

  it('pings in a peer’s name, and read no answer: only a few answers are kept for them', async () => {
    const b = await openNode('b', { a: DESERTED.ws })
    const visitor = await visitAs('a', 'b', b.transport.address)
    let pongs = 0
    visitor.on('pong', () => (pongs += 1))
    visitor.pause()
    for (let count = 0; count < PINGS; count += 1) {
      visitor.ping(new Uint8Array(125))
      if (visitor.bufferedAmount > 1 << 20) await nextTurn()
    }
    visitor.send(Uint8Array.of(1))
    await b.received()
    const answered = once(visitor, 'message')
    b.transport.send('a', Uint8Array.of(2))
    visitor.resume()
    await answered
    expect(pongs).toBeGreaterThan(0)
    expect(pongs).toBeLessThan(PINGS)
  })
})

/** In TCP's handshake, in TLS's, in HTTP's, in the hello and in frames. */
const RESETS_BYTES = [
  0, 1, 5, 24, 33, 100, 200, 250, 300, 400, 517, 700, 1_448, 2_000, 2_500, 3_000, 4_000, 20_000,
  100_000,
]

/** A line to `b`, which a test can break, and its address. */
async function lineTo(
  b: TestNode,
): Promise<{ readonly line: RoughLine; readonly address: string }> {
  const line = await roughLine(portOf(b.transport.address))
  onCleanup(() => line.close())
  const scheme = b.transport.address.startsWith('wss:') ? 'wss' : 'ws'
  return { line, address: `${scheme}://127.0.0.1:${line.port}` }
}

for (const scheme of ['ws', 'wss'] as const) {
  describe(`over ${scheme}:`, () => {
    it('nodes meet after the line was reset in every phase', async () => {
      const b = await openNode('b', { a: DESERTED[scheme] }, await options(scheme, 'b'))
      const { line, address } = await lineTo(b)
      const forA = await options(scheme, 'a')
      for (const resetAfterBytes of RESETS_BYTES) {
        line.behave({ resetAfterBytes })
        const reset = line.nextReset()
        const a = await openNode('a', { b: address }, forA)
        a.transport.send('b', new Uint8Array(150_000))
        await reset
        await a.transport.close()
      }
      line.behave({})
      const a = await openNode('a', { b: address }, forA)
      await reach(a, 'b', b)
      await reach(b, 'a', a)
    })

    it('bytes that come one by one make connections and frames all the same', async () => {
      const b = await openNode('b', { a: DESERTED[scheme] }, await options(scheme, 'b'))
      const { line, address } = await lineTo(b)
      line.behave({ pieceBytes: 1 })
      const a = await openNode('a', { b: address }, await options(scheme, 'a'))
      a.transport.send('b', new Uint8Array(3_000).fill(7))
      await until(() => b.inbox.some(({ frame }) => frame.byteLength === 3_000))
      await reach(b, 'a', a)
    })
  })
}
