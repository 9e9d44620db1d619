/** A port, and who dials it, over real sockets: who is let in, who is left, and what is counted. */
import { X509Certificate } from 'node:crypto'
import type * as DnsPromises from 'node:dns/promises'
import { once } from 'node:events'
import { connect, createServer, Socket } from 'node:net'
import type { Server } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { InvalidArgumentError, TransportError } from '@paxos/core'
import type { NodeId, PeerProblem } from '@paxos/core'
import { testAuthority } from '@paxos/testkit/certificates'
import type { CertificateSubject } from '@paxos/testkit/certificates'
import type { LinkHost } from '@paxos/adapter-kit/links'
import { makeSockets, requireUrl, streamChannel } from '@paxos/adapter-kit/sockets'
import type { Guest, SocketOptions, Sockets, TlsOptions } from '@paxos/adapter-kit/sockets'
import {
  ADDRESS_TIMEOUT_MS,
  CLOSE_TIMEOUT_MS,
  IDENTIFY_TIMEOUT_MS,
  MAX_UNIDENTIFIED_CONNECTIONS,
} from '../../src/sockets/limits.ts'
import type * as Timer from '../../src/sockets/timer.ts'
import { afterwards, cleanUp } from './cleanup.ts'
import { record } from './recorded.ts'
import { TCP, tcpMedium } from './tcp.ts'

/** The moments that are waited for, each of which a test may let come. */
const moments: { readonly atMs: number; readonly come: () => void }[] = []

vi.mock('../../src/sockets/timer.ts', async (importOriginal) => {
  const original = await importOriginal<typeof Timer>()
  return {
    ...original,
    at(...[atMs, come]: Parameters<typeof original.at>) {
      moments.push({ atMs, come })
      return original.at(atMs, come)
    },
  }
})

/** What names that end in .invalid are found to be. */
const found = new Map<string, readonly string[] | Promise<never>>()

vi.mock('node:dns/promises', async (importOriginal) => {
  const original = await importOriginal<typeof DnsPromises>()
  const lookup = async (host: string, options: { all: true }): Promise<unknown> => {
    if (!host.endsWith('.invalid')) return original.lookup(host, options)
    const addresses = (await found.get(host)) ?? []
    if (addresses.length > 0) return addresses.map((address) => ({ address, family: 4 }))
    throw Object.assign(new Error('No such name'), { code: 'ENOTFOUND' })
  }
  return { ...original, lookup }
})

afterEach(async () => {
  vi.useRealTimers()
  moments.length = 0
  await cleanUp()
})

const authority = await testAuthority()
const otherAuthority = await testAuthority()
const { ca } = authority

