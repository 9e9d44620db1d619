import { once } from 'node:events'
import { connect as connectSocket } from 'node:net'
import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ClosedError, CommandFailedError, CommandRefusedError } from '@paxos/replica'
import { RefusedByLeaderError, StateTooLargeError, StoppedError } from '@paxos/replica'
import { TimeoutError, ValueTooLargeError } from '@paxos/replica'
import { errorBody, sessionBody, summaryBody } from '../src/api.ts'
import { MAX_KEY_BYTES, MAX_VALUE_BYTES } from '../src/limits.ts'
import { gate } from './gate.ts'
import { raw, serving } from './serving.ts'
import { connection, get, statusesIn } from './sockets.ts'
import { forEver } from './solo.ts'

type Sent = Parameters<typeof raw>[2]

function errorOf({ body }: { readonly body: string }): ReturnType<typeof errorBody.parse>['error'] {
  return errorBody.parse(JSON.parse(body)).error
}

describe('keys', () => {
  it('a value that was put is what is got, with its revision as a tag', async () => {
    const { url } = await serving()
    const put = await raw(url, '/keys/greeting', { method: 'PUT', body: 'hello' })
    expect(put).toMatchObject({ status: 200, body: '{"revision":1}', headers: { etag: '"1"' } })
    const got = await raw(url, '/keys/greeting')
    expect(got).toMatchObject({ status: 200, body: 'hello' })
    expect(got.headers).toMatchObject({ etag: '"1"', 'content-type': 'text/plain; charset=utf-8' })
  })

  it('what was deleted is gone, and deleting it again says so', async () => {
    const { url } = await serving()
    await raw(url, '/keys/k', { method: 'PUT', body: 'v' })
    const deleted = await raw(url, '/keys/k', { method: 'DELETE' })
    expect(deleted).toMatchObject({ status: 200, body: '{"revision":2}' })
    for (const method of ['GET', 'DELETE']) {
      const answer = await raw(url, '/keys/k', { method })
      expect(answer.status).toBe(404)
      expect(errorOf(answer).code).toBe('not-found')
    }
  })

  it.each([
    ['a slash', 'a/b', 'a/b'],
    ['an encoded slash', 'a%2Fb', 'a/b'],
    ['encoded slashes around dots, which are no step', 'a%2f..%2fb', 'a/../b'],
    ['dots that are no step', '...', '...'],
    ['a percent sign', '100%25', '100%'],
    ['an encoded percent sign', '%2525', '%25'],
    ['a plus, which is no space', 'U+0041', 'U+0041'],
    ['a space', 'a%20b', 'a b'],
    ['a line break', 'a%0Ab', 'a\nb'],
    ['other scripts', '%E2%98%95', '☕'],
    ['a name of the language', '__proto__', '__proto__'],
    ['the longest', 'k'.repeat(MAX_KEY_BYTES), 'k'.repeat(MAX_KEY_BYTES)],
  ])('%s is part of a key', async (_, path, key) => {
    const { url, store } = await serving()
    expect(await raw(url, `/keys/${path}`, { method: 'PUT', body: 'v' })).toMatchObject({
      status: 200,
    })
    expect(store.query({ type: 'get', key })).toMatchObject({ entry: { key, value: 'v' } })
  })

  it.each([
    ['the empty one', ''],
    ['one with a byte order mark', '\uFEFFtext'],
    ['one with line breaks and zeros', 'a\r\nb\0c'],
    ['the largest', '\u0001'.repeat(MAX_VALUE_BYTES)],
  ])('a value comes back as it was: %s', async (_, value) => {
    const { url } = await serving()
    await raw(url, '/keys/k', { method: 'PUT', body: value })
    expect((await raw(url, '/keys/k')).body).toBe(value)
  })

  it('whatever text is put with fetch under whatever key comes back', async () => {
    const { url } = await serving()
    const wellFormed = fc
      .string({ unit: 'binary', maxLength: 30 })
      .filter((s) => !/\p{Cs}/u.test(s))
    const key = wellFormed.filter((text) => text !== '' && text !== '.' && text !== '..')
    await fc.assert(
      fc.asyncProperty(key, wellFormed, async (name, value) => {
        const at = `${url}/keys/${encodeURIComponent(name)}`
        await (await fetch(at, { method: 'PUT', body: value })).text()
        const body = await (await fetch(at)).arrayBuffer()
        const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
        expect(decoder.decode(body)).toBe(value)
      }),
      { numRuns: 50 },
    )
  })

  it('HEAD tells the tag without the value', async () => {
    const { url } = await serving()
    await raw(url, '/keys/k', { method: 'PUT', body: 'v' })
    const head = await raw(url, '/keys/k', { method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, body: '', headers: { etag: '"1"' } })
  })
})

