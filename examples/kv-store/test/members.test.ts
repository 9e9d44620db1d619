/** The members over HTTP, by the client, and in words. */
import { InvalidArgumentError } from '@paxos/core'
import { describe, expect, it } from 'vitest'
import { MembersConflictError, MembersRefusedError, MembersTimeoutError } from '@paxos/replica'
import { NotLeaderError, NotPromotedError, RemovedError } from '@paxos/replica'
import { TransferFailedError, TransferTimeoutError } from '@paxos/replica'
import { errorBody, membersBody } from '../src/api.ts'
import type { Members } from '../src/api.ts'
import { isSo } from '../src/client-members.ts'
import { connect, OutcomeUnknownError, RequestError } from '../src/client.ts'
import { ANSWER_WITHIN_MS, MAX_MEMBERS_REQUEST_BYTES } from '../src/limits.ts'
import { requireScheme } from '../src/member-requests.ts'
import type { MembersRequest } from '../src/member-requests.ts'
import { stageOf } from '../src/members-progress.ts'
import { badNetwork, MISHAPS } from './bad-network.ts'
import type { Mishap } from './bad-network.ts'
import { raw, serving } from './serving.ts'
import { forEver } from './solo.ts'

const ADD: MembersRequest = { type: 'add', id: 'd', address: 'udp://h:4', role: 'voter' }

/** One of each kind. */
const REQUESTS: readonly MembersRequest[] = [
  ADD,
  { type: 'add', id: 'e/é', address: 'udp://h:5', role: 'learner' },
  { type: 'remove', id: 'e/é' },
  { type: 'replace', id: 'a', by: { id: 'f', address: 'udp://h:6' } },
  { type: 'move', id: 'b', address: 'udp://h:7' },
  { type: 'promote', id: 'b' },
  { type: 'prioritize', id: 'b', priority: 7 },
]

function errorOf({ body }: { readonly body: string }): ReturnType<typeof errorBody.parse>['error'] {
  return errorBody.parse(JSON.parse(body)).error
}

