/** How much one side takes of the other, and what is left of a call that nobody waits for. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { AnswerTooLargeError, connect, serve } from '@paxos/remote'
import type { RemoteReplica, RemoteServer, ServeOptions } from '@paxos/remote'
import { OverloadedError } from '@paxos/replica'
import { mutant, SEED, seeded } from '@paxos/testkit/fuzz'
import { encodeFrame } from '../src/frames.ts'
import type { Asked, Told } from '../src/frames.ts'
import { MAX_REQUESTS } from '../src/limits.ts'
import { StandIn } from './stand-in.ts'

type Texts = RemoteReplica<string, string, string, string>

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.close()
})

async function served(
  replica: StandIn,
  options: ServeOptions<string, string, string, string> = {},
): Promise<{ readonly server: RemoteServer; readonly address: string }> {
  const server = await serve(replica, options)
  opened.push(server)
  const { address } = server
  if (address === null) throw new Error('It listens by itself.')
  return { server, address }
}

async function connected(address: string): Promise<Texts> {
  const remote: Texts = await connect([address])
  opened.push(remote)
  return remote
}

/** A client that says whatever a test wants. */
async function stranger(address: string): Promise<WebSocket> {
  const ws = new WebSocket(address, 'paxos-remote.1')
  ws.on('error', () => undefined)
  opened.push({ close: () => ws.terminate() })
  await once(ws, 'open')
  return ws
}

async function closeCode(ws: WebSocket): Promise<number> {
  const [code]: unknown[] = await once(ws, 'close')
  return Number(code)
}

const textBytes = (text: string): Uint8Array => new TextEncoder().encode(JSON.stringify(text))

