/** Certificates: where a node is, and who it is; and that what goes wrong is refused, and counted. */
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { connect, createServer as createTlsServer } from 'node:tls'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ClientOptions } from 'ws'
import { IDENTIFY_TIMEOUT_MS } from '@paxos/adapter-kit/links'
import { InvalidArgumentError, TransportError } from '@paxos/core'
import { testAuthority } from '@paxos/testkit/certificates'
import type { TestCertificate } from '@paxos/testkit/certificates'
import { fromUrl, webSocket } from '@paxos/transport-websocket'
import type { TlsOptions } from '@paxos/transport-websocket'
import {
  closeAll,
  hello,
  keepFramesYoung,
  onCleanup,
  openNode,
  plain,
  portOf,
  sockets,
  stopTime,
  until,
  visit,
  visitAs,
} from './nodes.ts'
import type { TestNode } from './nodes.ts'

beforeEach(keepFramesYoung)

afterEach(async () => {
  vi.useRealTimers()
  await closeAll()
})

const authority = await testAuthority()
const otherAuthority = await testAuthority()
const { ca } = authority
const [certA, certB, certC, unnamed, expired, elsewhere, foreignA, foreignB] = await Promise.all([
  authority.issue({ commonName: 'a' }),
  authority.issue({ commonName: 'b' }),
  authority.issue({ commonName: 'c' }),
  authority.issue(),
  authority.issue({ commonName: 'a', expired: true }),
  authority.issue({ commonName: 'b', hosts: ['10.9.8.7', 'elsewhere.example'] }),
  otherAuthority.issue({ commonName: 'a' }),
  otherAuthority.issue({ commonName: 'b' }),
])
const expiredB = await authority.issue({ commonName: 'b', expired: true })
const listen = 'wss://127.0.0.1:0'
const DESERTED = 'wss://127.0.0.1:9'

/** The node b, which knows a, and expects it to come. */
function openB(tls: Partial<TlsOptions> = {}): Promise<TestNode> {
  return openNode('b', { a: DESERTED }, { listen, tls: { ca, ...certB, ...tls } })
}

async function expectServes(b: TestNode, credentials: ClientOptions = { ca, ...certA }) {
  const count = b.inbox.length
  const honest = await visitAs('a', 'b', b.transport.address, credentials)
  honest.send(Uint8Array.of(1))
  await b.received(count + 1)
}

async function rejectionOf(promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof Error) return error
  throw new Error('It did not reject with an error.')
}

describe('a node that dials us', () => {
  it('is let in as whom its certificate names', async () => {
    await expectServes(await openB())
  })

  it.each([
    ['names somebody else', certC],
    ['names nobody', unnamed],
  ])('is refused and counted when its certificate %s', async (_, certificate) => {
    const b = await openB()
    const visitor = await visit(b.transport.address, { ca, ...certificate })
    const answers = vi.fn()
    visitor.on('message', answers)
    const closed = once(visitor, 'close')
    visitor.send(hello('a', 'b'))
    visitor.send(Uint8Array.of(1))
    await closed
    // That it is refused, and nothing else.
    const [[answer] = []] = answers.mock.calls
    expect([answers.mock.calls.length, Buffer.from(answer).toString('hex')]).toEqual([
      1,
      '4a042a020805',
    ])
    expect(b.inbox).toEqual([])
    expect(b.transport.stats()).toMatchObject({ wrongCertificates: 1, strangerConnections: 0 })
    await expectServes(b)
  })

  it.each<[string, ClientOptions]>([
    ['shows no certificate', { ca }],
    ['shows one that has expired', { ca, ...expired }],
    ['shows one of another authority', { ca, ...foreignA }],
  ])('is refused by TLS and counted when it %s', async (_, credentials) => {
    const b = await openB()
    // With TLS 1.3 it hears of it only after it believes to be connected.
    await visit(b.transport.address, credentials).catch(() => {})
    await until(() => b.transport.stats().failedHandshakes > 0)
    expect(b.transport.stats().failedHandshakes).toBe(1)
    await expectServes(b)
  })

  it('in the clear is refused and counted', async () => {
    const b = await openB()
    const socket = await plain(b.transport.address)
    const closed = once(socket.resume(), 'close')
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await closed
    expect(b.transport.stats().failedHandshakes).toBe(1)
    await expectServes(b)
  })

  it('with TLS, which we do not speak, is refused and counted', async () => {
    const b = await openNode('b', { a: 'ws://127.0.0.1:9' })
    const socket = connect({ port: portOf(b.transport.address), host: '127.0.0.1', ca })
    onCleanup(() => void socket.destroy())
    await once(socket, 'error')
    await until(() => b.transport.stats().failedHandshakes === 1)
  })

  it('and stops in the middle of TLS is closed in time, others are not', async () => {
    stopTime()
    const b = await openB()
    const silent = await plain(b.transport.address)
    const honest = await visitAs('a', 'b', b.transport.address, { ca, ...certA })
    const closed = once(silent.resume(), 'close')
    vi.advanceTimersByTime(IDENTIFY_TIMEOUT_MS)
    await closed
    expect(b.transport.stats().unidentifiedConnections).toBe(1)
    honest.send(Uint8Array.of(1))
    await b.received()
  })
})

