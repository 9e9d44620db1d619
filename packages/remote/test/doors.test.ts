/** Who comes in, and who does not; and that a server is not left open by mistake. */
import type { Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect as dial } from 'node:net'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { InvalidArgumentError } from '@paxos/core'
import {
  connect,
  ConnectionError,
  InsecureError,
  ListenError,
  ProtocolError,
  serve,
  UnauthorizedError,
} from '@paxos/remote'
import type { ConnectOptions, RemoteServer, ServeOptions } from '@paxos/remote'
import { testAuthority } from '@paxos/testkit/certificates'
import type { TestAuthority, TestCertificate } from '@paxos/testkit/certificates'
import { httpServer } from './nodes.ts'
import { StandIn } from './stand-in.ts'

type Options = ServeOptions<string, string, string, string>

const TOKEN = 'a-token-that-nobody-guesses'
const OTHER = 'another-one-that-nobody-guesses'

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.close()
})

async function served(options: Options = {}, replica = new StandIn()): Promise<RemoteServer> {
  const server = await serve(replica, options)
  opened.push(server)
  return server
}

async function connected(
  address: string | null,
  options: ConnectOptions<string, string, string, string> = {},
): Promise<string> {
  const remote = await connect([address ?? ''], { timeoutMs: 5000, ...options })
  opened.push(remote)
  return remote.status().state
}

/** What an HTTP client is answered that asks for a WebSocket. */
function statusOf(
  address: string | null,
  headers: object,
  protocol = 'paxos-remote.1',
): Promise<number> {
  const ws = new WebSocket(address ?? '', protocol, { headers: { ...headers } })
  return new Promise((resolve) => {
    ws.on('error', () => undefined)
    ws.on('unexpected-response', (_, { statusCode = 0 }) => {
      ws.terminate()
      resolve(statusCode)
    })
    ws.on('open', () => {
      ws.terminate()
      resolve(101)
    })
  })
}

let authority: TestAuthority
let ofServer: TestCertificate
let ofClient: TestCertificate
beforeAll(async () => {
  authority = await testAuthority()
  ofServer = await authority.issue()
  ofClient = await authority.issue({ commonName: 'orders' })
})

describe('a server that others can reach', () => {
  it.each<[string, () => Options]>([
    ['with nothing', () => ({ host: '0.0.0.0' })],
    ['with tokens in plain text', () => ({ host: '0.0.0.0', tokens: [TOKEN] })],
    ['with TLS for everybody', () => ({ host: '::', tls: ofServer })],
    [
      'with certificates that nobody has to show',
      () => ({
        host: '0.0.0.0',
        tls: { ...ofServer, ca: authority.ca, clientCertificate: 'optional' },
      }),
    ],
    ['by a name', () => ({ host: 'a.example' })],
  ])('is not opened %s', async (_, options) => {
    await expect(serve(new StandIn(), options())).rejects.toThrow(InsecureError)
  })

  it.each<[string, () => Options]>([
    ['with TLS and tokens', () => ({ host: '0.0.0.0', tls: ofServer, tokens: [TOKEN] })],
    ['with certificates', () => ({ host: '0.0.0.0', tls: { ...ofServer, ca: authority.ca } })],
    ['when somebody says so', () => ({ host: '0.0.0.0', insecure: true })],
    ['on this machine alone', () => ({ host: '127.0.0.1' })],
  ])('is opened %s', async (_, options) => {
    expect((await served(options())).address).toMatch(/^wss?:\/\/[\d.]+:\d+\/paxos$/)
  })

  it('a server of yours is not used for everybody unless you say so', async () => {
    const { server, end } = await httpServer()
    opened.push({ close: end })
    await expect(serve(new StandIn(), { server })).rejects.toThrow(InsecureError)
    await served({ server, tokens: [TOKEN] })
  })
})