describe('a call that nobody waits for', () => {
  it('is given up at the server too, and leaves nothing there', async () => {
    const replica = new StandIn()
    const { server, address } = await served(replica)
    const remote = await connected(address)
    const controller = new AbortController()
    const { signal } = controller
    const given = Promise.allSettled([
      remote.query('a', { signal }),
      remote.propose('b', { signal }),
      remote.query('c', { timeoutMs: 100 }),
    ])
    await replica.until(() => replica.calls.length === 3)
    expect(server.status().requests).toBe(3)
    controller.abort('enough')
    await replica.until(() => replica.aborted === 3)
    expect((await given).map((one) => one.status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(server.status().requests).toBe(0)
    expect(remote.status()).toMatchObject({ requests: 0, waiting: 0 })
  })

  it('when its client is gone, is given up too, and its watches and events with it', async () => {
    const replica = new StandIn()
    const { server, address } = await served(replica)
    const remote = await connected(address)
    void remote.query('a').catch(() => undefined)
    void remote.events()
    remote.watch(() => undefined)
    await replica.until(() => replica.calls.length + replica.watchers === 2)
    await remote.close()
    await replica.until(() => replica.aborted === 1 && replica.watchers === 0)
    // The server itself listens for who leads.
    expect(replica.listeners).toBe(1)
    expect(server.status()).toMatchObject({ clients: [], requests: 0 })
  })

  it('a command that was given up is never acknowledged with those that are under way', async () => {
    const replica = new StandIn()
    const { address } = await served(replica)
    const remote = await connected(address)
    const first = remote.propose('first')
    const second = remote.propose('second', { timeoutMs: 50 })
    await expect(second).rejects.toMatchObject({ code: 'ERR_PAXOS_TIMEOUT', outcome: 'unknown' })
    const third = remote.propose('third')
    await replica.until(() => replica.calls.length === 3)
    expect(replica.calls.map(({ options: { session } }) => session)).toMatchObject([
      { sequence: 1, acknowledged: 1 },
      { sequence: 2, acknowledged: 1 },
      { sequence: 3, acknowledged: 1 },
    ])
    for (const call of replica.calls) call.answer('done')
    await Promise.all([first, third])
    const fourth = remote.propose('fourth')
    await replica.until(() => replica.calls.length === 4)
    expect(replica.calls[3]?.options.session).toMatchObject({ sequence: 4, acknowledged: 4 })
    replica.calls[3]?.answer('done')
    expect(await fourth).toBe('done')
  })
})

describe('a client that asks too much', () => {
  it('waits with what is more than the server takes at once, and asks it in the order of the calls', async () => {
    const replica = new StandIn()
    const { address } = await served(replica)
    const remote = await connected(address)
    const calls = Array.from({ length: MAX_REQUESTS + 50 }, (_, at) => remote.query(String(at)))
    await replica.until(() => replica.calls.length === MAX_REQUESTS)
    expect(remote.status()).toMatchObject({ requests: MAX_REQUESTS, waiting: 50 })
    for (let at = 0; at < calls.length; at += 1) {
      await replica.until(() => replica.calls.length > at)
      replica.calls[at]?.answer(replica.calls[at]?.what ?? '')
    }
    expect(await Promise.all(calls)).toEqual(calls.map((_, at) => String(at)))
  })

  it('is told so when as much waits as may, and nothing of that was asked', async () => {
    const replica = new StandIn()
    const { address } = await served(replica)
    const large = textBytes('x'.repeat(1_000_000))
    const queryCodec = { encode: () => large, decode: () => 'x' }
    const remote: Texts = await connect([address], { queryCodec })
    const calls = Promise.allSettled(Array.from({ length: 80 }, () => remote.query('x')))
    // What is refused is refused at once; the rest waits for the end.
    const { requests, waiting } = remote.status()
    expect(requests + waiting).toBe(67)
    await remote.close()
    const reasons = (await calls).map((one) => (one.status === 'rejected' ? one.reason : null))
    expect(reasons.filter((error) => error instanceof OverloadedError)).toHaveLength(80 - 67)
    expect(replica.calls.length).toBeLessThanOrEqual(16)
  })

  it('and does not keep to what it was told, is cut off; others go on', async () => {
    const replica = new StandIn()
    const { address } = await served(replica)
    const remote = await connected(address)
    const ws = await stranger(address)
    const code = closeCode(ws)
    for (let id = 1; id <= MAX_REQUESTS + 1; id += 1) {
      const head: Asked = { type: 'query', id, consistency: 'local', maxStalenessMs: null }
      ws.send(encodeFrame(head, textBytes('x')))
    }
    expect(await code).toBe(1008)
    expect(replica.aborted).toBe(MAX_REQUESTS)
    const answer = remote.query('x')
    await replica.until(() => replica.calls.length === MAX_REQUESTS + 1)
    replica.calls.at(-1)?.answer('y')
    expect(await answer).toBe('y')
  })
})

describe('a client that reads slowly', () => {
  it('costs the server no more than the limit, and is told which answers it cannot have', async () => {
    const replica = new StandIn()
    const { server, address } = await served(replica)
    const ws = await stranger(address)
    for (let id = 1; id <= 60; id += 1) {
      const head: Asked = { type: 'query', id, consistency: 'local', maxStalenessMs: null }
      ws.send(encodeFrame(head, textBytes('x')))
    }
    await replica.until(() => replica.calls.length === 60)
    ws.pause()
    let most = 0
    for (const { answer } of replica.calls) {
      answer('y'.repeat(1_000_000))
      await new Promise((resolve) => setImmediate(resolve))
      most = Math.max(most, server.status().unsentBytes)
    }
    expect(most).toBeLessThan(20 << 20)
    const heads: { readonly type: string; readonly code?: string }[] = []
    const all = new Promise<void>((resolve) => {
      ws.on('message', (data: Buffer) => {
        const head = data.subarray(2, 2 + data.readUInt16BE(0)).toString()
        heads.push(JSON.parse(head))
        if (heads.filter(({ type }) => type === 'answer' || type === 'error').length === 60)
          resolve()
      })
    })
    ws.resume()
    await all
    const errors = heads.filter(({ type }) => type === 'error')
    expect(errors.length).toBeGreaterThan(0)
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['ERR_PAXOS_OVERLOADED']))
    expect(server.status()).toMatchObject({ requests: 0, unsentBytes: 0 })
  })

  it('is told once that the state has changed, however often it did meanwhile', async () => {
    const replica = new StandIn()
    const { address, server } = await served(replica)
    const ws = await stranger(address)
    ws.send(encodeFrame({ type: 'listen', events: false, applied: true }))
    for (let id = 1; id <= 12; id += 1) {
      const head: Asked = { type: 'query', id, consistency: 'local', maxStalenessMs: null }
      ws.send(encodeFrame(head, textBytes('x')))
    }
    await replica.until(() => replica.watchers === 1 && replica.calls.length === 12)
    ws.pause()
    for (const { answer } of replica.calls) answer('y'.repeat(1_000_000))
    await expect.poll(() => server.status().unsentBytes).toBeGreaterThan(4 << 20)
    for (let count = 0; count < 1000; count += 1) replica.apply()
    let told = 0
    const all = new Promise<void>((resolve) => {
      ws.on('message', (data: Buffer) => {
        const head = data.subarray(2, 2 + data.readUInt16BE(0)).toString()
        if (head.includes('"applied"')) told += 1
        if (head.includes('"id":13')) resolve()
      })
    })
    ws.resume()
    await expect.poll(() => told).toBeGreaterThan(0)
    // What was told before this answer has come before it.
    ws.send(encodeFrame({ type: 'open-session', id: 13 }))
    await all
    expect(told).toBe(1)
  })

  it('and stays silent, is ended after some heartbeats, with all that it had asked', async () => {
    const replica = new StandIn()
    const { address } = await served(replica, { heartbeatMs: 20 })
    const ws = new WebSocket(address, 'paxos-remote.1', { autoPong: false })
    ws.on('error', () => undefined)
    await once(ws, 'open')
    const head: Asked = { type: 'query', id: 1, consistency: 'local', maxStalenessMs: null }
    ws.send(encodeFrame(head, textBytes('x')))
    await once(ws, 'close')
    expect(replica.aborted).toBe(1)
  })
})

