/** What is particular to datagrams: strangers, names, IPv6, errors of the system, and an end. */
import type * as DnsPromises from 'node:dns/promises'
import { EventEmitter, once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { InvalidArgumentError, MAX_FRAME_BYTES, TransportError } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { fromUrl, udp } from '@paxos/transport-udp'
import { addresses } from '../src/address.ts'
import { closeNodes, inject, introduce, makeTransport, openNode, settle } from './nodes.ts'

/** Look-ups of names that end in .invalid, in order, to be answered by the test. */
const lookups: {
  readonly host: string
  readonly answer: (...ips: (string | null)[]) => void
}[] = []

vi.mock('node:dns/promises', async (importOriginal) => {
  const original = await importOriginal<typeof DnsPromises>()
  const lookup = (host: string, options?: { all?: boolean }): Promise<unknown> => {
    if (!host.endsWith('.invalid')) return original.lookup(host, options ?? {})
    return new Promise((resolve, reject) => {
      const answer = (...ips: (string | null)[]): void => {
        const found = ips.map((address) => ({ address, family: 4 }))
        if (ips.includes(null))
          reject(Object.assign(new Error('No such name'), { code: 'ENOTFOUND' }))
        else resolve(options?.all === true ? found : found[0])
      }
      lookups.push({ host, answer })
    })
  }
  return { ...original, lookup }
})

afterEach(async () => {
  vi.useRealTimers()
  for (const { answer } of lookups.splice(0)) answer(null)
  await closeNodes()
})

async function errorOf(promise: Promise<unknown>): Promise<TransportError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof TransportError) return error
  throw new Error('It did not reject with a TransportError.')
}

const openAt = (listen: string): Promise<void> =>
  makeTransport().open({ id: 'a', listen, peers: new Map(), receive: () => {} })

/** The sockets of this process, once the loop has let go of those that were closed. */
async function sockets(): Promise<number> {
  await nextTurn()
  await nextTurn()
  return process.getActiveResourcesInfo().filter((resource) => resource === 'UDPWrap').length
}

describe('datagrams', () => {
  it('of other protocols are dropped and counted', async () => {
    const [a, b] = [await openNode('a'), await openNode('b')]
    introduce(a, b)
    await inject(b.transport.address, [
      new Uint8Array(),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      new Uint8Array(60_000),
    ])
    await settle(a, b)
    expect(b.inbox).toHaveLength(1)
    expect(b.transport.stats().malformedDatagrams).toBe(3)
  })

  it.each([512, 65_507])('of up to %i bytes carry the largest frame', async (size) => {
    const b = await openNode('b', {}, { maxDatagramBytes: size })
    const a = await openNode('a', { b: b.transport.address }, { maxDatagramBytes: size })
    b.transport.setPeers(new Map([['a', a.transport.address]]))
    const frame = Uint8Array.from({ length: MAX_FRAME_BYTES }, (_, index) => index % 251)
    const arrived = once(b.arrivals, 'frame')
    a.transport.send('b', frame)
    await arrived
    expect(Buffer.compare(b.inbox[0]?.frame ?? new Uint8Array(), frame)).toBe(0)
    expect(a.transport.stats().unsentDatagrams).toBe(0)
  })

  it.each([0, 511, 65_508, 1_200.5, NaN])('of %d bytes can never work, and are refused', (size) => {
    expect(() => udp({ maxDatagramBytes: size })).toThrow(InvalidArgumentError)
  })

  it('that the system refuses are counted, and the next frame goes out', async () => {
    const b = await openNode('b')
    const broadcast = 'udp://255.255.255.255:9'
    const a = await openNode('a', { b: b.transport.address, refused: broadcast })
    b.transport.setPeers(new Map([['a', a.transport.address]]))
    const arrived = once(b.arrivals, 'frame')
    a.transport.send('refused', new Uint8Array(100_000))
    a.transport.send('b', Uint8Array.of(1))
    await arrived
    expect(a.transport.stats().unsentDatagrams).toBeGreaterThan(0)
  })

  it('to a peer that is down come to nothing, and reach it once it is up', async () => {
    const b = await openNode('b')
    const { address } = b.transport
    await b.transport.close()
    const a = await openNode('a', { b: address })
    for (let count = 0; count < 100; count += 1) a.transport.send('b', Uint8Array.of(1))
    const again = await openNode('b', { a: a.transport.address }, { listen: address })
    const arrived = once(again.arrivals, 'frame')
    a.transport.send('b', Uint8Array.of(2))
    await arrived
  })
})

