import { describe, expect, it } from 'vitest'
import { errorBody } from '../src/api.ts'
import { Tokens } from '../src/tokens.ts'
import { raw, serving } from './serving.ts'
import type { Answered } from './serving.ts'

const TOKEN = 'a'.repeat(16)

function codeOf({ body }: Answered): string {
  return errorBody.parse(JSON.parse(body)).error.code
}

describe('a web page of somebody else', () => {
  it.each([
    ['the address', '127.0.0.1:8001', true],
    ['another address', '10.1.2.3', true],
    ['an address of IPv6', '[::1]:8001', true],
    ['this machine', 'localhost:8001', true],
    ['a name of this machine', 'kv.localhost', true],
    ['a name of this network', 'node-a:8001', true],
    ['a name that was allowed', 'KV.example.com:443', true],
    ['a name below it', 'x.kv.example.com', false],
    ['a name that ends like it', 'evilkv.example.com', false],
    ['a name that resolves to this machine', 'rebind.evil.example', false],
    ['a name that ends with a dot', 'evil.', false],
    ['a name that looks like an address', '127.0.0.1.evil.example', false],
    ['a name with a user', 'localhost@evil.example', false],
    ['no name', '[]', false],
  ])('that reaches the node as %s, Host: %s, is let in: %s', async (_, host, isLetIn) => {
    const { url, solo } = await serving({ listen: { allowedHosts: ['kv.example.com'] } })
    const answer = await raw(url, '/keys/k', { headers: { host } })
    expect(answer.status).toBe(isLetIn ? 404 : 403)
    expect(codeOf(answer)).toBe(isLetIn ? 'not-found' : 'forbidden')
    expect(solo.waits).toHaveLength(isLetIn ? 1 : 0)
  })

  it('is not let in either by the name in the request line', async () => {
    const { url } = await serving()
    expect((await raw(url, 'http://evil.example/status')).status).toBe(403)
    expect((await raw(url, 'http://localhost/status')).status).toBe(200)
  })

  it.each([
    ['a POST without a preflight', 403, 'POST', { origin: 'http://evil.example' }],
    ['a PUT', 403, 'PUT', { origin: 'http://evil.example' }],
    ['a PUT of a page without an origin', 403, 'PUT', { origin: 'null' }],
    ['a PUT of another port', 403, 'PUT', { origin: 'http://node:9' }],
    ['a POST of an old browser', 403, 'POST', { 'sec-fetch-site': 'cross-site' }],
    ['a POST of a sister site', 403, 'POST', { 'sec-fetch-site': 'same-site' }],
    ['an image', 403, 'GET', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
    ['a link', 404, 'GET', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }],
    ['a page of its own', 404, 'PUT', { origin: 'http://node', 'sec-fetch-site': 'same-origin' }],
    ['a page of its own behind TLS', 404, 'PUT', { origin: 'https://node' }],
    ['an address that was typed', 404, 'GET', { 'sec-fetch-site': 'none' }],
  ])('%s is answered %i', async (_, status, method, headers) => {
    const { url, solo } = await serving()
    const answer = await raw(url, '/nothing', { method, headers: { host: 'node', ...headers } })
    expect(answer.status).toBe(status)
    expect(answer.headers['access-control-allow-origin']).toBeUndefined()
    expect(solo.waits).toEqual([])
  })

  it('never gets a value as something else than text', async () => {
    const { url } = await serving()
    await raw(url, '/keys/k', { method: 'PUT', body: '<script>alert(1)</script>' })
    const evil = { host: 'evil.example' }
    for (const [path, headers] of [
      ['/keys/k', {}],
      ['/keys/none', {}],
      ['/status', {}],
      ['/nothing', {}],
      ['/keys/k', evil],
    ] as const) {
      const answer = await raw(url, path, { headers })
      expect(answer.headers, path).toMatchObject({ 'x-content-type-options': 'nosniff' })
    }
  })
})

describe('with tokens', () => {
  it.each(['/keys/k', '/keys', '/members', '/watch', '/status', '/metrics', '/digest', '/nothing'])(
    '%s is for those who have one, and says how to show it',
    async (path) => {
      const { url, solo } = await serving({ listen: { tokens: new Tokens([TOKEN]) } })
      for (const authorization of ['', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`]) {
        const answer = await raw(url, path, { headers: { authorization } })
        expect(answer).toMatchObject({
          status: 401,
          headers: { 'www-authenticate': 'Bearer realm="kv-store"' },
        })
        expect(codeOf(answer)).toBe('unauthorized')
        expect(answer.body).not.toContain(TOKEN)
      }
      expect(solo.waits).toEqual([])
      const headers = { authorization: `Bearer ${TOKEN}` }
      const known = await raw(url, path, { method: 'HEAD', headers })
      expect(known.status).not.toBe(401)
    },
  )

  it('that are replaced, the new ones are taken and the old ones no more', async () => {
    const { url, server } = await serving({ listen: { tokens: new Tokens([TOKEN]) } })
    const ask = async (token: string): Promise<number> =>
      (await raw(url, '/status', { headers: { authorization: `Bearer ${token}` } })).status
    expect(await ask(TOKEN)).toBe(200)
    const next = 'b'.repeat(16)
    server.replaceTokens(new Tokens([next]))
    expect([await ask(TOKEN), await ask(next)]).toEqual([401, 200])
  })

  it('a body that comes without one is not taken into memory, and the client gets to read why', async () => {
    const { url, server } = await serving({ listen: { tokens: new Tokens([TOKEN]) } })
    const answer = await raw(url, '/keys/k', { method: 'PUT', body: 'x'.repeat(1 << 20) })
    expect(answer).toMatchObject({ status: 401, headers: { connection: 'close' } })
    expect(server.figures().receivedBytes).toBe(0)
  })
})