describe('compare-and-set', () => {
  it.each([
    ['If-Match with the revision', 'PUT', { 'If-Match': '"1"' }, 200, 2],
    ['If-Match that a proxy made weak', 'PUT', { 'If-Match': 'W/"1"' }, 200, 2],
    ['If-Match with another one', 'PUT', { 'If-Match': '"7"' }, 412, 1],
    ['If-None-Match of a key that is there', 'PUT', { 'If-None-Match': '*' }, 412, 1],
    ['DELETE with the revision', 'DELETE', { 'If-Match': '"1"' }, 200, 2],
    ['DELETE with another one', 'DELETE', { 'If-Match': '"2"' }, 412, 1],
  ])('%s', async (_, method, headers, status, revision) => {
    const { url, store } = await serving()
    await raw(url, '/keys/k', { method: 'PUT', body: 'old' })
    const answer = await raw(url, '/keys/k', {
      method,
      headers,
      body: method === 'PUT' ? 'new' : '',
    })
    expect(answer).toMatchObject({ status, headers: { etag: `"${revision}"` } })
    if (status === 412) {
      expect(errorOf(answer)).toMatchObject({ code: 'revision-differs', revision })
      expect(store.query({ type: 'get', key: 'k' })).toMatchObject({ entry: { value: 'old' } })
    }
  })

  it('on an absent key: If-None-Match creates, If-Match says that it has revision 0', async () => {
    const { url } = await serving()
    const differs = await raw(url, '/keys/k', { method: 'PUT', headers: { 'If-Match': '"1"' } })
    expect(differs.status).toBe(412)
    expect(differs.headers.etag).toBeUndefined()
    expect(errorOf(differs)).toMatchObject({ code: 'revision-differs', revision: 0 })
    const made = await raw(url, '/keys/k', { method: 'PUT', headers: { 'If-None-Match': '*' } })
    expect(made.status).toBe(200)
  })
})

describe('a client that has the value already', () => {
  it.each([
    ['its tag', '"1"', 304],
    ['its tag, made weak on the way', 'W/"1"', 304],
    ['one of several', '"7", W/"1"', 304],
    ['another one', '"2"', 200],
    ['something else', 'x', 200],
  ])('and shows %s: %s, is answered %i', async (_, tag, status) => {
    const { url } = await serving()
    await raw(url, '/keys/k', { method: 'PUT', body: 'v' })
    const answer = await raw(url, '/keys/k', { headers: { 'If-None-Match': tag } })
    expect(answer).toMatchObject({ status, body: status === 304 ? '' : 'v' })
    expect(answer.headers.etag).toBe('"1"')
  })
})

describe('lists', () => {
  it('page by page, by prefix', async () => {
    const { url } = await serving()
    for (const key of ['a/1', 'a/2', 'a/3', 'b/1']) {
      await raw(url, `/keys/${key}`, { method: 'PUT', body: key })
    }
    const first = await raw(url, '/keys?prefix=a/&limit=2')
    expect(JSON.parse(first.body)).toEqual({
      entries: [
        { key: 'a/1', value: 'a/1', revision: 1 },
        { key: 'a/2', value: 'a/2', revision: 2 },
      ],
      next: 'a/2',
    })
    const second = await raw(url, '/keys?prefix=a/&limit=2&after=a/2')
    expect(JSON.parse(second.body)).toMatchObject({ entries: [{ key: 'a/3' }], next: null })
  })

  it('the digest says how many there are, and changes with them', async () => {
    const { url } = await serving()
    const digest = async (query: string): Promise<ReturnType<typeof summaryBody.parse>> =>
      summaryBody.parse(JSON.parse((await raw(url, `/digest${query}`)).body))
    const empty = await digest('?consistency=local')
    expect(empty).toMatchObject({ count: 0, through: 0 })
    await raw(url, '/keys/k', { method: 'PUT', body: 'v' })
    const one = await digest('')
    expect(one).toMatchObject({ count: 1, through: 1 })
    expect(one.digest).not.toBe(empty.digest)
  })
})

