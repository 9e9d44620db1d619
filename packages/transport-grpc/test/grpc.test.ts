/** What is particular to streams: losing them, finding them again, slow peers, and an end. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type * as DnsPromises from 'node:dns/promises'
import { once } from 'node:events'
import { connect, createServer, Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MAX_FRAME_BYTES, TransportError } from '@paxos/core'
import { fromUrl } from '@paxos/transport-grpc'
import { CLOSE_TIMEOUT_MS, IDENTIFY_TIMEOUT_MS } from '@paxos/adapter-kit/links'
import { MAX_OUTBOX_BYTES } from '../../adapter-kit/src/links/limits.ts'
import { EXCHANGE, GRPC } from '../src/service.ts'
import type { AcceptedCall } from '../src/service.ts'
import {
  afterwards,
  cleanUp,
  helloOf,
  introduce,
  keepFramesYoung,
  listening,
  meet,
  openNode,
  proxyTo,
  reach,
  retainedBytes,
  sockets,
  slowReader,
  stopTime,
  until,
} from './world.ts'
import type { TestNode } from './world.ts'

/** Look-ups of names that end in .invalid, in order, to be answered by the test. */
const lookups: { readonly host: string; readonly answer: (...addresses: string[]) => void }[] = []

vi.mock('node:dns/promises', async (importOriginal) => {
  const original = await importOriginal<typeof DnsPromises>()
  const lookup = (host: string, options: { all?: boolean }): Promise<unknown> => {
    if (!host.endsWith('.invalid')) return original.lookup(host, options)
    return new Promise((resolve, reject) => {
      const answer = (...addresses: string[]): void => {
        const found = addresses.map((address) => ({ address, family: 4 }))
        if (found.length > 0) resolve(options?.all === true ? found : found[0])
        else reject(Object.assign(new Error('No such name'), { code: 'ENOTFOUND' }))
      }
      lookups.push({ host, answer })
    })
  }
  return { ...original, lookup }
})

beforeEach(keepFramesYoung)

afterEach(async () => {
  vi.useRealTimers()
  for (const { answer } of lookups.splice(0)) answer()
  await cleanUp()
})

const ids = [
  ['a', 'b'],
  ['b', 'a'],
] as const

function assertNode(value: unknown): asserts value is TestNode {
  if (typeof value !== 'object' || value === null || !('transport' in value)) throw value
}

describe('a peer', () => {
  it.each(ids)('%s whose connection is cut is found again by %s', async (own, other) => {
    const [near, far] = [await openNode(own), await openNode(other)]
    const proxy = await proxyTo(far.transport.address)
    const back = await proxyTo(near.transport.address)
    far.transport.setPeers(new Map([[own, back.address]]))
    near.transport.setPeers(new Map([[other, proxy.address]]))
    for (let cut = 1; cut <= 3; cut += 1) {
      await reach(near, far)
      for (const [end] of [...proxy.connections, ...back.connections]) end.destroy()
    }
    await reach(far, near)
  })

  it('that is dialled while it dials keeps one stream, and no frame is lost', async () => {
    const [a, b] = [await openNode('a'), await openNode('b')]
    const [toA, toB] = [await proxyTo(a.transport.address), await proxyTo(b.transport.address)]
    const letAThrough = toB.hold()
    a.transport.setPeers(new Map([['b', toB.address]]))
    b.transport.setPeers(new Map([['a', toA.address]]))
    // Nothing but b's own dial gets through, after PATIENCE_MS.
    await meet(b, a)
    await meet(a, b)
    const ended = once(toA.events, 'closed')
    letAThrough()
    const count = 200
    for (let index = 0; index < count; index += 1) {
      a.transport.send('b', Uint8Array.of(1, index))
      b.transport.send('a', Uint8Array.of(1, index))
      if (index % 10 === 0) await nextTurn()
    }
    await ended
    await meet(a, b)
    await meet(b, a)
    for (const { inbox } of [a, b]) {
      const numbers = inbox.filter(({ frame }) => frame[0] === 1).map(({ frame }) => frame[1])
      expect(numbers.toSorted((one = 0, other = 0) => one - other)).toEqual(
        Array.from({ length: count }, (_, index) => index),
      )
    }
    expect([toA.connections.size, toB.connections.size]).toEqual([0, 1])
  })

  it('that accepts and never answers costs no socket when it is given up', async () => {
    stopTime()
    const made: Socket[] = []
    const collect = (message: unknown): void => {
      const socket: unknown = Reflect.get(Object(message), 'socket')
      if (socket instanceof Socket) made.push(socket)
    }
    subscribe('net.client.socket', collect)
    afterwards(() => unsubscribe('net.client.socket', collect))
    const held: Socket[] = []
    // It does not even close when it is asked to.
    const silent = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {})
      // Its preface has come: HTTP/2 has begun on the other side.
      socket.once('data', () => held.push(socket))
    })
    afterwards(() => {
      for (const socket of held) socket.destroy()
      silent.close()
    })
    const port = await listening(silent)
    const a = await openNode('a', { peers: { b: `grpc://127.0.0.1:${port}` } })
    for (let dial = 1; dial <= 3; dial += 1) {
      // Longer than the waits between the first dials.
      vi.advanceTimersByTime(500)
      await until(() => held.length === dial)
      vi.advanceTimersByTime(IDENTIFY_TIMEOUT_MS)
      await until(() => a.transport.stats().failedDials === dial)
    }
    expect(made).toHaveLength(3)
    expect(made.every((socket) => socket.destroyed)).toBe(true)
  })
})