/** As TlsOptions, and as node:tls takes it. */
interface Pem {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

async function tlsOf(subject: CertificateSubject): Promise<Pem> {
  return { ca, ...(await authority.issue(subject)) }
}

const tlsA = await tlsOf({ commonName: 'a' })
const tlsB = await tlsOf({ commonName: 'b' })

/** Sockets that listen, who has come, and what was told. */
interface Port {
  readonly sockets: Sockets
  readonly address: string
  readonly port: number
  readonly guests: Guest[]
  /** The next one that is handed over. */
  readonly next: () => Promise<Guest>
  /** What each was turned away as: the problem where one was found, or else the counter. */
  readonly refused: string[]
  readonly warnings: PeerProblem[]
  close(): Promise<void>
}

async function open(
  self: NodeId,
  options: Partial<SocketOptions> & { readonly listen?: string; signal?: AbortSignal } = {},
): Promise<Port> {
  const {
    signal = new AbortController().signal,
    listen = options.tls === undefined ? 'tcp://127.0.0.1:0' : 'tcps://127.0.0.1:0',
    ...rest
  } = options
  const guests: Guest[] = []
  const waiting: ((guest: Guest) => void)[] = []
  const refused: string[] = []
  const warnings: PeerProblem[] = []
  const sockets = makeSockets({
    scheme: TCP,
    ...rest,
  })
  const listening = await sockets.listen(
    listen,
    {
      self,
      signal,
      refused: (counter, problem) => refused.push(problem?.reason ?? counter),
      warn: (problem) => warnings.push(problem),
    },
    (guest) => {
      guests.push(guest)
      afterwards(() => void guest.socket.destroy())
      waiting.shift()?.(guest)
    },
  )
  let closing: Promise<void> | null = null
  const end = (): Promise<void> => (closing ??= listening.close())
  afterwards(() => {
    for (const { socket } of guests) socket.destroy()
    return end()
  })
  return {
    sockets,
    address: listening.address,
    port: TCP.require(listening.address).port,
    guests,
    next: () => new Promise((resolve) => waiting.push(resolve)),
    refused,
    warnings,
    close: end,
  }
}

/** A plain connection. */
async function plain(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  afterwards(() => void socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** A connection with TLS, of somebody who shows what the test wants. */
function secured(port: number, options: ConnectionOptions): ReturnType<typeof connectTls> {
  const socket = connectTls({ port, host: '127.0.0.1', ca, ...options })
  afterwards(() => void socket.destroy())
  socket.on('error', () => {})
  return socket
}

/** Dials, and waits until it is open or closed; what went wrong. */
async function dialled(from: Port, to: string, peer: NodeId): Promise<[Socket, PeerProblem[]]> {
  const target = from.sockets.target(to)
  if (target === null) throw new Error('It cannot be dialled.')
  const problems: PeerProblem[] = []
  const { socket, opensWith } = from.sockets.dial(target, peer, (problem) => problems.push(problem))
  afterwards(() => void socket.destroy())
  await Promise.race([
    new Promise((resolve) => socket.once(opensWith, resolve)),
    new Promise((resolve) => socket.once('close', resolve)),
  ])
  return [socket, problems]
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await nextTurn()
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  afterwards(() => void server.close())
  await once(server, 'listening')
  const bound = server.address()
  return typeof bound === 'object' && bound !== null ? bound.port : 0
}

async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (reason: unknown) => reason,
  )
}

/** Somebody who comes, and is handed over. */
async function dialledBy(b: Port): Promise<Guest> {
  const arrival = b.next()
  if (b.address.startsWith('tcps:')) secured(b.port, tlsA)
  else await plain(b.port)
  return arrival
}

/** The serial number of the certificate that is shown. */
async function shownBy(b: Port, authorities: string): Promise<string> {
  const socket = secured(b.port, { ...tlsA, ca: authorities })
  await once(socket, 'secureConnect')
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}

function aborting(): { readonly signal: AbortSignal; readonly abort: (reason: Error) => void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: (reason) => controller.abort(reason) }
}