describe('a node that we dial', () => {
  /** The node a, which dials b where the node with `tls` listens. */
  async function dialAt(tls: TlsOptions): Promise<readonly [TestNode, TestNode]> {
    const b = await openNode('b', { a: DESERTED }, { listen, tls })
    const a = await openNode('a', { b: b.transport.address }, { listen, tls: { ca, ...certA } })
    a.transport.send('b', Uint8Array.of(1))
    return [a, b]
  }

  it('is sent frames when its certificate is right', async () => {
    const [a, b] = await dialAt({ ca, ...certB })
    await b.received()
    expect(a.transport.stats().failedDials).toBe(0)
  })

  /** The node a, which dials b where somebody has another certificate than a node b would open with. */
  async function dialImpostor(tls: TestCertificate): Promise<TestNode> {
    const impostor = createTlsServer({ ca, ...tls, requestCert: true })
    impostor.on('connection', (socket) => {
      socket.on('error', () => {})
      onCleanup(() => void socket.destroy())
    })
    onCleanup(() => void impostor.close())
    impostor.listen(0, '127.0.0.1')
    await once(impostor, 'listening')
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
    const { port } = impostor.address() as AddressInfo
    const b = `wss://127.0.0.1:${port}`
    return openNode('a', { b }, { listen, tls: { ca, ...certA } })
  }

  it.each([
    ['names somebody else', certC],
    ['names nobody', unnamed],
  ])('is left when its certificate %s, and that is counted', async (_, certificate) => {
    const a = await dialImpostor(certificate)
    await until(() => a.transport.stats().failedDials >= 2)
    expect(a.transport.stats().wrongCertificates).toBeGreaterThanOrEqual(2)
    expect(a.transport.figures().peers.get('b')?.problem?.reason).toBe('credentials')
  })

  it.each([
    ['has expired', expiredB],
    ['is of another authority', foreignB],
    ['is for another host', elsewhere],
  ])('is left when its certificate %s, and that is counted', async (_, certificate) => {
    const a = await dialImpostor(certificate)
    await until(() => a.transport.stats().failedDials >= 2)
    expect(a.transport.stats().wrongCertificates).toBe(0)
    expect(a.transport.figures().peers.get('b')?.problem?.reason).toBe('credentials')
  })

  it.each([
    ['wss:', 'ws:', { listen, tls: { ca, ...certA } }],
    ['ws:', 'wss:', {}],
  ])('is never dialled by a node of %s at an address of %s', async (_, scheme, options) => {
    const arrivals = vi.fn()
    const server = createServer(arrivals)
    onCleanup(() => void server.close())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
    const { port } = server.address() as AddressInfo
    const a = await openNode('a', { c: `${scheme}//127.0.0.1:${port}` }, options)
    a.transport.send('c', Uint8Array.of(1))
    // Whoever is dialled first has been dialled when the second has.
    const b = await openNode(
      'b',
      { a: 'ws://127.0.0.1:9' },
      { ...options, ...certificateOfB(options) },
    )
    a.transport.setPeers(
      new Map([
        ['c', `${scheme}//127.0.0.1:${port}`],
        ['b', b.transport.address],
      ]),
    )
    a.transport.send('b', Uint8Array.of(1))
    await b.received()
    expect(arrivals).not.toHaveBeenCalled()
  })

  function certificateOfB(options: object): { readonly tls?: TlsOptions } {
    return 'tls' in options ? { tls: { ca, ...certB } } : {}
  }
})

describe('with mutual: false', () => {
  it('clients without a certificate are let in, as who they say', async () => {
    const b = await openB({ mutual: false })
    await expectServes(b, { ca })
  })

  it('a node need not be named by its certificate, but its host must', async () => {
    const tls = { ca, ...unnamed, mutual: false }
    const b = await openNode('b', { a: DESERTED }, { listen, tls })
    const a = await openNode('a', { b: b.transport.address }, { listen, tls })
    a.transport.send('b', Uint8Array.of(1))
    await b.received()
    const { address } = b.transport
    await b.transport.close()
    const moved = { listen: address, tls: { ca, ...elsewhere, mutual: false } }
    const impostor = await openNode('b', { a: DESERTED }, moved)
    const before = a.transport.stats().failedDials
    a.transport.send('b', Uint8Array.of(2))
    await until(() => a.transport.stats().failedDials > before + 1)
    expect(impostor.inbox).toEqual([])
  })
})

