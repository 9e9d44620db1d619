import { createServer } from 'node:net'
import { once } from 'node:events'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ClosedError, TimeoutError } from '@paxos/replica'
import {
  connect,
  OutcomeUnknownError,
  RequestError,
  TooManySessionsError,
  TooManyWritesError,
  UnavailableError,
  WatchLaggedError,
} from '../src/client.ts'
import type { Change } from '../src/commands.ts'
import { Deadline } from '../src/deadline.ts'
import { MAX_KEY_BYTES, MAX_VALUE_BYTES } from '../src/limits.ts'
import { Sessions } from '../src/sessions.ts'
import { badNetwork, MISHAPS } from './bad-network.ts'
import type { Mishap } from './bad-network.ts'
import { gate } from './gate.ts'
import { serving } from './serving.ts'
import type { Serving } from './serving.ts'
import { forEver } from './solo.ts'

/** The first node is always the first of the list. */
const random = (): number => 0

/** An address where nobody listens. */
async function nobody(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`
}

/** Writes the key `k<slot>` on all of them. */
function apply(slot: number, ...services: Serving[]): void {
  for (const { store } of services) store.apply({ type: 'put', key: `k${slot}`, value: '' }, slot)
}

/** Every change of the store from now on. */
function changesOf({ store, feed }: Serving): () => Promise<Change[]> {
  const watch = feed.watch('')
  return async () => {
    const changes: Change[] = []
    while ((changes.at(-1)?.revision ?? 0) < store.through) {
      const told = await watch?.next()
      if (told?.type !== 'change') break
      changes.push(told.change)
    }
    return changes
  }
}

describe('the client reads and writes', () => {
  it('what it puts it gets, with the revision; what it deletes is gone', async () => {
    const { url } = await serving()
    const client = connect({ nodes: [url] })
    const revision = await client.put('a key/☕', 'a value\n')
    expect(await client.get('a key/☕')).toEqual({ value: 'a value\n', revision })
    expect(await client.delete('a key/☕')).toBe(true)
    expect(await client.delete('a key/☕')).toBe(false)
    expect(await client.get('a key/☕')).toBeNull()
  })

  it('compare-and-set writes at the right revision only, and says which it is', async () => {
    const { url } = await serving()
    const client = connect({ nodes: [url] })
    const first = await client.compareAndSet('k', 0, 'a')
    expect(first).toMatchObject({ isDone: true })
    const { revision } = first
    expect(await client.compareAndSet('k', 0, 'b')).toEqual({ isDone: false, revision })
    expect(await client.compareAndSet('k', revision + 9, 'b')).toEqual({ isDone: false, revision })
    expect(await client.compareAndSet('k', revision, 'c')).toMatchObject({ isDone: true })
    expect(await client.get('k')).toMatchObject({ value: 'c' })
    expect(await client.compareAndSet('absent', 3, 'x')).toEqual({ isDone: false, revision: 0 })
  })

  it('lists everything, over many pages', async () => {
    const { url, store } = await serving()
    const keys = Array.from({ length: 2500 }, (_, index) => `k/${String(index).padStart(4, '0')}`)
    for (const [index, key] of keys.entries()) {
      store.apply({ type: 'put', key, value: `v${index}` }, index + 1)
    }
    store.apply({ type: 'put', key: 'other', value: '' }, keys.length + 1)
    const listed: string[] = []
    for await (const { key } of connect({ nodes: [url] }).list({ prefix: 'k/' })) listed.push(key)
    expect(listed).toEqual(keys)
  })

  it('status and digest are those of a node', async () => {
    const { url, solo } = await serving()
    const client = connect({ nodes: [url] })
    expect(await client.status()).toEqual({ ...solo.status(), refused: {} })
    expect(await client.digest({ consistency: 'local' })).toMatchObject({ count: 0 })
  })

  it('several writes at once each have a session of their own', async () => {
    const { url, store } = await serving()
    const client = connect({ nodes: [url] })
    const keys = Array.from({ length: 100 }, (_, index) => `k${index}`)
    await Promise.all(keys.map((key) => client.put(key, key)))
    expect(store.query({ type: 'summary' })).toMatchObject({ summary: { count: 100 } })
  })
})

describe('what a server refuses for good is told at once', () => {
  it.each([
    ['a key too long', 'k'.repeat(MAX_KEY_BYTES + 1), 'v', 'invalid-argument'],
    ['a value too large', 'k', 'x'.repeat(MAX_VALUE_BYTES + 1), 'too-large'],
    ['the empty key', '', 'v', 'invalid-argument'],
    ['a step of a path', '..', 'v', 'invalid-argument'],
    ['half a character', '\ud800', 'v', 'invalid-argument'],
  ])('%s', async (_, key, value, code) => {
    const { url, store } = await serving()
    const put = connect({ nodes: [url] }).put(key, value)
    await expect(put).rejects.toBeInstanceOf(RequestError)
    await expect(put).rejects.toMatchObject({ code })
    expect(store.through).toBe(0)
  })

  it.each([[[]], [['127.0.0.1:80']], [['ftp://x']], [['']]])('nodes that are none: %j', (nodes) => {
    expect(() => connect({ nodes })).toThrow(RequestError)
  })

  it.each([
    [{ nodes: ['http://x'], tokne: 'secret' }, /^Unknown option 'tokne' .*'token'\?$/],
    [{ node: ['http://x'] }, /^Unknown option 'node' of connect\(\)\. Did you mean 'nodes'\?$/],
    [undefined, /^The options of connect\(\) are undefined\. /],
  ])('options that are none, as plain JavaScript gives them: %j', (options, message) => {
    const call = (): unknown => Reflect.apply(connect, null, [options])
    expect(call).toThrow(RequestError)
    expect(call).toThrow(message)
  })
})

describe('a node that does not answer is passed over', () => {
  it('one that is not there', async () => {
    const { url } = await serving()
    const client = connect({ nodes: [await nobody(), await nobody(), url], random })
    await client.put('k', 'v')
    expect(await client.get('k')).toMatchObject({ value: 'v' })
  })

  it('one that is frozen', async () => {
    const { url } = await serving()
    const frozen = await badNetwork(url, () => 'silence')
    const client = connect({ nodes: [frozen, url], random, attemptTimeoutMs: 30 })
    await client.put('k', 'v')
    expect(await client.get('k')).toMatchObject({ value: 'v' })
  })

  it('and the one that answered is asked first from then on', async () => {
    const { url } = await serving()
    let asked = 0
    const overloaded = await badNetwork(url, () => {
      asked += 1
      return 'overloaded'
    })
    const client = connect({ nodes: [overloaded, url], random })
    for (let read = 0; read < 5; read += 1) await client.get('k')
    expect(asked).toBe(1)
  })
})

describe('P24: a write is made once, however often it is sent', () => {
  it.each(MISHAPS.filter((mishap) => mishap !== 'none'))('%s', async (mishap) => {
    const service = await serving()
    const changes = changesOf(service)
    let requests = 0
    const bad = await badNetwork(service.url, ({ method }) => {
      if (method !== 'PUT') return 'none'
      requests += 1
      return requests <= 3 ? mishap : 'none'
    })
    // Only silence is to be waited out.
    const attemptTimeoutMs = mishap === 'silence' ? 20 : 60_000
    const client = connect({ nodes: [bad], timeoutMs: 60_000, attemptTimeoutMs })
    const revision = await client.put('k', 'once')
    expect(await changes()).toEqual([{ key: 'k', value: 'once', revision }])
    // The mishap has happened.
    if (mishap === 'silence') expect(requests).toBeGreaterThanOrEqual(4)
    else expect(requests).toBe(mishap === 'twice' ? 1 : 4)
  })

  it('a swap whose answer was lost has succeeded', async () => {
    const { url } = await serving()
    const mishaps: Mishap[] = ['answer lost', 'answer lost']
    const bad = await badNetwork(url, ({ method }) =>
      method === 'PUT' ? (mishaps.shift() ?? 'none') : 'none',
    )
    const client = connect({ nodes: [bad] })
    expect(await client.compareAndSet('k', 0, 'v')).toMatchObject({ isDone: true })
    expect(mishaps).toEqual([])
  })

  it('in any sequence of mishaps, with several writes at once', async () => {
    const mishap = fc.constantFrom(...MISHAPS.filter((one) => one !== 'silence'))
    await fc.assert(
      fc.asyncProperty(fc.array(mishap, { maxLength: 30 }), async (mishaps) => {
        const service = await serving()
        const changes = changesOf(service)
        const left = [...mishaps]
        const bad = await badNetwork(service.url, () => left.shift() ?? 'none')
        const client = connect({ nodes: [bad, bad], random })
        const values = Array.from({ length: 8 }, (_, index) => `v${index}`)
        await Promise.all(values.map((value, index) => client.put(`k${index % 3}`, value)))
        const written = (await changes()).map(({ value }) => value)
        expect(written).toHaveLength(values.length)
        expect(new Set(written)).toEqual(new Set(values))
      }),
      { numRuns: 20 },
    )
  })

  it('a session that expired before anything happened is replaced without a word', async () => {
    const service = await serving()
    const client = connect({ nodes: [service.url] })
    await client.put('k', 'a')
    service.solo.expireSessions()
    const changes = changesOf(service)
    const revision = await client.put('k', 'b')
    expect(await changes()).toEqual([{ key: 'k', value: 'b', revision }])
  })

  it('when the cluster opens no other, the write is refused at once, under a name of its own', async () => {
    const service = await serving()
    const client = connect({ nodes: [service.url] })
    service.solo.places = 0
    const changes = changesOf(service)
    const put = client.put('k', 'a')
    await expect(put).rejects.toBeInstanceOf(TooManySessionsError)
    await expect(put).rejects.toThrow(/was not begun.+ Begin it again after 60 seconds\.$/)
    service.solo.places = 1
    await client.put('k', 'b')
    expect((await changes()).map(({ value }) => value)).toEqual(['b'])
  })

  it('one that expired in the middle leaves the outcome unknown, and is not tried again', async () => {
    const service = await serving()
    const client = connect({ nodes: [service.url] })
    const changes = changesOf(service)
    service.solo.after = () => {
      service.solo.expireSessions()
      return Promise.reject(new TimeoutError('The answer was lost. Ask again.'))
    }
    const put = client.put('k', 'v')
    await expect(put).rejects.toBeInstanceOf(OutcomeUnknownError)
    expect((await changes()).map(({ value }) => value)).toEqual(['v'])
  })
})

/** What a call that is given up ends with, which has as much time as it needs to get to the node. */
async function givenUpOnceThere(
  { solo }: Serving,
  call: (timeoutMs: number) => Promise<unknown>,
): Promise<unknown> {
  const before = solo.waits.length
  for (let timeoutMs = 200; ; timeoutMs *= 2) {
    const error = await call(timeoutMs).catch((reason: unknown) => reason)
    if (solo.waits.length > before) return error
  }
}

describe('P24: when the time is up the error says what is known', () => {
  it('nobody was there: nothing has happened', async () => {
    const client = connect({ nodes: [await nobody()], timeoutMs: 50 })
    for (const call of [() => client.get('k'), () => client.put('k', 'v'), () => client.digest()]) {
      await expect(call()).rejects.toBeInstanceOf(UnavailableError)
    }
  })

  it('a write was sent: it may have happened', async () => {
    const service = await serving()
    const { url, solo } = service
    const client = connect({ nodes: [url], timeoutMs: 60_000, attemptTimeoutMs: 20 })
    await client.put('k', 'a')
    solo.before = forEver
    const error = await givenUpOnceThere(service, (timeoutMs) =>
      client.put('k', 'v', { timeoutMs }),
    )
    expect(error).toBeInstanceOf(OutcomeUnknownError)
    expect(error).toMatchObject({ outcome: 'unknown' })
    await expect(client.get('k', { timeoutMs: 100 })).rejects.toBeInstanceOf(UnavailableError)
  })

  it('a write that was given up does not come after the next one', async () => {
    const service = await serving()
    const { url, solo, store } = service
    const client = connect({ nodes: [url], timeoutMs: 60_000, attemptTimeoutMs: 100 })
    await client.put('k', 'a')
    // The first write is kept somewhere on the way, and arrives late.
    const late = gate()
    solo.before = () => late.opened
    const error = await givenUpOnceThere(service, (timeoutMs) => {
      return client.put('k', 'late', { timeoutMs })
    })
    expect(error).toBeInstanceOf(OutcomeUnknownError)
    solo.before = () => Promise.resolve()
    await client.put('k', 'next')
    late.open()
    await client.get('k')
    expect(store.query({ type: 'get', key: 'k' })).toMatchObject({ entry: { value: 'next' } })
  })

  it('the reason of a signal is what the call rejects with, whatever it waits for', async () => {
    const { url, solo } = await serving()
    solo.before = forEver
    const reason = new Error('enough')
    const given = new AbortController()
    const { signal } = given
    const client = connect({ nodes: [url] })
    const calls = [client.get('k', { signal }), client.put('k', 'v', { signal })]
    const lonely = connect({ nodes: [await nobody()] })
    calls.push(lonely.get('k', { signal }))
    given.abort(reason)
    for (const call of calls) await expect(call).rejects.toBe(reason)
    await expect(client.get('k', { signal })).rejects.toBe(reason)
    expect(solo.waits.length).toBeLessThanOrEqual(2)
  })
})

describe('sessions are lent to one write at a time', () => {
  const done = { answer: undefined, isExpired: false }

  it('so many are opened as are in use, others wait in order, and no sequence is given twice', async () => {
    let opened = 0
    const sessions = new Sessions(() => Promise.resolve(`s${(opened += 1)}`), {
      sessions: 2,
      waiting: 10,
    })
    const used: string[] = []
    const whole = new Deadline(60_000)
    await Promise.all(
      Array.from({ length: 6 }, () =>
        sessions.use(whole, async ({ id, sequence }) => {
          used.push(`${id}/${sequence}`)
          await Promise.resolve()
          return done
        }),
      ),
    )
    whole.clear()
    expect(opened).toBe(2)
    expect(used.toSorted()).toEqual(['s1/1', 's1/2', 's1/3', 's2/1', 's2/2', 's2/3'])
  })

  it('a write that failed has used its sequence up; an expired session is not lent again', async () => {
    let opened = 0
    const sessions = new Sessions(() => Promise.resolve(`s${(opened += 1)}`))
    const whole = new Deadline(60_000)
    const used: string[] = []
    const use = (outcome: 'fails' | 'expires' | 'works'): Promise<unknown> =>
      sessions.use(whole, ({ id, sequence }) => {
        used.push(`${id}/${sequence}`)
        if (outcome === 'fails') return Promise.reject(new Error(outcome))
        return Promise.resolve({ answer: outcome, isExpired: outcome === 'expires' })
      })
    await expect(use('fails')).rejects.toThrow('fails')
    await use('works')
    await use('expires')
    await use('works')
    whole.clear()
    expect(used).toEqual(['s1/1', 's1/2', 's1/3', 's2/1'])
  })

  it('too many that wait are refused; one that waits in vain is told so, and its place is free', async () => {
    const sessions = new Sessions(() => Promise.resolve('s'), { sessions: 1, waiting: 1 })
    const whole = new Deadline(60_000)
    const held = gate()
    const first = sessions.use(whole, async () => {
      await held.opened
      return done
    })
    const short = new Deadline(10)
    const second = sessions.use(short, () => Promise.resolve(done))
    const third = sessions.use(whole, () => Promise.resolve(done))
    await expect(third).rejects.toBeInstanceOf(TooManyWritesError)
    await expect(second).rejects.toBeInstanceOf(UnavailableError)
    held.open()
    await first
    await sessions.use(whole, () => Promise.resolve(done))
    whole.clear()
    short.clear()
  })

  it('a session that cannot be opened leaves its place to the next', async () => {
    let attempts = 0
    const open = (): Promise<string> => {
      attempts += 1
      return attempts === 1 ? Promise.reject(new Error('closed')) : Promise.resolve('s')
    }
    const sessions = new Sessions(open, { sessions: 1, waiting: 5 })
    const whole = new Deadline(60_000)
    const [first, second] = [1, 2].map(() => sessions.use(whole, () => Promise.resolve(done)))
    await expect(first).rejects.toThrow('closed')
    await second
    whole.clear()
  })
})

describe('a watch', () => {
  it('tells every change once, in order, though its node dies', async () => {
    const service = await serving()
    const other = await serving()
    const client = connect({ nodes: [service.url, other.url], random })
    apply(1, service, other)
    const watch = await client.watch({ prefix: 'k' })
    expect(watch.after).toBe(1)
    const changes = watch[Symbol.asyncIterator]()
    apply(2, service, other)
    expect(await changes.next()).toMatchObject({ value: { revision: 2 } })
    // The other node is ahead when the first one dies.
    apply(3, other)
    service.feed.close()
    await service.server.close(0)
    expect(await changes.next()).toMatchObject({ value: { revision: 3 } })
    apply(4, other)
    expect(await changes.next()).toMatchObject({ value: { revision: 4 } })
    await changes.return?.(undefined)
    expect(other.feed.watches).toBeLessThanOrEqual(1)
  })

  it('that has missed changes says so', async () => {
    const feedLimits = { changes: 2, characters: 1000, watches: 5 }
    const { url, store } = await serving({ feedLimits })
    for (const slot of [1, 2, 3, 4]) store.apply({ type: 'put', key: 'k', value: '' }, slot)
    const watch = await connect({ nodes: [url] }).watch({ after: 1 })
    await expect(watch[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(WatchLaggedError)
  })

  it('ends with the reason of its signal, and its connection with it', async () => {
    const { url, feed } = await serving()
    const given = new AbortController()
    const watch = await connect({ nodes: [url] }).watch({ signal: given.signal })
    const next = watch[Symbol.asyncIterator]().next()
    const reason = new Error('enough')
    given.abort(reason)
    await expect(next).rejects.toBe(reason)
    const client = connect({ nodes: [url] })
    while (feed.watches > 0) await client.status()
  })

  it('whose loop is left ends its connection', async () => {
    const { url, feed, store } = await serving()
    const client = connect({ nodes: [url] })
    const watch = await client.watch()
    store.apply({ type: 'put', key: 'k', value: '' }, 1)
    for await (const { key } of watch) {
      expect(key).toBe('k')
      break
    }
    while (feed.watches > 0) await client.status()
  })

  it('passes over a node that is frozen, and over one that speaks otherwise', async () => {
    const { url, store } = await serving()
    const frozen = await badNetwork(url, () => 'silence')
    const strange = await badNetwork(url, () => 'nonsense')
    const client = connect({ nodes: [frozen, strange, url], random, attemptTimeoutMs: 30 })
    const watch = await client.watch()
    store.apply({ type: 'put', key: 'k', value: '' }, 1)
    for await (const { revision } of watch) {
      expect(revision).toBe(1)
      break
    }
  })

  it('that nobody begins says so in time', async () => {
    const client = connect({ nodes: [await nobody()], timeoutMs: 50 })
    await expect(client.watch()).rejects.toBeInstanceOf(UnavailableError)
  })

  it('that is refused for good says so at once', async () => {
    const { url } = await serving()
    const watch = connect({ nodes: [url] }).watch({ prefix: 'x'.repeat(MAX_KEY_BYTES + 1) })
    await expect(watch).rejects.toMatchObject({ code: 'invalid-argument' })
  })
})

it('a node that is closing sends its clients elsewhere', async () => {
  const [closing, other] = [await serving(), await serving()]
  closing.solo.before = () => Promise.reject(new ClosedError('Closed. Ask another.'))
  const client = connect({ nodes: [closing.url, other.url], random })
  await client.put('k', 'v')
  expect(other.store.query({ type: 'get', key: 'k' })).toMatchObject({ entry: { value: 'v' } })
})