describe('a port', () => {
  it('has a real port in its address, and an IP address in place of a name', async () => {
    const { address } = await open('b', { listen: 'tcp://localhost:0' })
    expect(address).toMatch(/^tcp:\/\/(127\.0\.0\.1|\[::1\]):[1-9]\d*$/)
  })

  it.each<[string, (taken: string) => string, string, RegExp]>([
    ['taken', (taken) => taken, 'ERR_PAXOS_ADDRESS_IN_USE', /is taken\. Stop who has it/],
    [
      'another machine’s',
      () => 'tcp://192.0.2.1:0',
      'ERR_PAXOS_ADDRESS_UNAVAILABLE',
      /does not have it\. Take an address of this machine/,
    ],
    [
      'nobody’s name',
      () => 'tcp://nowhere.invalid.:0',
      'ERR_PAXOS_ADDRESS_UNAVAILABLE',
      /does not have it/,
    ],
    [
      'malformed',
      () => 'tcp://127.0.0.1',
      'ERR_PAXOS_ADDRESS_MALFORMED',
      /Write tcp:\/\/host:port/,
    ],
  ])('that is %s is refused, and the error says the way out', async (_, listen, code, message) => {
    const { address } = await open('b')
    const error = await rejectionOf(open('c', { listen: listen(address) }))
    expect(error).toBeInstanceOf(TransportError)
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it.each<[string, string, TlsOptions | undefined]>([
    ['tcps: without a certificate', 'tcps://127.0.0.1:0', undefined],
    ['tcp: with one', 'tcp://127.0.0.1:0', tlsB],
  ])('of %s is refused, and so is the URL', async (_, listen, tls) => {
    const error = await rejectionOf(open('b', { listen, ...(tls === undefined ? {} : { tls }) }))
    expect(error).toMatchObject({ code: 'ERR_PAXOS_CREDENTIALS' })
    const said = error instanceof Error ? error.message : ''
    expect(said).toMatch(/Give the option tls|leave out the option tls/)
    expect(() => requireUrl(TCP, listen, tls)).toThrow(said)
    requireUrl(TCP, listen, tls === undefined ? tlsB : undefined)
  })

  it('at a name that no name server answers for is given up when it is not wanted any more', async () => {
    const { signal, abort } = aborting()
    found.set('silent.invalid', new Promise(() => {}))
    const listen = 'tcp://silent.invalid:0'
    const opening = rejectionOf(open('b', { listen, signal }))
    const reason = new TransportError('ERR_PAXOS_TRANSPORT_STATE', 'It was closed.')
    abort(reason)
    expect(await opening).toBe(reason)
  })

  it('takes nobody any more once it is closed, and waits for those who are known', async () => {
    const b = await open('b')
    const known = await plain(b.port)
    await until(() => b.guests.length === 1)
    b.guests[0]?.identified()
    const stranger = await plain(b.port)
    await until(() => b.guests.length === 2)
    let isClosed = false
    const closing = b.close().then(() => (isClosed = true))
    await once(stranger.resume(), 'close')
    expect([known.destroyed, isClosed]).toEqual([false, false])
    b.guests[0]?.socket.end('bye')
    const [farewell] = await once(known, 'data')
    expect(String(farewell)).toBe('bye')
    known.end()
    await closing
    await expect(plain(b.port)).rejects.toThrow(/ECONNREFUSED/)
  })
})

describe('who was known until the port closed', () => {
  it('is left a moment to say goodbye, and then ended by force', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const b = await open('b')
    const arrival = b.next()
    const peer = await plain(b.port)
    const guest = await arrival
    guest.identified()
    const closing = b.close()
    guest.unidentified()
    guest.socket.write('bye')
    const [said] = await once(peer, 'data')
    expect(String(said)).toBe('bye')
    vi.advanceTimersByTime(CLOSE_TIMEOUT_MS - 1)
    expect(guest.socket.destroyed).toBe(false)
    vi.advanceTimersByTime(1)
    expect(guest.socket.destroyed).toBe(true)
    await closing
    expect(b.refused).toEqual([])
  })
})

describe('who does not say who it is', () => {
  // However long the others take here: nobody's time runs out by itself.
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })

  it.each<[string, TlsOptions | undefined]>([
    ['after connecting', undefined],
    ['in the middle of TLS', tlsB],
  ])('%s is closed in time, and who did is not', async (_, tls) => {
    const b = await open('b', tls === undefined ? {} : { tls })
    const arrival = b.next()
    const honest = tls === undefined ? await plain(b.port) : secured(b.port, tlsA)
    const guest = await arrival
    guest.identified()
    const silent = await plain(b.port)
    // The next one is seen after it.
    await expect(dialledBy(b)).resolves.toBeDefined()
    const closed = once(silent.resume(), 'close')
    vi.advanceTimersByTime(IDENTIFY_TIMEOUT_MS - 1)
    expect(b.refused).toEqual([])
    vi.advanceTimersByTime(1)
    await closed
    expect(b.refused).toContain('unidentifiedConnections')
    honest.write('x')
    await once(guest.socket, 'data')
  })

  it('any more has as long as whoever has just come', async () => {
    const b = await open('b')
    const guest = await dialledBy(b)
    guest.identified()
    vi.advanceTimersByTime(2 * IDENTIFY_TIMEOUT_MS)
    guest.unidentified()
    vi.advanceTimersByTime(IDENTIFY_TIMEOUT_MS - 1)
    expect([guest.socket.destroyed, b.refused]).toEqual([false, []])
    vi.advanceTimersByTime(1)
    expect(guest.socket.destroyed).toBe(true)
    expect(b.refused).toHaveLength(1)
  })

  it('makes room for others: the oldest goes first', async () => {
    const b = await open('b')
    const known = await dialledBy(b)
    known.identified()
    for (let count = 0; count < MAX_UNIDENTIFIED_CONNECTIONS; count += 1) await dialledBy(b)
    expect(b.refused).toEqual([])
    await dialledBy(b)
    const gone = b.guests.map(({ socket }) => socket.destroyed)
    expect(gone.filter((isGone) => isGone)).toHaveLength(1)
    expect(gone.slice(0, 3)).toEqual([false, true, false])
    expect(b.refused).toHaveLength(1)
  })

  it('costs nothing any more when it has gone by itself', async () => {
    const b = await open('b')
    for (let count = 0; count < MAX_UNIDENTIFIED_CONNECTIONS + 2; count += 1) {
      const arrival = b.next()
      const socket = await plain(b.port)
      const { socket: seen } = await arrival
      const left = once(seen.resume(), 'close')
      socket.destroy()
      await left
    }
    expect([b.refused, vi.getTimerCount()]).toEqual([[], 0])
  })
})