describe('a transport from a URL', () => {
  it('is one from udp(): its options are kept, and open() says where it listens', async () => {
    const b = await openNode('b')
    const a = fromUrl(b.transport.address, { maxDatagramBytes: 512 })
    const peers = new Map([['b', b.transport.address]])
    await a.open({ id: 'a', listen: 'udp://127.0.0.1:0', peers, receive: () => {} })
    b.transport.setPeers(new Map([['a', a.address]]))
    const arrived = once(b.arrivals, 'frame')
    a.send('b', Uint8Array.of(1))
    await arrived
    await a.close()
    expect(a.address).not.toBe(b.transport.address)
    expect(() => fromUrl('udp:', { maxDatagramBytes: 1 })).toThrow(InvalidArgumentError)
    const authentication = { sign: new Uint8Array(31) }
    expect(() => fromUrl('udp:', { authentication })).toThrow(InvalidArgumentError)
  })

  it('needs no options', async () => {
    await fromUrl('udp://127.0.0.1:7000').close()
  })
})

describe('options that no type checked', () => {
  it.each([
    [{ maxDatagram: 512 }, /^Unknown option 'maxDatagram' of udp\(\)\. .*'maxDatagramBytes'\?$/],
    [{ autentication: {} }, /^Unknown option 'autentication' .*'authentication'\?$/],
    [{ authentication: { sgin: 1 } }, /^Unknown option 'sgin' of authentication\. .*'sign'\?$/],
    [{ authentication: null }, /^The options of authentication are null\. /],
    [null, /^The options of udp\(\) are null\. Give an object with maxDatagramBytes, /],
    ['secret', /^The options of udp\(\) are a string\. /],
  ])('are refused by name, with udp() and fromUrl(): %j', (options, message) => {
    const calls = [
      () => Reflect.apply(udp, null, [options]),
      () => Reflect.apply(fromUrl, null, ['udp:', options]),
    ]
    for (const call of calls) {
      expect(call).toThrow(InvalidArgumentError)
      expect(call).toThrow(message)
    }
  })
})

describe('ids', () => {
  it.each([
    ['longer than 255 bytes', 'ñ'.repeat(128)],
    ['that UTF-8 cannot write', 'a\ud800'],
  ])('%s are refused, and nothing is left open', async (_, id) => {
    const before = await sockets()
    const options = { id, listen: 'udp://127.0.0.1:0', peers: new Map(), receive: () => {} }
    await expect(udp().open(options)).rejects.toThrow(InvalidArgumentError)
    expect(await sockets()).toBe(before)
  })
})

