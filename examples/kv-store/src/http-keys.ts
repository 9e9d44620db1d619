/**
 * Keys over HTTP: reads and writes of one, lists, and sessions for writes that are sent again. Must
 * never answer a write before it is chosen and applied.
 */
import { entityTag, TEXT } from './api.ts'
import { json } from './asked.ts'
import type { Answered, Asked, Routes } from './asked.ts'
import type { Command, Entry, Query } from './commands.ts'
import {
  isKnown,
  parameters,
  parseCondition,
  parseKey,
  parseParameters,
  parseSession,
  readValue,
  refuseParts,
} from './input.ts'
import { Refusal } from './refusal.ts'
import type { Consistency, KeyValueReplica, SessionPlace, Wait } from './replica.ts'
import type { Turns } from './turns.ts'

export function keyRoutes(replica: KeyValueReplica, turns: Turns): Routes {
  return [
    [
      'GET /keys/:key',
      async (asked) => {
        const { timeout, consistency } = parseParameters(parameters.read, asked.query)
        const key = parseKey(asked.path)
        const { value, revision } = await read(replica, key, waitOf(asked, timeout), consistency)
        const etag = entityTag(revision)
        if (isKnown(asked.headers, revision)) return { status: 304, headers: { etag }, body: null }
        return { status: 200, headers: { 'content-type': TEXT, etag }, body: value }
      },
    ],
    [
      'PUT /keys/:key',
      async (asked) => {
        const { timeout } = parseParameters(parameters.write, asked.query)
        const key = parseKey(asked.path)
        refuseParts(asked.headers)
        const condition = parseCondition(asked.headers)
        const value = readValue(asked)
        return await write(asked, { type: 'put', key, value, ...condition }, timeout)
      },
    ],
    [
      'DELETE /keys/:key',
      async (asked) => {
        const { timeout } = parseParameters(parameters.write, asked.query)
        const key = parseKey(asked.path)
        return await write(
          asked,
          { type: 'delete', key, ...parseCondition(asked.headers) },
          timeout,
        )
      },
    ],
    [
      'GET /keys',
      async (asked) => {
        const { timeout, consistency, ...wanted } = parseParameters(parameters.list, asked.query)
        const query: Query = { type: 'list', ...wanted, after: wanted.after ?? null }
        const answer = await replica.query(query, { ...waitOf(asked, timeout), consistency })
        // A page takes some milliseconds to write.
        await turns.next()
        return json(answer.type === 'page' ? answer.page : null)
      },
    ],
    [
      'GET /digest',
      async (asked) => {
        const { timeout, consistency } = parseParameters(parameters.read, asked.query)
        const wait = { ...waitOf(asked, timeout), consistency }
        const answer = await replica.query({ type: 'summary' }, wait)
        return json(answer.type === 'summary' ? answer.summary : null)
      },
    ],
    [
      'POST /sessions',
      async (asked) => {
        const { timeout } = parseParameters(parameters.write, asked.query)
        const session = await replica.openSession(waitOf(asked, timeout))
        // Whoever knows its name can use it: it is for nobody but who asked.
        return json({ session }, 201, { 'cache-control': 'no-store' })
      },
    ],
  ]

  async function write(asked: Asked, command: Command, timeoutMs: number): Promise<Answered> {
    const wait = waitOf(asked, timeoutMs)
    const revision = await writeOnce(replica, command, wait, parseSession(asked.headers))
    return json({ revision }, 200, { etag: entityTag(revision) })
  }
}

/** What the key holds. Rejects with a Refusal when it is absent. */
export async function read(
  replica: KeyValueReplica,
  key: string,
  wait: Wait,
  consistency: Consistency,
): Promise<Entry> {
  const answer = await replica.query({ type: 'get', key }, { ...wait, consistency })
  if (answer.type !== 'entry' || answer.entry === null) throw absent()
  return answer.entry
}

/** The revision of the write, made once if it has a place in a session. Rejects with a Refusal when it is not made. */
export async function writeOnce(
  replica: KeyValueReplica,
  command: Command,
  wait: Wait,
  session: SessionPlace | undefined,
): Promise<number> {
  const options = session === undefined ? wait : { ...wait, session }
  const result = await replica.propose(command, options)
  switch (result.type) {
    case 'done':
      return result.revision
    case 'absent':
      throw absent()
    case 'revision-differs':
      throw differs(result.revision)
  }
}

/** A client that has gone away wants nothing any more. */
export function waitOf({ signal }: Asked, timeoutMs: number): Wait {
  return { signal, timeoutMs }
}

function absent(): Refusal {
  return new Refusal(404, 'not-found', 'There is no such key. PUT it, and there will be.')
}

function differs(revision: number): Refusal {
  const now = revision === 0 ? 'The key is absent' : `The key has revision ${revision}`
  const message = `${now}; nothing was changed. Read it, and decide again.`
  return new Refusal(412, 'revision-differs', message, { revision })
}