describe('the members over HTTP', () => {
  it('are told with their version as a tag, and no cache may keep them', async () => {
    const { url } = await serving()
    const answer = await raw(url, '/members?consistency=local&timeout=77')
    expect(answer).toMatchObject({
      status: 200,
      headers: { etag: '"0"', 'cache-control': 'no-store' },
    })
    expect(membersBody.parse(JSON.parse(answer.body)).members.map(({ id }) => id)).toEqual([
      'a',
      'b',
    ])
  })

  it.each([
    ['POST', '/members', { id: 'd', address: 'udp://h:4' }, ADD],
    ['DELETE', '/members/e%2F%C3%A9', null, { type: 'remove', id: 'e/é' }],
    [
      'POST',
      '/members/a/replace',
      { address: 'udp://h:1' },
      { type: 'replace', id: 'a', by: { id: 'a', address: 'udp://h:1' } },
    ],
    ['POST', '/members/b/promote', null, { type: 'promote', id: 'b' }],
    [
      'POST',
      '/members/b/prioritize',
      { priority: 7 },
      { type: 'prioritize', id: 'b', priority: 7 },
    ],
  ])('%s %s asks for one change', async (method, path, body, expected) => {
    const { url, solo } = await serving()
    const sent = { method, body: body === null ? '' : JSON.stringify(body) }
    const answer = await raw(url, path, sent)
    expect(answer).toMatchObject({ status: 200, headers: { etag: '"1"' } })
    expect(solo.requests).toEqual([expected])
  })

  it.each([
    [{}, 'b'],
    [{ to: 'c' }, 'c'],
  ])('POST /leader with %j lets another node lead, and says which', async (body, leader) => {
    const { url, solo } = await serving()
    const sent = { method: 'POST', body: JSON.stringify(body) }
    const answer = await raw(url, '/leader?timeout=900', sent)
    expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { leader }])
    expect(solo.waits.map(({ timeoutMs }) => timeoutMs)).toEqual([450])
  })

  it.each([
    [new NotLeaderError('Not here. Ask c.', 'c'), 503, 'unavailable'],
    [new TransferFailedError('not-taken', 'It did not. Try again.'), 409, 'not-transferred'],
    [new TransferTimeoutError('Late. Look.'), 503, 'outcome-unknown'],
  ])(
    'a transfer that comes to nothing is called by its name: %s',
    async (problem, status, code) => {
      const { url, solo } = await serving()
      solo.before = () => Promise.reject(problem)
      const answer = await raw(url, '/leader', { method: 'POST', body: '{}' })
      expect([answer.status, errorOf(answer).code]).toEqual([status, code])
    },
  )

  it('a client finds the node that leads, and resolves with who leads then', async () => {
    const [follower, leader] = [await serving(), await serving()]
    follower.solo.before = () => Promise.reject(new NotLeaderError('Not here. Ask b.', 'b'))
    const client = connect({ nodes: [follower.url, leader.url] })
    expect(await client.transferLeadership('c')).toBe('c')
  })

  it('waits a minute unless told otherwise, and four at most', async () => {
    const { url, solo } = await serving()
    for (const query of ['', '?timeout=240000']) {
      await raw(url, `/members/b${query}`, { method: 'DELETE' })
    }
    expect(solo.waits.map(({ timeoutMs }) => timeoutMs)).toEqual([60_000, 240_000])
    expect((await raw(url, '/members/b?timeout=240001', { method: 'DELETE' })).status).toBe(400)
  })

  it('If-Match makes a change only in place of that version, also of the first', async () => {
    const { url, solo } = await serving()
    const remove = (tag: string) =>
      raw(url, '/members/b', { method: 'DELETE', headers: { 'If-Match': tag } })
    expect((await remove('"0"')).status).toBe(200)
    const late = await remove('"0"')
    expect(late).toMatchObject({ status: 412, headers: { etag: '"1"' } })
    expect(errorOf(late)).toMatchObject({ code: 'members-differ', version: 1 })
    expect(solo.requests).toHaveLength(1)
  })

  it.each([
    ['no JSON', '/members', 'id=d', 400, /The body is no JSON/],
    ['nothing', '/members', '', 400, /The body is no JSON/],
    ['no object', '/members', '[]', 400, /expected object/],
    ['no address', '/members', '{"id":"d"}', 400, /address/],
    ['an empty address', '/members', '{"id":"d","address":""}', 400, /Say where it listens/],
    ['an unknown role', '/members', '{"id":"d","address":"x","role":"king"}', 400, /role/],
    ['an unknown field', '/members/a/move', '{"address":"x","weigth":2}', 400, /weigth/],
    ['an id that is no UTF-8', '/members/%FF/promote', '', 400, /encodeURIComponent/],
    ['bytes that are no UTF-8', '/members', Buffer.of(0xff), 400, /UTF-8/],
    ['a body too long', '/members', ' '.repeat(MAX_MEMBERS_REQUEST_BYTES + 1), 413, /more than/],
    ['what nobody offers', '/members/a/crown', '{}', 404, /There is no POST/],
    ['an unknown parameter', '/members/a/promote?force=1', '', 400, /force/],
  ])('%s is refused, and nobody is asked', async (_, path, body, status, sentence) => {
    const { url, solo } = await serving()
    const answer = await raw(url, path, { method: 'POST', body })
    expect(answer.status).toBe(status)
    expect(errorOf(answer).message).toMatch(sentence)
    expect(solo.requests).toEqual([])
  })

  const details = { progress: 'proposed', version: 3 } as const
  it.each([
    [new MembersRefusedError('no-voter', 'Nobody. Add one.'), 409, 'members-refused', undefined],
    [
      new MembersRefusedError('no-live-quorum', 'Few. Look.', { outcome: 'unknown' }),
      409,
      'members-refused',
      'unknown',
    ],
    [new NotPromotedError('Slow. Wait.', ['d']), 409, 'not-promoted', undefined],
    [
      new MembersConflictError('No. Look.', { expected: 1, actual: 2 }),
      412,
      'members-differ',
      undefined,
    ],
    [new MembersTimeoutError('Late. Look.', details), 503, 'outcome-unknown', 'unknown'],
    [
      new MembersTimeoutError('Late. Look.', { ...details, progress: 'not-begun' }),
      503,
      'unavailable',
      undefined,
    ],
    [new RemovedError('Gone. Ask another.'), 503, 'outcome-unknown', 'unknown'],
    [new Error('secret'), 500, 'internal', 'unknown'],
  ])(
    'what a change fails with is called by its name: %s',
    async (problem, status, code, outcome) => {
      const { url, solo } = await serving()
      solo.before = () => Promise.reject(problem)
      const answer = await raw(url, '/members/b/promote', { method: 'POST' })
      expect(answer.status).toBe(status)
      expect(errorOf(answer)).toMatchObject({ code })
      expect(errorOf(answer).outcome).toBe(outcome)
    },
  )

  it.each([
    ['udp://h:1', 'udp://h:2', true],
    ['UDP://h:1', 'udp://h:2', true],
    ['udp://h:1', 'ws://h:2', false],
    ['udp://h:1', 'h:2', false],
    ['ws://h:1', 'wss://h:1', false],
  ])('in a cluster on %s an address %s is taken: %s', (own, address, isTaken) => {
    for (const request of [
      { type: 'move', id: 'b', address } as const,
      { type: 'replace', id: 'b', by: { id: 'd', address } } as const,
      { ...ADD, address },
    ]) {
      const check = (): void => requireScheme(request, own)
      if (isTaken) expect(check).not.toThrow()
      else expect(check).toThrow(InvalidArgumentError)
    }
  })
})