describe('who shows a token', () => {
  it('comes in with one of those that the server knows', async () => {
    const { address } = await served({ tokens: [TOKEN, OTHER] })
    expect(await connected(address, { token: OTHER })).toBe('connected')
    expect(await connected(address, { token: () => TOKEN })).toBe('connected')
  })

  it.each([
    ['another one', { token: `${TOKEN}!` }],
    ['none', {}],
  ])('does not come in with %s, and is told so without the token', async (_, options) => {
    const { address } = await served({ tokens: [TOKEN] })
    const refused = connected(address, options)
    await expect(refused).rejects.toThrow(UnauthorizedError)
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_PAXOS_UNAUTHORIZED',
      outcome: 'not-asked',
      message: expect.not.stringContaining(TOKEN),
    })
  })

  it('is told by a call that another one is asked for now', async () => {
    const port = await httpServer()
    opened.push({ close: port.end })
    const first = await served({ server: port.server, tokens: [TOKEN] })
    const remote = await connect([port.address], { token: TOKEN })
    opened.push(remote)
    await first.close()
    await served({ server: port.server, tokens: [OTHER] })
    await expect(remote.propose('x')).rejects.toMatchObject({
      code: 'ERR_PAXOS_UNAUTHORIZED',
      outcome: 'not-asked',
    })
  })

  it.each([['short'], ['with a space in it, though long']])(
    'is not asked for one such as %j',
    async (token) => {
      await expect(serve(new StandIn(), { tokens: [token] })).rejects.toThrow(InvalidArgumentError)
    },
  )
})

describe('a hook decides', () => {
  it('by what is shown, and gives a name', async () => {
    const seen: unknown[] = []
    const server = await served({
      authorize: async (credentials) => {
        seen.push(credentials)
        return credentials.token === 'guest' ? 'a guest' : null
      },
    })
    expect(await connected(server.address, { token: 'guest' })).toBe('connected')
    await expect(connected(server.address)).rejects.toThrow(UnauthorizedError)
    expect(server.status()).toMatchObject({ clients: ['a guest'], refused: { unauthorized: 1 } })
    expect(seen[0]).toEqual({
      token: 'guest',
      certificate: null,
      commonName: null,
      remoteAddress: '127.0.0.1',
    })
  })

  it.each([
    ['throws', () => Promise.reject(new Error('no database'))],
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as plain JavaScript may answer
    ['answers true', () => true as unknown as string],
  ])('and nobody comes in when it %s', async (_, authorize) => {
    const { address } = await served({ authorize })
    await expect(connected(address)).rejects.toThrow(UnauthorizedError)
  })

  it('and whoever leaves before it has is forgotten', async () => {
    const asked: (() => void)[] = []
    const server = await served({
      authorize: () => new Promise((resolve) => asked.push(() => resolve('late'))),
    })
    const ws = new WebSocket(server.address ?? '', 'paxos-remote.1')
    ws.on('error', () => undefined)
    await expect.poll(() => asked.length).toBe(1)
    const closed = new Promise((resolve) => ws.once('close', resolve))
    ws.terminate()
    await closed
    asked[0]?.()
    expect(server.status().clients).toEqual([])
  })
})

describe('certificates', () => {
  it('a client that shows one comes in, by its name; and checks that of the server', async () => {
    const { ca } = authority
    const server = await served({ tls: { ...ofServer, ca } })
    expect(await connected(server.address, { tls: { ca, ...ofClient } })).toBe('connected')
    expect(server.status().clients).toEqual(['orders'])
    await expect(connected(server.address, { tls: { ca }, timeoutMs: 1000 })).rejects.toThrow(
      /CERTIFICATE|certificate/,
    )
    await expect(connected(server.address, { timeoutMs: 200 })).rejects.toThrow(ConnectionError)
  })

  it('one of another authority is none', async () => {
    const other = await testAuthority()
    const own = await other.issue({ commonName: 'orders' })
    const tls = { ...ofServer, ca: authority.ca, clientCertificate: 'optional' as const }
    const { address } = await served({
      tls,
      authorize: ({ certificate, commonName }) => (certificate === null ? null : commonName),
    })
    const { ca } = authority
    await expect(connected(address, { tls: { ca, ...own } })).rejects.toThrow(UnauthorizedError)
    expect(await connected(address, { tls: { ca, ...ofClient } })).toBe('connected')
  })

  it('of an https server of yours count too', async () => {
    const https = createHttpsServer({ cert: ofServer.cert, key: ofServer.key })
    await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve))
    opened.push({ close: () => https.close() })
    await served({ server: https, tokens: [TOKEN], path: '/here' })
    const found = https.address()
    const port = typeof found === 'object' ? found?.port : 0
    const options = { token: TOKEN, tls: { ca: authority.ca } }
    expect(await connected(`wss://127.0.0.1:${port}/here`, options)).toBe('connected')
  })
})

