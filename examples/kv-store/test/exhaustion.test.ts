import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { clientOf, Shares } from '../src/client-address.ts'
import { connectionsWithin } from '../src/descriptors.ts'
import { MAX_VALUE_BYTES } from '../src/limits.ts'
import { Tokens } from '../src/tokens.ts'
import { gate } from './gate.ts'
import { raw, serving } from './serving.ts'
import { connection, get, statusesIn } from './sockets.ts'
import { forEver } from './solo.ts'

const LARGE = 'x'.repeat(MAX_VALUE_BYTES)

describe('more connections than there may be', () => {
  const listen = { limits: { connections: 4, shareOfAddress: 1 } }

  it('that send nothing make room for those that do, the oldest first', async () => {
    const { url, server } = await serving({ listen })
    const silent = [await connection(url), await connection(url)]
    const spoken = await connection(url)
    spoken.socket.write(get('/status'))
    await spoken.received((text) => text.includes('}'))
    silent.push(await connection(url))
    const asking = await connection(url)
    asking.socket.write(get('/status'))
    await asking.received((text) => text.includes('}'))
    await silent[0]?.closed
    expect(server.figures()).toMatchObject({ connections: 4, connectionsCut: 1 })
    // Those that have asked for something are kept longest.
    const [a, b] = [await connection(url), await connection(url)]
    await Promise.all(silent.map(({ closed }) => closed))
    expect([spoken, asking, a, b].map(({ socket }) => socket.destroyed)).not.toContain(true)
  })

  it('never cut one that is being answered; then it is the new one that is refused', async () => {
    const { url, solo, server } = await serving({ listen })
    const all = gate()
    solo.before = () => all.opened
    const busy = await Promise.all([1, 2, 3, 4].map(() => connection(url)))
    for (const { socket } of busy) socket.write(get('/keys/k'))
    while (solo.waits.length < 4) await new Promise(setImmediate)
    const late = await connection(url)
    await late.closed
    expect(server.figures().connectionsCut).toBe(1)
    all.open()
    for (const { received } of busy) {
      expect(statusesIn(await received((text) => text.includes('}}')))).toEqual([404])
    }
  })

  it('leave nothing behind where there was no room: an address that was refused gets in later', async () => {
    const { url, solo, server } = await serving({ listen: { limits: { connections: 4 } } })
    const all = gate()
    solo.before = () => all.opened
    const from = ['127.0.0.2', '127.0.0.2', '127.0.0.3', '127.0.0.3']
    const busy = await Promise.all(from.map((localAddress) => connection(url, { localAddress })))
    for (const { socket } of busy) socket.write(get('/keys/k'))
    while (solo.waits.length < 4) await new Promise(setImmediate)
    for (let refused = 1; refused <= 4; refused += 1) {
      await (
        await connection(url)
      ).closed
      expect(server.figures().connectionsCut).toBe(refused)
    }
    all.open()
    for (const { received } of busy) await received((text) => text.includes('}}'))
    expect((await raw(url, '/status')).status).toBe(200)
  })

  it.each([
    [1024, 896],
    [200, 100],
    [16, 8],
    [1, 1],
    [1 << 20, 8192],
    [Infinity, 8192],
  ])('of %d descriptors %d are for clients, and files keep the others', (all, clients) => {
    expect(connectionsWithin(all)).toBe(clients)
  })

  it('are known from the system', () => {
    expect(connectionsWithin()).toBeGreaterThan(0)
  })
})

