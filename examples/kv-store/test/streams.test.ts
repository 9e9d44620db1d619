/** Many requests at once on one connection: what holds over HTTP holds there, and nothing piles up. */
import { once } from 'node:events'
import { connect as dial, createServer } from 'node:net'
import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { connect, RequestError } from '../src/client.ts'
import { MAX_STREAM_MESSAGE_BYTES, MAX_STREAM_REQUESTS, MAX_VALUE_BYTES } from '../src/limits.ts'
import { fromNode } from '../src/stream-frames.ts'
import { Tokens } from '../src/tokens.ts'
import { gate } from './gate.ts'
import { raw, serving } from './serving.ts'
import type { Serving } from './serving.ts'
import { connection, get, statusesIn } from './sockets.ts'
import { forEver } from './solo.ts'

const random = (): number => 0

function streaming({ url }: { readonly url: string }, more: object = {}) {
  return connect({ nodes: [url], stream: true, random, timeoutMs: 60_000, ...more })
}

/** A stream as it is typed. */
async function stream(url: string, headers: Readonly<Record<string, string>> = {}) {
  const ws = new WebSocket(`${url.replace('http', 'ws')}/stream`, { headers })
  onTestFinished(() => ws.terminate())
  const frames: ReturnType<typeof fromNode.parse> = []
  ws.on('message', (data) => {
    if (Buffer.isBuffer(data)) frames.push(...fromNode.parse(JSON.parse(data.toString())))
  })
  await once(ws, 'open')
  return {
    ws,
    send: (...sent: readonly unknown[]) => ws.send(JSON.stringify(sent)),
    /** Resolves when there are so many. */
    received: async (count: number) => {
      while (frames.length < count) await once(ws, 'message')
      return frames
    },
    closed: once(ws, 'close').then(([code]) => Number(code)),
  }
}

/** A frame that asks for a key. */
const ask = (id: number, target = '/keys/k') => ({ id, method: 'GET', target })