describe('the client changes members', () => {
  it('each request arrives as it was asked for', async () => {
    const { url, solo } = await serving()
    const client = connect({ nodes: [url] })
    for (const request of REQUESTS) await client.changeMembers(request)
    expect(solo.requests).toEqual(REQUESTS)
    expect(await client.members()).toMatchObject({ version: REQUESTS.length })
  })

  it('in place of those that it saw, and of no others', async () => {
    const { url, solo } = await serving()
    const client = connect({ nodes: [url] })
    await client.changeMembers(ADD, { expected: 0 })
    const late = client.changeMembers(ADD, { expected: 0 })
    await expect(late).rejects.toMatchObject({ name: 'RequestError', code: 'members-differ' })
    expect(solo.requests).toHaveLength(1)
  })

  it.each(MISHAPS.filter((mishap) => mishap !== 'none' && mishap !== 'silence'))(
    'P26: a change is made once, however often it is sent, and never called refused: %s',
    async (mishap) => {
      const { url, solo } = await serving()
      const mishaps: Mishap[] = [mishap]
      const bad = await badNetwork(url, ({ method }) =>
        method === 'POST' ? (mishaps.shift() ?? 'none') : 'none',
      )
      const made = connect({ nodes: [bad] }).changeMembers(ADD)
      const outcome = await made.then(
        () => 'made',
        (error: unknown) => (error instanceof OutcomeUnknownError ? 'unknown' : error),
      )
      // When the first answer is lost, the second attempt finds other members.
      if (mishap === 'answer lost') expect(outcome).toBe('unknown')
      else if (mishap === 'twice') expect(outcome).toMatchObject({ code: 'members-differ' })
      else expect(['made', 'unknown']).toContain(outcome)
      expect(solo.requests).toEqual([ADD])
      expect(mishaps).toEqual([])
    },
  )

  it('that is refused says why, at once', async () => {
    const { url, solo } = await serving()
    const client = connect({ nodes: [url] })
    solo.before = ({ timeoutMs = 0 }) =>
      timeoutMs > 2000
        ? Promise.reject(new NotPromotedError('It is slow. Let it run.', ['d']))
        : Promise.resolve()
    const refused = client.changeMembers(ADD)
    await expect(refused).rejects.toThrow(RequestError)
    await expect(refused).rejects.toMatchObject({ code: 'not-promoted' })
  })

  it.each(['which says so', 'after an answer that was lost'])(
    'that is refused and may be made yet is not called refused: %s',
    async (how) => {
      const { url, solo } = await serving()
      const isSaid = how === 'which says so'
      const options = isSaid ? ({ outcome: 'unknown' } as const) : {}
      const refusal = new MembersRefusedError('no-live-quorum', 'Few are there.', options)
      let asked = 0
      solo.before = () => {
        // The first call is for the members that there are.
        asked += 1
        const isLost = !isSaid && asked === 2
        if (isLost) return Promise.reject(new RemovedError('Gone. Ask another.'))
        return asked > 1 ? Promise.reject(refusal) : Promise.resolve()
      }
      const changed = connect({ nodes: [url] }).changeMembers(ADD)
      await expect(changed).rejects.toThrow(OutcomeUnknownError)
      await expect(changed).rejects.toThrow(/may be made yet.*Few are there/)
    },
  )

  it('leaves the node that is asked time to say how far it came', async () => {
    const { url, solo } = await serving()
    const over = new AbortController()
    solo.before = async (wait) => {
      // The first call is for the members that there are.
      if (solo.waits.length === 1) return
      over.abort(new Error('enough'))
      await forEver(wait)
    }
    const client = connect({ nodes: [url] })
    const given = client.changeMembers(ADD, { timeoutMs: 60_000, signal: over.signal })
    await expect(given).rejects.toThrow('enough')
    expect(solo.waits[1]?.timeoutMs).toBeLessThanOrEqual(60_000 - ANSWER_WITHIN_MS)
  })

  it('and gives up with the reason of its signal', async () => {
    const { url, solo } = await serving()
    solo.before = forEver
    const over = new AbortController()
    const given = connect({ nodes: [url] }).changeMembers(ADD, { signal: over.signal })
    over.abort(new Error('enough'))
    await expect(given).rejects.toThrow('enough')
  })
})