describe('a slow peer', () => {
  const FRAMES = 80
  /** Who reads nothing answers no ping, and a busy machine takes its time. */
  const NEVER_MS = 3_600_000
  /** What waits, one frame on its way, and as much again for buffers on the way out. */
  const MAX_RETAINED_BYTES = MAX_OUTBOX_BYTES + 4 * MAX_FRAME_BYTES

  async function flood(node: TestNode, to: string): Promise<void> {
    const before = retainedBytes()
    const frame = new Uint8Array(MAX_FRAME_BYTES)
    for (let count = 0; count < FRAMES; count += 1) {
      frame[0] = count
      node.transport.send(to, frame)
      // As much leaves as HTTP/2 takes.
      for (let turn = 0; turn < 5; turn += 1) await nextTurn()
    }
    expect(retainedBytes() - before).toBeLessThan(MAX_RETAINED_BYTES)
    expect(node.transport.stats().droppedFrames).toBeGreaterThan(FRAMES - 16)
  }

  it('that dialled and does not read costs bounded memory, and then gets the newest', async () => {
    const b = await openNode('b', { peers: { a: 'nowhere' }, pingIntervalMs: NEVER_MS })
    const { readUntil } = await slowReader(b.transport.address)
    await flood(b, 'a')
    await readUntil(FRAMES - 1)
  })

  it('that was dialled and does not read costs bounded memory, and then gets the newest', async () => {
    const calls: AcceptedCall[] = []
    const server = new Server()
    afterwards(() => server.forceShutdown())
    server.addService(
      { exchange: EXCHANGE },
      {
        exchange(call: AcceptedCall) {
          call.write(helloOf({ sender: 'b', receiver: 'a' }))
          call.on('end', () => call.end())
          calls.push(call.pause())
        },
      },
    )
    const port = await new Promise<number>((resolve) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_, bound) => {
        resolve(bound)
      })
    })
    const peers = { b: `grpc://127.0.0.1:${port}` }
    const a = await openNode('a', { peers, pingIntervalMs: NEVER_MS })
    await until(() => calls.length > 0)
    await flood(a, 'b')
    const newest = new Promise<void>((resolve) => {
      for (const call of calls) {
        call.on('data', (frame: Uint8Array) => {
          if (frame[0] === FRAMES - 1) resolve()
        })
        call.resume()
      }
    })
    await newest
  })

  it('does not hold up close() for longer than it may', async () => {
    const b = await openNode('b', { peers: { a: 'nowhere' } })
    await slowReader(b.transport.address)
    for (let count = 0; count < 20; count += 1) b.transport.send('a', new Uint8Array(1 << 20))
    stopTime()
    let isClosed = false
    const closing = b.transport.close().then(() => (isClosed = true))
    for (let turn = 0; turn < 20; turn += 1) await nextTurn()
    vi.advanceTimersByTime(CLOSE_TIMEOUT_MS - 1)
    for (let turn = 0; turn < 20; turn += 1) await nextTurn()
    expect(isClosed).toBe(false)
    vi.advanceTimersByTime(1)
    await closing
  })
})