describe('what the replica is asked for', () => {
  it('reads are linearizable unless they ask for local ones, and wait as long as they say', async () => {
    const { url, solo } = await serving()
    await raw(url, '/keys/k')
    await raw(url, '/keys?consistency=local&timeout=250')
    expect(solo.waits).toMatchObject([
      { consistency: 'linearizable', timeoutMs: 5000 },
      { consistency: 'local', timeoutMs: 250 },
    ])
  })

  it('a client that goes away ends the wait of its request, and nothing is called a failure', async () => {
    const { url, solo, failures } = await serving()
    const [started, gaveUp] = [gate(), gate()]
    solo.before = async (wait) => {
      wait.signal?.addEventListener('abort', gaveUp.open)
      started.open()
      await forEver(wait)
    }
    const client = new AbortController()
    const put = fetch(`${url}/keys/k?timeout=60000`, {
      method: 'PUT',
      body: 'v',
      signal: client.signal,
    })
    await started.opened
    client.abort()
    await expect(put).rejects.toMatchObject({ name: 'AbortError' })
    await gaveUp.opened
    // The service goes on.
    solo.before = () => Promise.resolve()
    expect((await raw(url, '/keys/k')).status).toBe(404)
    expect(failures).toEqual([])
  })
})

describe('sessions: a write that is sent again is made once', () => {
  it('with the same sequence the stored result is the answer, on success and on refusal', async () => {
    const { url, store, solo } = await serving()
    const opened = await raw(url, '/sessions', { method: 'POST' })
    expect(opened.status).toBe(201)
    const { session } = sessionBody.parse(JSON.parse(opened.body))
    const headers = { 'Paxos-Session': session, 'Paxos-Sequence': '1' }
    const first = await raw(url, '/keys/k', { method: 'PUT', headers, body: 'once' })
    await raw(url, '/keys/k', { method: 'PUT', body: 'newer' })
    const again = await raw(url, '/keys/k', { method: 'PUT', headers, body: 'once' })
    expect(again.body).toBe(first.body)
    expect(store.query({ type: 'get', key: 'k' })).toMatchObject({ entry: { value: 'newer' } })

    const refused = { 'Paxos-Session': session, 'Paxos-Sequence': '2', 'If-Match': '"99"' }
    const before = solo.slot
    for (const attempt of [1, 2]) {
      const answer = await raw(url, '/keys/k', {
        method: 'PUT',
        headers: refused,
        body: `${attempt}`,
      })
      expect(answer.status).toBe(412)
    }
    expect(solo.slot).toBe(before + 1)
  })

  it('a write that comes after a later one of its session is not made: 409', async () => {
    const { url, store } = await serving()
    const { body } = await raw(url, '/sessions', { method: 'POST' })
    const { session } = sessionBody.parse(JSON.parse(body))
    const statuses: number[] = []
    for (const sequence of ['2', '1']) {
      const headers = { 'Paxos-Session': session, 'Paxos-Sequence': sequence }
      statuses.push((await raw(url, '/keys/k', { method: 'PUT', headers, body: sequence })).status)
    }
    expect(statuses).toEqual([200, 409])
    expect(store.query({ type: 'get', key: 'k' })).toMatchObject({ entry: { value: '2' } })
  })

  it('when all are in use no other is opened: 429, and when to ask again', async () => {
    const { url, solo } = await serving()
    solo.places = 1
    const first = await raw(url, '/sessions', { method: 'POST' })
    expect(first.headers['cache-control']).toBe('no-store')
    const answer = await raw(url, '/sessions', { method: 'POST' })
    expect(answer.status).toBe(429)
    expect(answer.headers['retry-after']).toBe('60')
    expect(errorOf(answer).code).toBe('too-many-sessions')
  })

  it('a session that is forgotten is gone: 410, and nothing is written', async () => {
    const { url, store } = await serving()
    const headers = { 'Paxos-Session': 'nobody', 'Paxos-Sequence': '1' }
    const answer = await raw(url, '/keys/k', { method: 'PUT', headers, body: 'v' })
    expect(answer.status).toBe(410)
    expect(errorOf(answer).code).toBe('session-expired')
    expect(store.through).toBe(0)
  })
})

