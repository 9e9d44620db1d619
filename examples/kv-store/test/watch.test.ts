import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { createParser } from 'eventsource-parser'
import type { EventSourceMessage } from 'eventsource-parser'
import { describe, expect, it, onTestFinished } from 'vitest'
import { MAX_VALUE_BYTES } from '../src/limits.ts'
import { raw, serving } from './serving.ts'

/** A watch over a real connection, read when it is asked to. */
class Reader {
  readonly response: IncomingMessage
  readonly comments: string[] = []
  readonly #messages: EventSourceMessage[] = []
  readonly #parser = createParser({
    onEvent: (message) => this.#messages.push(message),
    onComment: (comment) => this.comments.push(comment),
  })
  readonly #chunks: AsyncIterator<Buffer>

  constructor(response: IncomingMessage) {
    this.response = response
    this.#chunks = response[Symbol.asyncIterator]()
  }

  /** [event, id, data] of the next one; `null` at the end. */
  async next(): Promise<[string | undefined, string | undefined, unknown] | null> {
    while (this.#messages.length === 0) if (!(await this.readChunk())) return null
    const message = this.#messages.shift()
    return [message?.event, message?.id, JSON.parse(message?.data ?? 'null')]
  }

  async readChunk(): Promise<boolean> {
    const chunk = await this.#chunks.next()
    if (chunk.done === true) return false
    this.#parser.feed(chunk.value.toString('utf8'))
    return true
  }
}

async function watch(
  url: string,
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Reader> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(`${url}/watch${query}`, { headers }, resolve)
    sent.on('error', reject)
    sent.end()
    onTestFinished(() => {
      sent.destroy()
    })
  })
  return new Reader(response)
}

const put = (url: string, key: string, body = 'v'): Promise<unknown> =>
  raw(url, `/keys/${key}`, { method: 'PUT', body })

describe('a watch over HTTP', () => {
  it('begins with where it begins, and tells each change with its revision as id', async () => {
    const { url } = await serving()
    await put(url, 'a/0')
    const reader = await watch(url, '?prefix=a/')
    expect(reader.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    })
    expect(await reader.next()).toEqual(['ready', '1', { revision: 1 }])
    await put(url, 'a/1', 'one\r\ntwo')
    await put(url, 'b/1')
    await raw(url, '/keys/a/1', { method: 'DELETE' })
    const written = { key: 'a/1', value: 'one\r\ntwo', revision: 2 }
    expect(await reader.next()).toEqual(['change', '2', written])
    expect(await reader.next()).toEqual(['change', '4', { key: 'a/1', value: null, revision: 4 }])
  })

  it.each([
    ['after', '?after=1', {}],
    ['Last-Event-ID, as a browser does', '', { 'Last-Event-ID': '1' }],
    [
      'Last-Event-ID, though the URL is that of the beginning',
      '?after=0',
      { 'Last-Event-ID': '1' },
    ],
  ])('goes on behind %s', async (_, query, headers) => {
    const { url } = await serving()
    for (const key of ['a', 'b', 'c']) await put(url, key)
    const reader = await watch(url, query, headers)
    expect(await reader.next()).toEqual(['ready', '1', { revision: 1 }])
    expect(await reader.next()).toMatchObject(['change', '2', { key: 'b' }])
    expect(await reader.next()).toMatchObject(['change', '3', { key: 'c' }])
  })

  it('says that it is alive while nothing happens', async () => {
    const { url } = await serving({ watchHeartbeatMs: 10 })
    const reader = await watch(url)
    while (reader.comments.length < 3) expect(await reader.readChunk()).toBe(true)
    await put(url, 'k')
    expect(await reader.next()).toMatchObject(['ready', '0', {}])
    expect(await reader.next()).toMatchObject(['change', '1', {}])
  })

  it('whose client is gone is forgotten', async () => {
    const { url, feed } = await serving()
    const reader = await watch(url)
    await reader.next()
    expect(feed.watches).toBe(1)
    reader.response.destroy()
    // Every further answer comes after the server has had a look at its connections.
    while (feed.watches > 0) await raw(url, '/status')
  })

  it('whose client does not read costs nothing, is told that it lagged, and is ended', async () => {
    const limits = { changes: 50, characters: 1 << 22, watches: 2 }
    const { url, feed, store } = await serving({ feedLimits: limits })
    const reader = await watch(url)
    await reader.next()
    reader.response.pause()
    // More than the buffers of any socket hold.
    const value = 'x'.repeat(MAX_VALUE_BYTES)
    for (let slot = 1; slot <= 400; slot += 1) {
      store.apply({ type: 'put', key: 'k', value }, slot)
      if (slot % 20 === 0) await raw(url, '/status')
    }
    let last: Awaited<ReturnType<Reader['next']>> = null
    for (let told = await reader.next(); told !== null; told = await reader.next()) last = told
    expect(last).toEqual([
      'lagged',
      undefined,
      { message: expect.stringMatching(/Read the keys anew/) },
    ])
    expect(feed.watches).toBe(0)
  })

  it('that begins far behind lets others be answered in between, and takes turns with its like', async () => {
    const { url, feed, store } = await serving()
    for (let slot = 1; slot <= 4000; slot += 1) {
      store.apply({ type: 'put', key: 'k', value: 'x'.repeat(500) }, slot)
    }
    const turns = { rounds: 0, isOver: false }
    const count = (): void => {
      turns.rounds += 1
      if (!turns.isOver) setImmediate(count)
    }
    setImmediate(count)
    const began = turns.rounds
    const readers = await Promise.all([1, 2, 3].map(() => watch(url, '?after=0')))
    const whole = async (reader: Reader): Promise<number> => {
      for (let told = await reader.next(); told?.[1] !== '4000'; told = await reader.next());
      return turns.rounds
    }
    const ended = await Promise.all(readers.map(whole))
    turns.isOver = true
    // 2,000,000 characters each, in slices of 16 Ki: every slice has rounds of its own.
    for (const rounds of ended) expect(rounds - began).toBeGreaterThan(900)
    expect(feed.watches).toBe(3)
  })

  it('of which only the head is asked for takes no place', async () => {
    const { url, feed } = await serving()
    const head = await raw(url, '/watch', { method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, headers: { 'content-type': 'text/event-stream' } })
    expect(feed.watches).toBe(0)
  })

  it('ends cleanly when the server does', async () => {
    const { url, feed, server } = await serving()
    const reader = await watch(url)
    await reader.next()
    feed.close()
    expect(await reader.next()).toBeNull()
    expect(reader.response.complete).toBe(true)
    await server.close(60_000)
  })

  it('is refused when there are too many', async () => {
    const { url } = await serving({ feedLimits: { changes: 9, characters: 9, watches: 1 } })
    await (await watch(url)).next()
    const refused = await raw(url, '/watch')
    expect(refused.status).toBe(503)
    expect(refused.body).toContain('Ask another one')
  })
})
