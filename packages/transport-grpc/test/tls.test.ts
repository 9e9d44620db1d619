/** TLS: whom one lets in, whom one dials, and what can be said of bad credentials. */
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { inspect } from 'node:util'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { credentials as channel, status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { InvalidArgumentError, TransportError } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { testAuthority } from '@paxos/testkit/certificates'
import type { CertificateSubject, TestAuthority } from '@paxos/testkit/certificates'
import { fromUrl, grpc } from '@paxos/transport-grpc'
import type { GrpcStats, TlsOptions } from '@paxos/transport-grpc'
import { GRPC } from '../src/service.ts'
import {
  afterwards,
  cleanUp,
  introduce,
  keepFramesYoung,
  listening,
  meet,
  openNode,
  proxyTo,
  reach,
  sockets,
  stranger,
  until,
} from './world.ts'
import type { TestNode } from './world.ts'

const authority = await testAuthority()
const otherAuthority = await testAuthority()

beforeEach(keepFramesYoung)

afterEach(async () => {
  vi.useRealTimers()
  await cleanUp()
})

async function tlsOf(
  subject: CertificateSubject,
  issuer: TestAuthority = authority,
): Promise<TlsOptions> {
  return { ca: authority.ca, ...(await issuer.issue(subject)) }
}

async function openSecure(id: NodeId, peers: Record<NodeId, string> = {}): Promise<TestNode> {
  return openNode(id, { tls: await tlsOf({ commonName: id }), peers })
}

function toBuffer(pem: string | Uint8Array | undefined): Buffer {
  return Buffer.from(pem ?? '')
}

/** A client with these credentials, which says that it is `from`, to a node 'b' that knows 'a'. */
async function claim(tls: TlsOptions | null): Promise<[TestNode, ReturnType<typeof stranger>]> {
  const b = await openSecure('b', { a: 'nowhere' })
  const credentials =
    tls === null
      ? channel.createSsl(toBuffer(authority.ca))
      : channel.createSsl(toBuffer(tls.ca), toBuffer(tls.key), toBuffer(tls.cert))
  return [b, stranger(b.transport.address, { credentials })]
}

describe('with certificates on both sides', () => {
  it('nodes meet, by IP address and by name', async () => {
    const [a, b] = [await openSecure('a'), await openSecure('b')]
    introduce(a, b)
    await meet(a, b)
    await meet(b, a)
    const { port } = GRPC.parse(b.transport.address) ?? { port: 0 }
    a.transport.setPeers(new Map([['b', `grpcs://localhost:${port}`]]))
    await reach(a, b)
    expect(a.transport.stats().failedDials).toBe(0)
  })

  it.each<[string, () => Promise<TlsOptions>]>([
    ['for another id', () => tlsOf({ commonName: 'c' })],
    ['without a common name', () => tlsOf({})],
    ['for an id that differs in case', () => tlsOf({ commonName: 'A' })],
    ['whose common name is longer', () => tlsOf({ commonName: 'a\0' })],
  ])('a peer with a certificate %s is refused and counted', async (_, make) => {
    const [b, { answer }] = await claim(await make())
    expect(await answer).toEqual({ type: 'refused', refusal: 'unproven' })
    expect(b.transport.stats()).toMatchObject({ wrongCertificates: 1, strangerConnections: 0 })
  })

  it.each<[string, () => Promise<TlsOptions | null>]>([
    ['with a certificate that has ended', () => tlsOf({ commonName: 'a', expired: true })],
    ['with a certificate of another authority', () => tlsOf({ commonName: 'a' }, otherAuthority)],
    ['without a certificate', async () => null],
  ])('a peer %s does not get past TLS, and is counted', async (_, make) => {
    const [b, { status: ended, answer }] = await claim(await make())
    expect((await ended).code).toBe(status.UNAVAILABLE)
    expect(await answer).toBeNull()
    await until(() => b.transport.stats().failedHandshakes > 0)
    expect(b.inbox).toEqual([])
  })

  it('the right certificate opens the door that these find closed', async () => {
    const [, { answer }] = await claim(await tlsOf({ commonName: 'a' }))
    expect(await answer).not.toBeNull()
  })

  it.each<[string, () => Promise<TlsOptions>, keyof GrpcStats]>([
    ['is somebody else', () => tlsOf({ commonName: 'c' }), 'wrongCertificates'],
    [
      'is on another host',
      () => tlsOf({ commonName: 'b', hosts: ['192.0.2.1', 'elsewhere.example'] }),
      'failedDials',
    ],
    [
      'has a certificate of another authority',
      () => tlsOf({ commonName: 'b' }, otherAuthority),
      'failedDials',
    ],
  ])('a peer that is dialled and %s gets no frame, and is counted', async (_, make, counter) => {
    // It calls itself what its certificate says, for it would not open otherwise; and trusts us.
    const impostor = await openNode('b', {
      tls: { ...(await make()), mutual: false },
      peers: { a: 'nowhere' },
    })
    const a = await openSecure('a', { b: impostor.transport.address })
    a.transport.send('b', Uint8Array.of(1))
    await until(() => a.transport.stats()[counter] >= 2 && a.transport.stats().failedDials >= 2)
    expect(impostor.inbox).toEqual([])
  })

  it('a peer that is dialled and has an old certificate is no peer, and the figures say why', async () => {
    const old = await tlsOf({ commonName: 'b', expired: true })
    const impostor = createTlsServer({
      cert: toBuffer(old.cert),
      key: toBuffer(old.key),
      ALPNProtocols: ['h2'],
    })
    impostor.on('connection', (socket) => {
      socket.on('error', () => {})
      afterwards(() => socket.destroy())
    })
    const port = await listening(impostor)
    afterwards(() => impostor.close())
    const a = await openSecure('a', { b: `grpcs://127.0.0.1:${port}` })
    await until(() => a.transport.stats().failedDials >= 2)
    expect(a.transport.figures().peers.get('b')?.problem?.reason).toBe('credentials')
  })

  it('a certificate for the host name is not one for its IP address', async () => {
    const b = await openNode('b', { tls: await tlsOf({ commonName: 'b', hosts: ['localhost'] }) })
    const { port } = GRPC.parse(b.transport.address) ?? { port: 0 }
    const a = await openSecure('a', { b: `grpcs://127.0.0.1:${port}` })
    await until(() => a.transport.stats().failedDials > 0)
    expect(a.transport.figures().peers.get('b')?.problem?.reason).toBe('credentials')
    b.transport.setPeers(new Map([['a', 'nowhere']]))
    a.transport.setPeers(new Map([['b', `grpcs://localhost:${port}`]]))
    await meet(a, b)
  })

  it('an id in another script is one in a certificate', async () => {
    const [a, b] = [await openSecure('ñ😀'), await openSecure('节点')]
    introduce(a, b)
    await meet(a, b)
  })

  it('a peer that falls silent is noticed and found again, as without TLS', async () => {
    const [a, b] = [
      await openNode('a', { tls: await tlsOf({ commonName: 'a' }), pingIntervalMs: 100 }),
      await openNode('b', { tls: await tlsOf({ commonName: 'b' }), pingIntervalMs: 100 }),
    ]
    const proxy = await proxyTo(b.transport.address)
    a.transport.setPeers(new Map([['b', proxy.address]]))
    b.transport.setPeers(new Map([['a', 'nowhere']]))
    await reach(a, b)
    proxy.silence()
    await reach(a, b)
  })
})

describe('with a certificate on one side', () => {
  const open = { mutual: false }

  it('a client without one is let in, and ids are only claimed', async () => {
    const b = await openNode('b', {
      tls: { ...(await tlsOf({})), ...open },
      peers: { a: 'nowhere' },
    })
    const credentials = channel.createSsl(Buffer.from(authority.ca))
    const { answer } = stranger(b.transport.address, { credentials })
    expect(await answer).not.toBeNull()
  })

  it('nodes meet, and host names are checked all the same', async () => {
    const a = await openNode('a', { tls: { ...(await tlsOf({})), ...open } })
    const b = await openNode('b', { tls: { ...(await tlsOf({})), ...open } })
    introduce(a, b)
    await meet(a, b)
    const elsewhere = { ...(await tlsOf({ hosts: ['192.0.2.1'] })), ...open }
    const c = await openNode('c', { tls: elsewhere, peers: { a: 'nowhere' } })
    a.transport.setPeers(new Map([['c', c.transport.address]]))
    await until(() => a.transport.stats().failedDials > 0)
    expect(a.transport.figures().peers.get('c')?.problem?.reason).toBe('credentials')
  })
})

describe('a port with TLS', () => {
  it('closes on those who do not speak it, counts them, and goes on', async () => {
    const [a, b] = [await openSecure('a'), await openSecure('b')]
    const plain = stranger(b.transport.address)
    expect((await plain.status).code).toBe(status.UNAVAILABLE)
    const socket = connect(GRPC.parse(b.transport.address)?.port ?? 0, '127.0.0.1')
    afterwards(() => socket.destroy())
    socket.on('error', () => {}).resume()
    const closed = once(socket, 'close')
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await closed
    expect(b.transport.stats().failedHandshakes).toBe(2)
    introduce(a, b)
    await meet(a, b)
  })

  it('closes on those who speak TLS but not HTTP/2', async () => {
    const b = await openSecure('b')
    const { cert, key } = await authority.issue({ commonName: 'a' })
    const { port } = GRPC.parse(b.transport.address) ?? { port: 0 }
    const socket = connectTls({ port, host: '127.0.0.1', ca: authority.ca, cert, key })
    afterwards(() => socket.destroy())
    socket.on('error', () => {}).resume()
    await once(socket, 'close')
  })

  it('is never reached in plain, nor a plain one with TLS', async () => {
    const secure = await openSecure('b', { a: 'nowhere' })
    const plain = await openNode('a', { peers: { b: secure.transport.address } })
    secure.transport.setPeers(new Map([['a', plain.transport.address]]))
    plain.transport.send('b', Uint8Array.of(1))
    secure.transport.send('a', Uint8Array.of(1))
    const [c, d] = [await openSecure('c'), await openSecure('d')]
    introduce(c, d)
    await meet(c, d)
    const stats = [plain.transport.stats(), secure.transport.stats()]
    expect(stats.map(({ failedDials }) => failedDials)).toEqual([0, 0])
    expect([plain.inbox, secure.inbox]).toEqual([[], []])
  })
})

const good = await tlsOf({ commonName: 'a' })
const otherNode = await tlsOf({ commonName: 'b' })
const nobody = await tlsOf({})
const otherKey = (await authority.issue({ commonName: 'a' })).key

function openWith(listen: string, tls: TlsOptions | null): Promise<void> {
  const transport = tls === null ? grpc() : grpc({ tls })
  afterwards(() => transport.close())
  return transport.open({ id: 'a', listen, peers: new Map(), receive: () => {} })
}

describe('credentials', () => {
  const passphrase = 'correct horse battery staple'
  const encrypted = createPrivateKey(good.key.toString()).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase,
  })
  const grpcs = 'grpcs://127.0.0.1:0'

  it.each<[string, string, TlsOptions | null]>([
    ['a certificate that is none', grpcs, { ...good, cert: 'nonsense' }],
    ['an empty certificate', grpcs, { ...good, cert: '' }],
    ['a key that is none', grpcs, { ...good, key: 'nonsense' }],
    ['an empty key', grpcs, { ...good, key: '' }],
    ['the key of another certificate', grpcs, { ...good, key: otherKey }],
    ['an authority that is none', grpcs, { ...good, ca: 'nonsense' }],
    ['an encrypted key without its passphrase', grpcs, { ...good, key: encrypted }],
    ['the wrong passphrase', grpcs, { ...good, key: encrypted, passphrase: 'wrong secret' }],
    ['a certificate for another node', grpcs, otherNode],
    ['a certificate for nobody', grpcs, nobody],
    ['no TLS options on grpcs:', grpcs, null],
    ['TLS options on grpc:', 'grpc://127.0.0.1:0', good],
  ])('%s: open rejects, says what to do, tells no secret, leaves nothing open', async (...row) => {
    const [, listen, tls] = row
    const before = await sockets()
    const error: unknown = await openWith(listen, tls).then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(TransportError)
    expect(error).toMatchObject({ code: 'ERR_PAXOS_CREDENTIALS' })
    const told = inspect(error, { depth: Infinity, showHidden: true })
    expect(told).toMatch(/Write|Give/)
    const secrets = [good.key, encrypted, otherKey].flatMap((pem) => pem.toString().split('\n'))
    for (const secret of [
      ...secrets.filter((line) => line.length > 20),
      passphrase,
      'wrong secret',
    ]) {
      if (!secret.startsWith('-----')) expect(told).not.toContain(secret)
    }
    expect(await sockets()).toBe(before)
  })

  it('go with the scheme of a URL', () => {
    expect(fromUrl('grpcs:', { tls: good }).stats().failedDials).toBe(0)
    const misfits = [() => fromUrl('grpcs:'), () => fromUrl('grpc:', { tls: good })]
    for (const misfit of misfits) {
      expect(misfit).toThrow(expect.objectContaining({ code: 'ERR_PAXOS_CREDENTIALS' }))
    }
  })

  it('may be bytes, and a key may be encrypted', async () => {
    const tls = {
      ca: toBuffer(good.ca),
      cert: toBuffer(good.cert),
      key: toBuffer(encrypted),
      passphrase,
    }
    const a = await openNode('a', { tls })
    const b = await openSecure('b')
    introduce(a, b)
    await meet(a, b)
    await meet(b, a)
  })

  it.each<[string, unknown]>([
    ['no certificate', { key: good.key }],
    ['no key', { cert: good.cert }],
    ['a certificate that is no PEM', { ...good, cert: 7 }],
    ['an authority that is no PEM', { ...good, ca: ['a', 'b'] }],
    ['a passphrase that is no text', { ...good, passphrase: 7 }],
    ['an unclear will', { ...good, mutual: 'yes' }],
    ['no options at all', null],
    ['a path', './certificate.pem'],
  ])('with %s can never work, and are refused before', (_, tls) => {
    // From a configuration file, or from JavaScript.
    const options: object = { tls }
    expect(() => grpc(options)).toThrow(InvalidArgumentError)
    expect(() => fromUrl('grpcs:', options)).toThrow(InvalidArgumentError)
  })
})