const heard = (heardAgoMs: number | null) => ({
  peers: {
    d: { heardAgoMs, sent: 1, received: 1, dropped: 0, connected: null, problem: null },
  },
})

const all = (...members: Members['members']): Members => ({
  version: 1,
  isComplete: true,
  quorums: { type: 'majority' },
  members,
  lease: null,
})

describe('what was asked for is so, or is not', () => {
  const voter = {
    id: 'a',
    address: 'udp://h:1',
    role: 'voter',
    incarnation: 'x',
    weight: 1,
    priority: 0,
  } as const
  const other = { ...voter, id: 'd', address: 'udp://h:4', incarnation: 'y' } as const
  const byOther = { type: 'replace', id: 'a', by: { id: 'd', address: 'udp://h:4' } } as const
  const itself = { type: 'replace', id: 'a', by: { id: 'a', address: 'udp://h:1' } } as const
  it.each<[string, MembersRequest, Members, boolean]>([
    ['a voter that was added', ADD, all(voter, other), true],
    ['one that is a learner yet', ADD, all(voter, { ...other, role: 'learner' }), false],
    ['one that is elsewhere', ADD, all(voter, { ...other, address: 'udp://h:9' }), false],
    ['one that was removed', { type: 'remove', id: 'a' }, all(other), true],
    ['one that is still there', { type: 'remove', id: 'a' }, all(voter), false],
    ['one that was promoted', { type: 'promote', id: 'd' }, all(other), true],
    ['one of that priority', { type: 'prioritize', id: 'a', priority: 0 }, all(voter), true],
    ['one of another', { type: 'prioritize', id: 'a', priority: 3 }, all(voter), false],
    ['one that moved', { type: 'move', id: 'a', address: 'udp://h:1' }, all(voter), true],
    ['one that did not', { type: 'move', id: 'a', address: 'udp://h:2' }, all(voter), false],
    ['one in the place of another', byOther, all(other), true],
    ['one beside the other', byOther, all(voter, other), false],
    ['one that learns yet', byOther, all(voter, { ...other, role: 'learner' }), false],
    ['a new disk', itself, all({ ...voter, incarnation: 'z' }), true],
    ['the old disk', itself, all(voter), false],
    ['a new disk that learns', itself, all({ ...voter, role: 'learner' }), false],
  ])('%s', (_, request, now, expected) => {
    expect(isSo(request, all(voter), now)).toBe(expected)
  })
})

describe('how far a change has come, in words', () => {
  const learner = {
    id: 'd',
    address: 'udp://h:4',
    role: 'learner',
    incarnation: null,
    weight: 1,
    priority: 0,
  }
  const only = (role: 'voter' | 'learner', isComplete: boolean) => ({
    isComplete,
    members: [{ ...learner, role }] satisfies Members['members'],
  })
  const nobody = { isComplete: false, members: [] }
  it.each<
    [string, MembersRequest, Pick<Members, 'isComplete' | 'members'>, number | null, RegExp | null]
  >([
    ['a node that is none yet', ADD, nobody, null, null],
    ['a node that never ran', ADD, only('learner', true), null, /Start it at udp:\/\/h:4/],
    ['a node that fell silent', ADD, only('learner', true), 60_000, /is not heard/],
    ['a node that learns', ADD, only('learner', true), 10, /catches up/],
    ['a node that votes', ADD, only('voter', false), 10, /'d' votes/],
    ['all done', ADD, only('voter', true), 10, null],
    ['one that is to go', { type: 'remove', id: 'd' }, only('voter', true), 10, null],
    ['one that is gone', { type: 'remove', id: 'd' }, nobody, 10, /Leave it running/],
    [
      'one that takes a place',
      { type: 'replace', id: 'a', by: { id: 'd', address: 'udp://h:4' } },
      only('learner', true),
      10,
      /'d' is a learner/,
    ],
    [
      'one that is to begin anew, and votes as before',
      { type: 'replace', id: 'd', by: { id: 'd', address: 'udp://h:4' } },
      only('voter', false),
      10,
      null,
    ],
    [
      'one that moves',
      { type: 'move', id: 'd', address: 'udp://h:4' },
      only('voter', false),
      1,
      null,
    ],
  ])('%s', (_, request, members, heardAgoMs, expected) => {
    const stage = stageOf(request, {
      members: { version: 3, quorums: { type: 'majority' }, lease: null, ...members },
      ...heard(heardAgoMs),
    })
    if (expected === null) expect(stage).toBeNull()
    else expect(stage).toMatch(expected)
  })
})
