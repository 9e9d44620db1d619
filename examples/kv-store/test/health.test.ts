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

it('a client waits until a node is ready', async () => {
  const { url, solo } = await serving()
  const client = connect({ nodes: [url] })
  expect(await client.health()).toEqual({ isAlive: true })
  const status = solo.status.bind(solo)
  let asked = 0
  solo.status = () => {
    asked += 1
    return asked > 2 ? status() : { ...status(), leader: null }
  }
  expect(await client.ready()).toEqual({ isReady: true, leader: 'a', behindBy: 0 })
  expect(asked).toBe(3)
})

it('a client gives up on a node that is not ready in time', async () => {
  const { url, solo } = await serving()
  solo.pretends = { leader: null }
  const refused = connect({ nodes: [url] }).ready({ timeoutMs: 50 })
  await expect(refused).rejects.toBeInstanceOf(UnavailableError)
})
