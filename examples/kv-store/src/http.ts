/**
 * The HTTP interface of one node, over web standards: a Request in, a Response out. Every node
 * answers every request; the replica finds the leader. It must never answer a write before it is
 * chosen and applied, nor say that one has failed that may yet happen.
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import { entityTag, EVENT_STREAM, TEXT } from './api.ts'
import type { Answer, Command, Query } from './commands.ts'
import type { Feed } from './feed.ts'
import {
  isKnown,
  parameters,
  parseCondition,
  parseKey,
  parseLastEvent,
  parseParameters,
  parseSession,
  readValue,
  refuseParts,
} from './input.ts'
import { healthRoutes } from './http-health.ts'
import { isChangeOfMembers, membersRoutes } from './http-members.ts'
import { OPEN_SESSION_AGAIN_S, WATCH_HEARTBEAT_MS } from './limits.ts'
import type { HttpFigures } from './listen.ts'
import { METRICS_TEXT } from './metrics.ts'
import type { ServiceMetrics } from './metrics.ts'
import { Refusal, refusalOf } from './refusal.ts'
import type { Consistency, KeyValueReplica, Wait } from './replica.ts'
import { Turns } from './turns.ts'
import { watchStream } from './watch-stream.ts'

export interface ServiceOptions {
  readonly replica: KeyValueReplica
  /** Hears of every change of the state machine of that replica. */
  readonly feed: Feed
  readonly metrics: ServiceMetrics
  /** Told of errors that nobody expected. Must not throw. */
  readonly onFailure: (error: unknown) => void
  /** What the server in front of it counts. Default: nothing. */
  readonly httpFigures?: () => HttpFigures | null
  /** How often a watch says that it is alive, in milliseconds. Default: WATCH_HEARTBEAT_MS. */
  readonly watchHeartbeatMs?: number
}