describe('requests that are sent ahead on one connection', () => {
  it('are answered one after the other, in order, however many they are', async () => {
    const { url, solo } = await serving()
    let [running, most] = [0, 0]
    solo.before = async () => {
      running += 1
      most = Math.max(most, running)
      await new Promise(setImmediate)
      running -= 1
    }
    const { socket, received } = await connection(url)
    const keys = Array.from({ length: 1000 }, (_, index) => index)
    const asked = keys.map((index) => get(`/keys/k${index}?consistency=local`))
    socket.write([...asked, get('/last')].join(''))
    const text = await received((all) => all.slice(-200).includes('/last'))
    expect(statusesIn(text)).toEqual([...keys, 'last'].map(() => 404))
    expect(most).toBe(1)
  })

  it('of one that is gone are forgotten', async () => {
    const { url, solo } = await serving()
    const held = gate()
    solo.before = () => held.opened
    const { socket } = await connection(url)
    socket.write(get('/keys/k').repeat(10))
    while (solo.waits.length === 0) await new Promise(setImmediate)
    socket.destroy()
    for (let others = 0; others < 5; others += 1) await raw(url, '/status')
    held.open()
    for (let others = 0; others < 5; others += 1) await raw(url, '/status')
    expect(solo.waits).toHaveLength(1)
  })

  it('and are too many in all cost their connection, and nobody else', async () => {
    const { url, solo } = await serving({ listen: { limits: { sentAheadInAll: 50 } } })
    solo.before = forEver
    const { socket, closed } = await connection(url)
    socket.write(get('/keys/k').repeat(60))
    await closed
    expect((await raw(url, '/status')).status).toBe(200)
  })
})

describe('what was taken of every limit', () => {
  it('is given back by requests that were answered, however many', async () => {
    const { url } = await serving({ listen: { limits: { sentAheadInAll: 3, sentAhead: 2 } } })
    const { socket, received } = await connection(url)
    for (let count = 1; count <= 10; count += 1) {
      socket.write(get('/keys/k'))
      const text = await received((all) => statusesIn(all).length === count)
      expect(statusesIn(text)).toHaveLength(count)
    }
  })

  it('is given back by clients that went away in the middle of a request', async () => {
    const limits = { requests: 2, shareOfAddress: 1 }
    const { url, server } = await serving({ listen: { limits } })
    for (let time = 0; time < 5; time += 1) {
      const { socket, closed } = await connection(url)
      socket.write('PUT /keys/k HTTP/1.1\r\nHost: node\r\nContent-Length: 10\r\n\r\nhalf')
      while (server.figures().receivedBytes === 0) await new Promise(setImmediate)
      socket.destroy()
      await closed
      while (server.figures().connections > 0) await new Promise(setImmediate)
      const asking = await connection(url)
      asking.socket.write(get('/status'))
      expect(statusesIn(await asking.received((text) => text.includes('}')))).toEqual([200])
      asking.socket.destroy()
      await asking.closed
    }
    expect(server.figures()).toMatchObject({ requests: 0, receivedBytes: 0, unsentBytes: 0 })
  })
})

describe('answers that nobody reads', () => {
  it('take no more memory than they may together; who asks then is told, and small ones go on', async () => {
    const limits = { unsentBytes: 3 * MAX_VALUE_BYTES, sendStepBytes: MAX_VALUE_BYTES }
    const { url, server } = await serving({ listen: { limits } })
    await raw(url, '/keys/k', { method: 'PUT', body: LARGE })
    const refused = gate()
    const clients = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const client = await connection(url, { reads: false })
        // The buffers of the system take some; all that were sent ahead do not fit.
        client.socket.write(get('/keys/k?consistency=local').repeat(60))
        return client
      }),
    )
    while ((server.figures().refused.get('unavailable') ?? 0) === 0) {
      expect(server.figures().unsentBytes).toBeLessThanOrEqual(limits.unsentBytes)
      expect((await raw(url, '/status')).status).toBe(200)
    }
    refused.open()
    for (const { socket } of clients) socket.destroy()
    while (server.figures().unsentBytes > 0) await raw(url, '/status')
    expect((await raw(url, '/keys/k')).status).toBe(200)
  })

  it('are given up when nothing of them is taken for too long', async () => {
    const limits = { sendStepWithinMs: 20 }
    const { url, server } = await serving({ listen: { limits } })
    await raw(url, '/keys/k', { method: 'PUT', body: LARGE })
    const { socket } = await connection(url, { reads: false })
    socket.write(get('/keys/k?consistency=local').repeat(500))
    const closed = once(socket, 'close')
    while (server.figures().connections > 1) await raw(url, '/status')
    socket.resume()
    await closed
    // The client may see the end before the server has let go of what it could not send.
    while (server.figures().unsentBytes > 0) await raw(url, '/status')
    expect((await raw(url, '/keys/k')).status).toBe(200)
  })

  it('of watches are given up too, and their places are free', async () => {
    const limits = { sendStepWithinMs: 20 }
    const { url, feed, store } = await serving({ listen: { limits } })
    const { socket } = await connection(url, { reads: false })
    socket.write(get('/watch?after=0'))
    let slot = 0
    while (feed.watches === 0) await raw(url, '/status')
    while (feed.watches > 0) {
      store.apply({ type: 'put', key: 'k', value: LARGE }, (slot += 1))
      await raw(url, '/status')
    }
    expect(feed.watches).toBe(0)
  })
})

