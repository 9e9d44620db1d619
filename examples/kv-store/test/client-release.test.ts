/** What the client takes it gives back, whatever its caller does; and what it says of those who failed. */
import { getEventListeners, once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { Try } from '../src/client-errors.ts'
import { connect, RequestError, UnavailableError } from '../src/client.ts'
import { MAX_VALUE_BYTES } from '../src/limits.ts'
import { Tokens } from '../src/tokens.ts'
import { failureOf } from '../src/tries.ts'
import { badNetwork } from './bad-network.ts'
import { serving } from './serving.ts'
import type { Serving } from './serving.ts'
import { forEver } from './solo.ts'

const random = (): number => 0

/** Resolves when the node has noticed that nobody watches. */
async function untilUnwatched({ url, feed }: Serving): Promise<void> {
  const client = connect({ nodes: [url] })
  while (feed.watches > 0) await client.status()
}

async function nobody(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`
}

describe('a watch that is left', () => {
  it('before its first change ends its connection', async () => {
    const service = await serving()
    const watch = await connect({ nodes: [service.url] }).watch()
    expect(await watch.return()).toMatchObject({ done: true })
    await untilUnwatched(service)
    expect(await watch.next()).toMatchObject({ done: true })
  })

  it('while a change is waited for ends its connection, and the wait', async () => {
    const service = await serving()
    const watch = await connect({ nodes: [service.url] }).watch()
    const next = watch.next()
    await watch.return()
    expect(await next).toMatchObject({ done: true })
    await untilUnwatched(service)
  })

  it('while it looks for another node ends the search', async () => {
    const service = await serving()
    const nodes = [service.url]
    const options = { nodes, timeoutMs: 60_000, unreachableTimeoutMs: 60_000 }
    const watch = await connect(options).watch()
    service.feed.close()
    await service.server.close(0)
    const next = watch.next()
    await new Promise(setImmediate)
    await watch.return()
    expect(await next).toMatchObject({ done: true })
  })
})

it('one signal ends any number of calls, with one listener, and none when they are over', async () => {
  const service = await serving()
  const { url, solo } = service
  const client = connect({ nodes: [url] })
  const given = new AbortController()
  const { signal } = given
  const watch = await client.watch({ signal })
  await Promise.all(Array.from({ length: 50 }, (_, index) => client.get(`k${index}`, { signal })))
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  await watch.return()
  expect(getEventListeners(signal, 'abort')).toEqual([])
  solo.before = forEver
  const reason = new Error('enough')
  const calls = Array.from({ length: 50 }, () => client.put('k', 'v', { signal }))
  const ended = Promise.allSettled(calls)
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  given.abort(reason)
  for (const outcome of await ended) expect(outcome).toMatchObject({ reason })
})

describe('times', () => {
  it.each([2 ** 31, 1e300, Infinity])('a timeout of %d is long, not short', async (timeoutMs) => {
    const { url } = await serving()
    const client = connect({ nodes: [url], timeoutMs, attemptTimeoutMs: timeoutMs })
    await client.put('k', 'v')
    expect(await client.get('k', { timeoutMs })).toMatchObject({ value: 'v' })
    await (await client.watch({ timeoutMs })).return()
  })

  it.each([0, -1, Number.NaN])('a timeout of %d is refused', async (timeoutMs) => {
    const { url } = await serving()
    expect(() => connect({ nodes: [url], timeoutMs })).toThrow(/Give milliseconds above 0/)
    const client = connect({ nodes: [url] })
    for (const call of [() => client.get('k', { timeoutMs }), () => client.watch({ timeoutMs })]) {
      await expect(call()).rejects.toBeInstanceOf(RequestError)
    }
  })
})

describe('when no node answers', () => {
  it('each address is named, with what it did at last; nobody waits out the whole time', async () => {
    const [a, b] = [await nobody(), await nobody()]
    const client = connect({
      nodes: [a, b],
      timeoutMs: 3_600_000,
      unreachableTimeoutMs: 1,
      random,
    })
    for (const call of [() => client.get('k'), () => client.put('k', 'v'), () => client.watch()]) {
      const error: unknown = await call().catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(UnavailableError)
      expect(error).toMatchObject({
        tries: [
          { node: a, why: 'refused the connection (ECONNREFUSED)' },
          { node: b, why: 'refused the connection (ECONNREFUSED)' },
        ],
      })
      for (const node of [a, b]) expect(String(error)).toContain(node)
    }
  })

  it('a node that is there but silent is waited for, and named beside those that are not', async () => {
    const { url } = await serving()
    const [a, frozen] = [await nobody(), await badNetwork(url, () => 'silence')]
    const options = { nodes: [a, frozen], attemptTimeoutMs: 20, unreachableTimeoutMs: 1, random }
    let tries: readonly Try[] = []
    let error: unknown
    // As much time as it takes to ask both.
    for (let timeoutMs = 300; tries.length < 2; timeoutMs *= 2) {
      const call = connect({ ...options, timeoutMs }).get('k')
      error = await call.catch((reason: unknown) => reason)
      tries = error instanceof UnavailableError ? error.tries : []
    }
    expect(error).toMatchObject({
      message: expect.stringMatching(/within \d+ ms/),
      tries: [
        { node: a, why: 'refused the connection (ECONNREFUSED)' },
        { node: frozen, why: expect.stringMatching(/did not answer within \d+ ms/) },
      ],
    })
  })
})

it.each([
  ['ECONNREFUSED', true, /refused the connection/],
  ['ENOTFOUND', true, /cannot be reached/],
  ['CERT_HAS_EXPIRED', true, /certificate that is not trusted/],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', true, /certificate that is not trusted/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', true, /certificate that is not trusted/],
  ['ECONNRESET', false, /failed: ECONNRESET/],
  ['UND_ERR_SOCKET', false, /failed: UND_ERR_SOCKET/],
])('%s means that nothing was sent: %s', (code, isUnreachable, why) => {
  const cause = Object.assign(new Error('of the socket'), { code })
  const failure = failureOf(new TypeError('fetch failed', { cause }))
  expect(failure).toEqual({ isUnreachable, why: expect.stringMatching(why) })
  expect(failure.why).toContain(code)
})

describe('with a token', () => {
  const token = 'secret-secret-secret'

  it('each call shows it, and a wrong one is told at once, without a word of it', async () => {
    const { url } = await serving({ listen: { tokens: new Tokens([token]) } })
    const known = connect({ nodes: [url], token })
    await known.put('k', 'v')
    expect(await known.get('k')).toMatchObject({ value: 'v' })
    await (await known.watch()).return()
    for (const client of [
      connect({ nodes: [url] }),
      connect({ nodes: [url], token: `${token}x` }),
    ]) {
      for (const call of [
        () => client.get('k'),
        () => client.put('k', 'v'),
        () => client.watch(),
      ]) {
        const error: unknown = await call().catch((reason: unknown) => reason)
        expect(error).toMatchObject({ code: 'unauthorized' })
        expect(String(error)).not.toContain(token)
      }
    }
  })

  it('that changes, the next call shows the new one', async () => {
    const { url, server } = await serving({ listen: { tokens: new Tokens([token]) } })
    let shown = token
    const client = connect({ nodes: [url], token: () => shown })
    await client.status()
    server.replaceTokens(new Tokens([`new-${token}`]))
    shown = `new-${token}`
    expect(await client.status()).toMatchObject({ id: 'a' })
  })

  it('that no header carries is refused, and not shown', async () => {
    const client = connect({ nodes: ['http://127.0.0.1:1'], token: 'line\nbreak' })
    await expect(client.get('k')).rejects.toThrow(/characters that no header carries/)
    await expect(client.get('k')).rejects.not.toThrow('break')
  })
})

it('a value that no node would take is not sent', async () => {
  const { url, solo } = await serving()
  const client = connect({ nodes: [url] })
  for (const call of [
    () => client.put('k', 'é'.repeat(MAX_VALUE_BYTES / 2 + 1)),
    () => client.compareAndSet('k', 0, 'x'.repeat(MAX_VALUE_BYTES + 1)),
  ]) {
    await expect(call()).rejects.toMatchObject({ name: 'RequestError', code: 'too-large' })
  }
  expect(solo.waits).toEqual([])
  await client.put('k', 'x'.repeat(MAX_VALUE_BYTES))
})