describe('who dials a port with TLS', () => {
  it('proves to be whom its certificate names, and nobody else', async () => {
    const b = await open('b', { tls: tlsB })
    const arrival = b.next()
    secured(b.port, tlsA)
    const guest = await arrival
    expect(['a', 'b', '', 'A'].map((id) => guest.provesToBe(id))).toEqual([
      true,
      false,
      false,
      false,
    ])
  })

  it.each<[string, string, () => Promise<ConnectionOptions>]>([
    ['shows no certificate', 'credentials', async () => ({})],
    [
      'shows one that has expired',
      'credentials',
      () => authority.issue({ commonName: 'a', expired: true }),
    ],
    [
      'shows one of another authority',
      'credentials',
      () => otherAuthority.issue({ commonName: 'a' }),
    ],
  ])('and %s does not get past it, and is told of', async (_, reason, credentials) => {
    const b = await open('b', { tls: tlsB })
    secured(b.port, await credentials()).resume()
    await until(() => b.refused.length > 0)
    expect([b.guests, b.refused]).toEqual([[], [reason]])
    const arrival = b.next()
    secured(b.port, tlsA)
    await arrival
  })

  it('in the clear, or with noise, is closed on and told of', async () => {
    const b = await open('b', { tls: tlsB })
    const socket = await plain(b.port)
    const closed = once(socket.resume(), 'close')
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await closed
    expect(b.refused).toEqual(['failedHandshakes'])
    expect(b.guests).toEqual([])
  })

  it('and does not agree on what is spoken is closed on and told of', async () => {
    const b = await open('b', { tls: tlsB, protocol: 'h2' })
    const other = secured(b.port, { ...tlsA })
    await once(other.resume(), 'close')
    expect(b.refused).toHaveLength(1)
    const arrival = b.next()
    secured(b.port, { ...tlsA, ALPNProtocols: ['h2'] })
    await arrival
  })

  it('needs no certificate, and is believed, where only who listens shows one', async () => {
    const b = await open('b', { tls: { ...tlsB, mutual: false } })
    const arrival = b.next()
    secured(b.port, {})
    const guest = await arrival
    expect(guest.provesToBe('anybody')).toBe(true)
  })

  it('is left when its certificate ends, and that is warned of', async () => {
    const short = await tlsOf({ commonName: 'a', lastsMs: 12 * 60 * 60 * 1_000 })
    const endMs = Date.parse(new X509Certificate(short.cert).validTo)
    const b = await open('b', { tls: tlsB })
    const arrival = b.next()
    secured(b.port, short)
    const guest = await arrival
    guest.identified()
    const closed = once(guest.socket.resume(), 'close')
    for (const { atMs, come } of moments) if (atMs === endMs) come()
    await closed
    expect(b.warnings).toContainEqual(
      expect.objectContaining({ message: expect.stringMatching(/connected peer has expired/) }),
    )
  })
})

