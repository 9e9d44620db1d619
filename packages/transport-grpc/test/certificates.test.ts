/** Certificates in the life of a deployment: they end, are about to, and are replaced. */
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:tls'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { InvalidArgumentError, TransportError } from '@paxos/core'
import type { TransportWarning } from '@paxos/core'
import { testAuthority } from '@paxos/testkit/certificates'
import type { CertificateSubject } from '@paxos/testkit/certificates'
import { grpc } from '@paxos/transport-grpc'
import type { TlsOptions } from '@paxos/transport-grpc'
import { GRPC } from '../src/service.ts'
import type * as Timer from '../../adapter-kit/src/sockets/timer.ts'

/** The moments that are waited for, each of which a test may let come. */
const moments: { readonly atMs: number; readonly come: () => void }[] = []

vi.mock('../../adapter-kit/src/sockets/timer.ts', async (importOriginal) => {
  const original = await importOriginal<typeof Timer>()
  return {
    ...original,
    at(...[atMs, come]: Parameters<typeof original.at>) {
      moments.push({ atMs, come })
      return original.at(atMs, come)
    },
  }
})

const DAY_MS = 24 * 60 * 60 * 1_000
const listen = 'grpcs://127.0.0.1:0'
const DESERTED = 'grpcs://127.0.0.1:9'

const authority = await testAuthority()
const otherAuthority = await testAuthority()
const opened: { close(): Promise<void> }[] = []

afterEach(async () => {
  vi.useRealTimers()
  moments.length = 0
  for (const transport of opened.splice(0)) await transport.close()
})

async function tlsOf(subject: CertificateSubject): Promise<TlsOptions & { readonly cert: string }> {
  return { ca: authority.ca, ...(await authority.issue(subject)) }
}

function make(tls?: TlsOptions): ReturnType<typeof grpc> {
  const transport = grpc(tls === undefined ? {} : { tls })
  opened.push(transport)
  return transport
}

interface Open {
  readonly transport: ReturnType<typeof grpc>
  readonly warnings: TransportWarning[]
}

async function open(id: string, tls: TlsOptions, peers: Record<string, string>): Promise<Open> {
  const transport = make(tls)
  const warnings: TransportWarning[] = []
  await transport.open({
    id,
    listen,
    peers: new Map(Object.entries(peers)),
    receive() {},
    warn: (warning) => warnings.push(warning),
  })
  return { transport, warnings }
}

/** The serial number of the certificate that a node shows. */
async function shownBy({ transport }: Open, own: TlsOptions): Promise<string> {
  const { port = 0 } = GRPC.parse(transport.address) ?? {}
  const { ca = '', cert, key } = own
  const credentials = { ca: Buffer.from(ca), cert: Buffer.from(cert), key: Buffer.from(key) }
  const socket = connect({
    host: '127.0.0.1',
    port,
    ...credentials,
    ALPNProtocols: ['h2', 'http/1.1'],
  })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}

describe('a connection', () => {
  it.each([
    ['dialled', 'a', 'b'],
    ['was dialled by', 'b', 'a'],
  ])(
    'ends when the certificate of the peer that it %s ends, and that is told',
    async (_, lasting, short) => {
      const forLasting = await tlsOf({ commonName: lasting })
      const forShort = await tlsOf({ commonName: short, lastsMs: DAY_MS / 2 })
      const endMs = Date.parse(new X509Certificate(forShort.cert).validTo)
      // The one with the smaller id dials.
      const b = await open('b', lasting === 'b' ? forLasting : forShort, { a: DESERTED })
      const a = await open('a', lasting === 'a' ? forLasting : forShort, { b: b.transport.address })
      const watching = lasting === 'a' ? a : b
      const peer = lasting === 'a' ? 'b' : 'a'
      const isConnected = (): boolean | null | undefined =>
        watching.transport.figures().peers.get(peer)?.isConnected
      while (isConnected() !== true) await new Promise(setImmediate)
      for (const { atMs, come } of moments) if (atMs === endMs) come()
      expect(watching.warnings).toContainEqual(
        expect.objectContaining({
          message: expect.stringMatching(/connected peer has expired/),
        }),
      )
      while (isConnected() === true) await new Promise(setImmediate)
    },
  )
})

describe('reload()', () => {
  it('shows the new certificate from then on, and trusts the new authorities', async () => {
    const own = await tlsOf({ commonName: 'b' })
    const b = await open('b', own, { a: DESERTED })
    const client = await tlsOf({ commonName: 'a' })
    const before = await shownBy(b, client)
    const both = `${authority.ca}\n${otherAuthority.ca}`
    b.transport.reload({ ca: both, ...(await otherAuthority.issue({ commonName: 'b' })) })
    const after = await shownBy(b, { ...client, ca: both })
    expect(after).not.toBe(before)
    const a = await open(
      'a',
      { ca: both, ...(await otherAuthority.issue({ commonName: 'a' })) },
      { b: b.transport.address },
    )
    while (a.transport.figures().peers.get('b')?.isConnected !== true)
      await new Promise(setImmediate)
  })

  it('of what cannot be used says so, and changes nothing', async () => {
    const own = await tlsOf({ commonName: 'b' })
    const b = await open('b', own, { a: DESERTED })
    const client = await tlsOf({ commonName: 'a' })
    const before = await shownBy(b, client)
    const [expired, another] = [
      await tlsOf({ commonName: 'b', expired: true }),
      await tlsOf({ commonName: 'c' }),
    ]
    expect(() => b.transport.reload(expired)).toThrow(TransportError)
    expect(() => b.transport.reload(another)).toThrow(/is for 'c'/)
    expect(() => b.transport.reload({ ...own, key: 'no key' })).toThrow(TransportError)
    expect(() => b.transport.reload({ ...own, mutual: false })).toThrow(InvalidArgumentError)
    expect(await shownBy(b, client)).toBe(before)
    expect(() => make().reload(own)).toThrow(/no certificates to replace/)
  })
})

describe('an option', () => {
  it.each([
    [{ pingInterval: 5 }, /^Unknown option 'pingInterval' of grpc\(\)\. .*'pingIntervalMs'\?$/],
    [{ tsl: {} }, /^Unknown option 'tsl' of grpc\(\)\. Did you mean 'tls'\?$/],
    [{ tls: { cert: '', key: '', certs: '' } }, /^Unknown option 'certs' of tls\. .*'cert'\?$/],
    [{ tls: null }, /^The options of tls are null\. Give an object with ca, cert, /],
    [null, /^The options of grpc\(\) are null\. Give an object with tls, /],
  ])('that is not known is refused by name: %j', (options, message) => {
    // As a caller without types would.
    const call = (): unknown => Reflect.apply(grpc, null, [options])
    expect(call).toThrow(InvalidArgumentError)
    expect(call).toThrow(message)
  })
})