describe('what fails is called by its name', () => {
  const unknown = { code: 'outcome-unknown', outcome: 'unknown' }
  it.each([
    ['a timeout of a write', 'PUT', new TimeoutError('Too late. Ask again.'), 503, unknown],
    ['a node that closes', 'DELETE', new ClosedError('Closed. Ask another.'), 503, unknown],
    ['a node that stopped', 'PUT', new StoppedError('Stopped. Ask another.'), 503, unknown],
    [
      'a timeout of a read',
      'GET',
      new TimeoutError('Too late. Ask again.'),
      503,
      { code: 'unavailable' },
    ],
    [
      'a value too large',
      'PUT',
      new ValueTooLargeError('Too large. Cut it.'),
      413,
      { code: 'too-large' },
    ],
    ['a store that is full', 'PUT', new StateTooLargeError('Full.'), 507, { code: 'too-large' }],
    ['a refusal', 'PUT', new CommandRefusedError('No.'), 400, { code: 'invalid-argument' }],
    ['a leader that is too old', 'PUT', new RefusedByLeaderError('Old.'), 503, unknown],
    ['a failure', 'PUT', new CommandFailedError('secret'), 500, { code: 'internal' }],
    [
      'a surprise of a write',
      'PUT',
      new Error('secret'),
      500,
      { code: 'internal', outcome: 'unknown' },
    ],
    ['a surprise of a read', 'GET', new Error('secret'), 500, { code: 'internal' }],
  ])('%s', async (_, method, error, status, expected) => {
    const { url, solo, failures } = await serving()
    solo.before = () => Promise.reject(error)
    const answer = await raw(url, '/keys/k', { method })
    expect(answer.status).toBe(status)
    expect(errorOf(answer)).toMatchObject(expected)
    // Only of what may have happened is it said that nobody knows.
    expect(errorOf(answer).outcome).toBe('outcome' in expected ? 'unknown' : undefined)
    expect(answer.body).not.toContain('secret')
    expect(failures).toEqual(status === 500 ? [error] : [])
  })

  it('a write that waits in vain is answered when its own time is up', async () => {
    const { url, solo } = await serving()
    solo.before = forEver
    const answer = await raw(url, '/keys/k?timeout=20', { method: 'PUT', body: 'v' })
    expect(answer.status).toBe(503)
    expect(errorOf(answer)).toMatchObject(unknown)
  })
})

