/**
 * TLS as grpc-js dials with it. Certificates, and who is refused for which, are those of all sockets:
 * see socket-links.test.ts, sockets.test.ts and tls.test.ts of the kit, and the suite.
 */
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { NodeId } from '@paxos/core'
import { testAuthority } from '@paxos/testkit/certificates'
import type { CertificateSubject } from '@paxos/testkit/certificates'
import { fromUrl } from '@paxos/transport-grpc'
import type { TlsOptions } from '@paxos/transport-grpc'
import { GRPC } from '../src/service.ts'
import {
  afterwards,
  cleanUp,
  introduce,
  keepFramesYoung,
  listening,
  meet,
  openNode,
  reach,
  until,
} from './world.ts'
import type { TestNode } from './world.ts'

const authority = await testAuthority()

beforeEach(keepFramesYoung)

afterEach(async () => {
  vi.useRealTimers()
  await cleanUp()
})

async function tlsOf(subject: CertificateSubject): Promise<TlsOptions> {
  return { ca: authority.ca, ...(await authority.issue(subject)) }
}

async function openSecure(id: NodeId, peers: Record<NodeId, string> = {}): Promise<TestNode> {
  return openNode(id, { tls: await tlsOf({ commonName: id }), peers })
}

function toBuffer(pem: string | Uint8Array | undefined): Buffer {
  return Buffer.from(pem ?? '')
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
})

it('fromUrl takes grpcs: with a certificate, and neither without the other', async () => {
  const tls = await tlsOf({ commonName: 'a' })
  expect(fromUrl('grpcs:', { tls }).stats().failedDials).toBe(0)
  for (const misfit of [() => fromUrl('grpcs:'), () => fromUrl('grpc:', { tls })]) {
    expect(misfit).toThrow(expect.objectContaining({ code: 'ERR_PAXOS_CREDENTIALS' }))
  }
})