describe('credentials', () => {
  const SECRET = 'correct horse battery staple'
  const locked = createPrivateKey(certA.key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: SECRET,
  })
  const key = String(locked)

  it('may have a key that is encrypted, and be given as bytes', async () => {
    const bytes = { cert: Buffer.from(certA.cert), key: Buffer.from(key), ca: Buffer.from(ca) }
    const tls = { ...bytes, passphrase: SECRET }
    const b = await openB()
    const a = await openNode('a', { b: b.transport.address }, { listen, tls })
    a.transport.send('b', Uint8Array.of(1))
    await b.received()
  })

  it.each<[string, TlsOptions]>([
    ['a key of another certificate', { ca, cert: certA.cert, key: certB.key }],
    ['no certificate', { ca, cert: 'nonsense', key: certA.key }],
    ['an empty certificate', { ca, cert: '', key: certA.key }],
    ['no key', { ca, cert: certA.cert, key: `nonsense ${SECRET}` }],
    ['an empty key', { ca, cert: certA.cert, key: '' }],
    ['an authority that is none', { ...certA, ca: 'nonsense' }],
    ['an encrypted key and no passphrase', { ca, cert: certA.cert, key }],
    ['a wrong passphrase', { ca, cert: certA.cert, key, passphrase: `not ${SECRET}` }],
  ])('with %s are refused, without a word of the secrets', async (_, tls) => {
    const before = await sockets()
    const options = { id: 'a', listen, peers: new Map(), receive: () => {} }
    const error = await rejectionOf(webSocket({ tls }).open(options))
    expect(error).toBeInstanceOf(TransportError)
    expect(error).toMatchObject({ code: 'ERR_PAXOS_CREDENTIALS' })
    expect(error.message).toMatch(/Give PEM that does/)
    expect(error.cause).toBeInstanceOf(Error)
    const said = inspect(error, { depth: 10, showHidden: true })
    const secrets = [SECRET, ...certA.key.split('\n'), ...certB.key.split('\n'), ...key.split('\n')]
    for (const secret of secrets.filter((line) => line.length > 8 && !line.startsWith('--'))) {
      expect(said).not.toContain(secret)
    }
    expect(await sockets()).toBe(before)
  })

  it.each<[string, string, object]>([
    ['wss: without a certificate', 'wss://127.0.0.1:0', {}],
    ['ws: with one', 'ws://127.0.0.1:0', { tls: { ca, ...certA } }],
  ])('are wrong for %s: open and fromUrl say so', async (_, address, options) => {
    const before = await sockets()
    const open = { id: 'a', listen: address, peers: new Map(), receive: () => {} }
    const error = await rejectionOf(webSocket(options).open(open))
    expect(error).toMatchObject({ code: 'ERR_PAXOS_CREDENTIALS' })
    expect(error.message).toMatch(/(?:Give the option tls|leave out the option tls)/)
    expect(() => fromUrl(address, options)).toThrow(error.message)
    expect(await sockets()).toBe(before)
  })

  it('fromUrl takes wss: with a certificate', async () => {
    const transport = fromUrl('wss:', { tls: { ca, ...certA } })
    await transport.open({ id: 'a', listen, peers: new Map(), receive() {} })
    expect(transport.address).toMatch(/^wss:\/\/127\.0\.0\.1:[1-9]\d*$/)
    await transport.close()
  })

  it.each<[string, Record<string, unknown>]>([
    ['tls.cert', { ...certA, cert: 4711 }],
    ['tls.key', { ...certA, key: [4711] }],
    ['tls.ca', { ...certA, ca: 4711 }],
    ['tls.passphrase', { ...certA, passphrase: 4711 }],
    ['tls.mutual', { ...certA, mutual: 4711 }],
  ])('with %s of a wrong type can never work, and the error does not repeat it', (name, tls) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what JavaScript may give
    const options = { tls: tls as unknown as TlsOptions }
    const attempt = vi.fn(() => webSocket(options))
    expect(attempt).toThrow(InvalidArgumentError)
    const [result] = attempt.mock.results
    expect(String(result?.value)).toContain(name)
    expect(inspect(result?.value)).not.toContain('4711')
  })
})