describe('names', () => {
  it('of peers and of oneself work', async () => {
    const b = await openNode('b', { listen: 'grpc://localhost:0' })
    const { port } = GRPC.parse(b.transport.address) ?? { port: 0 }
    const a = await openNode('a', { peers: { b: `grpc://localhost:${port}` } })
    b.transport.setPeers(new Map([['a', a.transport.address]]))
    await meet(a, b)
  })

  it('that are not found neither throw nor hold up the others', async () => {
    const b = await openNode('b')
    const peers = { b: b.transport.address, n: 'grpc://nowhere.invalid:7000' }
    const a = await openNode('a', { peers })
    b.transport.setPeers(new Map([['a', a.transport.address]]))
    a.transport.send('n', Uint8Array.of(1))
    await meet(a, b)
    await until(() => lookups.length === 1)
    lookups.shift()?.answer()
    await until(() => lookups.length === 1)
    expect(a.transport.stats().failedDials).toBe(1)
  })

  it('with several addresses are tried one after the other', async () => {
    const b = await openNode('b')
    const { port } = GRPC.parse(b.transport.address) ?? { port: 0 }
    const a = await openNode('a', { peers: { b: `grpc://b.invalid:${port}` } })
    b.transport.setPeers(new Map([['a', 'can only dial']]))
    a.transport.send('b', Uint8Array.of(1))
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      await until(() => lookups.length === 1)
      // Nobody listens on the first one.
      lookups.shift()?.answer('127.0.0.9', '127.0.0.1')
    }
    await b.received(1)
    expect(a.transport.stats().failedDials).toBe(1)
  })
})

describe('open', () => {
  it('works with IPv6, or says that the machine has none', async () => {
    const b = await openNode('b', { listen: 'grpc://[::1]:0' }).catch((error: unknown) => error)
    if (b instanceof TransportError) {
      expect(b.code).toBe('ERR_PAXOS_ADDRESS_UNAVAILABLE')
      return
    }
    assertNode(b)
    expect(b.transport.address).toMatch(/^grpc:\/\/\[::1\]:[1-9]\d*$/)
    const a = await openNode('a', { listen: 'grpc://[::]:0' })
    introduce(a, b)
    await meet(a, b)
    // The wildcard of IPv6 takes IPv4 as well.
    const { port } = GRPC.parse(a.transport.address) ?? { port: 0 }
    const c = await openNode('Z', { peers: { a: `grpc://127.0.0.1:${port}` } })
    a.transport.setPeers(new Map([['Z', 'nowhere']]))
    await meet(c, a)
  })
})

describe('options', () => {
  it.each(['', 'udp://127.0.0.1:1', 'grpc', 'grpcx:', ' grpc:'])('%j is no URL of it', (url) => {
    expect(() => fromUrl(url)).toThrow(TransportError)
    expect(() => fromUrl(url)).toThrow(/Write grpc: or grpcs: in front\.$/)
  })

  it('are the same from a URL, whose address is not used', async () => {
    const transport = fromUrl('grpc://ignored:1')
    afterwards(() => transport.close())
    const options = { id: 'a', listen: 'grpc://127.0.0.1:0', peers: new Map(), receive: () => {} }
    await transport.open(options)
    expect(transport.address).toMatch(/^grpc:\/\/127\.0\.0\.1:[1-9]/)
  })
})

describe('close', () => {
  it('lets what was sent leave first, in both directions', async () => {
    const [a, b, c] = [await openNode('a'), await openNode('b'), await openNode('c')]
    introduce(a, b, c)
    await meet(a, b)
    await meet(c, b)
    // The patience of close() does not end here, however slow this machine is.
    stopTime()
    // A few more than are on their way at one time.
    for (let count = 0; count < 5; count += 1) {
      b.transport.send('a', new Uint8Array(MAX_FRAME_BYTES).fill(10 + count))
      b.transport.send('c', new Uint8Array(MAX_FRAME_BYTES).fill(10 + count))
    }
    await b.transport.close()
    for (const { inbox } of [a, c]) {
      expect(inbox.map(({ frame }) => frame[0]).slice(-5)).toEqual([10, 11, 12, 13, 14])
    }
  })

  it('does not wait for strangers who hold a connection open', async () => {
    const b = await openNode('b')
    const silent = connect(GRPC.parse(b.transport.address)?.port ?? 0, '127.0.0.1')
    afterwards(() => silent.destroy())
    await once(silent, 'data')
    const closed = once(silent, 'close')
    await b.transport.close()
    await closed
  })

  it('frees every socket, whatever state they are in', async () => {
    const before = await sockets()
    const a = await openNode('a', { peers: { c: 'grpc://127.0.0.1:9' } })
    const b = await openNode('b')
    introduce(a, b)
    await meet(a, b)
    a.transport.send('b', new Uint8Array(MAX_FRAME_BYTES))
    await Promise.all([a.transport.close(), b.transport.close()])
    expect(await sockets()).toBe(before)
  })
})
