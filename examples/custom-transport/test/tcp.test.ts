import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { encodeHello, LINK_VERSION } from '@paxos/adapter-kit/links'
import type { Hello, LinkTransport } from '@paxos/adapter-kit/links'
import type { TlsOptions } from '@paxos/adapter-kit/sockets'
import type { NodeId, TransportWarning } from '@paxos/core'
import { testAuthority } from '@paxos/testkit/certificates'
import { tcp } from '../src/tcp.ts'

it.each<[string, Uint8Array]>([
  ['a length beyond any hello', Uint8Array.of(0xff, 0xff, 0xff, 0xff)],
  ['something that is no hello', behindLength(Uint8Array.of(0xff))],
  ['the hello of a stranger', helloOf('mallory')],
  ['the hello of another cluster', helloOf('a', { cluster: 'another' })],
  [
    'a hello, and a length above the maximum',
    Buffer.concat([helloOf('a'), Uint8Array.of(0, 0x20, 0, 0)]),
  ],
])('a connection that begins with %s is ended, and the others go on', async (_, bytes) => {
  const a = await openNode('a')
  const b = await openNode('b')
  introduce(a, b)
  const stranger = await dial(b)
  stranger.write(bytes)
  await once(stranger, 'close')
  expect(Object.values(b.transport.figures().refused)).toEqual([1])
  a.transport.send('b', Uint8Array.of(1))
  expect(await b.next()).toEqual(['a', Uint8Array.of(1)])
})

it('frames arrive as they were, however the network cuts them', async () => {
  const b = await openNode('b')
  b.transport.setPeers(new Map([['a', '']]))
  const socket = await dial(b)
  for (const byte of Buffer.concat([helloOf('a'), behindLength(Uint8Array.of(7, 8))])) {
    await new Promise((resolve) => socket.write(Uint8Array.of(byte), resolve))
  }
  expect(await b.next()).toEqual(['a', Uint8Array.of(7, 8)])
})

describe('tcps:', async () => {
  const authority = await testAuthority()
  const [ofA, ofB, ofX] = await Promise.all(
    ['a', 'b', 'x'].map(async (commonName) => ({
      ca: authority.ca,
      ...(await authority.issue({ commonName })),
    })),
  )

  it('nodes with certificates of their ids talk', async () => {
    const a = await openNode('a', 'tcps', ofA)
    const b = await openNode('b', 'tcps', ofB)
    introduce(a, b)
    a.transport.send('b', Uint8Array.of(1))
    expect(await b.next()).toEqual(['a', Uint8Array.of(1)])
  })

  it('who dials with the certificate of another node is turned away', async () => {
    const b = await openNode('b', 'tcps', ofB)
    b.transport.setPeers(new Map([['a', '']]))
    const socket = connectTls({ port: portOf(b), host: '127.0.0.1', ...ofX })
    onTestFinished(() => void socket.destroy())
    await once(socket, 'secureConnect')
    socket.write(helloOf('a'))
    expect(await b.warned()).toMatchObject({ peer: 'a', reason: 'credentials' })
    expect(b.transport.stats().wrongCertificates).toBe(1)
  })

  it('where another node listens, nobody is sent anything, and it is told', async () => {
    const a = await openNode('a', 'tcps', ofA)
    const x = await openNode('x', 'tcps', ofX)
    x.transport.setPeers(new Map([['a', a.transport.address]]))
    a.transport.setPeers(new Map([['b', x.transport.address]]))
    expect(await a.warned()).toMatchObject({ peer: 'b', reason: 'credentials' })
    expect(a.transport.stats().wrongCertificates).toBe(1)
  })
})

interface Opened {
  readonly id: NodeId
  readonly transport: LinkTransport
  readonly next: () => Promise<readonly [NodeId, Uint8Array]>
  readonly warned: () => Promise<TransportWarning>
}

async function openNode(id: NodeId, scheme = 'tcp', tls?: TlsOptions): Promise<Opened> {
  const transport = tcp(tls === undefined ? {} : { tls })
  onTestFinished(() => transport.close())
  let arrive: (entry: readonly [NodeId, Uint8Array]) => void
  let tell: (warning: TransportWarning) => void
  const arrived = new Promise<readonly [NodeId, Uint8Array]>((resolve) => (arrive = resolve))
  const warned = new Promise<TransportWarning>((resolve) => (tell = resolve))
  await transport.open({
    id,
    listen: `${scheme}://127.0.0.1:0`,
    peers: new Map(),
    receive: (from, frame) => arrive([from, frame]),
    warn(warning) {
      // The certificates of a test last a day, which each node says of its own.
      if (warning.peer !== null) tell(warning)
    },
  })
  return { id, transport, next: () => arrived, warned: () => warned }
}

function introduce(...nodes: Opened[]): void {
  const book = new Map(nodes.map(({ id, transport }) => [id, transport.address]))
  for (const { transport } of nodes) transport.setPeers(book)
}

function portOf({ transport }: Opened): number {
  return Number(transport.address.split(':').at(-1))
}

async function dial(node: Opened): Promise<Socket> {
  const socket = connect(portOf(node), '127.0.0.1').resume()
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** What `sender` would say first to `b`. */
function helloOf(sender: NodeId, different: Partial<Hello> = {}): Uint8Array {
  return behindLength(
    encodeHello({
      version: LINK_VERSION,
      cluster: '',
      sender,
      receiver: 'b',
      incarnation: '',
      expectedIncarnation: null,
      ...different,
    }),
  )
}

function behindLength(message: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(message.byteLength)
  return Buffer.concat([length, message])
}
