/** Mutants of what a server answers, as the client's calls read them. */
import { Readable } from 'node:stream'
import { expect, it, vi } from 'vitest'
import type { Received } from '../src/client-http.ts'
import { connect, RequestError, UnavailableError, WatchLaggedError } from '../src/client.ts'
import type { Client } from '../src/client.ts'
import { MAX_ANSWER_BYTES } from '../src/limits.ts'
import { FUZZ_RUNS, mutant, readCorpus, SEED, seeded } from '@paxos/testkit/fuzz'

const corpus = readCorpus(new URL('corpus/done/', import.meta.url))
const sound = (name: string): Uint8Array => corpus.get(`${name}.hex`) ?? new Uint8Array(0)

/** In place of the network: what each request for such a target is answered with. */
const network: { send: (target: string) => Received } = vi.hoisted(() => ({
  send: () => {
    throw new TypeError('No answer is set.')
  },
}))
vi.mock('../src/client-http.ts', () => ({
  httpSender: () => (_: string, target: string) => Promise.resolve(network.send(target)),
}))

type Body = Uint8Array | ((target: string) => Uint8Array)

function received(body: Uint8Array | Readable, status = 200): Received {
  const stream = body instanceof Readable ? body : Readable.from([body], { objectMode: false })
  return { status, headers: {}, body: stream }
}

/** Every request gets the next of these answers; the last one again and again. */
function answering(...bodies: readonly Body[]): Client {
  let next = 0
  network.send = (target) => {
    const body = bodies[Math.min(next, bodies.length - 1)] ?? new Uint8Array(0)
    next += 1
    return received(typeof body === 'function' ? body(target) : body)
  }
  // Two names, so that the second is asked without a pause.
  return connect({ nodes: ['http://one', 'http://two'], random: () => 0 })
}

async function listed(client: Client): Promise<unknown> {
  const entries: unknown[] = []
  for await (const entry of client.list()) {
    entries.push(entry)
    if (entries.length > 20) break
  }
  return entries
}

const CALLS: readonly (readonly [name: string, call: (client: Client) => Promise<unknown>])[] = [
  ['list', listed],
  ['status', (client) => client.status()],
  ['digest', (client) => client.digest()],
]

it.each(CALLS)('an answer to %s in no form of ours is passed over', async (name, call) => {
  const expected = await call(answering(sound(name)))
  const draw = seeded(SEED)
  const counts = { passedOver: 0, read: 0 }
  for (let run = 0; run < FUZZ_RUNS / 15; run += 1) {
    const client = answering(mutant([...corpus.values()], draw), sound(name))
    const found = await call(client).catch((error: unknown) => {
      throw new Error(`SEED=${SEED}, run ${run}`, { cause: error })
    })
    const isSound = JSON.stringify(found) === JSON.stringify(expected)
    counts[isSound ? 'passedOver' : 'read'] += 1
  }
  expect(counts.passedOver).toBeGreaterThan(FUZZ_RUNS / 40)
})

/** As a node of ours: the sound watch without what the client has seen already. */
function resumed(target: string): Uint8Array {
  const after = Number(new URL(target, 'http://node').searchParams.get('after'))
  const events = Buffer.from(sound('watch'))
    .toString()
    .split(/(?<=\n\n)/)
  return bytes(
    events
      .filter(
        (each) => Number(/"revision":(\d+)/.exec(each)?.[1]) > after || each.includes('ready'),
      )
      .join(''),
  )
}

/** The changes of a watch until the first one of the sound stream's end. */
async function watched(client: Client, timeoutMs = 1000): Promise<readonly number[]> {
  const revisions: number[] = []
  const watch = await client.watch({ after: 0, timeoutMs })
  for await (const { revision } of watch) {
    revisions.push(revision)
    if (revision >= 9 || revisions.length > 20) break
  }
  return revisions
}

it('a watch tells changes in order and once, or ends in an error of the client’s', async () => {
  expect(await watched(answering(sound('watch')), 60_000)).toEqual([3, 7, 9])
  const draw = seeded(SEED)
  const counts = { told: 0, ended: 0 }
  for (let run = 0; run < FUZZ_RUNS / 15; run += 1) {
    const client = answering(mutant([sound('watch')], draw), resumed)
    const where = `SEED=${SEED}, run ${run}`
    try {
      const revisions = await watched(client)
      expect(revisions, where).toEqual([...new Set(revisions)].toSorted((a, b) => a - b))
      counts.told += 1
    } catch (error) {
      const isOurs = [RequestError, UnavailableError, WatchLaggedError].some(
        (type) => error instanceof type,
      )
      if (!isOurs) throw new Error(where, { cause: error })
      counts.ended += 1
    }
  }
  expect(counts.told).toBeGreaterThan(FUZZ_RUNS / 40)
})

const event = (name: string, data: string) => `event: ${name}\ndata: ${data}\n\n`
const bytes = (text: string) => new TextEncoder().encode(text)
const READY = event('ready', '{"revision":0}')

it.each([
  ['a change that is no JSON', event('change', '{')],
  ['a change without a revision', event('change', '{"key":"k","value":""}')],
  ['a change from before', event('change', '{"key":"k","value":"","revision":0}')],
  ['a lag without a message', event('lagged', '{}')],
])('a node that tells a watch of %s is left for another', async (_, strange) => {
  expect(await watched(answering(bytes(READY + strange), resumed))).toEqual([3, 7, 9])
})

it('a refusal of a watch is read no further than any answer', async () => {
  let pulled = 0
  const endless = new Readable({
    read() {
      pulled += 1 << 20
      this.push(pulled > 4 * MAX_ANSWER_BYTES ? null : new Uint8Array(1 << 20))
    },
  })
  let asked = 0
  network.send = () => {
    asked += 1
    return asked === 1 ? received(endless, 400) : received(sound('watch'))
  }
  const client = connect({ nodes: ['http://one', 'http://two'], random: () => 0 })
  expect((await client.watch({ after: 0 })).after).toBe(0)
  expect(pulled).toBeLessThan(2 * MAX_ANSWER_BYTES)
})