describe('a peer that is dialled', () => {
  it.each<[string, TlsOptions | undefined, TlsOptions | undefined]>([
    ['in the clear', undefined, undefined],
    ['over TLS', tlsA, tlsB],
  ])('%s is reached, by its IP address and by its name', async (_, own, its) => {
    const a = await open('a', own === undefined ? {} : { tls: own })
    const b = await open('b', its === undefined ? {} : { tls: its })
    for (const host of ['127.0.0.1', 'localhost']) {
      const arrival = b.next()
      const [socket, problems] = await dialled(
        a,
        TCP.format({ isSecure: own !== undefined, host, port: b.port }),
        'b',
      )
      await arrival
      expect([socket.destroyed, problems]).toEqual([false, []])
    }
  })

  it.each<[string, RegExp, () => Promise<Omit<Pem, 'ca'>>]>([
    ['names somebody else', /not the id of its node/, () => tlsOf({ commonName: 'c' })],
    ['names nobody', /not the id of its node/, () => tlsOf({})],
    ['has expired', /not accepted/, () => tlsOf({ commonName: 'b', expired: true })],
    ['is for another host', /not accepted/, () => tlsOf({ commonName: 'b', hosts: ['10.9.8.7'] })],
    [
      'is of another authority',
      /not accepted/,
      async () => otherAuthority.issue({ commonName: 'b' }),
    ],
  ])('is left when its certificate %s, and that is told', async (_, message, certificate) => {
    const impostor = createTlsServer({ ...(await certificate()), requestCert: true })
    impostor.on('connection', (socket: Socket) => socket.on('error', () => {}))
    impostor.on('tlsClientError', () => {})
    const a = await open('a', { tls: tlsA })
    const [socket, problems] = await dialled(a, `tcps://127.0.0.1:${await portOf(impostor)}`, 'b')
    await until(() => socket.destroyed)
    expect(problems).toContainEqual(
      expect.objectContaining({
        reason: 'credentials',
        message: expect.stringMatching(message),
      }),
    )
  })

  it('need not be named by its certificate where ids are claimed, but its host must', async () => {
    const claimed = { ...(await tlsOf({})), mutual: false }
    const a = await open('a', { tls: claimed })
    const b = await open('b', { tls: claimed })
    const [socket] = await dialled(a, b.address, 'b')
    expect(socket.destroyed).toBe(false)
    const elsewhere = await open('b', {
      tls: { ...(await tlsOf({ hosts: ['10.9.8.7'] })), mutual: false },
    })
    const [, problems] = await dialled(a, elsewhere.address, 'b')
    expect(problems).toContainEqual(expect.objectContaining({ reason: 'credentials' }))
  })

  it('is left when its certificate ends, and that is told', async () => {
    const short = await tlsOf({ commonName: 'b', lastsMs: 12 * 60 * 60 * 1_000 })
    const endMs = Date.parse(new X509Certificate(short.cert).validTo)
    const a = await open('a', { tls: tlsA })
    const b = await open('b', { tls: short })
    const arrival = b.next()
    const [socket, problems] = await dialled(a, b.address, 'b')
    const guest = await arrival
    guest.identified()
    const closed = once(socket.resume(), 'close')
    for (const { atMs, come } of moments) if (atMs === endMs) come()
    await closed
    expect(problems).toContainEqual(
      expect.objectContaining({ message: expect.stringMatching(/has expired/) }),
    )
  })

  it('at a name with several addresses is found at any of them, and each has the time that a slow one takes', async () => {
    const connecting = vi.spyOn(Socket.prototype, 'connect')
    afterwards(() => connecting.mockRestore())
    const a = await open('a')
    const b = await open('b')
    // Nobody listens on the first.
    found.set('b.invalid', ['127.0.0.9', '127.0.0.1'])
    const [socket] = await dialled(a, `tcp://b.invalid:${b.port}`, 'b')
    expect(socket.remoteAddress).toBe('127.0.0.1')
    const asked = { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS }
    expect(connecting.mock.calls.flat(2)).toContainEqual(
      expect.objectContaining({ host: 'b.invalid', ...asked }),
    )
  })

  it.each([
    ['at a name that there is not', 'tcp://nowhere.invalid:9', 'address'],
    ['where nobody listens', 'tcp://127.0.0.1:9', 'no-answer'],
  ])('%s is a problem that is told, and nothing is thrown', async (_, address, reason) => {
    const a = await open('a')
    const [socket, problems] = await dialled(a, address, 'b')
    await until(() => socket.destroyed)
    expect(problems).toEqual([expect.objectContaining({ reason })])
  })

  it('of the other kind of security, without a port, or at nonsense is not dialled', async () => {
    const a = await open('a')
    const secure = await open('a', { tls: tlsA })
    for (const address of ['tcps://127.0.0.1:9', 'tcp://127.0.0.1:0', '127.0.0.1:9', '']) {
      expect(a.sockets.target(address)).toBeNull()
    }
    expect(secure.sockets.target('tcp://127.0.0.1:9')).toBeNull()
    expect(secure.sockets.target('tcps://127.0.0.1:9')).not.toBeNull()
  })
})

