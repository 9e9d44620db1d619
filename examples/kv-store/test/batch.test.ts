/** Several reads and writes in one request: each is what it would be alone. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TimeoutError } from '@paxos/replica'
import { batchBody } from '../src/api.ts'
import { sendBatch } from '../src/client-batch.ts'
import { connect, UnavailableError } from '../src/client.ts'
import type { BatchItem } from '../src/client.ts'
import { Deadline } from '../src/deadline.ts'
import { MAX_BATCH_BYTES, MAX_BATCH_ITEMS, MAX_VALUE_BYTES } from '../src/limits.ts'
import { Nodes } from '../src/nodes.ts'
import { Sessions } from '../src/sessions.ts'
import { badNetwork, MISHAPS } from './bad-network.ts'
import { gate } from './gate.ts'
import { raw, serving } from './serving.ts'

const random = (): number => 0
const put = (key: string, value: string): BatchItem => ({ type: 'put', key, value })

function post(url: string, items: readonly unknown[], query = '') {
  return raw(url, `/batch${query}`, { method: 'POST', body: JSON.stringify({ items }) })
}

describe('a batch over HTTP', () => {
  it('answers each item as it would be answered alone, in the order of the items', async () => {
    const { url } = await serving()
    await raw(url, '/keys/a', { method: 'PUT', body: 'A' })
    const { status, body, headers } = await post(url, [
      { type: 'get', key: 'a' },
      { type: 'get', key: 'absent' },
      { type: 'put', key: 'b', value: 'B' },
      { type: 'put', key: 'a', value: 'x', ifRevision: 9 },
      { type: 'delete', key: 'absent', ifRevision: 0 },
      { type: 'put', key: 'c', value: '', ifRevision: 0 },
    ])
    expect([status, headers['content-type']]).toEqual([200, 'application/json'])
    const { results } = batchBody.parse(JSON.parse(body))
    expect(results).toMatchObject([
      { status: 200, value: 'A', revision: 1 },
      { status: 404, error: { code: 'not-found' } },
      { status: 200, revision: expect.any(Number) },
      { status: 412, error: { code: 'revision-differs', revision: 1 } },
      { status: 404, error: { code: 'not-found' } },
      { status: 200, revision: expect.any(Number) },
    ])
  })

  it('is not atomic: one that fails takes no other with it', async () => {
    const { url, solo, failures } = await serving()
    let asked = 0
    const error = new Error('secret')
    solo.before = () => (++asked === 2 ? Promise.reject(error) : Promise.resolve())
    const { body } = await post(url, [put('a', '1'), put('b', '2'), put('c', '3')])
    const { results } = batchBody.parse(JSON.parse(body))
    expect(results.map(({ status }) => status)).toEqual([200, 500, 200])
    expect(results[1]?.error).toMatchObject({ code: 'internal', outcome: 'unknown' })
    expect([failures, body.includes('secret')]).toEqual([[error], false])
  })

  it.each<[string, readonly unknown[], RegExp]>([
    ['nothing', [], /one item/],
    ['too many', Array.from({ length: MAX_BATCH_ITEMS + 1 }, () => put('k', 'v')), /at most 64/],
    ['a key that is none', [put('k', 'v'), put('..', 'v')], /items\.1\.key/],
    ['half a pair', [put('k', '\ud800')], /items\.0\.value/],
    ['a value too large', [put('k', 'x'.repeat(MAX_VALUE_BYTES + 1))], /at most 131072/],
    ['a type of nobody', [{ type: 'list', key: 'k' }], /items\.0/],
    ['more than is known', [{ ...put('k', 'v'), ttl: 5 }], /ttl/],
    ['half a place', [{ ...put('k', 'v'), session: 's' }], /go together/],
    [
      'one session twice',
      [1, 2].map((sequence) => ({ ...put('k', 'v'), session: 's', sequence })),
      /one write at a time/,
    ],
  ])('of %s is refused as a whole, and nothing of it is begun', async (_, items, message) => {
    const { url, solo } = await serving()
    const { status, body } = await post(url, items)
    expect([status, solo.waits]).toEqual([400, []])
    expect(body).toMatch(message)
  })

  it('may be longer than a value, and is refused when it is too long', async () => {
    const { url } = await serving()
    const items = Array.from({ length: 7 }, (_, index) =>
      put(`k${index}`, 'x'.repeat(MAX_VALUE_BYTES)),
    )
    expect((await post(url, items)).status).toBe(200)
    const answer = await raw(url, '/batch', {
      method: 'POST',
      body: 'x'.repeat(MAX_BATCH_BYTES + 1),
    })
    expect(answer.status).toBe(413)
    expect(answer.body).toContain('A batch has at most')
    // What is read together fits into one answer, or is to be read again.
    const gets = Array.from({ length: 14 }, (_, index) => ({ type: 'get', key: `k${index % 7}` }))
    const { results } = batchBody.parse(JSON.parse((await post(url, gets)).body))
    expect(results.filter(({ status }) => status === 200)).toHaveLength(8)
    expect(results.filter(({ status }) => status === 413)).toHaveLength(6)
  })
})

describe.each([false, true])('a batch of the client, with a stream: %s', (stream) => {
  it('comes to what its items would come to alone', async () => {
    const { url, server } = await serving()
    const client = connect({ nodes: [url], stream })
    const revision = await client.put('a', 'A')
    const results = await client.batch([
      { type: 'get', key: 'a' },
      { type: 'get', key: 'absent' },
      put('b', 'B'),
      { type: 'put', key: 'a', value: 'x', ifRevision: 99 },
      { type: 'delete', key: 'absent' },
    ])
    expect(results).toEqual([
      { type: 'entry', value: 'A', revision },
      { type: 'absent' },
      { type: 'done', revision: expect.any(Number) },
      { type: 'revision-differs', revision },
      { type: 'absent' },
    ])
    expect(await client.batch([])).toEqual([])
    expect(server.figures().streams).toBe(stream ? 1 : 0)
  })

  it('asks again for what a node could not say, and for nothing else; each is made once', async () => {
    const { url, solo, feed } = await serving()
    const watch = feed.watch('')
    const client = connect({ nodes: [url, url], random, stream })
    let answered = 0
    // The answers to the second and the third are lost, after they were made.
    solo.after = () => {
      answered += 1
      const isLost = answered === 2 || answered === 3
      return isLost ? Promise.reject(new TimeoutError('Late. Ask again.')) : Promise.resolve()
    }
    const results = await client.batch([put('a', '1'), put('b', '2'), put('c', '3')])
    expect(results.map(({ type }) => type)).toEqual(['done', 'done', 'done'])
    expect(answered).toBe(5)
    await watch?.next()
    expect(watch?.more(1000)).toHaveLength(2)
  })

  it('rejects when nobody was there, as nothing was begun', async () => {
    const { url, server, feed } = await serving()
    const client = connect({ nodes: [url], unreachableTimeoutMs: 1, stream })
    feed.close()
    await server.close(0)
    await expect(client.batch([put('k', 'w')])).rejects.toBeInstanceOf(UnavailableError)
    const read = client.batch([{ type: 'get', key: 'k' }])
    await expect(read).rejects.toBeInstanceOf(UnavailableError)
  })

  it('begins anew under other sessions, when theirs are forgotten before anything happened', async () => {
    const { url, solo } = await serving()
    const client = connect({ nodes: [url], stream })
    await client.batch([put('a', '1'), put('b', '2')])
    solo.expireSessions()
    const results = await client.batch([put('a', '3'), { type: 'get', key: 'a' }, put('b', '4')])
    expect(results.map(({ type }) => type)).toEqual(['done', 'entry', 'done'])
    expect(await client.get('b')).toMatchObject({ value: '4' })
  })
})

it('a batch whose time is up tells each outcome: what is done, and what nobody knows', async () => {
  const whole = new Deadline(60_000)
  let rounds = 0
  const nodes = new Nodes({
    nodes: ['http://one'],
    attemptTimeoutMs: 1000,
    unreachableTimeoutMs: 0,
    token: () => null,
    random,
    // The first round leaves two open; then nobody is there any more.
    send: () => {
      rounds += 1
      if (rounds > 1) throw Object.assign(new Error('gone'), { code: 'ECONNREFUSED' })
      const unknown = { code: 'outcome-unknown', message: 'Late.', outcome: 'unknown' }
      const results = [
        { status: 200, revision: 7 },
        { status: 503, error: unknown },
        { status: 503, error: { code: 'unavailable', message: 'Busy.' } },
      ]
      return Promise.resolve({ status: 200, headers: {}, body: JSON.stringify({ results }) })
    },
  })
  const sessions = new Sessions(() => Promise.resolve('s'))
  const items = [put('a', '1'), put('b', '2'), { type: 'get', key: 'c' } as const]
  const context = { nodes, sessions, consistency: undefined, deadline: whole }
  const [done, unknown, unread] = await sendBatch(items, context)
  whole.clear()
  expect(done).toEqual({ type: 'done', revision: 7 })
  expect(unknown).toMatchObject({ type: 'failed', error: { name: 'OutcomeUnknownError' } })
  expect(unread).toMatchObject({ type: 'failed', error: { name: 'UnavailableError' } })
})

it('P24: a batch is made once, in any sequence of mishaps', async () => {
  const mishap = fc.constantFrom(...MISHAPS.filter((one) => one !== 'silence'))
  await fc.assert(
    fc.asyncProperty(fc.array(mishap, { maxLength: 20 }), async (mishaps) => {
      const { url, feed } = await serving()
      const watch = feed.watch('', 0)
      const left = [...mishaps]
      const bad = await badNetwork(url, () => left.shift() ?? 'none')
      const client = connect({ nodes: [bad, bad], random, timeoutMs: 60_000 })
      const values = Array.from({ length: 6 }, (_, index) => `v${index}`)
      const results = await client.batch(values.map((value, index) => put(`k${index % 2}`, value)))
      expect(results.map(({ type }) => type)).toEqual(values.map(() => 'done'))
      await watch?.next()
      expect(watch?.more(1000)).toHaveLength(values.length - 1)
    }),
    { numRuns: 10 },
  )
})

it('sessions are lent together: batches that need more than there are wait, and none for ever', async () => {
  let opened = 0
  const limits = { sessions: 3, waiting: 10 }
  const sessions = new Sessions(() => Promise.resolve(`s${(opened += 1)}`), limits)
  const whole = new Deadline(60_000)
  const held = gate()
  const order: number[] = []
  const lend = (count: number) =>
    sessions.lend(count, whole, async (lent) => {
      expect(lent).toHaveLength(count)
      order.push(count)
      await held.opened
      return { answer: count, expired: new Set<string>() }
    })
  const all = [lend(2), lend(3), lend(1), lend(2)]
  await new Promise(setImmediate)
  // One place is free: it is for the one that has waited longest.
  expect(order).toEqual([2])
  held.open()
  expect(await Promise.all(all)).toEqual([2, 3, 1, 2])
  whole.clear()
  expect([order, opened]).toEqual([[2, 3, 1, 2], 3])
})