describe('bad input is refused with a sentence, before the replica hears of it', () => {
  const long = 'k'.repeat(MAX_KEY_BYTES + 1)
  it.each<[string, string, Sent, number, RegExp]>([
    ['no key', '/keys/', { method: 'PUT' }, 404, /no PUT \/keys\//],
    ['a key too long', `/keys/${long}`, { method: 'PUT' }, 400, /at most 512 bytes/],
    ['a key too long in UTF-8', `/keys/${'%C3%A9'.repeat(257)}`, {}, 400, /at most 512 bytes/],
    ['a key that is no UTF-8', '/keys/%FF', { method: 'PUT' }, 400, /encodeURIComponent/],
    ['half an escape', '/keys/a%2', { method: 'PUT' }, 400, /encodeURIComponent/],
    ['an encoded half of a pair', '/keys/%ED%A0%80', { method: 'PUT' }, 400, /encodeURIComponent/],
    [
      'a value that is no UTF-8',
      '/keys/k',
      { method: 'PUT', body: Buffer.of(0xff) },
      400,
      /base64/,
    ],
    ['a timeout of nothing', '/keys/k?timeout=0', {}, 400, /from 1 to 60000|>=1/],
    ['a timeout too long', '/keys/k?timeout=60001', {}, 400, /from 1 to 60000/],
    ['a timeout in words', '/keys/k?timeout=1s', {}, 400, /timeout: Give a whole number/],
    ['half a millisecond', '/keys/k?timeout=0.5', { method: 'PUT' }, 400, /whole number/],
    ['an unknown consistency', '/keys/k?consistency=eventual', {}, 400, /consistency/],
    ['a local write', '/keys/k?consistency=local', { method: 'PUT' }, 400, /consistency/],
    ['an unknown parameter', '/keys?prefx=a', {}, 400, /prefx/],
    ['a parameter twice', '/keys?prefix=a&prefix=b', {}, 400, /given twice/],
    ['a limit of nothing', '/keys?limit=0', {}, 400, /limit/],
    ['a limit too high', '/keys?limit=1001', {}, 400, /from 1 to 1000/],
    ['a prefix too long', `/keys?prefix=${long}`, {}, 400, /prefix: .*512/],
    ['a start too long', `/keys?after=${long}`, {}, 400, /after: .*512/],
    ['a watch from nowhere', '/watch?after=x', {}, 400, /after/],
    ['a watch behind no event', '/watch', { headers: { 'Last-Event-ID': 'x' } }, 400, /whole/],
    ['a parameter of the status', '/status?x=1', {}, 400, /x/],
    [
      'a tag that is none',
      '/keys/k',
      { method: 'PUT', headers: { 'If-Match': '1' } },
      400,
      /quotes/,
    ],
    [
      'a part of a value',
      '/keys/k',
      { method: 'PUT', body: 'bar', headers: { 'Content-Range': 'bytes 3-5/6' } },
      400,
      /as a whole/,
    ],
    [
      'two tags',
      '/keys/k',
      { method: 'PUT', headers: { 'If-Match': '"1", "2"' } },
      400,
      /one revision/,
    ],
    ['any tag', '/keys/k', { method: 'PUT', headers: { 'If-Match': '*' } }, 400, /one revision/],
    ['tag 0', '/keys/k', { method: 'PUT', headers: { 'If-Match': '"0"' } }, 400, /one revision/],
    [
      'a huge tag',
      '/keys/k',
      { method: 'PUT', headers: { 'If-Match': `"${'9'.repeat(16)}"` } },
      400,
      /one/,
    ],
    [
      'none of one tag',
      '/keys/k',
      { method: 'PUT', headers: { 'If-None-Match': '"1"' } },
      400,
      /give \*/,
    ],
    [
      'both conditions',
      '/keys/k',
      { method: 'PUT', headers: { 'If-Match': '"1"', 'If-None-Match': '*' } },
      400,
      /not both/,
    ],
    [
      'half a session',
      '/keys/k',
      { method: 'PUT', headers: { 'Paxos-Session': 's' } },
      400,
      /go together/,
    ],
    [
      'the other half',
      '/keys/k',
      { method: 'DELETE', headers: { 'Paxos-Sequence': '1' } },
      400,
      /together/,
    ],
    [
      'a sequence before the first',
      '/keys/k',
      { method: 'PUT', headers: { 'Paxos-Session': 's', 'Paxos-Sequence': '0' } },
      400,
      /sequence/,
    ],
    [
      'a session without a name',
      '/keys/k',
      { method: 'PUT', headers: { 'Paxos-Session': '', 'Paxos-Sequence': '1' } },
      400,
      /session/,
    ],
    ['no such path', '/nothing', {}, 404, /There is no GET \/nothing/],
    ['no such method', '/keys/k', { method: 'PATCH' }, 404, /There is no PATCH/],
    ['no such path above', '/', {}, 404, /There is no GET \//],
    ["a proxy's request", 'http://elsewhere/status/x', {}, 404, /There is no/],
    ['a step back', '/keys/public/../private', {}, 400, /without '\.'/],
    ['an encoded step back', '/keys/public/%2e%2E/private', {}, 400, /without '\.'/],
    ['a half-encoded step back', '/keys/public/.%2e/private', {}, 400, /without '\.'/],
    ['a step to where it is', '/keys/./private', {}, 400, /without '\.'/],
    ['a step at the end', '/keys/..', {}, 400, /without '\.'/],
    ['a step past a proxy', 'http://elsewhere/keys/../status', {}, 400, /without '\.'/],
    ['a backslash', '/keys/public\\..\\private', {}, 400, /without '\.'/],
    ['no path at all', '*', { method: 'OPTIONS' }, 400, /begins with \//],
  ])('%s', async (_, path, sent, status, message) => {
    const { url, solo, failures } = await serving()
    const answer = await raw(url, path, sent)
    expect(answer.status).toBe(status)
    expect(errorOf(answer).message).toMatch(message)
    expect(answer.headers['content-type']).toContain('application/json')
    expect(solo.waits).toEqual([])
    expect(failures).toEqual([])
  })

  it('a value too large is refused whether or not its length is announced', async () => {
    const { url, solo } = await serving()
    const body = 'x'.repeat(MAX_VALUE_BYTES + 1)
    const announced = await raw(url, '/keys/k', {
      method: 'PUT',
      body,
      headers: { 'content-length': String(body.length) },
    })
    const chunked = await raw(url, '/keys/k', {
      method: 'PUT',
      body,
      headers: { 'transfer-encoding': 'chunked' },
    })
    for (const answer of [announced, chunked]) {
      expect(answer.status).toBe(413)
      expect(errorOf(answer).code).toBe('too-large')
    }
    expect(solo.waits).toEqual([])
  })

  it('a body that never ends is cut off, and the node serves others', async () => {
    const { url } = await serving()
    const { hostname, port } = new URL(url)
    const socket = connectSocket(Number(port), hostname)
    onTestFinished(() => {
      socket.destroy()
    })
    socket.on('error', () => undefined)
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    socket.write('PUT /keys/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
    const flood = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    }
    socket.on('drain', flood)
    flood()
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1\.1 413 /)
    socket.resume()
    await closed
    expect((await raw(url, '/keys/k')).status).toBe(404)
  })

  it('a client that goes away in the middle of a value is no failure, and writes nothing', async () => {
    const { url, solo, failures } = await serving()
    const { hostname, port } = new URL(url)
    const socket = connectSocket(Number(port), hostname)
    socket.write('PUT /keys/k HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf')
    // What is answered to others was read after that.
    for (let others = 0; others < 3; others += 1) await raw(url, '/status')
    socket.destroy()
    for (let others = 0; others < 10; others += 1) await raw(url, '/status')
    expect(solo.waits).toEqual([])
    expect(failures).toEqual([])
  })

  it.each([
    ['no HTTP', 'hello\r\n\r\n'],
    ['headers without end', `GET / HTTP/1.1\r\nA: ${'x'.repeat(20_000)}\r\n`],
  ])('%s is answered with an error, and the node serves others', async (_, bytes) => {
    const { url } = await serving()
    const { hostname, port } = new URL(url)
    const socket = connectSocket(Number(port), hostname)
    socket.on('error', () => undefined)
    socket.write(bytes)
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1\.1 4\d\d /)
    socket.destroy()
    expect((await raw(url, '/status')).status).toBe(200)
  })
})

describe('status', () => {
  it('is what the replica says', async () => {
    const { url, solo } = await serving()
    const { status, body } = await raw(url, '/status')
    expect(status).toBe(200)
    expect(JSON.parse(body)).toEqual({ ...solo.status(), refused: {} })
  })
})

describe('a server that closes', () => {
  it('answers a request that was on its way on an idle connection, and says that it was the last', async () => {
    const limits = { lastRequestWithinMs: 60_000 }
    const { url, server } = await serving({ listen: { limits } })
    const client = await connection(url)
    client.socket.write(get('/status'))
    await client.received((text) => text.includes('}'))
    const closed = server.close(60_000)
    client.socket.write(get('/digest'))
    const text = await client.received((all) => all.includes('digest'))
    expect(statusesIn(text)).toEqual([200, 200])
    expect(text.toLowerCase()).toContain('connection: close')
    await client.closed
    await closed
  })

  it('answers what is running, keeps no idle connection, and takes no new one', async () => {
    const { url, server, solo } = await serving()
    const [started, goOn] = [gate(), gate()]
    solo.before = () => {
      started.open()
      return goOn.opened
    }
    // With fetch the connection is kept alive.
    const put = fetch(`${url}/keys/k`, { method: 'PUT', body: 'v' })
    await started.opened
    const closed = server.close(60_000)
    goOn.open()
    expect((await put).status).toBe(200)
    await closed
    await expect(raw(url, '/status')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('does not wait for ever for a request that does not end', async () => {
    const { url, server, solo } = await serving()
    const started = gate()
    solo.before = (wait) => {
      started.open()
      return forEver(wait)
    }
    const put = raw(url, '/keys/k?timeout=60000', { method: 'PUT', body: 'v' })
    put.catch(() => undefined)
    await started.opened
    await server.close(50)
    await expect(put).rejects.toMatchObject({ code: 'ECONNRESET' })
  })
})