describe('whoever speaks something else', () => {
  it.each([
    ['a page of a site', { origin: 'https://evil.example' }, 'paxos-remote.1', 403],
    ['a later version alone', {}, 'paxos-remote.2', 400],
    ['a client of this version', {}, 'paxos-remote.1', 101],
  ])('%s is answered so', async (_, headers, protocol, status) => {
    const { address } = await served()
    expect(await statusOf(address, headers, protocol)).toBe(status)
  })

  it('a client says that the server has another version, or is none', async () => {
    const { address } = await served({ path: '/other' })
    const wrong = connected((address ?? '').replace('/other', '/paxos'))
    await expect(wrong).rejects.toThrow(ProtocolError)
    await expect(wrong).rejects.toThrow(/404/)
  })

  it('a client says that nobody is there, and what it found at each address', async () => {
    const failure = connect(['ws://127.0.0.1:1'], { timeoutMs: 200 })
    await expect(failure).rejects.toThrow(ConnectionError)
    await expect(failure).rejects.toMatchObject({
      attempts: [
        { address: 'ws://127.0.0.1:1/paxos', problem: expect.stringContaining('ECONNREFUSED') },
      ],
    })
  })

  it('a client that is told to stop connecting stops', async () => {
    const { signal, abort } = abortable()
    const failure = connect(['ws://127.0.0.1:1'], { signal })
    abort()
    await expect(failure).rejects.toBe('enough')
  })
})

describe('options', () => {
  it.each([
    [[]],
    [['http://127.0.0.1:1']],
    [['ws://user:secret@127.0.0.1:1']],
    [['ws://127.0.0.1:1', 'nowhere']],
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as plain JavaScript may call it
    ['ws://127.0.0.1:1' as unknown as string[]],
  ])('connect(%j) is refused, and no secret repeated', async (addresses) => {
    const failure = connect(addresses)
    await expect(failure).rejects.toThrow(InvalidArgumentError)
    await expect(failure).rejects.not.toThrow(/secret/)
  })

  it('a misspelt one is refused on both sides', async () => {
    const wrong: object = { tokn: TOKEN }
    await expect(serve(new StandIn(), wrong)).rejects.toThrow(/Unknown option 'tokn'/)
    await expect(connect(['ws://127.0.0.1:1'], wrong)).rejects.toThrow(/Unknown option 'tokn'/)
  })

  it('a port that is taken is told as that', async () => {
    const { port, end } = await httpServer()
    opened.push({ close: end })
    await expect(serve(new StandIn(), { port })).rejects.toThrow(ListenError)
  })
})

describe('a flood of connections', () => {
  it('is bounded: who comes when all places are taken is told so, and the others go on', async () => {
    const server = await served({ maxConnections: 2 })
    expect(await connected(server.address)).toBe('connected')
    expect(await connected(server.address)).toBe('connected')
    const more = await Promise.all(Array.from({ length: 20 }, () => statusOf(server.address, {})))
    expect(new Set(more)).toEqual(new Set([503]))
    expect(server.status()).toMatchObject({
      clients: ['127.0.0.1', '127.0.0.1'],
      refused: { full: 20 },
    })
  })

  it('a replica that has stopped lets nobody in', async () => {
    const replica = new StandIn()
    const { address } = await served({}, replica)
    replica.role = 'stopped'
    expect(await statusOf(address, {})).toBe(503)
  })
})

function abortable(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort('enough') }
}

describe('a server of yours', () => {
  it('leaves other paths to others, and answers them itself where there are none', async () => {
    const { server, address, end } = await httpServer()
    opened.push({ close: end })
    await served({ server, tokens: [TOKEN] })
    const elsewhere = address.replace('/paxos', '/chat')
    expect(await statusOf(elsewhere, {})).toBe(404)
    server.on('upgrade', (request, socket) => {
      if (request.url === '/chat') socket.end('HTTP/1.1 418 Teapot\r\n\r\n')
    })
    expect(await statusOf(elsewhere, {})).toBe(418)
  })

  it('goes on when close() has ended what was ours', async () => {
    const { server, address, end } = await httpServer()
    opened.push({ close: end })
    const ours = await served({ server, tokens: [TOKEN] })
    const remote = await connect([address], { token: TOKEN })
    opened.push(remote)
    await ours.close()
    expect(ours.status().clients).toEqual([])
    expect(server.listening).toBe(true)
    expect(server.listenerCount('upgrade')).toBe(0)
  })

  it('keeps no socket of who was refused, though it keeps its side open', async () => {
    const { server, address, end } = await httpServer()
    opened.push({ close: end })
    await served({ server, tokens: [TOKEN] })
    const { port } = new URL(address)
    const socket = dial({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true })
    socket.write(
      'GET /paxos HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Protocol: paxos-remote.1\r\n\r\n',
    )
    socket.resume()
    await new Promise((resolve) => socket.once('end', resolve))
    await expect.poll(() => connectionsOf(server)).toBe(0)
    socket.destroy()
  })
})

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.getConnections((_, count) => resolve(count))
  })
}