/** The whole service: hand its `fetch` to a server. */
export function service(options: ServiceOptions): Hono {
  const { replica, feed, metrics, onFailure, watchHeartbeatMs = WATCH_HEARTBEAT_MS } = options
  const { httpFigures = () => null } = options
  const app = new Hono()
  const turns = new Turns()

  app.use(async (context, next) => {
    await next()
    // What others have written must never be taken for a page.
    context.header('x-content-type-options', 'nosniff')
  })

  app.get(KEY_PATH, async (context) => {
    const { timeout, consistency } = parseParameters(parameters.read, context.req.url)
    const key = parseKey(context.req.url)
    const answer = await ask(context, { type: 'get', key }, timeout, consistency)
    if (answer.type !== 'entry' || answer.entry === null) throw absent()
    const { value, revision } = answer.entry
    const etag = entityTag(revision)
    if (isKnown(context.req.raw.headers, revision)) return context.body(null, 304, { etag })
    return context.body(value, 200, { 'content-type': TEXT, etag })
  })

  app.put(KEY_PATH, async (context) => {
    const { timeout } = parseParameters(parameters.write, context.req.url)
    const key = parseKey(context.req.url)
    refuseParts(context.req.raw.headers)
    const condition = parseCondition(context.req.raw.headers)
    const value = await readValue(context.req.raw)
    return await write(context, { type: 'put', key, value, ...condition }, timeout)
  })

  app.delete(KEY_PATH, async (context) => {
    const { timeout } = parseParameters(parameters.write, context.req.url)
    const key = parseKey(context.req.url)
    const condition = parseCondition(context.req.raw.headers)
    return await write(context, { type: 'delete', key, ...condition }, timeout)
  })

  app.get('/keys', async (context) => {
    const { url } = context.req
    const { timeout, consistency, ...wanted } = parseParameters(parameters.list, url)
    const query: Query = { type: 'list', ...wanted, after: wanted.after ?? null }
    const answer = await ask(context, query, timeout, consistency)
    // A page takes some milliseconds to write.
    await turns.next()
    return context.json(answer.type === 'page' ? answer.page : null)
  })

  app.get('/digest', async (context) => {
    const { timeout, consistency } = parseParameters(parameters.read, context.req.url)
    const answer = await ask(context, { type: 'summary' }, timeout, consistency)
    return context.json(answer.type === 'summary' ? answer.summary : null)
  })

  app.post('/sessions', async (context) => {
    const { timeout } = parseParameters(parameters.write, context.req.url)
    const session = await replica.openSession(waitOf(context, timeout))
    // Whoever knows its name can use it: it is for nobody but who asked.
    return context.json({ session }, 201, { 'cache-control': 'no-store' })
  })

  membersRoutes(app, replica)
  healthRoutes(app, replica)

  app.get('/watch', (context) => {
    const { prefix, after } = parseParameters(parameters.watch, context.req.url)
    const behind = parseLastEvent(context.req.raw.headers) ?? after
    // Nobody would read the stream, nor end it.
    if (context.req.method === 'HEAD') return context.body(null, 200, WATCH_HEADERS)
    const watch = feed.watch(prefix, behind)
    if (watch === null) {
      throw new Refusal(503, 'unavailable', 'This node takes no more watches. Ask another one.')
    }
    return context.body(watchStream(watch, watchHeartbeatMs, turns), 200, WATCH_HEADERS)
  })

  app.get('/status', (context) => {
    parseParameters(parameters.none, context.req.url)
    return context.json({ ...replica.status(), refused: replica.figures()?.refused ?? {} })
  })

  app.get('/metrics', (context) => {
    parseParameters(parameters.none, context.req.url)
    const text = metrics.render({
      status: replica.status(),
      watches: feed.watches,
      transport: replica.figures(),
      http: httpFigures(),
    })
    return context.body(text, 200, { 'content-type': METRICS_TEXT })
  })

  app.notFound((context) => {
    const message = `There is no ${context.req.method} ${context.req.path}. See the README.`
    return context.json(new Refusal(404, 'no-such-path', message).body, 404)
  })

  app.onError((error, context) => {
    const { method, path, raw } = context.req
    const isWrite = method === 'PUT' || method === 'DELETE' || isChangeOfMembers(method, path)
    const refusal = refusalOf(error, isWrite ? 'write' : 'read')
    // A client that has gone away is nothing unexpected, and reads no answer.
    if (refusal.status === 500 && !raw.signal.aborted) onFailure(error)
    const { code, revision = 0, version } = refusal.body.error
    if (revision > 0) context.header('etag', entityTag(revision))
    if (version !== undefined) context.header('etag', entityTag(version))
    if (code === 'too-many-sessions') context.header('retry-after', String(OPEN_SESSION_AGAIN_S))
    return context.json(refusal.body, refusal.status)
  })

  return app

  async function ask(
    context: Context,
    query: Query,
    timeoutMs: number,
    consistency: Consistency,
  ): Promise<Answer> {
    return await replica.query(query, { ...waitOf(context, timeoutMs), consistency })
  }

  async function write(context: Context, command: Command, timeoutMs: number): Promise<Response> {
    const session = parseSession(context.req.raw.headers)
    const wait = { ...waitOf(context, timeoutMs), ...(session === undefined ? {} : { session }) }
    const result = await replica.propose(command, wait)
    switch (result.type) {
      case 'done':
        return context.json({ revision: result.revision }, 200, {
          etag: entityTag(result.revision),
        })
      case 'absent':
        throw absent()
      case 'revision-differs':
        throw differs(result.revision)
    }
  }
}

/** Everything below /keys/, line breaks and slashes too; what the key is, is read elsewhere. */
const KEY_PATH = '/keys/:key{[^]+}'

/** Proxies must neither keep events back, nor compress them in blocks, nor keep any. */
const WATCH_HEADERS = {
  'content-type': EVENT_STREAM,
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
}

/** A client that has gone away wants nothing any more. */
function waitOf(context: Context, timeoutMs: number): Wait {
  return { signal: context.req.raw.signal, timeoutMs }
}

function absent(): Refusal {
  return new Refusal(404, 'not-found', 'There is no such key. PUT it, and there will be.')
}

function differs(revision: number): Refusal {
  const now = revision === 0 ? 'The key is absent' : `The key has revision ${revision}`
  const message = `${now}; nothing was changed. Read it, and decide again.`
  return new Refusal(412, 'revision-differs', message, { revision })
}
