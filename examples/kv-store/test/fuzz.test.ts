/** Mutants of kept requests, answers and snapshots: all that the service and its client read. */
import { DecodeError } from '@paxos/core'
import { describe, expect, it } from 'vitest'
import { errorBody } from '../src/api.ts'
import type { Answered, Asked } from '../src/asked.ts'
import { Feed } from '../src/feed.ts'
import { service } from '../src/http.ts'
import { ServiceMetrics } from '../src/metrics.ts'
import { parseRefusal } from '../src/nodes.ts'
import { readSnapshot, writeSnapshot } from '../src/snapshot.ts'
import { Store } from '../src/store.ts'
import { fuzz, FUZZ_RUNS, mutant, readCorpus, SEED, seeded } from '@paxos/testkit/fuzz'
import { Solo } from './solo.ts'

function serviceAlone() {
  const feed = new Feed()
  const store = new Store(feed)
  const failures: unknown[] = []
  const answers = service({
    replica: new Solo(store),
    feed,
    metrics: new ServiceMetrics(),
    onFailure: (error) => failures.push(error),
  })
  return { answers, store, failures, feed }
}

/** A request as text: a line with the method and the path, headers, an empty line, the body. */
function requestOf(bytes: Uint8Array): Asked | null {
  const text = Buffer.from(bytes).toString('latin1')
  const end = text.indexOf('\n\n')
  const [first = '', ...headers] = text.slice(0, end < 0 ? undefined : end).split('\n')
  const [method = '', path = ''] = first.split(' ')
  const body = end < 0 || method === 'GET' || method === 'HEAD' ? null : bytes.slice(end + 2)
  try {
    const { pathname, search } = new URL(path, 'http://node/')
    const pairs = headers.map((line): [string, string] => {
      const [name = '', value = ''] = line.split(': ')
      return [name, value]
    })
    // Names and methods are checked as every web server does.
    const request = new Request('http://node/', { method, headers: pairs })
    return {
      method: request.method,
      path: pathname,
      query: search.slice(1),
      headers: Object.fromEntries(request.headers),
      body,
      signal: request.signal,
    }
  } catch (error) {
    // What no web server would hand on.
    if (error instanceof TypeError) return null
    throw error
  }
}

/** Ends what would go on. */
async function leave({ body }: Answered): Promise<void> {
  if (body instanceof ReadableStream) await body.cancel()
}

const requests = readCorpus(new URL('corpus/request/', import.meta.url))

describe('requests', () => {
  it('of the corpus are answered with 2xx', async () => {
    const { answers } = serviceAlone()
    for (const [name, bytes] of requests) {
      const request = requestOf(bytes)
      if (request === null) throw new Error(`${name} is no request.`)
      const answered = await answers(request)
      await leave(answered)
      expect(answered.status, name).toBeLessThan(300)
    }
  })

  it('of any form are answered or refused in the form of a refusal, and change nothing then', async () => {
    const { answers, store, failures } = serviceAlone()
    const draw = seeded(SEED)
    const counts = { answered: 0, refused: 0 }
    const digest = () => {
      const answer = store.query({ type: 'summary' })
      // Not the slot: a write that is refused for what the key holds took one to find out.
      return answer.type === 'summary' ? answer.summary.digest : null
    }
    for (let run = 0; run < FUZZ_RUNS / 2; run += 1) {
      const bytes = mutant([...requests.values()], draw)
      const request = requestOf(bytes)
      if (request === null) continue
      const where = `SEED=${SEED}, run ${run}, input ${Buffer.from(bytes).toString('hex')}`
      const before = digest()
      const answered = await answers(request)
      if (answered.status < 300) {
        await leave(answered)
        counts.answered += 1
        continue
      }
      expect(answered.status, where).toBeLessThan(500)
      const { body } = answered
      const refusal = typeof body === 'string' ? errorBody.safeParse(JSON.parse(body)) : null
      expect(refusal?.success, where).toBe(true)
      expect(digest(), where).toBe(before)
      counts.refused += 1
    }
    expect(failures).toEqual([])
    expect(Math.min(counts.answered, counts.refused)).toBeGreaterThan(FUZZ_RUNS / 50)
  })
})

it('whatever a server answers, a refusal is understood or is none, and nothing is thrown', () => {
  const answers = readCorpus(new URL('corpus/answer/', import.meta.url))
  for (const [name, bytes] of answers) {
    expect(parseRefusal(Buffer.from(bytes).toString()), name).not.toBeNull()
  }
  const draw = seeded(SEED)
  const counts = { understood: 0, none: 0 }
  for (let run = 0; run < FUZZ_RUNS; run += 1) {
    const text = Buffer.from(mutant([...answers.values()], draw)).toString()
    counts[parseRefusal(text) === null ? 'none' : 'understood'] += 1
  }
  expect(Math.min(counts.none, counts.understood)).toBeGreaterThan(FUZZ_RUNS / 50)
})

it('whatever becomes of a snapshot, it is refused with DecodeError or is one', () => {
  const corpus = new URL('corpus/snapshot/', import.meta.url)
  for (const [name, bytes] of readCorpus(corpus)) {
    expect(writeSnapshot(readSnapshot(bytes)), name).toEqual(bytes)
  }
  const counts = fuzz({
    corpus,
    read: (input) => writeSnapshot(readSnapshot(input)),
    isRefusal: (error) => error instanceof DecodeError,
  })
  expect(Math.min(counts.read, counts.refused)).toBeGreaterThan(FUZZ_RUNS / 500)
})