describe('bodies that do not end', () => {
  it('take no more memory than they may together, and stalled ones make room', async () => {
    const limits = { receivedBytes: 2 * MAX_VALUE_BYTES, stalledAfterMs: 0 }
    const { url, server } = await serving({ listen: { limits } })
    const head = `PUT /keys/k HTTP/1.1\r\nHost: node\r\nContent-Length: ${MAX_VALUE_BYTES}\r\n\r\n`
    const stalled = await Promise.all([1, 2, 3].map(() => connection(url)))
    for (const { socket } of stalled) socket.write(head + LARGE.slice(1))
    await Promise.race(stalled.map(({ closed }) => closed))
    expect(server.figures().receivedBytes).toBeLessThanOrEqual(limits.receivedBytes)
    expect((await raw(url, '/keys/k', { method: 'PUT', body: LARGE })).status).toBe(200)
  })

  it('are refused when others are still sending, and nothing is written', async () => {
    const limits = { receivedBytes: 100, stalledAfterMs: 60_000 }
    const { url, solo } = await serving({ listen: { limits } })
    const answer = await raw(url, '/keys/k', { method: 'PUT', body: 'x'.repeat(101) })
    expect(answer.status).toBe(503)
    expect(answer.body).toContain('"unavailable"')
    expect(solo.waits).toEqual([])
  })
})

describe('deadlines', () => {
  const limits = { deadlinesEveryMs: 5, headWithinMs: 20, receiveWithinMs: 40 }
  it.each([
    ['a connection that sends nothing', ''],
    ['a head that does not end', 'GET / HTTP/1.1\r\nHost: node\r\n'],
    [
      'a body that does not end',
      'PUT /keys/k HTTP/1.1\r\nHost: node\r\nContent-Length: 9\r\n\r\nx',
    ],
  ])('%s is closed in time', async (_, bytes) => {
    const { url } = await serving({ listen: { limits } })
    const { socket, closed } = await connection(url)
    socket.write(bytes)
    await closed
  })
})

describe('requests that are answered at once', () => {
  it('are so many and no more: the next is told to ask another node', async () => {
    const { url, solo, server } = await serving({
      listen: { limits: { requests: 2, shareOfAddress: 1 } },
    })
    const all = gate()
    solo.before = () => all.opened
    const running = [1, 2].map(() => raw(url, '/keys/k'))
    while (solo.waits.length < 2) await new Promise(setImmediate)
    expect(await raw(url, '/status')).toMatchObject({ status: 503 })
    all.open()
    for (const answer of running) expect((await answer).status).toBe(404)
    while (server.figures().requests > 0) await new Promise(setImmediate)
    expect((await raw(url, '/status')).status).toBe(200)
  })

  it('are not those that watch', async () => {
    const { url, feed } = await serving({ listen: { limits: { requests: 2, shareOfAddress: 1 } } })
    for (let watches = 0; watches < 5; watches += 1) {
      const { socket, received } = await connection(url)
      socket.write(get('/watch'))
      await received((text) => text.includes('ready'))
    }
    expect(feed.watches).toBe(5)
    expect((await raw(url, '/status')).status).toBe(200)
  })
})