describe('addresses', () => {
  it('of IPv6 work, or are unavailable where the machine has none', async () => {
    const transport = makeTransport()
    const peers = new Map<NodeId, string>()
    const arrivals = new EventEmitter()
    const arrived = once(arrivals, 'frame')
    const receive = (): void => void arrivals.emit('frame')
    const result = await transport
      .open({ id: 'b', listen: 'udp://[::1]:0', peers, receive })
      .catch((error: unknown) => error)
    if (result instanceof TransportError) {
      expect(result.code).toBe('ERR_PAXOS_ADDRESS_UNAVAILABLE')
      return
    }
    expect(transport.address).toMatch(/^udp:\/\/\[::1\]:[1-9]\d*$/)
    const a = await openNode('a', { b: transport.address }, { listen: 'udp://[::]:0' })
    const { port } = addresses.parse(a.transport.address) ?? { port: 0 }
    transport.setPeers(new Map([['a', `udp://[::1]:${port}`]]))
    a.transport.send('b', Uint8Array.of(1))
    await arrived
    // The wildcard of IPv6 reaches IPv4 as well.
    const c = await openNode('c', { a: `udp://127.0.0.1:${port}` })
    a.transport.setPeers(new Map([['c', c.transport.address]]))
    const arrivedAtC = once(c.arrivals, 'frame')
    a.transport.send('c', Uint8Array.of(2))
    await arrivedAtC
  })

  it('may be names', async () => {
    const b = await openNode('b', {}, { listen: 'udp://localhost:0' })
    const { port } = addresses.parse(b.transport.address) ?? { port: 0 }
    const listen = b.transport.address.includes('[') ? 'udp://[::1]:0' : 'udp://127.0.0.1:0'
    const a = await openNode('a', { b: `udp://localhost:${port}` }, { listen })
    b.transport.setPeers(new Map([['a', a.transport.address]]))
    const arrived = once(b.arrivals, 'frame')
    a.transport.send('b', Uint8Array.of(1))
    await arrived
  })

  it('of another machine are unavailable, and the error says what to do', async () => {
    const before = await sockets()
    const error = await errorOf(openAt('udp://203.0.113.9:0'))
    expect(error.code).toBe('ERR_PAXOS_ADDRESS_UNAVAILABLE')
    expect(error.message).toMatch(/203\.0\.113\.9.*Take an address of this machine/)
    expect(error.cause).toBeInstanceOf(Error)
    expect(await sockets()).toBe(before)
  })

  it('that are taken say so, and leave nothing open', async () => {
    const none = await sockets()
    const { transport } = await openNode('a')
    const before = await sockets()
    expect(before).toBe(none + 1)
    const error = await errorOf(openAt(transport.address))
    expect(error.code).toBe('ERR_PAXOS_ADDRESS_IN_USE')
    expect(await sockets()).toBe(before)
  })

  it('with a name that does not resolve are unavailable', async () => {
    const opening = errorOf(openAt('udp://nowhere.invalid:0'))
    await nextTurn()
    lookups.shift()?.answer(null)
    expect((await opening).code).toBe('ERR_PAXOS_ADDRESS_UNAVAILABLE')
  })
})

