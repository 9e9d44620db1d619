/** Whether a node runs, and whether it can be asked: what supervisors and balancers look at. */
import { expect, it } from 'vitest'
import { errorBody } from '../src/api.ts'
import { connect, UnavailableError } from '../src/client.ts'
import { MAX_READY_BEHIND } from '../src/limits.ts'
import type { ReplicaStatus } from '../src/replica.ts'
import { raw, serving } from './serving.ts'

it('a node that follows a leader, and has applied what there is, runs and is ready', async () => {
  const { url, solo } = await serving()
  solo.pretends = { role: 'follower', leader: 'b', behindBy: MAX_READY_BEHIND }
  expect(await raw(url, '/healthz')).toMatchObject({
    status: 200,
    body: '{"isAlive":true}',
    headers: { 'cache-control': 'no-store' },
  })
  expect(await raw(url, '/readyz')).toMatchObject({
    status: 200,
    body: `{"isReady":true,"leader":"b","behindBy":${MAX_READY_BEHIND}}`,
    headers: { 'cache-control': 'no-store' },
  })
})

it.each<[string, Partial<ReplicaStatus>, RegExp]>([
  ['that knows no leader', { role: 'candidate', leader: null }, /knows no leader/],
  ['that is further behind', { behindBy: MAX_READY_BEHIND + 1 }, /still to apply 10001 slots/],
  ['that may not vote yet', { standing: 'waiting', waitsFor: ['b', 'c'] }, /heard from b, c/],
  ['that is being ended', { role: 'closed', leader: null }, /is being ended/],
])('a node %s runs, is not ready, and says why', async (_, pretends, why) => {
  const { url, solo, failures } = await serving()
  solo.pretends = pretends
  expect((await raw(url, '/healthz')).status).toBe(200)
  const { status, body } = await raw(url, '/readyz')
  expect(status).toBe(503)
  const { error } = errorBody.parse(JSON.parse(body))
  expect(error.code).toBe('not-ready')
  expect(error.message).toMatch(why)
  expect(failures).toEqual([])
})

it('a node that had to stop by itself neither runs nor is ready', async () => {
  const { url, solo } = await serving()
  solo.pretends = { role: 'stopped', leader: null }
  for (const path of ['/healthz', '/readyz']) {
    const { status, body } = await raw(url, path)
    expect(status).toBe(503)
    expect(errorBody.parse(JSON.parse(body)).error.message).toMatch(/had to stop by itself/)
  }
})

it.each(['/healthz?verbose=1', '/readyz?timeout=5'])(
  '%s asks for what there is not',
  async (path) => {
    const { url } = await serving()
    expect((await raw(url, path)).status).toBe(400)
  },
)

it('a client waits until a node is ready, and else says what was missing', async () => {
  const { url, solo } = await serving()
  const client = connect({ nodes: [url] })
  expect(await client.health()).toEqual({ isAlive: true })
  solo.pretends = { leader: null }
  const refused = client.ready({ timeoutMs: 50 })
  await expect(refused).rejects.toBeInstanceOf(UnavailableError)
  await expect(refused).rejects.toThrow(/answered 503: The node knows no leader/)
  const ready = client.ready()
  solo.pretends = {}
  expect(await ready).toEqual({ isReady: true, leader: 'a', behindBy: 0 })
})