describe('reload()', () => {
  it('shows the new certificate from then on, trusts the new authorities, and dials with them', async () => {
    const b = await open('b', { tls: tlsB })
    const before = await shownBy(b, ca)
    const both = `${ca}\n${otherAuthority.ca}`
    b.sockets.reload({ ca: both, ...(await otherAuthority.issue({ commonName: 'b' })) })
    expect(await shownBy(b, both)).not.toBe(before)
    const a = await open('a', {
      tls: { ca: otherAuthority.ca, ...(await otherAuthority.issue({ commonName: 'a' })) },
    })
    const arrival = a.next()
    const [socket, problems] = await dialled(b, a.address, 'a')
    expect((await arrival).provesToBe('b')).toBe(true)
    expect([socket.destroyed, problems]).toEqual([false, []])
  })

  it('of what cannot be used says so, and changes nothing', async () => {
    const b = await open('b', { tls: tlsB })
    const before = await shownBy(b, ca)
    const expired = await tlsOf({ commonName: 'b', expired: true })
    expect(() => b.sockets.reload(expired)).toThrow(TransportError)
    expect(() => b.sockets.reload(tlsA)).toThrow(/is for 'a'/)
    expect(() => b.sockets.reload({ ...tlsB, key: 'no key' })).toThrow(TransportError)
    expect(() => b.sockets.reload({ ...tlsB, mutual: false })).toThrow(InvalidArgumentError)
    expect(await shownBy(b, ca)).toBe(before)
    const unsecured = await open('c')
    expect(() => unsecured.sockets.reload(tlsB)).toThrow(/no certificates to replace/)
  })

  it('warns of what it is given, as listen() does', async () => {
    const b = await open('b', { tls: { ...tlsB, ca: otherAuthority.ca } })
    const told = expect.objectContaining({
      reason: 'credentials',
      message: expect.stringMatching(/none of the authorities/),
    })
    expect(b.warnings).toEqual([told])
    b.sockets.reload(tlsB)
    expect(b.warnings).toHaveLength(1)
    b.sockets.reload({ ...tlsB, ca: otherAuthority.ca })
    expect(b.warnings).toEqual([told, told])
  })
})

function hostOf(self: NodeId, accept: LinkHost['accept']): LinkHost {
  return { self, accept, signal: new AbortController().signal, refused() {}, warn() {} }
}

describe('a medium of sockets and stream channels', () => {
  it.each<[string, TlsOptions | undefined, TlsOptions | undefined]>([
    ['TCP', undefined, undefined],
    ['TLS', tlsA, tlsB],
  ])('over %s carries messages between two nodes, and closes', async (_, own, its) => {
    const listen = own === undefined ? 'tcp://127.0.0.1:0' : 'tcps://127.0.0.1:0'
    const [a, b] = [tcpMedium(own), tcpMedium(its)]
    const atA = await a.listen(
      listen,
      hostOf('a', () => {}),
    )
    let arrive: ((host: ReturnType<typeof record>) => void) | null = null
    const arrived = new Promise<ReturnType<typeof record>>((resolve) => (arrive = resolve))
    const atB = await b.listen(
      listen,
      hostOf('b', (visitor) => {
        expect(visitor.provesToBe?.('a')).toBe(true)
        arrive?.(record(visitor.open, (channel) => channel.trust?.()))
      }),
    )
    const opener = a.dial(atB.address, 'b')
    if (opener === null) throw new Error('It cannot be dialled.')
    const near = record(opener)
    await near.told('onOpen')
    near.channel.send([Uint8Array.of(1), new Uint8Array(100_000)])
    const far = await arrived
    await far.until(() => far.messages.length === 2)
    near.channel.close()
    await Promise.all([near.told('onClosed'), far.told('onClosed')])
    await Promise.all([atA.close(), atB.close()])
  })

  it('tells of a dial that came to nothing, and closes it', async () => {
    const server = createServer()
    const port = await portOf(server)
    server.close()
    const a = await open('a')
    const target = a.sockets.target(`tcp://127.0.0.1:${port}`)
    if (target === null) throw new Error('It cannot be dialled.')
    const { names, problems, told } = record((events) => {
      const { socket, opensWith } = a.sockets.dial(target, 'b', () => {})
      return streamChannel({ stream: socket, events, opensWith })
    })
    await told('onClosed')
    expect(names).toEqual(['onProblem', 'onClosed'])
    expect(problems).toEqual([expect.objectContaining({ reason: 'no-answer' })])
  })
})
