/** What every transport over sockets has from here: its options, whom it dials, and its certificates. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { InvalidArgumentError, TransportError } from '@paxos/core'
import type { TransportWarning } from '@paxos/core'
import { testAuthority } from '@paxos/testkit/certificates'
import { socketLinks, streamChannel } from '@paxos/adapter-kit/sockets'
import type { SocketLinkOptions, SocketMedium, SocketTransport } from '@paxos/adapter-kit/sockets'
import { afterwards, cleanUp } from './cleanup.ts'
import { TCP } from './tcp.ts'

afterEach(cleanUp)

const medium: SocketMedium = {
  name: 'tcp()',
  scheme: TCP,
  serve:
    (host) =>
    ({ socket, provesToBe, identified }) =>
      host.accept({
        open: (events) => streamChannel({ stream: socket, events, onTrusted: identified }),
        provesToBe,
      }),
  opener: (sockets, target, peer) => (events) => {
    const { socket, opensWith } = sockets.dial(target, peer, (problem) => events.onProblem(problem))
    return streamChannel({ stream: socket, events, opensWith })
  },
}

function tcp(options: SocketLinkOptions = {}): SocketTransport {
  const transport = socketLinks(medium, options)
  afterwards(() => transport.close())
  return transport
}

const authority = await testAuthority()
const { ca } = authority
const ofA = { ca, ...(await authority.issue({ commonName: 'a' })) }
const ofB = { ca, ...(await authority.issue({ commonName: 'b' })) }

interface Opened {
  readonly transport: SocketTransport
  readonly warnings: TransportWarning[]
}

async function open(
  id: string,
  options: SocketLinkOptions = {},
  peers: Readonly<Record<string, string>> = {},
): Promise<Opened> {
  const transport = tcp(options)
  const warnings: TransportWarning[] = []
  await transport.open({
    id,
    listen: options.tls === undefined ? 'tcp://127.0.0.1:0' : 'tcps://127.0.0.1:0',
    peers: new Map(Object.entries(peers)),
    receive() {},
    warn: (warning) => warnings.push(warning),
  })
  return { transport, warnings }
}

describe('an option', () => {
  it.each([
    [{ pingInterval: 5 }, /^Unknown option 'pingInterval' of tcp\(\)\. .*'pingIntervalMs'\?$/],
    [{ tsl: {} }, /^Unknown option 'tsl' of tcp\(\)\. Did you mean 'tls'\?$/],
    [{ tls: { cert: '', key: '', certs: '' } }, /^Unknown option 'certs' of tls\. .*'cert'\?$/],
    [{ tls: null }, /^The options of tls are null\. Give an object with ca, cert, /],
    [{ pingIntervalMs: 9 }, /^pingIntervalMs is 9\. Give 10 to /],
    [null, /^The options of tcp\(\) are null\. Give an object with tls, /],
  ])('that is not known or can never work is refused: %j', (options, message) => {
    // As a caller without types would.
    const call = (): unknown => Reflect.apply(socketLinks, null, [medium, options])
    expect(call).toThrow(InvalidArgumentError)
    expect(call).toThrow(message)
  })
})

/** How many servers and connections this process has. */
function openSockets(): number {
  const kinds = ['TCPSocketWrap', 'TCPServerWrap', 'TLSWrap']
  return process.getActiveResourcesInfo().filter((kind) => kinds.includes(kind)).length
}

describe('open', () => {
  it.each<[string, string, SocketLinkOptions]>([
    ['a certificate that is none', 'tcps://127.0.0.1:0', { tls: { ...ofA, cert: 'nonsense' } }],
    ['the certificate of another node', 'tcps://127.0.0.1:0', { tls: ofB }],
    ['no certificate on tcps:', 'tcps://127.0.0.1:0', {}],
    ['a certificate on tcp:', 'tcp://127.0.0.1:0', { tls: ofA }],
  ])('rejects with %s, and leaves nothing open', async (_, listen, options) => {
    const before = openSockets()
    const opening = tcp(options).open({ id: 'a', listen, peers: new Map(), receive() {} })
    await expect(opening).rejects.toMatchObject({ code: 'ERR_PAXOS_CREDENTIALS' })
    expect(openSockets()).toBe(before)
  })
})

describe('a peer', () => {
  it.each<[string, string, SocketLinkOptions]>([
    ['with TLS, by a node without', 'tcps:', {}],
    ['without TLS, by a node with', 'tcp:', { tls: ofA }],
  ])('%s, is never dialled, and that is told with how one is written', async (...row) => {
    const [, scheme, options] = row
    let dials = 0
    const server = createServer((socket) => {
      dials += 1
      socket.destroy()
    })
    server.listen(0, '127.0.0.1')
    afterwards(() => void server.close())
    await once(server, 'listening')
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
    const { port } = server.address() as AddressInfo
    const a = await open('a', options, { x: `${scheme}//127.0.0.1:${port}` })
    const plain = await open('b', {}, { x: `tcp://127.0.0.1:${port}` })
    a.transport.send('x', Uint8Array.of(1))
    // Whoever is dialled first has been dialled when the second has.
    while (plain.transport.stats().failedDials === 0) await nextTurn()
    expect([dials, a.transport.stats().failedDials]).toEqual([1, 0])
    expect(a.warnings).toContainEqual(
      expect.objectContaining({ peer: 'x', message: expect.stringContaining(TCP.example) }),
    )
  })
})

/** The serial number of the certificate that it shows. */
async function shownBy({ transport }: Opened): Promise<string> {
  const socket = connectTls({ port: TCP.require(transport.address).port, ...ofA })
  afterwards(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket.getPeerCertificate().serialNumber
}

describe('reload()', () => {
  it('is that of its sockets: other certificates from then on, or an error and no change', async () => {
    const b = await open('b', { tls: ofB })
    const before = await shownBy(b)
    expect(() => b.transport.reload(ofA)).toThrow(TransportError)
    expect(await shownBy(b)).toBe(before)
    b.transport.reload({ ca, ...(await authority.issue({ commonName: 'b' })) })
    expect(await shownBy(b)).not.toBe(before)
    expect(() => tcp().reload(ofB)).toThrow(/no certificates to replace/)
  })
})