describe('what one address may have', () => {
  const [greedy, other] = [{ localAddress: '127.0.0.2' }, { localAddress: '127.0.0.3' }]

  it('is a part of the watches: then it is refused, and others are not', async () => {
    const { url, feed } = await serving({ listen: { limits: { watches: 4 } } })
    const ask = async (where: { readonly localAddress: string }): Promise<number[]> => {
      const { socket, received } = await connection(url, where)
      socket.write(get('/watch'))
      return statusesIn(await received((text) => text.includes('ready') || text.includes('}}')))
    }
    expect([await ask(greedy), await ask(greedy), await ask(greedy)]).toEqual([[200], [200], [503]])
    expect(feed.watches).toBe(2)
    expect([await ask(other), await ask(other)]).toEqual([[200], [200]])
  })

  it('is had again when one of its watches has ended', async () => {
    const { url, feed } = await serving({ listen: { limits: { watches: 2 } } })
    for (let time = 0; time < 5; time += 1) {
      const { socket, received } = await connection(url, greedy)
      socket.write(get('/watch'))
      expect(statusesIn(await received((text) => /ready|}}/.test(text)))).toEqual([200])
      socket.destroy()
      while (feed.watches > 0) await raw(url, '/status')
    }
  })

  it('is a part of the requests at once', async () => {
    const { url, solo } = await serving({ listen: { limits: { requests: 4 } } })
    const all = gate()
    solo.before = () => all.opened
    const busy = await Promise.all([1, 2].map(() => connection(url, greedy)))
    for (const { socket } of busy) socket.write(get('/keys/k'))
    while (solo.waits.length < 2) await new Promise(setImmediate)
    const third = await connection(url, greedy)
    third.socket.write(get('/status'))
    expect(statusesIn(await third.received((text) => text.includes('}}')))).toEqual([503])
    expect((await raw(url, '/status')).status).toBe(200)
    all.open()
    for (const { received } of busy) {
      expect(statusesIn(await received((text) => text.includes('}}')))).toEqual([404])
    }
    const later = await connection(url, greedy)
    later.socket.write(get('/keys/k'))
    expect(statusesIn(await later.received((text) => text.includes('}}')))).toEqual([404])
  })

  it('is a part of the connections: its own make room, and never those of others', async () => {
    const { url, server } = await serving({ listen: { limits: { connections: 8 } } })
    const others = await Promise.all([1, 2, 3, 4].map(() => connection(url, other)))
    const own = []
    for (let count = 0; count < 20; count += 1) own.push(await connection(url, greedy))
    await Promise.all(own.slice(0, 16).map(({ closed }) => closed))
    expect(server.figures()).toMatchObject({ connections: 8, connectionsCut: 16 })
    for (const { socket, received } of others) {
      socket.write(get('/status'))
      expect(statusesIn(await received((text) => text.includes('}')))).toEqual([200])
    }
  })

  it('is not counted for those who show a token', async () => {
    const token = 'a-token-that-is-known'
    const tokens = new Tokens([token])
    const { url, feed } = await serving({ listen: { tokens, limits: { watches: 2 } } })
    const shown = get('/watch').replace('\r\n\r\n', `\r\nAuthorization: Bearer ${token}\r\n\r\n`)
    for (let count = 0; count < 4; count += 1) {
      const { socket, received } = await connection(url, greedy)
      socket.write(shown)
      expect(statusesIn(await received((text) => /ready|}}/.test(text)))).toEqual([200])
    }
    expect(feed.watches).toBe(4)
  })

  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['2001:db8:0:1::5', '2001:db8:0:1::/64'],
    ['2001:db8:0:1:2:3:4:5', '2001:db8:0:1::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    [undefined, ''],
  ])('%s counts as %s', (address, client) => {
    expect(clientOf(address)).toBe(client)
  })

  it('is one at least, and forgets who holds nothing', () => {
    const shares = new Shares(1, 0.5)
    expect([shares.take('a'), shares.take('a'), shares.take('b')]).toEqual([true, false, true])
    shares.give('a')
    expect(shares.take('a')).toBe(true)
  })
})