describe('a peer with a name', () => {
  it('that does not resolve neither throws nor holds up the others', async () => {
    const b = await openNode('b')
    const a = await openNode('a', { b: b.transport.address, n: 'udp://nowhere.invalid:7000' })
    b.transport.setPeers(new Map([['a', a.transport.address]]))
    for (let count = 0; count < 10; count += 1) {
      a.transport.send('n', new Uint8Array(1_000))
      await nextTurn()
    }
    expect(lookups.map(({ host }) => host)).toEqual(['nowhere.invalid'])
    lookups.shift()?.answer(null)
    const arrived = once(b.arrivals, 'frame')
    a.transport.send('b', Uint8Array.of(1))
    await arrived
    expect(a.transport.stats().unsentDatagrams).toBeGreaterThan(0)
    expect(lookups).toEqual([])
  })

  it('receives what was sent while it was looked up', async () => {
    const b = await openNode('b')
    const { port } = addresses.parse(b.transport.address) ?? { port: 0 }
    const a = await openNode('a', { b: `udp://b.invalid:${port}` })
    b.transport.setPeers(new Map([['a', a.transport.address]]))
    a.transport.send('b', Uint8Array.of(1))
    await nextTurn()
    const arrived = once(b.arrivals, 'frame')
    lookups.shift()?.answer('127.0.0.1')
    await arrived
  })

  it('with several addresses is found behind the one where it is', async () => {
    const b = await openNode('b')
    const { port } = addresses.parse(b.transport.address) ?? { port: 0 }
    const a = await openNode('a', { b: `udp://b.invalid:${port}` })
    b.transport.setPeers(new Map([['a', a.transport.address]]))
    const arrived = once(b.arrivals, 'frame')
    a.transport.send('b', Uint8Array.of(1))
    await nextTurn()
    // For documentation (RFC 5737): nobody is there.
    lookups.shift()?.answer('192.0.2.1', '127.0.0.1')
    await arrived
  })

  it('is sent nothing when it left before the look-up ended', async () => {
    const b = await openNode('b')
    const { port } = addresses.parse(b.transport.address) ?? { port: 0 }
    const a = await openNode('a', { b: `udp://b.invalid:${port}` })
    b.transport.setPeers(new Map([['a', a.transport.address]]))
    a.transport.send('b', Uint8Array.of(1))
    await nextTurn()
    expect(lookups).toHaveLength(1)
    a.transport.setPeers(new Map([['b', b.transport.address]]))
    lookups.shift()?.answer('127.0.0.1')
    const arrived = once(b.arrivals, 'frame')
    await nextTurn()
    a.transport.send('b', Uint8Array.of(2))
    await arrived
    expect(b.inbox.map(({ frame }) => frame)).toEqual([Uint8Array.of(2)])
  })

  it('holds up close() while it is looked up, which cannot be cancelled, but not for long', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const a = await openNode('a', { n: 'udp://nowhere.invalid:7000' })
    a.transport.send('n', Uint8Array.of(1))
    await nextTurn()
    let isClosed = false
    const closing = a.transport.close().then(() => (isClosed = true))
    for (let turn = 0; turn < 10; turn += 1) await nextTurn()
    expect(isClosed).toBe(false)
    // Nobody answers.
    vi.advanceTimersByTime(100)
    await closing
    expect(lookups).toHaveLength(1)
  })
})

describe('a name of this node itself', () => {
  it('that no name server answers for ends open() at once and holds up close() not for long', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const before = await sockets()
    const transport = makeTransport()
    const opening = errorOf(
      transport.open({ id: 'a', listen: 'udp://a.invalid:0', peers: new Map(), receive: () => {} }),
    )
    await nextTurn()
    expect(lookups).toHaveLength(1)
    let isClosed = false
    const closing = transport.close().then(() => (isClosed = true))
    expect((await opening).code).toBe('ERR_PAXOS_TRANSPORT_STATE')
    for (let turn = 0; turn < 10; turn += 1) await nextTurn()
    expect(isClosed).toBe(false)
    vi.advanceTimersByTime(100)
    await closing
    // It answers at last, and nothing is bound.
    lookups.shift()?.answer('127.0.0.1')
    expect(await sockets()).toBe(before)
  })
})

describe('a peer that leaves', () => {
  it('is still sent what was handed over before', async () => {
    const b = await openNode('b')
    const a = await openNode('a', { b: b.transport.address })
    b.transport.setPeers(new Map([['a', a.transport.address]]))
    await settle(a, b)
    const arrived = once(b.arrivals, 'frame')
    a.transport.send('b', Uint8Array.of(1))
    a.transport.setPeers(new Map())
    await arrived
  })
})

describe('close', () => {
  it('still sends what was handed over before', async () => {
    const b = await openNode('b')
    const a = await openNode('a', { b: b.transport.address })
    b.transport.setPeers(new Map([['a', a.transport.address]]))
    await settle(a, b)
    const arrived = once(b.arrivals, 'frame')
    a.transport.send('b', Uint8Array.of(1))
    await a.transport.close()
    await arrived
  })

  it('frees the socket and every timer', async () => {
    const before = await sockets()
    const a = await openNode('a', { b: 'udp://127.0.0.1:9' })
    expect(await sockets()).toBe(before + 1)
    a.transport.send('b', new Uint8Array(MAX_FRAME_BYTES))
    await a.transport.close()
    expect(await sockets()).toBe(before)
  })
})