describe('what comes from outside', () => {
  it('a frame that means nothing ends its connection, and nothing else', async () => {
    const replica = new StandIn()
    const { server, address } = await served(replica)
    const remote = await connected(address)
    const draw = seeded(SEED)
    const seeds: readonly Uint8Array[] = [
      encodeFrame(
        { type: 'query', id: 1, consistency: 'bounded', maxStalenessMs: 5 },
        textBytes('q'),
      ),
      encodeFrame(
        {
          type: 'propose',
          id: 2,
          session: '0'.repeat(32),
          sequence: 3,
          acknowledged: 2,
          evenIfFull: false,
        },
        textBytes('c'),
      ),
      encodeFrame({ type: 'open-session', id: 3 }),
      encodeFrame({ type: 'cancel', id: 1 }),
      encodeFrame({ type: 'listen', events: true, applied: true }),
      new Uint8Array(),
    ]
    for (let round = 0; round < 40; round += 1) {
      const ws = await stranger(address)
      const closed = once(ws, 'close')
      for (let frame = 0; frame < 10; frame += 1) ws.send(mutant(seeds, draw))
      // Text is none of ours: what was sent before has been heard by then.
      ws.send('that is all')
      await closed
    }
    const answer = remote.query('still there')
    await replica.until(() => replica.calls.at(-1)?.what === 'still there')
    replica.calls.at(-1)?.answer('yes')
    expect(await answer).toBe('yes')
    expect(replica.watchers).toBe(0)
    expect(server.status()).toMatchObject({ clients: ['127.0.0.1'], requests: 0 })
  })

  it('bytes that are no HTTP are bytes for nobody', async () => {
    const replica = new StandIn()
    const { address } = await served(replica)
    const { port } = new URL(address)
    const draw = seeded(SEED + 1)
    const { connect: dial } = await import('node:net')
    for (let round = 0; round < 20; round += 1) {
      const socket = dial(Number(port), '127.0.0.1')
      socket.on('error', () => undefined)
      const closed = once(socket, 'close')
      socket.end(Uint8Array.from({ length: 200 }, () => Math.floor(draw() * 256)))
      socket.resume()
      await closed
    }
    expect((await connected(address)).status().state).toBe('connected')
  })

  it('a server that says what means nothing is left, and the call is answered by another', async () => {
    const replica = new StandIn()
    const { address: good } = await served(replica)
    const draw = seeded(SEED + 2)
    const welcome: Told = { type: 'welcome', node: 'evil', requests: 10, requestBytes: 1000 }
    const seeds = [
      encodeFrame(welcome),
      encodeFrame({ type: 'answer', id: 1 }, textBytes('a')),
      encodeFrame({ type: 'session', id: 1, session: '0'.repeat(32) }),
      encodeFrame({ type: 'error', id: 1, code: 'ERR_PAXOS_CLOSED', message: 'x', leader: null }),
      encodeFrame({ type: 'leader', leader: 'evil', address: 'ws://evil.example/' }),
      encodeFrame({ type: 'event' }, textBytes('e')),
    ]
    const evil = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    evil.on('connection', (ws) => {
      ws.on('error', () => undefined)
      ws.send(encodeFrame(welcome))
      // Never the answer to a call that is made: that would be an answer.
      ws.once('message', () => {
        for (let frame = 0; frame < 20; frame += 1) ws.send(mutant(seeds, draw))
        ws.send(Uint8Array.of(0, 1))
      })
    })
    await once(evil, 'listening')
    opened.push({ close: () => evil.close() })
    const found = evil.address()
    const port = typeof found === 'object' ? found?.port : 0
    const addresses = [`ws://127.0.0.1:${port}`, good]
    for (let round = 0; round < 10; round += 1) {
      const remote: Texts = await connect(addresses, { random: () => 0 })
      const call = remote.query('x').catch(() => null)
      await Promise.race([
        call,
        replica.until(() => replica.calls.length > 0).then(() => replica.calls.pop()?.answer('y')),
      ])
      await call
      await remote.close()
    }
  })

  it('an answer that is too large is told as that', async () => {
    const replica = new StandIn()
    const { address } = await served(replica)
    const remote = await connected(address)
    const call = remote.query('x')
    await replica.until(() => replica.calls.length === 1)
    replica.calls[0]?.answer('y'.repeat(9 << 20))
    await expect(call).rejects.toThrow(AnswerTooLargeError)
  })

  it('who connects and says nothing takes no place for long', async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => sockets.push(socket))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    opened.push({
      close: () => {
        for (const socket of sockets) socket.destroy()
        silent.close()
      },
    })
    const found = silent.address()
    const port = typeof found === 'object' ? found?.port : 0
    const failure = connect([`ws://127.0.0.1:${port}`], { timeoutMs: 100 })
    await expect(failure).rejects.toMatchObject({ code: 'ERR_PAXOS_CONNECTION' })
  })
})

describe('close() of a server', () => {
  it('answers what is under way, and lets nothing new begin', async () => {
    const replica = new StandIn()
    const { server, address } = await served(replica)
    const remote = await connected(address)
    const call = remote.query('under way')
    await replica.until(() => replica.calls.length === 1)
    const closed = server.close()
    const later = remote.query('later', { timeoutMs: 100 })
    replica.calls[0]?.answer('done')
    expect(await call).toBe('done')
    await closed
    await expect(later).rejects.toMatchObject({ code: 'ERR_PAXOS_TIMEOUT' })
    expect(replica.calls).toHaveLength(1)
    expect(replica.listeners).toBe(0)
  })

  it('does not wait for ever for a call that is not answered', async () => {
    const replica = new StandIn()
    const { server, address } = await served(replica, { drainTimeoutMs: 20 })
    const remote = await connected(address)
    void remote.query('never').catch(() => undefined)
    await replica.until(() => replica.calls.length === 1)
    await server.close()
    expect(replica.aborted).toBe(1)
  })
})
