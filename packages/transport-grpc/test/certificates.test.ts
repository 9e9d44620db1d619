/** What is done here about certificates that end: grpc-js dials by itself. The rest is the kit's. */
import { X509Certificate } from 'node:crypto'
import { afterEach, expect, it, vi } from 'vitest'
import type { TransportWarning } from '@paxos/core'
import { testAuthority } from '@paxos/testkit/certificates'
import type { CertificateSubject } from '@paxos/testkit/certificates'
import { grpc } from '@paxos/transport-grpc'
import type { TlsOptions } from '@paxos/transport-grpc'
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

it('a connection ends when the certificate of the peer that it dialled ends, and that is told', async () => {
  const short = await tlsOf({ commonName: 'b', lastsMs: DAY_MS / 2 })
  const endMs = Date.parse(new X509Certificate(short.cert).validTo)
  // The one with the smaller id dials.
  const b = await open('b', short, { a: DESERTED })
  const a = await open('a', await tlsOf({ commonName: 'a' }), { b: b.transport.address })
  const isConnected = (): boolean | null | undefined =>
    a.transport.figures().peers.get('b')?.isConnected
  while (isConnected() !== true) await new Promise(setImmediate)
  for (const { atMs, come } of moments) if (atMs === endMs) come()
  expect(a.warnings).toContainEqual(
    expect.objectContaining({ message: expect.stringMatching(/connected peer has expired/) }),
  )
  while (isConnected() === true) await new Promise(setImmediate)
})