/** Turns of the event loop until it is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate)
}

describe('a client with a stream', () => {
  it('reads and writes what one without does, on one connection', async () => {
    const service = await serving()
    const client = streaming(service)
    const revision = await client.put('k', 'v\u2028é')
    expect(await client.get('k')).toEqual({ value: 'v\u2028é', revision })
    expect(await client.get('absent')).toBeNull()
    expect(await client.compareAndSet('k', 99, 'w')).toEqual({ isDone: false, revision })
    expect(await client.compareAndSet('k', revision, 'w')).toMatchObject({ isDone: true })
    expect([await client.delete('k'), await client.delete('k')]).toEqual([true, false])
    expect(service.server.figures().streams).toBe(1)
    // All of them at once take no more connections.
    await Promise.all(Array.from({ length: 100 }, (_, index) => client.get(`k${index}`)))
    expect(service.server.figures()).toMatchObject({ streams: 1, requests: 0 })
    expect(service.server.figures().connections).toBeLessThanOrEqual(2)
  })

  it('waits for each answer alone: one that takes long holds up no other', async () => {
    const service = await serving()
    const held = gate()
    let asked = 0
    service.solo.before = () => {
      asked += 1
      return asked === 1 ? held.opened : Promise.resolve()
    }
    const client = streaming(service)
    const first = client.get('slow')
    await until(() => asked === 1)
    await Promise.all([client.get('a'), client.get('b')])
    held.open()
    expect(await first).toBeNull()
  })

  it('ends at the node what its caller gives up, and goes on with the others', async () => {
    const service = await serving()
    service.solo.before = (wait) =>
      service.solo.waits.length === 1 ? forEver(wait) : Promise.resolve()
    const client = streaming(service)
    const caller = new AbortController()
    const given = client.get('k', { signal: caller.signal })
    await until(() => service.solo.waits.length === 1)
    caller.abort(new Error('enough'))
    await expect(given).rejects.toThrow('enough')
    expect(await client.get('other')).toBeNull()
    await until(() => service.solo.waits[0]?.signal?.aborted === true)
    expect(service.failures).toEqual([])
  })

  it('gives back the places of what was given up, however many', async () => {
    const { url, solo } = await serving()
    const isHeld = () => solo.waits.length <= MAX_STREAM_REQUESTS
    solo.before = (wait) => (isHeld() ? forEver(wait) : Promise.resolve())
    const client = streaming({ url })
    const caller = new AbortController()
    const { signal } = caller
    const all = Array.from({ length: MAX_STREAM_REQUESTS }, (_, index) =>
      client.get(`k${index}`, { signal }),
    )
    await until(() => !isHeld() || solo.waits.length === MAX_STREAM_REQUESTS)
    caller.abort(new Error('enough'))
    const ends = await Promise.allSettled(all)
    expect(ends.filter(({ status }) => status === 'rejected')).toHaveLength(all.length)
    expect(await client.get('k')).toBeNull()
  })

  it('asks over HTTP where no stream is opened, or where the value is too long for one', async () => {
    const none = await serving({ listen: { limits: { streams: 0 } } })
    await streaming(none).put('k', 'v')
    expect(none.server.figures()).toMatchObject({ streams: 0 })
    const service = await serving()
    const client = streaming(service)
    const long = '\u0001'.repeat(MAX_VALUE_BYTES)
    await client.put('k', long)
    expect(await client.get('k')).toMatchObject({ value: long })
  })

  it('is told a refusal in the words of HTTP', async () => {
    const service = await serving({ listen: { tokens: new Tokens(['a-token-that-is-known']) } })
    const stranger = streaming(service, { token: 'another-token' })
    await expect(stranger.get('k')).rejects.toMatchObject({ code: 'unauthorized' })
    const client = streaming(service, { token: 'a-token-that-is-known' })
    await client.put('k', 'v')
    expect(service.server.figures().streams).toBe(1)
    // What stands goes by the same door as what comes.
    service.server.replaceTokens(new Tokens(['the-next-token-of-all']))
    await expect(client.get('k')).rejects.toThrow(RequestError)
  })

  it('goes to another node, without an error, when its own one ends', async () => {
    const [first, second] = [await serving(), await serving()]
    const client = connect({ nodes: [first.url, second.url], stream: true, random })
    await client.put('k', 'v')
    const [started, held] = [gate(), gate()]
    first.solo.before = () => {
      started.open()
      return held.opened
    }
    const running = client.get('k')
    await started.opened
    const closing = first.server.close(60_000)
    await until(() => first.server.figures().streams === 1)
    held.open()
    expect(await running).toMatchObject({ value: 'v' })
    expect(await client.get('k')).toBeNull()
    await closing
    expect(second.solo.waits).toHaveLength(1)
  })
})

/** A connection that breaks: before a piece of what is asked gets through, or when that is answered. */
async function breaking(
  target: string,
  next: () => 'none' | 'lost' | 'answer lost',
): Promise<string> {
  const server = createServer((socket) => {
    const { hostname, port } = new URL(target)
    const inner = dial(Number(port), hostname)
    let isOver = false
    const end = (): void => {
      socket.destroy()
      inner.destroy()
    }
    for (const each of [socket, inner]) each.on('error', end).on('close', end)
    socket.on('data', (chunk) => {
      const mishap = next()
      if (mishap === 'lost') return end()
      isOver ||= mishap === 'answer lost'
      inner.write(chunk)
    })
    inner.on('data', (chunk) => (isOver ? end() : socket.write(chunk)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('no port')
  return `http://127.0.0.1:${address.port}`
}

it('P24: a write on a stream is made once, however often the connection breaks', async () => {
  const mishap = fc.constantFrom('none' as const, 'lost' as const, 'answer lost' as const)
  await fc.assert(
    fc.asyncProperty(fc.array(mishap, { maxLength: 20 }), async (mishaps) => {
      const service = await serving()
      const watch = service.feed.watch('', 0)
      const left = [...mishaps]
      const url = await breaking(service.url, () => left.shift() ?? 'none')
      const client = connect({ nodes: [url, url], stream: true, random, timeoutMs: 60_000 })
      const values = Array.from({ length: 8 }, (_, index) => `v${index}`)
      await Promise.all(values.map((value, index) => client.put(`k${index % 3}`, value)))
      const written: unknown[] = []
      while (written.length < values.length) {
        const told = await watch?.next()
        if (told?.type === 'change') written.push(told.change.value)
      }
      written.push(...(watch?.more(1000) ?? []).map(({ value }) => value))
      expect(written).toHaveLength(values.length)
      expect(new Set(written)).toEqual(new Set(values))
    }),
    { numRuns: 10 },
  )
})

describe('what a stream may take of a node', () => {
  it('so many are answered at once; those that follow wait, and are answered', async () => {
    const { url, solo, server } = await serving({ listen: { limits: { streamRequests: 3 } } })
    const all = gate()
    solo.before = () => all.opened
    const { send, received } = await stream(url)
    for (let id = 1; id <= 10; id += 1) send(ask(id), ask(100 + id))
    await until(() => solo.waits.length === 3)
    for (let others = 0; others < 3; others += 1) await raw(url, '/status')
    expect([solo.waits.length, server.figures().requests]).toEqual([3, 3])
    all.open()
    const answers = await received(20)
    expect(new Set(answers.map((answer) => ('id' in answer ? answer.id : 0))).size).toBe(20)
    expect(server.figures().requests).toBe(0)
  })

  it('of what is under way everywhere, and of an address, it has no more than HTTP', async () => {
    const { url, solo, server } = await serving({ listen: { limits: { requests: 4 } } })
    const all = gate()
    solo.before = () => all.opened
    const { send, received } = await stream(url)
    send(ask(1), ask(2), ask(3))
    const [refused] = await received(1)
    expect(refused).toMatchObject({ id: 3, status: 503 })
    all.open()
    await received(3)
    expect(server.figures().requests).toBe(0)
  })

  it('is given back when its client goes away in the middle', async () => {
    const { url, solo, server } = await serving()
    solo.before = forEver
    const { ws, send } = await stream(url)
    send({ id: 1, method: 'PUT', target: '/keys/k?timeout=60000', body: 'v'.repeat(100) })
    await until(() => solo.waits.length === 1)
    expect(server.figures().receivedBytes).toBe(100)
    ws.terminate()
    await until(() => server.figures().connections === 0)
    await until(() => server.figures().requests === 0)
    expect(server.figures()).toMatchObject({ streams: 0, receivedBytes: 0, unsentBytes: 0 })
  })

  it('bodies that find no room are refused, and nothing is written', async () => {
    const limits = { receivedBytes: 10, stalledAfterMs: 60_000 }
    const { url, solo } = await serving({ listen: { limits } })
    const { send, received } = await stream(url)
    send({ id: 1, method: 'PUT', target: '/keys/k', body: 'v'.repeat(11) })
    expect(await received(1)).toMatchObject([{ status: 503 }])
    expect(solo.waits).toEqual([])
  })

  it('answers that are not taken end it in time, and their room is free', async () => {
    const limits = { sendStepWithinMs: 20, deadlinesEveryMs: 5, streamUnsentBytes: MAX_VALUE_BYTES }
    const { url, server } = await serving({ listen: { limits } })
    await raw(url, '/keys/k', { method: 'PUT', body: 'x'.repeat(MAX_VALUE_BYTES) })
    const { ws, send } = await stream(url)
    ws.pause()
    for (let id = 0; id < 100; id += 1) send(ask(id, '/keys/k?consistency=local'))
    while (server.figures().streams > 0) await raw(url, '/status')
    while (server.figures().unsentBytes > 0) await raw(url, '/status')
    expect((await raw(url, '/keys/k')).status).toBe(200)
  })

  it('one on which nothing is asked is closed, and one of too many is not opened', async () => {
    const limits = { streams: 1, idleConnectionMs: 20, deadlinesEveryMs: 5, shareOfAddress: 1 }
    const { url } = await serving({ listen: { limits } })
    const { closed } = await stream(url)
    await expect(stream(url)).rejects.toThrow('426')
    expect(await closed).toBe(1000)
    expect(await (await stream(url)).closed).toBe(1000)
  })

  it.each<[string, string | Buffer, number]>([
    ['no JSON', '[', 1007],
    ['no array', '{"cancel":1}', 1007],
    ['a request without a number', '[{"method":"GET","target":"/keys/k"}]', 1007],
    ['more than a request', JSON.stringify([{ ...ask(1), more: true }]), 1007],
    ['a number twice', JSON.stringify([ask(1), ask(1)]), 1007],
    ['bytes', Buffer.from('[]'), 1007],
    ['more than a message may hold', ' '.repeat(MAX_STREAM_MESSAGE_BYTES + 1), 1009],
  ])('%s ends it, and no other', async (_, message, code) => {
    const { url, failures } = await serving()
    const { ws, closed } = await stream(url)
    ws.send(message)
    expect(await closed).toBe(code)
    expect((await raw(url, '/status')).status).toBe(200)
    expect(failures).toEqual([])
  })

  it.each<[string, object, number, RegExp]>([
    ['a path of nobody', { target: '/nothing' }, 404, /There is no/],
    ['a step back', { target: '/keys/../status' }, 400, /without '\.'/],
    ['another host', { target: 'http://evil.example.com/status' }, 403, /not known as/],
    ['a watch', { target: '/watch' }, 400, /over HTTP/],
    ['half a pair', { method: 'PUT', target: '/keys/k', body: '\ud800' }, 400, /UTF-8/],
    [
      'a value too large',
      { method: 'PUT', target: '/keys/k', body: 'x'.repeat(MAX_VALUE_BYTES + 1) },
      413,
      /at most/,
    ],
  ])('%s is refused as over HTTP, and changes nothing', async (_, request, status, body) => {
    const { url, store, feed } = await serving()
    const { send, received } = await stream(url)
    send({ id: 1, method: 'GET', ...request })
    expect(await received(1)).toMatchObject([{ status, body: expect.stringMatching(body) }])
    expect([store.through, feed.watches]).toEqual([0, 0])
  })
})

describe('a request that asks for a protocol that is not spoken', () => {
  const UPGRADE =
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'

  it('is answered as one that has not, its body too, and the connection goes on', async () => {
    const { url, store }: Serving = await serving()
    const { socket, received } = await connection(url)
    const put = `PUT /keys/k HTTP/1.1\r\nHost: node\r\n${UPGRADE}Content-Length: 5\r\n\r\nhello`
    socket.write(get('/status') + put + get('/keys/k'))
    const text = await received((all) => statusesIn(all).length === 3 && all.endsWith('hello'))
    expect(statusesIn(text)).toEqual([200, 200, 200])
    expect(store.query({ type: 'get', key: 'k' })).toMatchObject({ entry: { value: 'hello' } })
  })

  it('is refused where one that has not is refused', async () => {
    const { url } = await serving({ listen: { tokens: new Tokens(['a-token-that-is-known']) } })
    await expect(stream(url)).rejects.toThrow('401')
    await expect(
      stream(url, {
        authorization: 'Bearer a-token-that-is-known',
        origin: 'http://evil.example.com',
      }),
    ).rejects.toThrow('403')
  })
})
